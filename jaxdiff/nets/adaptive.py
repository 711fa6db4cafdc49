"""Transformer denoiser of paired tokens: noisy signal and condition enter token by token, the noise
level by adaLN.

    h   = encoder(in(c_in x_t) + pos, noise)                        the latent, from the noisy signal alone
    out = decoder(W h + in(everything known of this token) + pos, noise)

Every layer is a pre-norm transformer layer whose two norms are scaled, shifted and gated by the
noise level (adaLN, Peebles & Xie 2023), so that one network serves all levels. As noisy signal and
condition share a token, the output can follow either without attention; with attention alone, as in
`cross_modal.Body`, the noisy signal is ignored.

`WholeIn` and `WholeOut` are paths for the whole window beside the tokens: who walks is spread over
all of it, and a map from window to window is learned slowly token by token.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.blocks.attention import MultiHeadAttention
from jaxdiff.nets.blocks.embeddings import positions, sinusoid
from jaxdiff.nets.blocks.transformer import FeedForward, stacked
from jaxdiff.nets.cross_modal import Size

NOISE_SCALE = 50.0
"""Units of the sinusoid per unit of `c_noise`: its fastest component turns once in half a unit of
log noise level.
"""


class AdaptiveLayer(nn.Module):
    """Self-attention and a feed-forward network, normalised and gated by a code [width] of the
    noise level.
    """

    heads: int
    ff: int
    dropout: float = 0.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, code: jax.Array, deterministic: bool) -> jax.Array:
        width = x.shape[-1]
        first = nn.initializers.normal(0.02)
        change = nn.Dense(6 * width, dtype=self.dtype, kernel_init=first, name="modulation")(code)
        scale1, shift1, gate1, scale2, shift2, gate2 = jnp.split(change, 6, axis=-1)
        attend = MultiHeadAttention(self.heads, self.dropout, self.dtype, name="attention")
        feed = FeedForward(self.ff, nn.gelu, self.dropout, self.dtype, name="feed")
        h = _norm(self.dtype)(x) * (1 + scale1) + shift1
        x = x + (1 + gate1) * attend(h, deterministic=deterministic)
        h = _norm(self.dtype)(x) * (1 + scale2) + shift2
        return x + (1 + gate2) * feed(h, deterministic)


class AdaptiveBody(nn.Module):
    """From tokens [T, width] of the noisy signal and of what is known beside it to output tokens
    and the latent.
    """

    size: Size
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, noisy: jax.Array, known: jax.Array, noise: jax.Array, deterministic: bool = True
    ) -> tuple[jax.Array, jax.Array]:
        s = self.size
        code = nn.Dense(s.width, name="noise1")(sinusoid(NOISE_SCALE * noise, s.width))
        code = nn.silu(nn.Dense(s.width, name="noise2")(nn.silu(code))).astype(self.dtype)
        place = positions(noisy.shape[-2], s.width)
        latent = AdaptiveStack(s, self.dtype, name="encoder")(noisy + place, code, deterministic)
        latent = nn.LayerNorm(dtype=self.dtype, name="latent_norm")(latent)
        h = nn.Dense(s.width, dtype=self.dtype, name="enter")(latent) + known + place
        h = AdaptiveStack(s, self.dtype, name="decoder")(h, code, deterministic)
        change = nn.Dense(2 * s.width, dtype=self.dtype, name="out_modulation")(code)
        scale, shift = jnp.split(change, 2, axis=-1)
        return _norm(self.dtype)(h) * (1 + scale) + shift, latent


class WholeIn(nn.Module):
    """From features of the whole condition to every token: what identifies a person is spread over
    the window.
    """

    size: Size
    tokens: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, features: jax.Array) -> jax.Array:
        wide = nn.Dense(self.tokens * self.size.width, dtype=self.dtype)
        return wide(features.astype(self.dtype)).reshape(self.tokens, self.size.width)


class WholeOut(nn.Module):
    """Output in components of the whole window, zero at first: what linear regression does, with a
    gain per noise level.

    gain(noise) · (W features + W' mlp(features)) + gain'(noise) · noisy components + W'' tokens
    """

    components: int
    hidden: int = 128

    @nn.compact
    def __call__(
        self, tokens: jax.Array, features: jax.Array, noisy: jax.Array, noise: jax.Array
    ) -> jax.Array:
        hidden = nn.gelu(nn.Dense(self.hidden, name="hidden")(features))
        silent = nn.initializers.zeros
        mean = nn.Dense(self.components, kernel_init=silent, name="mean")(
            jnp.concatenate([features, hidden])
        )
        code = nn.silu(nn.Dense(self.hidden, name="noise")(sinusoid(NOISE_SCALE * noise, 64)))
        gain = nn.Dense(2 * self.components, kernel_init=silent, name="gain")(code)
        of_mean, of_noisy = jnp.split(gain, 2)
        rest = nn.Dense(self.components, kernel_init=silent, name="tokens")(tokens.reshape(-1))
        noisy = jnp.pad(noisy, (0, self.components - len(noisy)))
        return (1 + of_mean) * mean + of_noisy * noisy + rest


class AdaptiveStack(nn.Module):
    """Adaptive layers under one name."""

    size: Size
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, h: jax.Array, code: jax.Array, deterministic: bool) -> jax.Array:
        s = self.size
        run = stacked(AdaptiveLayer, s.layers, s.heads, s.ff, s.dropout, self.dtype)
        return run(h.astype(self.dtype), code, deterministic)


def _norm(dtype: Any) -> nn.Module:
    return nn.LayerNorm(dtype=dtype, use_scale=False, use_bias=False)
