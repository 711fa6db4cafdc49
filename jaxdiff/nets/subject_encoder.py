"""Subject encoders: a gait as a unit vector that identifies the person (speed-transfer paper,
II.D.2).

    z = W mean_t(f(x)_t),   z / |z|

`f` is a bidirectional LSTM in the paper, which takes one step per sample. `ConvEncoder` has the
same interface and sees as far by dilated convolutions, all samples at once. The mean over time,
rather than the last state, makes the embedding independent of where in a stride a recording begins.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.nets.blocks.recurrent import BiLSTM
from jaxdiff.nets.regressors import neighbours


class SubjectEncoder(nn.Module):
    """`x (..., T, D) -> z (..., width)`, float32, of length one."""

    width: int = 64
    hidden: int = 64
    layers: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        states, _ = BiLSTM(self.hidden, self.layers, name="lstm")(x)
        return _unit(nn.Dense(self.width, name="out")(states.mean(-2)))


class ConvEncoder(nn.Module):
    """The interface of `SubjectEncoder`; the blocks see 1, 2, 4, ... samples to either side."""

    width: int = 64
    hidden: int = 64
    blocks: int = 5

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = nn.Dense(2 * self.hidden)(x)
        for i in range(self.blocks):
            y = nn.silu(nn.Dense(self.hidden)(neighbours(nn.LayerNorm()(h), 2**i)))
            h = h + nn.Dense(2 * self.hidden)(y)
        return _unit(nn.Dense(self.width, name="out")(h.mean(-2)))


ENCODERS = {"lstm": SubjectEncoder, "conv": ConvEncoder}


def encoder(name: str, width: int, hidden: int) -> nn.Module:
    """The encoder of that name.

    Raises:
      ConfigError: no encoder has that name.
    """
    if name not in ENCODERS:
        raise ConfigError(f"no subject encoder {name!r}; {nearest(name, ENCODERS)}")
    return ENCODERS[name](width, hidden)


def _unit(z: jax.Array) -> jax.Array:
    return z * jax.lax.rsqrt(jnp.square(z).sum(-1, keepdims=True) + 1e-12)
