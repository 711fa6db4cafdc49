"""Activations in forms that cost one transcendental each, equal to PyTorch's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

LARGE = 20.0
"""Where Mish is the identity to float32."""


@jax.custom_vjp
def mish(x: jax.Array) -> jax.Array:
    """`x tanh(log(1 + eˣ))`, with `tanh(log(1 + e)) = e(e + 2) / (e(e + 2) + 2)`: one exponential
    instead of three.

    Its gradient is in closed form, and it differentiates in reverse mode only.
    """
    return mish_wide(x.astype(jnp.float32)).astype(x.dtype)


def mish_wide(u: jax.Array) -> jax.Array:
    """Mish of float32, as automatic differentiation would trace it."""
    _, n = _powers(u)
    return u * (n / (n + 2.0))


def mish_slope(u: jax.Array) -> jax.Array:
    """Its derivative, `(n + u (e + e²) 4 / (n + 2)) / (n + 2)` with `n = e (e + 2)`."""
    e, n = _powers(u)
    m = n + 2.0
    return (n + u * (n - e) * (4.0 / m)) / m


def _powers(u: jax.Array) -> tuple[jax.Array, jax.Array]:
    e = jnp.exp(jnp.minimum(u, LARGE))
    return e, e * (e + 2.0)


def _mish_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return mish(x), x


def _mish_backward(x: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    return ((g * mish_slope(x.astype(jnp.float32))).astype(x.dtype),)


mish.defvjp(_mish_forward, _mish_backward)  # type: ignore[attr-defined]


def gelu(x: jax.Array) -> jax.Array:
    """`x Φ(x)` with the exact normal distribution function (flax defaults to the tanh form)."""
    return (0.5 * x * (1.0 + jax.lax.erf(x.astype(jnp.float32) * np.float32(np.sqrt(0.5))))).astype(
        x.dtype
    )


def quick_gelu(x: jax.Array) -> jax.Array:
    """`x σ(1.702 x)`, CLIP's activation."""
    return x * jax.nn.sigmoid(1.702 * x)
