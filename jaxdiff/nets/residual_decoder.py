"""The residual decoder of BioVAE (III.B): from an acceleration, frame after frame, to a residual within the U-Net.

    s_i = GRU(s_{i-1}, ẍ_i),    r_i = W ((1 + scale_t) s_i)

The acceleration enters in units of its standard deviation. The noise level scales the residual; nothing else is
conditioned on. A fresh decoder returns zero, so joint training starts where the backbone's ended.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.embeddings import sinusoid


class ResidualDecoder(nn.Module):
    """`(acceleration (..., T, J, 3), t (...)) -> (..., T, features)`, float32."""

    features: int
    width: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, acceleration: jax.Array, t: jax.Array) -> jax.Array:
        a = acceleration.reshape(*acceleration.shape[:-2], -1)
        h = nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="enter")(a)
        state: Any = nn.RNN(nn.GRUCell(self.width, dtype=self.dtype), name="recur")(h)
        level = nn.Dense(self.width, dtype=self.dtype, name="level")(mish(sinusoid(t, self.width)))[
            ..., None, :
        ]
        zeros = nn.initializers.zeros
        return nn.Dense(self.features, use_bias=False, kernel_init=zeros, name="residual")(
            state * (1 + level)
        )
