"""Guidance: transformations `Denoiser -> Denoiser` that compose and are independent of the solver.

    denoise = guidance.classifier_free(conditional, unconditional, scale=2.5)
    denoise = guidance.impute(guidance.clip(denoise, -5, 5), known, mask)

The outermost transformation is applied last, so `impute` should enclose every transformation that
must not alter known values.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxdiff.errors import DataError
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
    """Classifier-free guidance from two evaluations (Ho & Salimans 2022, with `scale = 1 + w`).

    Args:
      conditional: denoiser with the condition.
      unconditional: denoiser without it.
      scale: guidance scale; at 1 the result is exactly the conditional denoiser.

    Returns:
      The guided denoiser.
    """
    return lambda x_t, t: combine(conditional(x_t, t), unconditional(x_t, t), scale)


def classifier_free_doubled(both: Denoiser, scale: ArrayLike) -> Denoiser:
    """Classifier-free guidance from a single evaluation of a doubled batch.

    Args:
      both: denoiser of a batch [2B, ...] whose first half is conditioned and whose second half is
        not.
      scale: guidance scale; at 1 the result is exactly the conditional half.

    Returns:
      The guided denoiser of a batch [B, ...].
    """

    def denoise(x_t: Array, t: Array) -> Array:
        conditional, unconditional = jnp.split(both(jnp.concatenate([x_t, x_t]), t), 2)
        return combine(conditional, unconditional, scale)

    return denoise


def combine(conditional: Array, unconditional: Array, scale: ArrayLike) -> Array:
    """Guided estimate `u + scale (c - u)`, written such that it equals `c` exactly at scale 1.

    Args:
      conditional: estimate `c` with the condition.
      unconditional: estimate `u` without it, of the same shape.
      scale: guidance scale.

    Returns:
      The guided estimate.
    """
    return conditional + (scale - 1) * (conditional - unconditional)


def within(guided: Denoiser, otherwise: Denoiser, low: ArrayLike, high: ArrayLike) -> Denoiser:
    """Restrict guidance to an interval of steps; only the denoiser in use is evaluated.

    Guidance is harmful at high noise and unnecessary at low noise (Kynkäänniemi et al. 2024).

    Args:
      guided: denoiser used for `low <= t <= high`.
      otherwise: denoiser used at the other steps.
      low: first step of the interval.
      high: last step of the interval.

    Returns:
      The combined denoiser.
    """
    return lambda x_t, t: lax.cond((low <= t) & (t <= high), guided, otherwise, x_t, t)


def rescale(guided: Denoiser, conditional: Denoiser, share: ArrayLike = 0.7) -> Denoiser:
    """Rescale guided estimates towards the standard deviation of the conditional ones (Lin et al.
    2024, sec. 3.4).

    The standard deviation is taken over the last two axes (time and channels). Inside one `jit`,
    common-subexpression elimination evaluates a `conditional` that is shared with `guided` only
    once.

    Args:
      guided: the guided denoiser.
      conditional: the denoiser that provides the reference standard deviation.
      share: interpolation between no rescaling (0) and full rescaling (1).

    Returns:
      The rescaled denoiser.
    """

    def denoise(x_t: Array, t: Array) -> Array:
        x0, reference = guided(x_t, t), conditional(x_t, t)
        spread = jnp.std(x0, axis=(-2, -1), keepdims=True)
        desired = jnp.std(reference, axis=(-2, -1), keepdims=True)
        return x0 * (1 + share * (desired / jnp.maximum(spread, 1e-6) - 1))

    return denoise


def impute(denoise: Denoiser, known: Array, mask: Array) -> Denoiser:
    """Replace the estimate by known values where a mask is set.

    A sample generated with it agrees with the known values at every noise level, and exactly at the
    end.

    Args:
      denoise: the denoiser.
      known: known values, broadcastable to the sample.
      mask: boolean mask of the known entries, broadcastable to the sample.

    Returns:
      The imputing denoiser.

    Raises:
      DataError: when evaluated, if `known` or `mask` does not broadcast to the sample.

    Examples:
      >>> import jax.numpy as jnp
      >>> from jaxdiff import guidance
      >>> known, mask = jnp.array([1.0, 0.0]), jnp.array([True, False])
      >>> guidance.impute(lambda x_t, t: 0 * x_t, known, mask)(jnp.ones(2), 0).tolist()
      [1.0, 0.0]
    """

    def imputed(x_t: Array, t: Array) -> Array:
        for name, value in (("known", known), ("mask", mask)):
            shape = jnp.shape(value)
            pairs = zip(shape[::-1], x_t.shape[::-1])
            if len(shape) > x_t.ndim or any(a not in (1, b) for a, b in pairs):
                raise DataError(
                    f"{name} of shape {shape} does not broadcast to the sample of shape {x_t.shape}"
                )
        return jnp.where(mask, known, denoise(x_t, t))

    return imputed


def constrain(denoise: Denoiser, energy: Callable[[Array], Array], scale: ArrayLike) -> Denoiser:
    """Move each estimate by one gradient step on a differentiable energy.

    Args:
      denoise: the denoiser.
      energy: function of the estimate with a scalar value or one value per example. The gradient of
        the sum is used, so that examples do not affect each other.
      scale: step size.

    Returns:
      The constrained denoiser.
    """

    def constrained(x_t: Array, t: Array) -> Array:
        x0 = denoise(x_t, t)
        return x0 - scale * jax.grad(lambda estimate: jnp.sum(energy(estimate)))(x0)

    return constrained


def clip(denoise: Denoiser, low: ArrayLike, high: ArrayLike) -> Denoiser:
    """Clip estimates to the range of the data.

    Args:
      denoise: the denoiser.
      low: lower bound, a scalar or one value per channel.
      high: upper bound, likewise.

    Returns:
      The clipped denoiser.
    """
    return lambda x_t, t: jnp.clip(denoise(x_t, t), low, high)
