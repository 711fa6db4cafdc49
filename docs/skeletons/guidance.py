"""Template of a guidance: dynamic thresholding (Saharia et al. 2022, section 2.3), a function
`Denoiser -> Denoiser`.

    s = max(bound, the p-quantile of |x0|),    x0 -> clip(x0, -s, s) bound / s

Strong guidance drives estimates out of the range of the data; `clip` saturates them, dynamic
thresholding rescales them. Add it to `guidance.__all__`, and to `NEUTRAL` of the conformance test
with settings at which it is the identity.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.typing import Array, Denoiser


def dynamic_threshold(denoise: Denoiser, bound: float, p: float = 0.995) -> Denoiser:
    """Threshold estimates at a quantile per example, over its last two axes (time and channels)."""

    def thresholded(x_t: Array, t: Array) -> Array:
        x0 = denoise(x_t, t)
        s = jnp.maximum(bound, jnp.quantile(jnp.abs(x0), p, axis=(-2, -1), keepdims=True))
        return jnp.clip(x0, -s, s) * (bound / s)

    return thresholded
