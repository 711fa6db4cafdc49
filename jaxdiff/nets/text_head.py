"""StableMoFusion's trainable head on frozen text features: Linear, a post-norm transformer encoder,
LayerNorm.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import gelu
from jaxdiff.nets.blocks.norm import LayerNorm
from jaxdiff.nets.blocks.transformer import Encoder


class TextHead(nn.Module):
    """`(..., N, D)` token features to the `(..., N, width)` tokens the U-Net attends to; no token
    is masked.
    """

    width: int = 256
    layers: int = 4
    heads: int = 4
    ff: int = 2048
    dropout: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, tokens: jax.Array, deterministic: bool = True) -> jax.Array:
        h = nn.Dense(self.width, dtype=self.dtype, name="embed")(tokens)
        encoder = Encoder(
            self.layers,
            self.heads,
            self.ff,
            gelu,
            dropout=self.dropout,
            dtype=self.dtype,
            name="encoder",
        )
        return LayerNorm(dtype=self.dtype, name="norm")(
            encoder(h, deterministic=deterministic)
        ).astype(jnp.float32)
