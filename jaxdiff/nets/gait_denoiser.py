"""The network of `methods.gait`: one encoder and one head per modality around residual networks
over their union.

Everything it sees and returns are coefficients of the Gaussian law, split by modality. What is
known of each modality is encoded into a latent of one width; the sum of the latents enters the
blocks of the regression, modulated by the mask (adaLN-zero). Blocks of the denoiser start from what
these return and add the noisy coefficients, multiplied by `cos(theta)`: noise alone carries no
magnitude. Sums make the order of the modalities irrelevant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxdiff.typing import Array

SLOW = 0.1
"""Scale of the head of the deviations: they are near 1, and at the pace of the means they would
follow the noise of their gradients.
"""


class Part(NamedTuple):
    """Sizes of one modality: its name, number of coefficients, and length of the summary of its
    mask.
    """

    name: str
    components: int
    given: int


class Size(NamedTuple):
    """Widths of the network."""

    width: int = 384
    hidden: int = 768
    blocks: int = 4
    """Of the regression."""
    noisy_blocks: int = 2
    """Of the denoiser."""
    harmonics: int = 8
    """Sines and cosines of the noise angle."""


class Regression(NamedTuple):
    """What the conditions alone say of the whitened coefficients u."""

    mean: Array
    """[K]."""
    log_deviation: Array
    """Logarithm of the deviation of u from the mean, [K], between -1 and 1."""
    hidden: Array
    """For the denoiser, [width]."""
    mask: Array
    """Embedding of the mask, [width]."""


class Block(nn.Module):
    """A residual two-layer block whose scale, shift and gate come from the conditioning."""

    size: Size

    @nn.compact
    def __call__(self, h: Array, modulation: Array) -> tuple[Array, None]:
        bias = self.param("bias", nn.initializers.zeros, (3 * self.size.width,))
        scale, shift, gate = jnp.split(modulation + bias, 3, axis=-1)
        x = nn.LayerNorm(use_bias=False, use_scale=False)(h) * (1 + scale) + shift
        x = nn.Dense(self.size.hidden)(x)
        return h + gate * nn.Dense(self.size.width)(nn.gelu(x)), None


def blocks(size: Size, length: int) -> nn.Module:
    """Blocks in a row as one scanned module."""
    return nn.scan(
        Block,
        variable_axes={"params": 0},
        split_rngs={"params": True},
        in_axes=nn.broadcast,
        length=length,
    )(size)


class GaitDenoiser(nn.Module):
    """Regression of the whitened coefficients on the conditions, and a denoiser of what it leaves.

    With zero-initialised heads both are the law itself: mean 0, deviation 1, and `F = 0`.
    """

    parts: tuple[Part, ...]
    size: Size = Size()

    def setup(self):
        width, zeros = self.size.width, nn.initializers.zeros
        small = nn.initializers.normal(1e-2)
        self.encode_in = {p.name: nn.Dense(width) for p in self.parts}
        self.encode_out = {p.name: nn.Dense(width) for p in self.parts}
        self.enter = {p.name: nn.Dense(width, use_bias=False) for p in self.parts}
        self.masked = {p.name: nn.Dense(width, use_bias=False) for p in self.parts}
        self.masked_bias = self.param("masked_bias", zeros, (width,))
        self.modulate = nn.Dense(3 * width, kernel_init=small)
        self.body = blocks(self.size, self.size.blocks)
        self.norm = nn.LayerNorm()
        self.mean = {p.name: nn.Dense(p.components, kernel_init=zeros) for p in self.parts}
        self.deviation = {p.name: nn.Dense(p.components, kernel_init=zeros) for p in self.parts}
        self.noisy = {p.name: nn.Dense(width, use_bias=False) for p in self.parts}
        self.angle_in, self.angle_out = nn.Dense(width), nn.Dense(width)
        self.modulate_noisy = nn.Dense(3 * width, kernel_init=small)
        self.body_noisy = blocks(self.size, self.size.noisy_blocks)
        self.norm_noisy = nn.LayerNorm()
        self.head = {p.name: nn.Dense(p.components, kernel_init=zeros) for p in self.parts}

    def encode(self, name: str, alone: Array, given: Array) -> Array:
        """Latent [width] of one modality from its own coefficients and the summary of its mask; 0
        if none is given.
        """
        x = jnp.concatenate([alone, given], axis=-1)
        latent = self.encode_out[name](nn.gelu(self.encode_in[name](x)))
        return jnp.where(jnp.any(given > 0), latent, 0.0)

    def regress(self, condition: Mapping[str, Array]) -> Regression:
        """What the conditions say of the whitened coefficients.

        Args:
          condition: `mean`, `deviation`, `alone` [K] and `given` [G] of
            `methods.gait_posterior.Conditional.condition`.
        """
        h, mask = jnp.zeros(self.size.width), self.masked_bias
        for name, part in self._split(condition).items():
            h = h + self.encode(name, part["alone"], part["given"])
            h = h + self.enter[name](jnp.concatenate([part["mean"], part["deviation"]]))
            mask = mask + self.masked[name](part["given"])
        mask = nn.silu(mask)
        h, _ = self.body(h, self.modulate(mask))
        h = self.norm(h)
        mean = jnp.concatenate([self.mean[part.name](h) for part in self.parts])
        spread = jnp.concatenate([self.deviation[part.name](h) for part in self.parts])
        return Regression(mean, jnp.tanh(SLOW * spread), h, mask)

    def denoise(self, noisy: Array, theta: Array, known: Regression) -> Array:
        """F, [K], of the standardised remainder of the regression.

        Args:
          noisy: `cos(theta) z + sin(theta) eps`, [K].
          theta: noise angle in (0, pi/2].
          known: what the regression says.
        """
        order = jnp.arange(1, self.size.harmonics + 1) * theta
        angle = self.angle_out(
            nn.silu(self.angle_in(jnp.concatenate([jnp.cos(order), jnp.sin(order)])))
        )
        h = known.hidden
        for name, part in self._split({"noisy": jnp.cos(theta) * noisy}).items():
            h = h + self.noisy[name](part["noisy"])
        h, _ = self.body_noisy(h, self.modulate_noisy(nn.silu(angle) + known.mask))
        h = self.norm_noisy(h)
        return jnp.concatenate([self.head[part.name](h) for part in self.parts])

    def __call__(self, noisy: Array, theta: Array, condition: Mapping[str, Array]) -> Array:
        """`denoise` with the regression of `condition`."""
        return self.denoise(noisy, theta, self.regress(condition))

    def latents(self, whole: Array) -> dict[str, Array]:
        """Latent of each modality from its complete coefficients [K]; for alignment."""
        found, start = {}, 0
        for part in self.parts:
            alone = whole[start : start + part.components]
            found[part.name] = self.encode(part.name, alone, jnp.ones(part.given))
            start += part.components
        return found

    def _split(self, rows: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        """Rows by modality: those over coefficients, and `given`."""
        found: dict[str, dict[str, Array]] = {part.name: {} for part in self.parts}
        for key, value in rows.items():
            sizes = [p.given if key == "given" else p.components for p in self.parts]
            for part, piece in zip(self.parts, jnp.split(value, np.cumsum(sizes)[:-1])):
                found[part.name][key] = piece
        return found


def count(params: Any) -> int:
    """Number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
