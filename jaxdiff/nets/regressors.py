"""Feed-forward baselines of speed transfer (paper, II.G, which does not give their sizes).

SequenceMLP   the whole sequence, flattened, through one narrow layer to the whole sequence
TCN           residual blocks of dilated convolutions over time, conditioned on the target speed (Bai et al. 2018, not causal)
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp


class SequenceMLP(nn.Module):
    """`x (..., T, C), speed (...) -> (..., T, C)`; the speed is not used: there is one network per
    pair of speeds.
    """

    hidden: int = 16

    @nn.compact
    def __call__(self, x: jax.Array, speed: jax.Array) -> jax.Array:
        h = nn.relu(nn.Dense(self.hidden)(x.reshape(*x.shape[:-2], -1)))
        h = nn.relu(nn.Dense(self.hidden)(h))
        return nn.Dense(x.shape[-2] * x.shape[-1])(h).reshape(x.shape)


class TCN(nn.Module):
    """`x (..., T, C), speed (...) -> (..., T, C)`; the blocks see 2, 4, 8 ... samples to either
    side.
    """

    width: int = 32
    blocks: int = 6

    @nn.compact
    def __call__(self, x: jax.Array, speed: jax.Array) -> jax.Array:
        speeds = jnp.broadcast_to(jnp.asarray(speed)[..., None, None], (*x.shape[:-1], 1))
        h = nn.Dense(self.width)(jnp.concatenate([x, speeds], -1))
        for i in range(self.blocks):
            y = nn.relu(nn.Dense(self.width)(neighbours(h, 2**i)))
            h = h + nn.Dense(self.width)(neighbours(y, 2**i))
        return nn.Dense(x.shape[-1])(nn.relu(h))


def neighbours(x: jax.Array, step: int) -> jax.Array:
    """Every sample (..., T, D) beside those `step` before and after it, (..., T, 3 D), zero beyond
    the ends.

    A linear map of it is a dilated convolution, as a matrix product: many networks side by side
    stay fast.
    """
    length = x.shape[-2]
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 2) + [(step, step), (0, 0)])
    return jnp.concatenate([padded[..., i * step : i * step + length, :] for i in range(3)], -1)
