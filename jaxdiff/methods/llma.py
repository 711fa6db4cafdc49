"""LLMA: two cross-modal diffusion models, p(x | y) and p(y | x), whose latents are aligned at every
noise level.

Algorithm 1 of the paper, with what it leaves open settled in docs/papers/llma.md:

    L = |x0 - x0_hat|² + |y0 - y0_hat|² + align(z_x, z_y) + gamma (energy_x + energy_y)

One step t is shared by both modalities and by all sequences that are contrasted with each other:
were t drawn for each sequence, the noise level alone would identify the partner, and the alignment
would teach nothing about content. Noises are independent. The learned weight of the alignment is
`exp(-s) L + s`, which does not collapse.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.baselines import linear_gaussian
from jaxdiff.diffusion import grids, preconditioning, schedules, solvers
from jaxdiff.diffusion.long import stitch
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.losses import alignment as align
from jaxdiff.losses.denoising import denoising
from jaxdiff.losses.energy import energy_power, relative_energy
from jaxdiff.methods.cross_modal import OTHER, CrossModal, fold
from jaxdiff.nets.cross_modal import Size
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule


class Settings(NamedTuple):
    """What distinguishes one LLMA from another."""

    size: Size = Size()
    alignment: str = "llma"
    """A key of `losses.alignment.ALIGNMENTS`."""
    options: align.Settings = align.Settings()
    alpha: float | None = None
    """A fixed weight of the alignment; None: learned."""
    gamma: float = 1.0
    """Weight of the energy loss, which counts in the data's own energy."""
    linear: bool = False
    """Start from the linear-Gaussian laws in `params["fixed"]`: the network corrects ridge
    regression.
    """
    network: str = "preconditioned"
    """`preconditioned`, or `paper` for the paper's architecture, which predicts the clean signal.
    """
    groups: int = 1
    """Noise levels per batch: rows i, i + groups, ... share one and are contrasted with each other.
    """
    level_mean: float = 0.4
    """Mean of the logarithm of the noise level, in units of the deviation that the law leaves open.
    """
    level_deviation: float = 1.6
    """Standard deviation of the same; the paper's network is trained on uniform steps instead."""
    condition_noise: float = 0.0
    """Deviation of noise added to the condition in training, against overfitting, in units of that
    which shrinks as much as ridge regression (`params["fixed"][own]["condition_noise"]`).
    """
    steps: int = 20
    """Sampling steps."""
    solver: str = "dpm"
    """`ddim`, `ddpm`, or `dpm` (second order on Karras' levels). For data of deviation 0.1, 20
    steps of `dpm` give the right spread within 5 %, of `ddim` or `ddpm` on even steps half of it.
    """
    dtype: Any = jnp.float32


PARTS = {"llma": ("contrast", "covariance")}
"""Alignments that are sums, whose parts can be weighted: `weights` may scale `alignment`, each of
its parts, and `energy`.
"""
SOLVERS = {
    "ddim": (grids.trailing, lambda: solvers.ddim(0.0)),
    "ddpm": (grids.trailing, solvers.ddpm),
    "dpm": (grids.karras, lambda: solvers.dpm_solver_pp(order=2, stochastic=False)),
}


def make_networks(settings: Settings, schedule: Schedule | None = None) -> CrossModal:
    """The pair of networks of these settings, on a schedule (the paper's by default)."""
    schedule = schedules.linear() if schedule is None else schedule
    return CrossModal(settings.size, schedule, settings.network, settings.linear, settings.dtype)


def llma(settings: Settings, schedule: Schedule | None = None, window: int = 0) -> Method:
    """The method.

    Args:
      settings: see `Settings`.
      schedule: training steps and noise levels; linear with 1000 steps by default.
      window: training length; with it, `generate` accepts conditions of any greater length.

    Returns:
      The method. Batches have normalised `x` [B, L, dx] and `y` [B, L, dy]; with a linear start
      also `subject` [B], or `guess_x` and `guess_y`, the predictions to correct. A condition has
      `x` or `y`, and optionally `guess`, the prediction of the other one.
    """
    networks = make_networks(settings, schedule)
    schedule = networks.schedule
    aligned = {
        word: align.alignment(word, settings.options)
        for word in PARTS.get(settings.alignment, (settings.alignment,))
    }

    def init(key: Key, batch: Batch) -> Params:
        return {**networks.init(key, batch), "s": jnp.zeros((), jnp.float32)}

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        clean = {own: batch[own] for own in OTHER}
        rows = len(clean["x"])
        if rows % settings.groups:
            raise DataError(f"a batch of {rows} cannot be split into {settings.groups} groups")
        key = getattr(gather, "key", keys[0])
        t = batch_steps(settings, params, schedule, key, rows)
        rough = {own: roughness(settings, params, own) for own in OTHER}

        def draw(key: Key, signals: dict[str, Array], t: Array) -> tuple[dict, dict]:
            k = dict(zip(OTHER, jax.random.split(key, (2, 2))))
            noisy, conditions = {}, {}
            for own, signal in signals.items():
                noise = jax.random.normal(k[own][0], signal.shape)
                noisy[own] = schedules.corrupt(schedule, signal, noise, t)
                if settings.condition_noise:
                    noise = jax.random.normal(k[own][1], signal.shape)
                    signal = signal + rough[OTHER[own]] * noise
                conditions[OTHER[own]] = signal
            return noisy, conditions

        # A CPU would otherwise draw the noise again in every expression that uses the noisy signals.
        noisy, conditions = jax.lax.optimization_barrier(jax.vmap(draw)(keys, clean, t))
        guesses = {own: _guesses(networks, params, batch, own) for own in OTHER}
        estimates, z = networks.both(params, noisy, conditions, guesses, t, fold(keys, 99))
        parts: Metrics = {}
        for own, signal in clean.items():
            error = jax.vmap(denoising)(estimates[own], signal)
            if (
                settings.network != "paper"
            ):  # as `1 / c_out²`: in units of the variance that remains at t
                law = jax.lax.stop_gradient(params["fixed"][own])
                error = error / jax.vmap(linear_gaussian.left_open, (None, None, 0))(
                    law, schedule, t
                )
            parts[own] = error.mean()
        parts["energy"] = sum(
            jax.vmap(relative_energy, (0, 0, None))(
                estimates[own], signal, gather(jax.vmap(energy_power)(signal)).mean()
            ).mean()
            for own, signal in clean.items()
        )  # type: ignore[assignment]
        total = parts["x"] + parts["y"]
        total = total + settings.gamma * weights.get("energy", 1.0) * parts["energy"]

        z_x, z_y = (_grouped(gather(z[own]), settings.groups) for own in OTHER)
        still = jax.lax.stop_gradient((z_x, z_y))
        found = jax.vmap(lambda a, b: align.content(a, b, settings.options))(*still)
        parts["contrast"], parts["mispaired"] = found.paired.mean(), found.mispaired.mean()
        if settings.alignment != "none":
            parts["alignment"] = sum(
                weights.get(word, 1.0) * jax.vmap(loss)(z_x, z_y).mean()
                for word, loss in aligned.items()
            )  # type: ignore[assignment]
            if settings.alpha is None:
                parts["s"] = params["s"]
                weighted = align.uncertainty_weighted(parts["alignment"], params["s"])
            else:
                weighted = settings.alpha * parts["alignment"]
            total = total + weights.get("alignment", 1.0) * weighted
        return total, parts

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        """The modality that is not given; conditions longer than `window` are denoised in windows
        overlapping by half.
        """
        (given,) = (name for name in condition if name in OTHER)
        own, signal = OTHER[given], condition[given]
        length = signal.shape[1]

        def predicted(c: Array) -> Array:
            return jax.vmap(lambda one: networks.guess(params, own, one, -1))(c)

        def estimate(x_t: Array, t: Array, c: Array, m: Array) -> Array:
            one = jax.vmap(
                lambda x_t, c, m: networks.estimate(params, own, x_t, t, c, m), in_axes=(0, 0, 0)
            )
            return one(x_t, c, m)

        if window and length != window:
            denoise = stitch(
                lambda x_t, t, c: estimate(x_t, t, c, predicted(c)), window, window // 2, signal
            )
        else:
            m = condition["guess"] if "guess" in condition else predicted(signal)
            denoise = lambda x_t, t: estimate(x_t, t, signal, m)  # noqa: E731
        spacing, solver = SOLVERS[settings.solver]
        channels = networks.channels(params, own)
        start = jax.vmap(lambda k: jax.random.normal(k, (length, channels)))(fold(keys, 0))
        return sample(fold(keys, 1), denoise, spacing(schedule, settings.steps), solver(), start)

    return Method(init, loss, generate)


def batch_steps(
    settings: Settings, params: Params, schedule: Schedule, key: Key, rows: int
) -> Array:
    """The real-valued step of every row [rows]: one per group, whose levels together cover the
    distribution evenly.
    """
    offsets = jnp.arange(settings.groups) / settings.groups
    uniform = (jax.random.uniform(key) + offsets) % 1.0
    return jnp.tile(steps_at(settings, params, schedule, uniform), rows // settings.groups)


def steps_at(settings: Settings, params: Params, schedule: Schedule, uniform: Array) -> Array:
    """The steps of these quantiles: uniform for the paper's network, else log-normal in noise
    level.
    """
    if settings.network == "paper":
        return jnp.floor(uniform * schedule.alpha.size)
    spread = [linear_gaussian.spread(jax.lax.stop_gradient(params["fixed"][own])) for own in OTHER]
    mean = settings.level_mean + 0.5 * (jnp.log(spread[0]) + jnp.log(spread[1]))
    inside = jnp.clip(uniform, 1e-4, 1 - 1e-4)
    ratio = preconditioning.log_normal(inside, mean, settings.level_deviation)
    return preconditioning.step(schedule, ratio)


def roughness(settings: Settings, params: Params, own: str) -> Array:
    """Deviation per channel of the noise on the condition of a modality in training."""
    if not settings.condition_noise:
        return jnp.zeros(())
    if settings.network == "paper":
        raise ConfigError(
            "the paper's network is trained without noise on the condition: set"
            " model.condition_noise to 0"
        )
    known = jax.lax.stop_gradient(params["fixed"][own]["condition_noise"])
    return settings.condition_noise * known  # type: ignore[no-any-return]


def _guesses(networks: CrossModal, params: Params, batch: Batch, own: str) -> Array:
    """What the law, or the caller, predicts of one modality of every row of a training batch."""
    if f"guess_{own}" in batch:
        return batch[f"guess_{own}"]
    condition = batch[OTHER[own]]
    subject = batch["subject"] if networks.linear else jnp.zeros(len(condition), jnp.int32)
    return jax.vmap(lambda c, s: networks.guess(params, own, c, s))(condition, subject)


def _grouped(z: Array, groups: int) -> Array:
    """Rows [B, ...] to [groups, B / groups, ...], row i in group i mod `groups`."""
    return z.reshape(-1, groups, *z.shape[1:]).swapaxes(0, 1)
