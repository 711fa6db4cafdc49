"""The FiLM transformer denoiser of GaitDynamics (DanceDecoder, after EDGE) and its refinement
network.

    c = W (Mish (W sin/cos(t))) + condition
    n = norm1(h),  r = rotary(n),  a = attend(r, r, n),  h = h + (1 + scale1(c)) a + shift1(c)
    f = W2 GELU(W1 norm3(h)),                             h = h + (1 + scale3(c)) f + shift3(c)

Rotary positions are applied to the whole width before the projections and not to the values; the
modulation acts on the output of a sub-layer, before the residual sum. There is no final norm. Any
length is accepted.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import gelu, mish
from jaxdiff.nets.blocks.attention import MultiHeadAttention
from jaxdiff.nets.blocks.dropout import Dropout
from jaxdiff.nets.blocks.embeddings import positions, rotate, sinusoid_concatenated
from jaxdiff.nets.blocks.norm import LayerNorm
from jaxdiff.nets.blocks.transformer import FeedForward, stacked

PRESETS: dict[str, dict[str, Any]] = {
    "released": {"width": 512, "layers": 8, "heads": 8, "ff": 1024},
    "smaller": {"width": 256, "layers": 4, "heads": 4, "ff": 1024},
    "tiny": {"width": 32, "layers": 2, "heads": 4, "ff": 64},
}


class FiLMLayer(nn.Module):
    """Self-attention and a feed-forward network, each modulated by the condition."""

    heads: int
    ff: int
    rotary: bool
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, h: jax.Array, condition: jax.Array, deterministic: bool) -> jax.Array:
        width = h.shape[-1]

        def add(h: jax.Array, y: jax.Array, name: str) -> jax.Array:
            film = nn.Dense(2 * width, dtype=self.dtype, name=name)(condition)
            scale, shift = jnp.split(film[..., None, :], 2, -1)
            return h + (1 + scale) * Dropout(self.dropout)(y, deterministic) + shift

        n = LayerNorm(dtype=self.dtype, name="norm1")(h)
        r = rotate(n) if self.rotary else n
        attend = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="attention")
        h = add(h, attend(r, r, n, deterministic=deterministic), "film1")
        feed = FeedForward(self.ff, gelu, self.dropout, self.dtype, name="feed")
        return add(h, feed(LayerNorm(dtype=self.dtype, name="norm3")(h), deterministic), "film3")


class FiLMTransformer(nn.Module):
    """The denoiser
    `(x (..., T, D), t (...), condition (..., condition_width)) -> (..., T, features)`, float32.

    `condition` is added to the embedding of the noise level. `time_width` and `condition_width` are
    the widths of the sinusoid and of the embedding, both `width` in GaitDynamics; without `rotary`,
    a sinusoid is added to the input.
    """

    features: int
    width: int = 512
    layers: int = 8
    heads: int = 8
    ff: int = 1024
    time_width: int | None = None
    condition_width: int | None = None
    rotary: bool = True
    dropout: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        t: jax.Array,
        condition: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        time_width = self.time_width or self.width
        h = nn.Dense(self.width, dtype=self.dtype, name="input")(x)
        if not self.rotary:
            h = h + positions(x.shape[-2], self.width).astype(h.dtype)
        c = mish(
            nn.Dense(4 * time_width, dtype=self.dtype, name="time_0")(
                sinusoid_concatenated(t, time_width)
            )
        )
        c = nn.Dense(self.condition_width or self.width, dtype=self.dtype, name="time_1")(c)
        c = mish(c if condition is None else c + condition.astype(c.dtype))
        options = (self.heads, self.ff, self.rotary, self.dropout, self.dtype)
        h = stacked(FiLMLayer, self.layers, *options)(h, c, deterministic)
        return nn.Dense(self.features, dtype=self.dtype, name="output")(h).astype(jnp.float32)


class RefinementLayer(nn.Module):
    """A post-norm encoder layer whose queries and keys carry rotary positions."""

    heads: int
    ff: int
    dropout: float
    dtype: Any

    @nn.compact
    def __call__(self, h: jax.Array, deterministic: bool) -> jax.Array:
        r = rotate(h)
        attend = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="attention")
        a = attend(r, r, h, deterministic=deterministic)
        h = LayerNorm(dtype=self.dtype, name="norm1")(h + Dropout(self.dropout)(a, deterministic))
        f = FeedForward(self.ff, nn.relu, self.dropout, self.dtype, name="feed")(h, deterministic)
        return LayerNorm(dtype=self.dtype, name="norm2")(
            h + Dropout(self.dropout)(f, deterministic)
        )


class Refinement(nn.Module):
    """GaitDynamics' companion network: force columns `(..., T, features)` from kinematic columns
    `(..., T, D)`.
    """

    features: int
    width: int = 192
    layers: int = 6
    heads: int = 8
    ff: int = 512
    dropout: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        h = nn.Dense(self.width, dtype=self.dtype, name="input")(x)
        options = (self.heads, self.ff, self.dropout, self.dtype)
        h = stacked(RefinementLayer, self.layers, *options)(h, deterministic)
        return nn.Dense(self.features, dtype=self.dtype, name="output")(h).astype(jnp.float32)
