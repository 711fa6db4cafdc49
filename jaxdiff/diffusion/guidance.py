"""Functions `Denoiser -> Denoiser`: they compose, and no solver knows of them.

    denoise = guidance.classifier_free(conditional, unconditional, scale=2.5)
    denoise = guidance.impute(guidance.clip(denoise, -5, 5), known, mask)

The outermost has the last word: `impute` belongs outside whatever must not move what is known.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxdiff.typing import Array, Denoiser

__all__ = [
    "classifier_free",
    "classifier_free_doubled",
    "clip",
    "constrain",
    "impute",
    "rescale",
    "within",
]


def classifier_free(conditional: Denoiser, unconditional: Denoiser, scale: ArrayLike) -> Denoiser:
    """`u + scale (c - u)` from two passes (Ho & Salimans 2022, where `scale` is `1 + w`); exactly `c` at scale 1."""
    return lambda x_t, t: _away(conditional(x_t, t), unconditional(x_t, t), scale)


def classifier_free_doubled(both: Denoiser, scale: ArrayLike) -> Denoiser:
    """The same from one pass: `both` sees the batch twice, the first half to be conditioned, the second not."""

    def denoise(x_t: Array, t: Array) -> Array:
        conditional, unconditional = jnp.split(both(jnp.concatenate([x_t, x_t]), t), 2)
        return _away(conditional, unconditional, scale)

    return denoise


def _away(conditional: Array, unconditional: Array, scale: ArrayLike) -> Array:
    return conditional + (scale - 1) * (conditional - unconditional)


def within(guided: Denoiser, otherwise: Denoiser, low: ArrayLike, high: ArrayLike) -> Denoiser:
    """`guided` at the steps `low ≤ t ≤ high`, `otherwise` beyond, and only the one needed is evaluated.

    Guidance harms at high and is wasted at low noise (Kynkäänniemi et al. 2024).
    """
    return lambda x_t, t: lax.cond((low <= t) & (t <= high), guided, otherwise, x_t, t)


def rescale(guided: Denoiser, conditional: Denoiser, share: ArrayLike = 0.7) -> Denoiser:
    """Guided estimates brought back towards the spread of the conditional ones (Lin et al. 2024, section 3.4).

    The spread is that over the last two axes, time and channels. Within one `jit` the compiler evaluates a
    `conditional` that `guided` has evaluated already only once.
    """

    def denoise(x_t: Array, t: Array) -> Array:
        x0, reference = guided(x_t, t), conditional(x_t, t)
        spread = jnp.std(x0, axis=(-2, -1), keepdims=True)
        wanted = jnp.std(reference, axis=(-2, -1), keepdims=True)
        return x0 * (1 + share * (wanted / jnp.maximum(spread, 1e-6) - 1))

    return denoise


def impute(denoise: Denoiser, known: Array, mask: Array) -> Denoiser:
    """`known` where `mask`, estimated elsewhere.

    A sample drawn so has the known values at every noise level, each with its own noise, and exactly at the end.
    """
    return lambda x_t, t: jnp.where(mask, known, denoise(x_t, t))


def constrain(denoise: Denoiser, energy: Callable[[Array], Array], scale: ArrayLike) -> Denoiser:
    """A step of size `scale` down the gradient of any differentiable `energy` of the estimate.

    `energy` may give a number per example: their sum is descended, so that examples do not affect each other.
    """

    def constrained(x_t: Array, t: Array) -> Array:
        x0 = denoise(x_t, t)
        return x0 - scale * jax.grad(lambda estimate: jnp.sum(energy(estimate)))(x0)

    return constrained


def clip(denoise: Denoiser, low: ArrayLike, high: ArrayLike) -> Denoiser:
    """Estimates kept within the range of the data; bounds may be per channel."""
    return lambda x_t, t: jnp.clip(denoise(x_t, t), low, high)
