"""Who walks here? A bidirectional LSTM over a gait, averaged over time, as a unit vector (speed-transfer paper, II.D.2).

    z = W mean_t(BiLSTM(x)_t),   z / |z|

The mean over time rather than the last state: where in a stride a recording begins says nothing about the person.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.recurrent import BiLSTM


class SubjectEncoder(nn.Module):
    """`x (..., T, D) -> z (..., width)`, float32, of length one."""

    width: int = 64
    hidden: int = 64
    layers: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        states, _ = BiLSTM(self.hidden, self.layers, name="lstm")(x)
        z = nn.Dense(self.width, name="out")(states.mean(-2))
        return z * jax.lax.rsqrt(jnp.square(z).sum(-1, keepdims=True) + 1e-12)
