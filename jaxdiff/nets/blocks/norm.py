"""Normalisation to zero mean and unit variance over the last axis, with its gradient in closed
form.

    x̂ = (x - mean x) r,   r = (var x + eps)^(-1/2);      dx = r (g - mean g - x̂ mean(g x̂)),   g = d x̂

Statistics are float32 and biased, as in PyTorch. The closed form is a third of the operations that
automatic differentiation traces, and it stores only x̂ and r. It differentiates in reverse mode
only, as attention does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def normalise(x: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    """`x` with zero mean and unit variance over its last axis, in float32.

    Args:
      x: values `(..., n)` of any floating dtype.
      epsilon: added to the variance.

    Returns:
      The normalised values, float32, of the same shape.
    """
    return _forward(x, epsilon)[0]


def mean_last(x: jax.Array) -> jax.Array:
    """The mean over the last axis, which is kept, as a sum and a product."""
    return x.sum(-1, keepdims=True) * np.float32(1 / x.shape[-1])


def _forward(x: jax.Array, epsilon: float) -> tuple[jax.Array, tuple[Any, ...]]:
    wide = x.astype(jnp.float32)
    centred = wide - mean_last(wide)
    factor = jax.lax.rsqrt(mean_last(centred * centred) + np.float32(epsilon))
    y = centred * factor
    return y, (y, factor, jnp.zeros((), x.dtype))


def _backward(epsilon: float, residuals: tuple[Any, ...], g: jax.Array) -> tuple[jax.Array]:
    y, factor, like = residuals
    return ((factor * (g - mean_last(g) - y * mean_last(g * y))).astype(like.dtype),)


normalise.defvjp(_forward, _backward)  # type: ignore[attr-defined]


@jax.custom_vjp
def softmax(x: jax.Array) -> jax.Array:
    """Softmax over the last axis, computed in float32, in the dtype of x."""
    return _softmax_forward(x)[0]


def _softmax_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    wide = x.astype(jnp.float32)
    e = jnp.exp(wide - wide.max(-1, keepdims=True))
    y = (e / e.sum(-1, keepdims=True)).astype(x.dtype)
    return y, y


def _softmax_backward(y: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    wide, g = y.astype(jnp.float32), g.astype(jnp.float32)
    return ((wide * (g - (wide * g).sum(-1, keepdims=True))).astype(y.dtype),)


softmax.defvjp(_softmax_forward, _softmax_backward)  # type: ignore[attr-defined]


def along(vector: jax.Array, x: jax.Array) -> jax.Array:
    """A vector of channels `(C,)` in the shape of `x (..., C)`; its gradient is one sum, not one
    for each axis.
    """
    return jax.lax.broadcast_in_dim(vector, x.shape, (x.ndim - 1,))


class LayerNorm(nn.Module):
    """`normalise(x) * scale + bias`, with parameters in float32 and the result in `dtype`."""

    epsilon: float = 1e-5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],), jnp.float32)
        y = normalise(x, self.epsilon)
        return (y * along(scale, y) + along(bias, y)).astype(self.dtype)
