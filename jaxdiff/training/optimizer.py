"""Optimisers from a few plain settings, acting on flat vectors (`training.state`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Array


class OptimizerSettings(NamedTuple):
    """AdamW with warm-up, decay and clipping; see `schedule` for the choices of `decay`."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay: str = "constant"
    """`constant`, `cosine` (to zero at the last step), or `exponential` (by `decay_rate` every
    `decay_steps`).
    """
    decay_rate: float = 0.9
    decay_steps: int = 5000
    clip_norm: float = 0.0
    """Largest global gradient norm; 0 disables clipping."""
    b1: float = 0.9
    b2: float = 0.999
    rates: Mapping[str, float] = {}
    """Factors of the learning rate by top-level parameter name, e.g. `{"s": 10.0}`; 1 where not
    given.
    """


def schedule(settings: OptimizerSettings, steps: int) -> optax.Schedule:
    """The learning rate at each step: a linear warm-up from zero, then constant, cosine or
    exponential decay.

    Args:
      settings: rate, warm-up and kind of decay.
      steps: number of steps of the training.

    Returns:
      A function of the step.

    Raises:
      ConfigError: for rates that are negative or not finite, or an unknown kind of decay.
    """
    rate, warmup = settings.learning_rate, settings.warmup_steps
    for name in ("learning_rate", "weight_decay", "warmup_steps", "clip_norm"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise ConfigError(
                f"training.optimizer.{name} must be finite and not negative:"
                f" {getattr(settings, name)}"
            )
    after = {
        "constant": optax.constant_schedule(rate),
        "cosine": optax.cosine_decay_schedule(rate, max(1, steps - warmup)),
        "exponential": optax.exponential_decay(
            rate, settings.decay_steps, settings.decay_rate, staircase=True
        ),
    }
    if settings.decay not in after:
        raise ConfigError(f"no decay {settings.decay!r}; {nearest(settings.decay, after)}")
    if not warmup:
        return after[settings.decay]
    return optax.join_schedules(
        [optax.linear_schedule(0.0, rate, warmup), after[settings.decay]], [warmup]
    )


def make_optimizer(settings: OptimizerSettings, steps: int) -> optax.GradientTransformation:
    """Clipping, AdamW, the schedule and the rates of single parts, on a dict of vectors.

    Args:
      settings: see `OptimizerSettings`.
      steps: number of steps of the training.

    Returns:
      An optax transformation.

    Raises:
      ConfigError: for impossible settings.
    """
    rates = dict(settings.rates)
    for name, factor in rates.items():
        if not 0 <= factor < math.inf:
            raise ConfigError(
                f"training.optimizer.rates: that of {name!r} must be finite and not negative, not"
                f" {factor}"
            )

    def ordinary(vectors: Mapping[str, Array]) -> dict[str, bool]:
        return {group: group not in rates for group in vectors}

    clip = optax.masked(optax.clip_by_global_norm(settings.clip_norm), ordinary)
    adamw = optax.adamw(
        schedule(settings, steps),
        b1=settings.b1,
        b2=settings.b2,
        weight_decay=settings.weight_decay,
        mask=ordinary,
    )
    multiplied = [optax.stateless(lambda updates, _: _multiplied(updates, rates))] if rates else []
    inner = optax.chain(*([clip] if settings.clip_norm else []), adamw, *multiplied)
    return _merged(inner, frozenset(rates))


def _merged(
    inner: optax.GradientTransformation, apart: frozenset[str]
) -> optax.GradientTransformation:
    """Runs `inner` on one vector per dtype, and one per name in `apart`, instead of one per
    top-level name.
    """

    def group(name: str, vector: Array) -> str:
        return name if name in apart else f"all:{vector.dtype}"

    def merge(vectors: Mapping[str, Array]) -> dict[str, Array]:
        parts: dict[str, list[Array]] = {}
        for name, vector in vectors.items():
            parts.setdefault(group(name, vector), []).append(vector.reshape(-1))
        return {g: jnp.concatenate(p) if len(p) > 1 else p[0] for g, p in parts.items()}

    def split(merged: Mapping[str, Array], like: Mapping[str, Array]) -> dict[str, Array]:
        start, parts = dict.fromkeys(merged, 0), {}
        for name, vector in like.items():
            g = group(name, vector)
            part = merged[g][start[g] : start[g] + vector.size]
            parts[name], start[g] = part.reshape(vector.shape), start[g] + vector.size
        return parts

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        merged, state = inner.update(merge(updates), state, merge(params))
        return split(merged, updates), state

    return optax.GradientTransformation(lambda params: inner.init(merge(params)), update)


def _multiplied(updates: Mapping[str, Array], rates: Mapping[str, float]) -> dict[str, Array]:
    for name in rates:
        if name not in updates:
            raise ConfigError(
                f"training.optimizer.rates names {name!r}, but no such parameters are trained;"
                f" {nearest(name, updates)}"
            )
    return {**updates, **{name: factor * updates[name] for name, factor in rates.items()}}
