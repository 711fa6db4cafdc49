"""Dense layers whose gradient is three operations: two products and one sum.

flax's own reshapes the bias on the way in and its gradient on the way back, and transposes the
gradient of the kernel. Parameters, names and results are those of `flax.linen.Dense`. It
differentiates in reverse mode only, as attention does.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.norm import along


@jax.custom_vjp
def product(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`x (..., in)` times `kernel (in, out)`."""
    return jax.lax.dot_general(x, kernel, (((x.ndim - 1,), (0,)), ((), ())))


def _forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return product(x, kernel), (x, kernel)


def _backward(residuals: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = residuals
    leading = tuple(range(x.ndim - 1))
    return (
        jax.lax.dot_general(g, kernel, (((g.ndim - 1,), (1,)), ((), ()))),
        jax.lax.dot_general(x, g, ((leading, leading), ((), ()))),
    )


product.defvjp(_forward, _backward)  # type: ignore[attr-defined]


class Dense(nn.Module):
    """`flax.linen.Dense` with the gradient above."""

    features: int
    use_bias: bool = True
    kernel_init: Any = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        y = product(x.astype(self.dtype), kernel.astype(self.dtype))
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + along(bias.astype(self.dtype), y)
