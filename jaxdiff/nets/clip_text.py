"""The text transformer of CLIP (Radford et al. 2021), ViT-B/32 by default.

Token and learned position embeddings, pre-norm layers with quick GELU and a causal mask, a final
LayerNorm. No padding mask: tokens after the end token take part, as in CLIP itself. Text-to-motion
models read all tokens, not the pooled one.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.blocks.activations import quick_gelu
from jaxdiff.nets.blocks.transformer import Encoder


class ClipText(nn.Module):
    """Token ids `(..., L)` to token features `(..., L, width)` after the final LayerNorm, float32;
    `L <= length`.
    """

    vocabulary: int = 49408
    length: int = 77
    width: int = 512
    layers: int = 12
    heads: int = 8
    ff: int = 2048
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, ids: jax.Array) -> jax.Array:
        length = ids.shape[-1]
        place = self.param(
            "positions", nn.initializers.normal(0.01), (self.length, self.width), jnp.float32
        )
        h = nn.Embed(self.vocabulary, self.width, dtype=self.dtype, name="tokens")(ids)
        h = h + place[:length].astype(self.dtype)
        causal = np.tril(np.ones((length, length), bool))
        encoder = Encoder(
            self.layers,
            self.heads,
            self.ff,
            quick_gelu,
            norm_first=True,
            final_norm=True,
            dtype=self.dtype,
            name="encoder",
        )
        return encoder(h, jnp.asarray(causal)).astype(jnp.float32)


def pooled(features: jax.Array, ids: jax.Array) -> jax.Array:
    """The feature of the first end token `(..., width)`; the end token has the largest id of the
    vocabulary.
    """
    end = jnp.argmax(ids, axis=-1)
    return jnp.take_along_axis(features, end[..., None, None], axis=-2)[..., 0, :]
