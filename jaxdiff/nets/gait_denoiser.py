"""The denoiser of `methods.gait`: one encoder and one head per modality around a residual network
over their union.

Everything it sees and returns are coefficients of the Gaussian law, split by modality. What is
known of each modality is encoded into a latent of one width; the sum of the latents enters blocks
modulated by the noise angle and the mask (adaLN-zero). Sums make the order of the modalities
irrelevant, and zero-initialised heads return the Gaussian law.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxdiff.typing import Array


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
    harmonics: int = 8
    """Sines and cosines of the noise angle."""


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


class GaitDenoiser(nn.Module):
    """`(noisy, theta, condition) -> F` for one stride; `F = 0` is the law itself."""

    parts: tuple[Part, ...]
    size: Size = Size()

    def setup(self):
        width = self.size.width
        self.encode_in = {p.name: nn.Dense(width) for p in self.parts}
        self.encode_out = {p.name: nn.Dense(width) for p in self.parts}
        self.enter = {p.name: nn.Dense(width, use_bias=False) for p in self.parts}
        self.masked = {p.name: nn.Dense(width, use_bias=False) for p in self.parts}
        self.head = {
            p.name: nn.Dense(p.components, kernel_init=nn.initializers.zeros) for p in self.parts
        }
        self.angle_in, self.angle_out = nn.Dense(width), nn.Dense(width)
        self.modulate = nn.Dense(3 * width, kernel_init=nn.initializers.normal(1e-2))
        self.body = nn.scan(
            Block,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            in_axes=nn.broadcast,
            length=self.size.blocks,
        )(self.size)
        self.norm = nn.LayerNorm()

    def encode(self, name: str, alone: Array, given: Array) -> Array:
        """Latent [width] of one modality from its own coefficients and the summary of its mask; 0
        if none is given.
        """
        x = jnp.concatenate([alone, given], axis=-1)
        latent = self.encode_out[name](nn.gelu(self.encode_in[name](x)))
        return jnp.where(jnp.any(given > 0), latent, 0.0)

    def __call__(self, noisy: Array, theta: Array, condition: Mapping[str, Array]) -> Array:
        """
        Args:
          noisy: whitened coefficients `cos(theta) u + sin(theta) eps`, [K].
          theta: noise angle in (0, pi/2].
          condition: `mean`, `deviation`, `alone` [K] and `given` [G] of
            `methods.gait_posterior.Conditional.condition`.

        Returns:
          F, [K]: the estimate of `sin(theta) u - cos(theta) eps`.
        """
        split = self._split(noisy, condition)
        order = jnp.arange(1, self.size.harmonics + 1) * theta
        angle = self.angle_out(
            nn.silu(self.angle_in(jnp.concatenate([jnp.cos(order), jnp.sin(order)])))
        )
        h, mask = jnp.zeros(self.size.width), jnp.zeros(self.size.width)
        for name, part in split.items():
            h = h + self.encode(name, part["alone"], part["given"])
            seen = [
                part["noisy"],
                part["noisy"] * part["deviation"],
                part["mean"],
                part["deviation"],
            ]
            h = h + self.enter[name](jnp.concatenate(seen))
            mask = mask + self.masked[name](part["given"])
        h, _ = self.body(h, self.modulate(nn.silu(angle + mask)))
        h = self.norm(h)
        return jnp.concatenate([self.head[part.name](h) for part in self.parts])

    def latents(self, whole: Array) -> dict[str, Array]:
        """Latent of each modality from its complete coefficients [K]; for alignment."""
        found, start = {}, 0
        for part in self.parts:
            alone = whole[start : start + part.components]
            found[part.name] = self.encode(part.name, alone, jnp.ones(part.given))
            start += part.components
        return found

    def _split(self, noisy: Array, condition: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        ends = _ends([p.components for p in self.parts])
        masks = _ends([p.given for p in self.parts])
        wide: dict[str, Any] = {
            "noisy": noisy,
            **{k: condition[k] for k in ("mean", "deviation", "alone")},
        }
        return {
            p.name: {
                **{key: value[end - p.components : end] for key, value in wide.items()},
                "given": condition["given"][mask - p.given : mask],
            }
            for p, end, mask in zip(self.parts, ends, masks)
        }


def _ends(sizes: Sequence[int]) -> list[int]:
    total, ends = 0, []
    for size in sizes:
        total += size
        ends.append(total)
    return ends


def count(params: Any) -> int:
    """Number of parameters."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))
