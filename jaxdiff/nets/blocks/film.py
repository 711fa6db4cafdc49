"""Mish of a modulated GroupNorm of single frames, as one operation with its gradient in closed
form.

    u = x̂ gain + shift,   y = Mish(u),      x̂ = (x - mean x) r   over the channels of a group

For the backward pass it keeps x and the two statistics of each group, and computes the rest again:
a network's memory traffic, most of what is between its convolutions, falls to one read and one
write of each, in the network's precision. It differentiates in reverse mode only.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.blocks.activations import mish_slope, mish_wide
from jaxdiff.nets.blocks.convolution import FrameGroupNorm
from jaxdiff.nets.blocks.norm import mean_last


class FrameNormMish(FrameGroupNorm):
    """`Mish((GN(x) scale + bias) (1 + s) + b)` for a modulation by `s` and `b`, if there is one."""

    def __call__(
        self, x: jax.Array, s: jax.Array | None = None, b: jax.Array | None = None
    ) -> jax.Array:
        scale, bias = self.affine(x.shape[-1])
        if s is not None and b is not None:
            scale, bias = modulated(scale, bias, s, b)
        return norm_mish(x, scale, bias, self.groups).astype(self.dtype)


def modulated(
    scale: jax.Array, bias: jax.Array, s: jax.Array, b: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gain and shift of `(x̂ scale + bias) (1 + s) + b`, float32."""
    s = 1.0 + s.astype(jnp.float32)
    return scale * s, bias * s + b.astype(jnp.float32)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def norm_mish(
    x: jax.Array, gain: jax.Array, shift: jax.Array, groups: int, epsilon: float = 1e-5
) -> jax.Array:
    """`Mish(x̂ gain + shift)`.

    Args:
      x: values `(..., T, C)`.
      gain: `(..., C)`, broadcast to x, float32; so is `shift`.
      shift: what is added.
      groups: groups of channels.
      epsilon: added to the variance.

    Returns:
      An array of the shape and dtype of x.
    """
    return _forward(x, gain, shift, groups, epsilon)[0]


def _forward(
    x: jax.Array, gain: jax.Array, shift: jax.Array, groups: int, epsilon: float
) -> tuple[jax.Array, Any]:
    wide = x.astype(jnp.float32).reshape(*x.shape[:-1], groups, -1)
    mean = mean_last(wide)
    centred = wide - mean
    factor = jax.lax.rsqrt(mean_last(centred * centred) + np.float32(epsilon))
    u = (centred * factor).reshape(x.shape) * gain + shift
    return mish_wide(u).astype(x.dtype), (x, mean, factor, gain, shift)


def _backward(
    groups: int, epsilon: float, residuals: Any, g: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    x, mean, factor, gain, shift = residuals
    hat = (x.astype(jnp.float32).reshape(*x.shape[:-1], groups, -1) - mean) * factor
    flat = hat.reshape(x.shape)
    u = flat * gain + shift
    g = g.astype(jnp.float32) * mish_slope(u)
    slope = (g * gain).reshape(hat.shape)
    dx = factor * (slope - mean_last(slope) - hat * mean_last(slope * hat))
    return dx.reshape(x.shape).astype(x.dtype), _sum_to(g * flat, gain), _sum_to(g, shift)


norm_mish.defvjp(_forward, _backward)  # type: ignore[attr-defined]


def _sum_to(g: jax.Array, like: jax.Array) -> jax.Array:
    """The sum of `g` over the axes that `like` was broadcast along."""
    extra = g.ndim - like.ndim
    axes = [i for i, n in enumerate(g.shape) if i < extra or (like.shape[i - extra] == 1 and n > 1)]
    return g.sum(axes).reshape(like.shape)
