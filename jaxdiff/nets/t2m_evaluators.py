"""The evaluator networks of text-to-motion (Guo et al. 2022): where motions and texts are close if
they match.

movement Conv(4, stride 2) LeakyReLU, twice, Linear: a token every four frames; the last four
(contact) channels unseen
motion    Linear, bidirectional GRU over the valid tokens from learned states, [h_forward | h_backward], head
text      word vector + Linear(part of speech), Linear, the same GRU and head
head      Linear, LayerNorm, LeakyReLU, Linear
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.convolution import Conv1D
from jaxdiff.nets.blocks.dropout import Dropout
from jaxdiff.nets.blocks.norm import LayerNorm
from jaxdiff.nets.blocks.recurrent import BiGRU

CONTACTS = 4
FRAMES_PER_TOKEN = 4

_leaky = partial(nn.leaky_relu, negative_slope=0.2)


class MovementEncoder(nn.Module):
    """Motion features `(..., T, D)`, contacts last, to movement tokens `(..., T // 4, latent)`."""

    hidden: int = 512
    latent: int = 512
    dropout: float = 0.2

    @nn.compact
    def __call__(self, motion: jax.Array, deterministic: bool = True) -> jax.Array:
        h = motion[..., :-CONTACTS].astype(jnp.float32)
        for i, width in enumerate((self.hidden, self.latent)):
            h = Conv1D(width, 4, stride=2, padding=1, name=f"conv_{i}")(h)
            h = _leaky(Dropout(self.dropout)(h, deterministic))
        return nn.Dense(self.latent, name="output")(h)


class _Recurrent(nn.Module):
    """Linear, GRU over `lengths` steps, head: a sequence `(..., T, D)` to a vector
    `(..., embedding)`.
    """

    hidden: int
    embedding: int

    @nn.compact
    def __call__(self, x: jax.Array, lengths: jax.Array) -> jax.Array:
        h = nn.Dense(self.hidden, name="input")(x)
        start = self.param("start", nn.initializers.normal(1.0), (2, self.hidden), jnp.float32)
        lead = x.shape[:-2]
        initial = jnp.broadcast_to(start.reshape(2, *(1,) * len(lead), -1), (2, *lead, self.hidden))
        _, last = BiGRU(self.hidden, name="gru")(h, initial, lengths)
        h = nn.Dense(self.hidden, name="head_0")(jnp.concatenate([last[0], last[1]], -1))
        return nn.Dense(self.embedding, name="head_1")(_leaky(LayerNorm(name="head_norm")(h)))


class MotionEncoder(nn.Module):
    """Movement tokens `(..., N, latent)` and their number `(...)` (frames // 4) to an embedding
    `(..., embedding)`.
    """

    hidden: int = 1024
    embedding: int = 512

    @nn.compact
    def __call__(self, movements: jax.Array, lengths: jax.Array) -> jax.Array:
        return _Recurrent(self.hidden, self.embedding, name="body")(movements, lengths)


class TextEncoder(nn.Module):
    """Word vectors `(..., N, W)`, parts of speech `(..., N, P)` one-hot, number of words `(...)` to
    an embedding.
    """

    hidden: int = 512
    embedding: int = 512

    @nn.compact
    def __call__(self, words: jax.Array, speech: jax.Array, lengths: jax.Array) -> jax.Array:
        words = words + nn.Dense(words.shape[-1], name="speech")(speech)
        return _Recurrent(self.hidden, self.embedding, name="body")(words, lengths)
