"""The pose ↔ EMG transformers of Muscles in Action (Chiquier & Vondrick 2023).

    h = Conv_9(√width x) + P,   h = [h | s | s],   post-norm transformer encoder (ReLU),   Linear

`s` is one scalar per subject (0.1 … 1.0). Pose to muscle activity and back differ only in the number
of columns.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.blocks.convolution import Conv1D
from jaxdiff.nets.blocks.dropout import Dropout
from jaxdiff.nets.blocks.embeddings import positions
from jaxdiff.nets.blocks.transformer import Encoder

CONDITION_CHANNELS = 2
MUSCLES = ("quad_r", "quad_l", "ham_r", "ham_l", "glute_r", "glute_l", "biceps_l", "biceps_r")
"""The eight EMG channels in the order of the data set; left and right change places at the biceps.
"""


class MuscleTransformer(nn.Module):
    """`(x (..., T, columns), subject (...)) -> (..., T, features)`, float32: 75 and 8 for poses to
    EMG, 8 and 75 back.
    """

    features: int
    width: int = 128
    layers: int = 8
    heads: int = 16
    ff: int = 2048
    kernel_size: int = 9
    dropout: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, subject: jax.Array, deterministic: bool = True) -> jax.Array:
        inner = self.width - CONDITION_CHANNELS
        x = x * np.float32(math.sqrt(self.width))
        h = Conv1D(inner, self.kernel_size, dtype=self.dtype, name="conv")(x)
        h = h + positions(x.shape[-2], inner).astype(h.dtype)
        h = Dropout(self.dropout)(h, deterministic)
        scalar = jnp.broadcast_to(
            jnp.asarray(subject, h.dtype)[..., None, None], (*h.shape[:-1], CONDITION_CHANNELS)
        )
        h = jnp.concatenate([h, scalar], -1)
        encoder = Encoder(
            self.layers, self.heads, self.ff, dropout=self.dropout, dtype=self.dtype, name="encoder"
        )
        return nn.Dense(self.features, dtype=self.dtype, name="output")(
            encoder(h, deterministic=deterministic)
        ).astype(jnp.float32)
