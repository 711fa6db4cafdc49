"""Optimisers from a few plain settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import optax

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Params

NEVER = 2**31 - 1
FIXED = "fixed"
"""Parameters under this name are carried along as they are: no decay, no moments; methods stop their gradient."""


class OptimizerSettings(NamedTuple):
    """AdamW with warm-up, decay and clipping; see `schedule` for what `decay` may be."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 0
    decay: str = "constant"
    """`constant`, `cosine` (to zero at the last step), or `exponential` (by `decay_rate` every `decay_steps`)."""
    decay_rate: float = 0.9
    decay_steps: int = 5000
    clip_norm: float = 0.0
    """Largest global gradient norm; 0 switches clipping off."""
    b1: float = 0.9
    b2: float = 0.999
    rates: tuple[tuple[str, float], ...] = ()
    """Multiples of the learning rate by top-level parameter name; these parameters are neither clipped nor decayed."""


def schedule(settings: OptimizerSettings, steps: int) -> optax.Schedule:
    """The learning rate at each step: a linear warm-up from zero, then constant, cosine or exponential decay."""
    rate, warmup = settings.learning_rate, settings.warmup_steps
    for name in ("learning_rate", "weight_decay", "warmup_steps", "clip_norm"):
        if not 0 <= getattr(settings, name) < math.inf:
            raise ConfigError(
                f"training.optimizer.{name} must be finite and not negative: {getattr(settings, name)}"
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
    """Clipping, AdamW and the schedule; steps with non-finite gradients are skipped and counted.

    The training loop decides when too many were skipped; optax's own limit, which would apply them, is never reached.
    """
    rates = dict(settings.rates)

    def ordinary(params: Params) -> Params:
        return _by_name(params, lambda name: name not in rates)

    clip = (
        [optax.masked(optax.clip_by_global_norm(settings.clip_norm), ordinary)]
        if settings.clip_norm
        else []
    )
    adamw = optax.adamw(
        schedule(settings, steps),
        b1=settings.b1,
        b2=settings.b2,
        weight_decay=settings.weight_decay,
        mask=ordinary,
    )
    multiplied = [optax.stateless(partial(_multiplied, rates))] if rates else []
    return optax.apply_if_finite(
        optax.chain(*clip, optax.masked(adamw, _trained), *multiplied), max_consecutive_errors=NEVER
    )


def _trained(params: Params) -> Params:
    return _by_name(params, lambda name: name != FIXED)


def _by_name(params: Params, keep: Callable[[str], bool]) -> Params:
    """A mask over parameters, decided by their top-level name; all true where there are no names."""
    if not isinstance(params, dict):
        return jax.tree.map(lambda _: True, params)
    return {name: _filled(part, keep(name)) for name, part in params.items()}


def _filled(tree: Params, value: bool) -> Params:
    return jax.tree.map(lambda _: value, tree)


def _multiplied(rates: Mapping[str, float], updates: Params, params: Params = None) -> Params:
    scaled = {name: optax.tree.scale(rate, updates[name]) for name, rate in rates.items()}
    return {**updates, **scaled}
