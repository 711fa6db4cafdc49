"""Stride transfer: diffusion of what a person's gait at another speed differs by from a linear
prediction.

    z_tgt = m + P^½ e,   e = D(…, recordings, question)

A hierarchical linear model predicts the state of the stride at the target speed, with mean m and
covariance P (`studies.speed_transfer.hierarchy`). If that model were the truth, e would be white.
The network learns how e is distributed instead, given all recordings of the person: nonlinear
responses, kinds of patients, uneven confidence. Its preconditioning (`diffusion.preconditioning`)
makes a network of zeros the exact denoiser of white e, so the method starts as the hierarchical
model, spread included, and improves on it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxdiff.diffusion import preconditioning, schedules
from jaxdiff.diffusion.sampling import sample
from jaxdiff.nets.speed_set import Size, SpeedSet
from jaxdiff.typing import (
    Array,
    Batch,
    Denoiser,
    Gather,
    Grid,
    Key,
    Method,
    Metrics,
    Params,
    Schedule,
    Solver,
    Step,
)

RATIOS = 0.02, 20.0
"""Noise-to-signal ratios of the schedule: from almost clean to almost only noise."""


class Settings(NamedTuple):
    """What distinguishes one model from another."""

    size: Size = Size()
    steps: int = 8
    """Steps of generation."""
    level_mean: float = 0.3
    level_deviation: float = 1.2
    """Of the logarithm of the noise-to-signal ratio in training."""
    dtype: Any = jnp.float32


def stride_transfer(settings: Settings) -> Method:
    """The method.

    Batches have `residual` e [B, K], `recordings` [B, S, D], `present` [B, S] and `question` [B,
    Q]. Conditions have the last three and `trust` [B], a factor on the network's output: at 0
    samples are the hierarchical model's.
    """
    schedule = noise_schedule()

    def network(features: int) -> SpeedSet:
        return SpeedSet(features, settings.size, settings.dtype)

    def init(key: Key, batch: Batch) -> Params:
        one = {name: value[0] for name, value in batch.items()}
        x = jnp.zeros(one["residual"].shape)
        return network(x.shape[-1]).init(
            key,
            x,
            jnp.zeros(()),
            one["recordings"],
            one["present"],
            one["question"],
            method=SpeedSet.everything,
        )

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        one = lambda key, example: _error(settings, schedule, params, key, example, True)  # noqa: E731
        errors = jax.vmap(one)(keys, dict(batch))
        return errors.mean(), {"denoising": errors.mean()}

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        """Samples of e [B, K]."""

        def one(key: Key, given: Batch) -> Array:
            denoiser = _denoiser(settings, schedule, params, given)
            start = jax.random.normal(key, (_features(params),))
            return sample(key, denoiser, angles(schedule, settings.steps), angular_heun(), start)

        return jax.vmap(one)(keys, dict(condition))

    return Method(init, loss, generate)


def expectation(settings: Settings, params: Params, condition: Batch) -> Array:
    """`E[e | recordings, question]` [B, K]: the denoiser at the highest noise level, where the
    sample carries no information.

    One evaluation of the network, without the sampling error of a mean over samples.
    """
    schedule = noise_schedule()
    level = preconditioning.step(schedule, jnp.asarray(RATIOS[1], jnp.float32))

    def one(given: Batch) -> Array:
        return _denoiser(settings, schedule, params, given)(jnp.zeros(_features(params)), level)

    return jax.vmap(one)(dict(condition))


def _features(params: Params) -> int:
    return params["params"]["output"]["bias"].shape[-1]


def _denoiser(settings: Settings, schedule: Schedule, params: Params, given: Batch) -> Denoiser:
    """The denoiser of one person's answer, with the recordings read once."""
    net = SpeedSet(_features(params), settings.size, settings.dtype)
    read = given["recordings"], given["present"], given["question"]
    context = net.apply(params, *read, method=SpeedSet.read)

    def corrected(x: Array, level: Array) -> Array:
        return given["trust"] * net.apply(params, x, level, context)

    return preconditioning.denoiser(schedule, corrected)


def noise_schedule(steps: int = 1000) -> Schedule:
    """A schedule whose noise-to-signal ratio rises geometrically between `RATIOS`."""
    ratio = np.geomspace(*RATIOS, steps)
    return schedules.from_alpha_bar(1 / (1 + ratio**2))


def angles(schedule: Schedule, steps: int) -> Grid:
    """A grid on which the angle θ falls evenly, `sigma = sin θ`, `alpha = cos θ`, and then the
    clean sample.
    """
    low, high = RATIOS
    theta = np.linspace(np.arctan(high), np.arctan(low), steps)
    with jax.ensure_compile_time_eval():
        t = preconditioning.step(schedule, jnp.asarray(np.tan(theta), jnp.float32))
    alpha, sigma = np.append(np.cos(theta), 1.0), np.append(np.sin(theta), 0.0)
    return Grid(t, jnp.asarray(alpha, jnp.float32), jnp.asarray(sigma, jnp.float32))


def angular_heun() -> Solver:
    """Heun's method for dx/dθ = v, v = (alpha x - x0) / sigma.

    A preconditioned network of zeros has v = 0, so samples of the hierarchical model are exact in
    any number of steps, where solvers in the noise-to-signal ratio err by 12 % of the spread in
    eight.
    """

    def advance(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
        turn = jnp.arctan2(step.sigma, step.alpha) - jnp.arctan2(step.sigma_next, step.alpha_next)
        first = (step.alpha * x - denoise(x, step.t)) / step.sigma
        end = x - turn * first

        def corrected() -> Array:
            second = (step.alpha_next * end - denoise(end, step.t_next)) / step.sigma_next
            return x - turn * (first + second) / 2

        return history, lax.cond(step.last, lambda: end, corrected)

    return Solver(lambda x: (), advance)


def error(settings: Settings, params: Params, batch: Batch, keys: Key) -> Array:
    """Squared error of the network for each example [B], without dropout: for validation."""
    one = lambda key, example: _error(settings, noise_schedule(), params, key, example, False)  # noqa: E731
    return jax.vmap(one)(keys, dict(batch))


def _error(
    settings: Settings, schedule: Schedule, params: Params, key: Key, example: Batch, train: bool
) -> Array:
    level, noise, drop, drop_context = jax.random.split(key, 4)
    x0 = example["residual"]
    net = SpeedSet(x0.shape[-1], settings.size, settings.dtype)
    ratio = preconditioning.sample_ratio(level, (), settings.level_mean, settings.level_deviation)
    t = preconditioning.step(schedule, jnp.clip(ratio, *RATIOS))
    alpha, sigma = schedules.at(schedule, t)
    eps = jax.random.normal(noise, x0.shape)
    x_t = alpha * x0 + sigma * eps
    context = net.apply(
        params,
        example["recordings"],
        example["present"],
        example["question"],
        not train,
        rngs={"dropout": drop_context},
        method=SpeedSet.read,
    )
    output = net.apply(
        params,
        preconditioning.network_input(x_t, alpha, sigma),
        preconditioning.noise_label(alpha, sigma),
        context,
        not train,
        rngs={"dropout": drop},
    )
    return jnp.square(output - preconditioning.target(x0, eps, alpha, sigma)).mean()
