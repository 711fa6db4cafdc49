"""MDM's transformer over frames (Tevet et al. 2023, `arch=trans_enc`): one token for noise level
and text, then the frames.

    c = W2 SiLU(W1 P[t]) + W_text e,    y = encoder([c, W_pose x] + P),    x0_hat = W_out y[1:]

P is the interleaved sinusoid, the encoder PyTorch's post-norm one with exact GELU, e CLIP's pooled
and projected feature of the sentence. The unconditional network reads e = 0. The reference masks no
frames: those beyond a motion's length take part.

It has the interface of `nets.unet.CondUnet1D` as far as `methods.text_to_motion` uses it.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import gelu
from jaxdiff.nets.blocks.embeddings import positions, sinusoid
from jaxdiff.nets.blocks.transformer import Encoder


class MDM(nn.Module):
    """The denoiser `(x (..., T, features), t (...), text (..., 1, D)) -> (..., T, features)`,
    float32.

    `text=None` is the unconditional network; `conditioned (...)` says which samples of a batch read
    their text.
    """

    features: int
    width: int = 512
    layers: int = 8
    heads: int = 4
    ff: int = 1024
    text_width: int = 512
    dropout: float = 0.1
    dtype: Any = jnp.float32

    def setup(self) -> None:
        self.pose = nn.Dense(self.width, dtype=self.dtype)
        self.text = nn.Dense(self.width, dtype=self.dtype)
        self.time_0 = nn.Dense(self.width, dtype=self.dtype)
        self.time_1 = nn.Dense(self.width, dtype=self.dtype)
        self.encoder = Encoder(
            self.layers, self.heads, self.ff, gelu, dropout=self.dropout, dtype=self.dtype
        )
        self.final = nn.Dense(self.features, dtype=self.dtype)

    def __call__(
        self,
        x: jax.Array,
        t: jax.Array,
        text: jax.Array | None = None,
        conditioned: jax.Array | None = None,
        mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        if text is None:
            text = jnp.zeros((*x.shape[:-2], 1, self.text_width))
            conditioned = jnp.zeros(x.shape[:-2], bool)
        return self.denoise(x, t, self.context(text), conditioned, mask, deterministic)

    def context(self, text: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The projected sentence `(..., width)`, and that of no sentence."""
        feature = text[..., 0, :]
        return self.text(feature), self.text(jnp.zeros_like(feature))

    def denoise(
        self,
        x: jax.Array,
        t: jax.Array,
        context: tuple[jax.Array, jax.Array],
        conditioned: jax.Array | None = None,
        mask: jax.Array | None = None,
        deterministic: bool = True,
    ) -> jax.Array:
        """The network on a sentence already projected; a `mask` of frames is not read."""
        sentence, none = context
        if conditioned is not None:
            sentence = jnp.where(jnp.asarray(conditioned)[..., None], sentence, none)
        time = self.time_1(nn.silu(self.time_0(sinusoid(t, self.width))))
        h = self.pose(x.astype(self.dtype))
        first = jnp.broadcast_to((time + sentence)[..., None, :], (*h.shape[:-2], 1, self.width))
        h = jnp.concatenate([first, h], -2)
        h = h + positions(h.shape[-2], self.width).astype(self.dtype)
        return self.final(self.encoder(h, None, deterministic)[..., 1:, :]).astype(jnp.float32)

    def both(
        self,
        x: jax.Array,
        t: jax.Array,
        context: tuple[jax.Array, jax.Array],
        mask: jax.Array | None = None,
    ) -> jax.Array:
        """The conditional and the unconditional estimate, `(2, ..., T, features)`, of one doubled
        batch.
        """
        pair = jnp.stack(jnp.broadcast_arrays(*context))
        return self.denoise(jnp.stack([x, x]), t, (pair, pair), None, mask)


class Pooled(nn.Module):
    """In place of a text network: a frozen encoder's feature of the sentence `(..., 1, D)`, as it
    is.
    """

    def __call__(self, text: jax.Array, deterministic: bool = True) -> jax.Array:
        return text
