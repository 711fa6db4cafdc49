"""The network of stride transfer: a residual network over one stride state, conditioned on a set of
recordings.

    s   = mean_k MLP([recording_k, question])                         over the recordings that exist
    c   = W Mish(MLP(level)) + MLP([question, s])
    h  ← h + W₂ FiLM(W₁ LN(h), c),   FiLM(h, c) = (1 + γ(c)) h + β(c)   (speed-transfer paper, eq. 5)

A set of any size gives one context, in which no order matters. The last layer starts at zero: a
fresh network predicts nothing beyond the law that it corrects.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.dropout import Dropout


class Size(NamedTuple):
    """How large the network is."""

    width: int = 256
    blocks: int = 4
    context: int = 128
    """Width of the context of the recordings and the question."""
    levels: int = 16
    """Frequencies of the embedding of the noise level."""
    dropout: float = 0.1


SIZES = {
    "tiny": Size(width=32, blocks=1, context=16, levels=4, dropout=0.0),
    "small": Size(width=128, blocks=3, context=96),
    "base": Size(),
}


def size(name: str) -> Size:
    """The size of that name.

    Raises:
      ConfigError: no size has that name.
    """
    if name not in SIZES:
        raise ConfigError(f"no network size {name!r}; {nearest(name, SIZES)}")
    return SIZES[name]


class SpeedSet(nn.Module):
    """`(x [..., K], level [...], context [..., W]) -> [..., K]`, float32; `read` makes the
    context.
    """

    features: int
    size: Size
    dtype: Any = jnp.float32

    def setup(self):
        s = self.size
        dense = lambda width: nn.Dense(width, dtype=self.dtype)  # noqa: E731
        self.recording = nn.Sequential([dense(s.width), nn.silu, dense(s.context), nn.silu])
        self.question = nn.Sequential([dense(s.width), nn.silu, dense(s.context)])
        self.forget = Dropout(s.dropout)
        self.level = nn.Sequential([dense(s.context), mish, dense(s.context)])
        self.entry = dense(s.width)
        self.inner = [dense(s.width) for _ in range(s.blocks)]
        self.outer = [dense(s.width) for _ in range(s.blocks)]
        self.film = [dense(2 * s.width) for _ in range(s.blocks)]
        self.norms = [nn.LayerNorm(dtype=self.dtype) for _ in range(s.blocks + 1)]
        self.output = nn.Dense(self.features, dtype=self.dtype, kernel_init=nn.initializers.zeros)

    def read(
        self,
        recordings: jax.Array,
        present: jax.Array,
        question: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        """The context [..., W] of recordings [..., S, D], of which `present` [..., S] exist, and a
        question [..., Q].
        """
        each = jnp.broadcast_to(
            question[..., None, :], (*recordings.shape[:-1], question.shape[-1])
        )
        rows = self.recording(jnp.concatenate([recordings, each], -1))
        weight = present[..., None].astype(rows.dtype)
        pooled = (rows * weight).sum(-2) / jnp.maximum(weight.sum(-2), 1)
        pooled = self.forget(pooled, deterministic)
        return self.question(jnp.concatenate([pooled, question.astype(pooled.dtype)], -1))

    def __call__(
        self, x: jax.Array, level: jax.Array, context: jax.Array, deterministic: bool = True
    ) -> jax.Array:
        turn = level[..., None] * 2.0 ** jnp.linspace(0, 4, self.size.levels)
        c = context + self.level(jnp.concatenate([jnp.cos(turn), jnp.sin(turn)], -1))
        c = mish(c)
        h = self.entry(jnp.concatenate([x, c], -1))
        for norm, inner, outer, film in zip(self.norms, self.inner, self.outer, self.film):
            scale, shift = jnp.split(film(c), 2, -1)
            y = nn.silu((1 + scale) * inner(norm(h)) + shift)
            h = h + outer(self.forget(y, deterministic))
        return self.output(self.norms[-1](h)).astype(jnp.float32)

    def everything(
        self,
        x: jax.Array,
        level: jax.Array,
        recordings: jax.Array,
        present: jax.Array,
        question: jax.Array,
    ) -> jax.Array:
        """Use every parameter once, for initialisation."""
        return self(x, level, self.read(recordings, present, question))
