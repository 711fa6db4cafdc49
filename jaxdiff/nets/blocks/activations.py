"""Activations in forms that cost one transcendental each, equal to PyTorch's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np


def mish(x: jax.Array) -> jax.Array:
    """`x tanh(log(1 + eˣ))`, with `tanh(log(1 + e)) = e(e + 2) / (e(e + 2) + 2)`: one exponential
    instead of three.
    """
    e = jnp.exp(jnp.minimum(x.astype(jnp.float32), 20.0))
    n = e * (e + 2.0)
    return (x * (n / (n + 2.0))).astype(x.dtype)


def gelu(x: jax.Array) -> jax.Array:
    """`x Φ(x)` with the exact normal distribution function (flax defaults to the tanh form)."""
    return (0.5 * x * (1.0 + jax.lax.erf(x.astype(jnp.float32) * np.float32(np.sqrt(0.5))))).astype(
        x.dtype
    )


def quick_gelu(x: jax.Array) -> jax.Array:
    """`x σ(1.702 x)`, CLIP's activation."""
    return x * jax.nn.sigmoid(1.702 * x)
