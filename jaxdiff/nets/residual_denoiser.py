"""The network of speed transfer: a FiLM transformer over residual and source, conditioned on
subject and speeds (II.D).

    c       = W [z_subject, MLP([v_src, v_tgt, v_tgt - v_src, v_tgt / (v_src + 1e-6)])]            (eq. 4)
    eps_hat = FiLMTransformer([r_t, x_src], t, c)

`patch` samples share a token (1 in the paper): the cost of attention grows with the square of the
number of tokens.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.nets.film_transformer import FiLMTransformer
from jaxdiff.nets.subject_encoder import encoder


class Size(NamedTuple):
    """Widths; those the paper does not give are of GaitDynamics' smaller model."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    ff: int = 1024
    time: int = 128
    """Width of the sinusoid of the noise level."""
    condition: int = 64
    """Width of the condition, and of the subject's and the speeds' embeddings."""
    lstm: int = 64
    """Hidden units of the subject encoder, each way."""
    patch: int = 1
    dropout: float = 0.1
    encoder: str = "lstm"
    """Of the subject: `lstm`, as in the paper, or `conv`, which does not step through time."""


SIZES = {
    "tiny": Size(
        width=16, layers=1, heads=2, ff=32, time=16, condition=8, lstm=8, patch=10, dropout=0.0
    ),
    "small": Size(width=64, layers=3, ff=128, time=64, condition=32, lstm=16, patch=5),
    "stride": Size(layers=2, ff=512, time=64, lstm=32, patch=30),
    "paper": Size(),
}
"""`stride` has tokens of 1.5 s at 20 Hz, about a stride. `paper` has GaitDynamics' smaller width.
"""


def size(name: str) -> Size:
    """The size of that name."""
    if name not in SIZES:
        raise ConfigError(f"no network size {name!r}; {nearest(name, SIZES)}")
    return SIZES[name]


class ResidualDenoiser(nn.Module):
    """`(r_t (..., T, D), x_src (..., T, D), t (...), c (..., condition)) -> eps_hat (..., T, D)`,
    float32.
    """

    features: int
    size: Size
    dtype: Any = jnp.float32

    def setup(self):
        s = self.size
        self.subject = encoder(s.encoder, s.condition, s.lstm)
        self.speed = nn.Sequential([nn.Dense(s.condition), nn.silu, nn.Dense(s.condition)])
        self.join = nn.Dense(s.condition)
        self.backbone = FiLMTransformer(
            s.patch * self.features,
            width=s.width,
            layers=s.layers,
            heads=s.heads,
            ff=s.ff,
            time_width=s.time,
            condition_width=s.condition,
            dropout=s.dropout,
            dtype=self.dtype,
        )

    def embed(self, source: jax.Array) -> jax.Array:
        """The subject's embedding (..., condition), of length one."""
        return self.subject(self.tokens(source))

    def tokens(self, x: jax.Array) -> jax.Array:
        """(..., T, D) -> (..., T / patch, patch D)."""
        frames, patch = x.shape[-2], self.size.patch
        if frames % patch:
            raise DataError(f"{frames} frames do not divide into tokens of {patch}")
        return x.reshape(*x.shape[:-2], frames // patch, patch * x.shape[-1])

    def condition(self, z: jax.Array, speeds: jax.Array) -> jax.Array:
        """The condition of the backbone (..., condition) from subject embedding and speeds (...,
        n); constant over t.
        """
        return self.join(jnp.concatenate([z, self.speed(speeds)], -1))

    def __call__(
        self,
        r_t: jax.Array,
        source: jax.Array,
        t: jax.Array,
        condition: jax.Array,
        deterministic: bool = True,
    ) -> jax.Array:
        tokens = self.tokens(jnp.concatenate([r_t, source], -1))
        return self.backbone(tokens, t, condition, deterministic).reshape(r_t.shape)

    def everything(
        self, r_t: jax.Array, source: jax.Array, t: jax.Array, speeds: jax.Array
    ) -> jax.Array:
        """Use every parameter once, for initialisation."""
        return self(r_t, source, t, self.condition(self.embed(source), speeds))
