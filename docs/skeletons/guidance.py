"""A guidance to copy: dynamic thresholding (Saharia et al. 2022, section 2.3), a function `Denoiser -> Denoiser`.

    s = max(bound, the p-quantile of |x0|),    x0 -> clip(x0, -s, s) bound / s

Strong guidance drives estimates out of the range of the data; `clip` flattens them at its edge, this shrinks them.
List it in `guidance.__all__`, and in `NEUTRAL` of the conformance test with settings at which it changes nothing.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.typing import Array, Denoiser


def dynamic_threshold(denoise: Denoiser, bound: float, p: float = 0.995) -> Denoiser:
    """The quantile is that of an example: over its last two axes, time and channels."""

    def thresholded(x_t: Array, t: Array) -> Array:
        x0 = denoise(x_t, t)
        s = jnp.maximum(bound, jnp.quantile(jnp.abs(x0), p, axis=(-2, -1), keepdims=True))
        return jnp.clip(x0, -s, s) * (bound / s)

    return thresholded
