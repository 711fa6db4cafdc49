"""The motion encoder of BioVAE (III.B): motion features to a latent of each frame, and to the
activations of 8 muscles.

    h = U x,   h = h + conv Mish(GN(conv h) (1 + scale_t) + shift_t) several times,   z = V h,   u = sigmoid(W z)

It is pre-trained on clean motion and muscles and then reads the noisy motion within a diffusion
model, so it is conditioned on the noise level. The paper writes u(X_:t), the past; Muscles in
Action's own network looks both ways, as a muscle's force shows in the motion that follows, and so
does this one: `reach` frames either way.

`spread` makes it the encoder of a VAE, z = mean + deviation · noise. Frames beyond a mask have no
influence.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.activations import mish
from jaxdiff.nets.blocks.convolution import Conv1D
from jaxdiff.nets.blocks.dense import Dense
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.nets.blocks.film import FrameNormMish

MUSCLES = 8


class Encoding(NamedTuple):
    """The encoder's output for each frame."""

    latent: jax.Array
    """`(..., T, width)`, drawn where there is a spread and a key to draw with, else its mean."""
    activations: jax.Array
    """u `(..., T, 8)` between 0 and 1."""
    divergence: jax.Array
    """KL of the latent from the standard normal, per frame and channel `(..., T, width)`; zero
    without a spread.
    """


class MotionEncoder(nn.Module):
    """`(motion (..., T, features), t (...), mask (..., T)) -> Encoding`, float32."""

    width: int = 128
    blocks: int = 3
    kernel_size: int = 5
    groups: int = 8
    spread: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, motion: jax.Array, t: jax.Array, mask: jax.Array | None = None) -> Encoding:
        def conv(h: jax.Array, name: str) -> jax.Array:
            h = h if mask is None else jnp.where(mask[..., None], h, 0)
            return Conv1D(self.width, self.kernel_size, dtype=self.dtype, name=name)(h)

        time = mish(Dense(self.width, dtype=self.dtype, name="time")(sinusoid(t, self.width)))[
            ..., None, :
        ]
        h = Dense(self.width, dtype=self.dtype, name="enter")(motion.astype(self.dtype))
        for i in range(self.blocks):
            scale, shift = jnp.split(
                Dense(2 * self.width, dtype=self.dtype, name=f"level_{i}")(time), 2, -1
            )
            norm = FrameNormMish(self.groups, self.dtype, name=f"norm_{i}")
            h = h + conv(norm(conv(h, f"conv_{i}_0"), scale, shift), f"conv_{i}_1")
        latent = Dense(self.width, dtype=self.dtype, name="mean")(mish(h)).astype(jnp.float32)
        u = jax.nn.sigmoid(
            Dense(MUSCLES, dtype=self.dtype, name="muscles")(mish(latent)).astype(jnp.float32)
        )
        if not self.spread:
            return Encoding(latent, u, jnp.zeros_like(latent))
        log_variance = Dense(self.width, dtype=self.dtype, name="log_variance")(mish(h)).astype(
            jnp.float32
        )
        divergence = (jnp.square(latent) + jnp.exp(log_variance) - 1 - log_variance) / 2
        if self.has_rng("latent"):
            noise = jax.random.normal(self.make_rng("latent"), latent.shape)
            latent = latent + jnp.exp(log_variance / 2) * noise
        return Encoding(latent, u, divergence)

    @property
    def reach(self) -> int:
        """The number of frames on either side that influence a frame."""
        return 2 * self.blocks * (self.kernel_size // 2)
