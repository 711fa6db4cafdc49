"""The two networks of LLMA (paper 4.4, appendix A.2), of one architecture.

    h = encoder(in(x_t) + pos + time(t))                          the latent h_X(X_t, t)
    x0_hat = out(decoder(queries = condition(y) + pos + time(t), memory = h))

`in`, `condition` and `out` are linear and fit the channels of the modalities; the `Body` between
them is the same for both directions, so the two can run as one batched computation. `patch` samples
share a token (1 in the paper): signals of two strides have little above the 25th harmonic, and
attention costs the square of the number of tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.nets.blocks.embeddings import positions, sinusoid
from jaxdiff.nets.blocks.transformer import Decoder, Encoder


class Size(NamedTuple):
    """How large the networks are."""

    width: int = 128
    heads: int = 8
    layers: int = 4
    """Of the encoder, and again of the decoder."""
    ff: int = 512
    patch: int = 1
    """Samples per token."""
    dropout: float = 0.1


SIZES = {
    "tiny": Size(width=16, heads=2, layers=1, ff=32, patch=10, dropout=0.0),
    "brief": Size(width=64, heads=4, layers=1, ff=128, patch=10, dropout=0.0),
    "small": Size(width=64, heads=4, layers=2, ff=128, patch=5, dropout=0.0),
    "medium": Size(width=128, heads=4, layers=3, ff=256, patch=5, dropout=0.1),
    "paper128": Size(width=128, heads=8, layers=4, ff=512),
    "paper25m": Size(width=512, heads=8, layers=4, ff=1536),
}
"""`paper128` has the width the paper prints, `paper25m` the number of parameters it prints (they
disagree).
"""


def size(name: str) -> Size:
    """The size of that name."""
    if name not in SIZES:
        raise ConfigError(f"no network size {name!r}; {nearest(name, SIZES)}")
    return SIZES[name]


class Body(nn.Module):
    """From projected noise and condition `(tokens, width)` and a step `t` to the output and the
    latent.
    """

    size: Size
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, noisy: jax.Array, condition: jax.Array, t: jax.Array, deterministic: bool = True
    ) -> tuple[jax.Array, jax.Array]:
        s = self.size
        options = {
            "activation": nn.gelu,
            "norm_first": True,
            "final_norm": True,
            "dropout": s.dropout,
        }
        time = nn.Dense(s.width, dtype=self.dtype, name="time1")(sinusoid(t, s.width))
        time = nn.Dense(s.width, dtype=self.dtype, name="time2")(nn.silu(time))
        place = positions(noisy.shape[-2], s.width) + time[..., None, :]
        encoder = Encoder(s.layers, s.heads, s.ff, dtype=self.dtype, name="encoder", **options)
        decoder = Decoder(s.layers, s.heads, s.ff, dtype=self.dtype, name="decoder", **options)
        latent = encoder(noisy + place, deterministic=deterministic)
        return decoder(condition + place, latent, deterministic=deterministic), latent


class Into(nn.Module):
    """Linear map of `(L, channels)` to tokens `(L / patch, width)`."""

    size: Size
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        patches = x.reshape(*x.shape[:-2], -1, self.size.patch * x.shape[-1])
        return nn.Dense(self.size.width, dtype=self.dtype)(patches)


class OutOf(nn.Module):
    """Linear map of tokens `(L / patch, width)` to `(L, channels)`, float32."""

    size: Size
    channels: int
    dtype: Any = jnp.float32
    silent: bool = False
    """Zero at first: for networks that are added to a given prediction."""

    @nn.compact
    def __call__(self, tokens: jax.Array) -> jax.Array:
        first = nn.initializers.zeros if self.silent else nn.linear.default_kernel_init
        patches = nn.Dense(self.size.patch * self.channels, dtype=self.dtype, kernel_init=first)(
            tokens
        )
        return patches.reshape(*tokens.shape[:-2], -1, self.channels).astype(jnp.float32)
