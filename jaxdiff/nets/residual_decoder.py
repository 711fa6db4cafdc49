"""How a stated acceleration enters the U-Net of BioVAE (III.B and C), in three ways.

    PrintedDecoder      s_i = GRU(s_{i-1}, ẍ_i),  r_i = W ((1 + scale_t) s_i): the paper's, a function of ẍ alone
    CorrectingDecoder   r = W conv(h, ẍ, ẍ - ẍ_hat): sees the features h and the acceleration ẍ_hat of what the U-Net
                        predicts, so that it can correct the difference
    Embedding           ẍ as a condition of every frame: the U-Net itself models P(Θ | ẍ, Θ_t), as eq. 7 has it

Accelerations enter in units of their deviation. Fresh networks output zero: joint training starts
where the backbone's training ended.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.convolution import Conv1D, FrameGroupNorm
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.embeddings import sinusoid

ZEROS = nn.initializers.zeros


class PrintedDecoder(nn.Module):
    """`(acceleration (..., T, J, 3), t (...)) -> (..., T, features)`, float32."""

    features: int
    width: int = 128
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, acceleration: jax.Array, t: jax.Array) -> jax.Array:
        a = acceleration.reshape(*acceleration.shape[:-2], -1)
        h = Dense(self.width, use_bias=False, dtype=self.dtype, name="enter")(a)
        state: Any = nn.RNN(nn.GRUCell(self.width, dtype=self.dtype), name="recur")(h)
        level = _level(self, t)
        return nn.Dense(self.features, use_bias=False, kernel_init=ZEROS, name="residual")(
            state * (1 + level)
        )


class CorrectingDecoder(nn.Module):
    """`(h (..., T, features), stated and predicted (..., T, J, 3), t (...)) -> (..., T, features)`,
    float32.

    `mask (..., T)` are the valid frames; others have no influence.
    """

    features: int
    width: int = 48
    kernel_size: int = 3
    groups: int = 8
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        h: jax.Array,
        stated: jax.Array,
        predicted: jax.Array,
        t: jax.Array,
        mask: jax.Array | None = None,
    ) -> jax.Array:
        def conv(x: jax.Array, name: str) -> jax.Array:
            x = x if mask is None else jnp.where(mask[..., None], x, 0)
            return Conv1D(self.width, self.kernel_size, dtype=self.dtype, name=name)(x)

        both = jnp.concatenate([stated, stated - predicted], -2)
        a = both.reshape(*both.shape[:-2], -1).astype(self.dtype)
        y = Dense(self.width, dtype=self.dtype, name="enter")(a)
        y = y + Dense(self.width, use_bias=False, dtype=self.dtype, name="see")(h)
        y = conv(mish(y), "conv_0")
        y = FrameGroupNorm(self.groups, self.dtype, name="norm")(y)
        y = conv(mish(y * (1 + _level(self, t))), "conv_1")
        out = nn.Dense(self.features, use_bias=False, kernel_init=ZEROS, name="residual")
        return out(mish(y)).astype(jnp.float32)


class Embedding(nn.Module):
    """`(acceleration (..., T, J, 3), t (...)) -> (..., T, features)`: what is added to the U-Net's
    embedding of t.
    """

    features: int
    width: int = 48
    kernel_size: int = 3
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, acceleration: jax.Array, t: jax.Array) -> jax.Array:
        a = acceleration.reshape(*acceleration.shape[:-2], -1).astype(self.dtype)
        h = mish(Dense(self.width, dtype=self.dtype, name="enter")(a))
        h = Conv1D(self.width, self.kernel_size, dtype=self.dtype, name="conv")(h)
        h = mish(h * (1 + _level(self, t)))
        return nn.Dense(self.features, kernel_init=ZEROS, use_bias=False, name="embed")(h)


def _level(module: Any, t: jax.Array) -> jax.Array:
    time = mish(sinusoid(t, module.width))
    return Dense(module.width, dtype=module.dtype, name="level")(time)[..., None, :]
