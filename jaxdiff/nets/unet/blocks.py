"""The blocks of the U-Net: a residual convolution and a residual cross-attention to the text.

Over time, channels last:

    h = Mish(GN(conv x) (1 + scale) + shift),   [scale | shift] = Linear(Mish(time)),   h = Mish(GN(conv h)) + skip x
    h = h + attend(LN h, LN text)

GN acts on single frames. The attention is linear, `softmax_d(q) (softmax_n(k)ᵀ v)`, or ordinary
softmax attention; neither has an output projection. Unconditional samples skip the attention
altogether, so no null text exists and the unconditional output cannot depend on the text.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.attention import applied, attention
from jaxdiff.nets.blocks.convolution import Conv1D
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.dropout import Dropout, masked, stream
from jaxdiff.nets.blocks.film import FrameNormMish, modulated, norm_mish
from jaxdiff.nets.blocks.norm import LayerNorm, softmax

Modulation = tuple[jax.Array, jax.Array]
"""Gain and shift of a block's first norm."""
Noise = tuple[jax.Array, int]
"""Random bits for dropout, shared by the blocks of a resolution, and a block's number among them."""


class ResidualBlock(nn.Module):
    """Two convolutions with per-frame GroupNorm, the first modulated by the noise level, and a
    skip.
    """

    width: int
    kernel_size: int
    groups: int
    dropout: float
    dtype: Any

    def setup(self) -> None:
        zeros = nn.initializers.zeros
        self.time = Dense(2 * self.width, kernel_init=zeros, dtype=self.dtype)
        self.conv_0 = Conv1D(self.width, self.kernel_size, dtype=self.dtype)
        self.norm_0 = FrameNormMish(self.groups, self.dtype)
        self.conv_1 = Conv1D(self.width, self.kernel_size, kernel_init=zeros, dtype=self.dtype)
        self.norm_1 = FrameNormMish(self.groups, self.dtype)
        self.skip = Dense(self.width, dtype=self.dtype)

    def modulation(self, time: jax.Array) -> Modulation:
        """Gain and shift `(..., 1 or T, width)` of the first norm at a noise level."""
        s, b = jnp.split(self.time(time), 2, -1)
        return modulated(*self.norm_0.affine(self.width), s, b)

    def __call__(
        self, x: jax.Array, modulation: Modulation, live: jax.Array | None, noise: Noise | None
    ) -> jax.Array:
        h = norm_mish(self.conv_0(only(x, live)), *modulation, self.groups)
        h = self.norm_1(self.conv_1(only(h, live)))
        h = h if noise is None else masked(h, noise[0], self.dropout, noise[1])
        return h + (self.skip(x) if x.shape[-1] != self.width else x)


class TextAttention(nn.Module):
    """Attention from frames to text tokens; `context` is its share that the frames do not enter."""

    width: int
    heads: int
    linear: bool
    dropout: float
    dtype: Any

    def setup(self) -> None:
        self.norm = LayerNorm(dtype=self.dtype)
        self.text_norm = LayerNorm(dtype=self.dtype)
        self.query = Dense(self.width, dtype=self.dtype)
        self.key_value = Dense(2 * self.width, dtype=self.dtype)
        self.forget = Dropout(self.dropout)

    def context(self, text: jax.Array, deterministic: bool) -> Any:
        """`softmax_n(k)ᵀ v (..., heads, d, d)` of the tokens, or their keys and values."""
        k, v = (self._heads(a) for a in jnp.split(self.key_value(self.text_norm(text)), 2, -1))
        return self.attended(k, v, deterministic)

    def attended(self, k: jax.Array, v: jax.Array, deterministic: bool) -> Any:
        """What a context keeps of the keys and values `(..., N, heads, d)`, those of any number of
        blocks as heads.
        """
        if not self.linear:
            return k, v
        k = jax.nn.softmax(k.astype(jnp.float32), axis=-3).astype(self.dtype)
        return self.forget(jnp.einsum("...nhd,...nhe->...hde", k, v), deterministic)

    def __call__(self, x: jax.Array, context: Any, deterministic: bool) -> jax.Array:
        q = self._heads(self.query(self.norm(x)))
        if self.linear:
            q = softmax(q)
            y = applied(q, context)
        else:
            key = None if deterministic or self.dropout == 0.0 else stream(self)
            y = attention(q, *context, dropout=self.dropout, key=key)
        return y.reshape(x.shape)

    def _heads(self, a: jax.Array) -> jax.Array:
        return a.reshape(*a.shape[:-1], self.heads, self.width // self.heads)


class Block(nn.Module):
    """A residual block, then attention to the text for the samples that have one."""

    width: int
    kernel_size: int
    groups: int
    heads: int
    linear: bool
    dropout: float
    dtype: Any

    def setup(self) -> None:
        self.residual = ResidualBlock(
            self.width, self.kernel_size, self.groups, self.dropout, self.dtype
        )
        self.attend = TextAttention(self.width, self.heads, self.linear, self.dropout, self.dtype)

    def __call__(
        self,
        x: jax.Array,
        modulation: Modulation,
        context: Any,
        conditioned: jax.Array | None,
        live: jax.Array | None,
        noise: Noise | None,
        first: int,
        deterministic: bool,
    ) -> jax.Array:
        h = self.residual(x, modulation, live, noise)
        if context is None:
            return h
        if first:
            y = self.attend(h[:first], context, deterministic)
            if len(h) == first:
                return jnp.concatenate([h + y, h])
            return h + jnp.pad(y, [(0, first)] + [(0, 0)] * (h.ndim - 1))
        y = self.attend(h, context, deterministic)
        return h + (
            y if conditioned is None else jnp.where(jnp.asarray(conditioned)[..., None, None], y, 0)
        )


def only(h: jax.Array, live: jax.Array | None) -> jax.Array:
    """The live frames of h; zero elsewhere."""
    return h if live is None else jnp.where(live, h, 0)
