"""Sinusoids: where in a sequence, or at which noise level. Always float32, whatever the network
computes in.

Three conventions meet here, and they are not the same numbers:

    interleaved   P[p, 2i] = sin(p w_i),  P[p, 2i+1] = cos(p w_i),  w_i = 10000^(-2i/d)        (Transformer, StableMoFusion)
    concatenated  [sin(t f) | cos(t f)],  f_i = 10000^(-i/(d/2-1))                             (GaitDynamics)
    rotary        (a, b) -> (a cos - b sin, b cos + a sin) on pairs (2i, 2i+1), angle p w_i    (over the full width)
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

BASE = 10000.0


def sinusoid(position: jax.Array, width: int) -> jax.Array:
    """The interleaved sinusoid of real-valued positions `(...)`, shape `(..., width)`.

    The frequencies are rounded to float32 as PyTorch rounds them: at t = 999 another rounding moves
    the sine by 2e-5.
    """
    frequency = np.exp(
        np.arange(0, width, 2, dtype=np.float32) * np.float32(-math.log(BASE) / width)
    )
    angle = jnp.asarray(position, jnp.float32)[..., None] * frequency
    return jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1).reshape(*angle.shape[:-1], -1)[
        ..., :width
    ]


def positions(length: int, width: int) -> np.ndarray:
    """The interleaved sinusoid of positions `0 … length - 1`, a constant table
    `(length, width)`.
    """
    frequency = np.exp(np.arange(0, width, 2) * (-math.log(BASE) / width))
    angle = np.arange(length)[:, None] * frequency
    table = np.stack([np.sin(angle), np.cos(angle)], -1).reshape(length, -1)
    return table[:, :width].astype(np.float32)


def sinusoid_concatenated(t: jax.Array, width: int) -> jax.Array:
    """The concatenated sinusoid of noise levels `t (...)`, shape `(..., width)`; `width` is
    even.
    """
    half = width // 2
    frequency = np.exp(np.arange(half, dtype=np.float32) * np.float32(-math.log(BASE) / (half - 1)))
    angle = jnp.asarray(t, jnp.float32)[..., None] * frequency
    return jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], -1)


def rotate(x: jax.Array) -> jax.Array:
    """Rotary positions `0 … L-1` on `x (..., L, width)`, over the full width and before any
    projection.
    """
    length, width = x.shape[-2:]
    angle = np.arange(length)[:, None] * BASE ** (-np.arange(0, width, 2) / width)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    pairs = x.astype(jnp.float32).reshape(*x.shape[:-1], width // 2, 2)
    a, b = pairs[..., 0], pairs[..., 1]
    return jnp.stack([a * cos - b * sin, b * cos + a * sin], -1).reshape(x.shape).astype(x.dtype)
