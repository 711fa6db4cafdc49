"""SmoothNet (Zeng et al. 2022): a temporal network that takes the jitter out of pose estimates.

Each channel of a window of W frames passes by itself through

    h = LeakyReLU_0.1(W_e x),   h = h + LeakyReLU_0.2(W_2 LeakyReLU_0.2(W_1 h)) several times,   y = W_d h

and overlapping windows are averaged. Trained with `mean|y - gt| + mean|Δ²y - Δ²gt|`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import DataError
from jaxdiff.nets.blocks.dropout import Dropout


class SmoothNet(nn.Module):
    """A window `(..., window, C)` to the same window, smoothed, float32."""

    window: int
    hidden: int = 512
    residual_hidden: int = 256
    blocks: int = 3
    dropout: float = 0.5
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        if x.shape[-2] != self.window:
            raise DataError(
                f"SmoothNet was built for windows of {self.window} frames and got {x.shape[-2]}"
            )

        def leaky(h: jax.Array) -> jax.Array:
            return nn.leaky_relu(Dropout(self.dropout)(h, deterministic), 0.2)

        h = nn.leaky_relu(
            nn.Dense(self.hidden, dtype=self.dtype, name="encoder")(jnp.swapaxes(x, -1, -2)), 0.1
        )
        for i in range(self.blocks):
            y = leaky(nn.Dense(self.residual_hidden, dtype=self.dtype, name=f"blocks_{i}_0")(h))
            h = h + leaky(nn.Dense(self.hidden, dtype=self.dtype, name=f"blocks_{i}_1")(y))
        y = nn.Dense(self.window, dtype=self.dtype, name="decoder")(h)
        return jnp.swapaxes(y, -1, -2).astype(jnp.float32)


def smooth(
    network: Callable[[jax.Array], jax.Array], x: jax.Array, window: int, step: int = 1
) -> jax.Array:
    """A sequence `(T, C)` through `network` in windows `step` frames apart, averaged where they
    overlap.

    A last window ends with the sequence, so that every frame is covered.
    """
    length = x.shape[0]
    if length < window:
        raise DataError(
            f"a sequence of {length} frames is shorter than the window of {window}: use a smaller"
            " window"
        )
    starts = np.unique([*range(0, length - window + 1, step), length - window])
    frames = starts[:, None] + np.arange(window)
    total = jnp.zeros(x.shape, jnp.float32).at[frames].add(network(x[frames]))
    return total / np.bincount(frames.ravel(), minlength=length).astype(np.float32)[:, None]


def smoothing_loss(
    y: jax.Array, gt: jax.Array, position: float = 1.0, acceleration: float = 1.0
) -> jax.Array:
    """The training loss of one window `(W, C)`, or the mean over several."""
    error = y - gt
    second = error[..., 2:, :] - 2 * error[..., 1:-1, :] + error[..., :-2, :]
    return position * jnp.abs(error).mean() + acceleration * jnp.abs(second).mean()
