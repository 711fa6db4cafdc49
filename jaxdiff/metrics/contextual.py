"""Context-FID (Diffusion-TS, after Jeha et al. 2022): Fréchet distance between learned representations of whole series.

The representation is TS2Vec (Yue et al. 2022), trained here on the real series: a stack of dilated convolutions over masked inputs,
trained so that two overlapping crops of a series agree where they overlap, step by step (against other steps) and series by
series (against other series), at every scale of a max-pooling pyramid. A series is encoded as the maximum over its time.

Crops have a fixed length and random places, so that training is one compiled scan; otherwise as in the reference (10 blocks
of width 64, output 320, AdamW 1e-3, batch 8). Fit one encoder per split and use it for every model of a table: values under
different encoders do not compare. Series must be normalised as the model's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError
from jaxdiff.metrics.distribution import frechet
from jaxdiff.metrics.fitting import fit
from jaxdiff.typing import Array, Key


class DilatedBlock(nn.Module):
    """`x + conv(gelu(conv(gelu(x))))`, kernel 3, with a linear path where the width changes."""

    width: int
    dilation: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = x
        for _ in range(2):
            h = nn.Conv(self.width, (3,), kernel_dilation=(self.dilation,))(nn.gelu(h))
        return h + (x if x.shape[-1] == self.width else nn.Dense(self.width)(x))


class TS2Vec(nn.Module):
    """Series (B, T, D) -> representations (B, T, output). `keep` (B, T) masks steps in training."""

    width: int = 64
    output: int = 320
    depth: int = 10

    @nn.compact
    def __call__(self, x: Array, keep: Array | None = None, train: bool = False) -> Array:
        h = nn.Dense(self.width)(x)
        h = h if keep is None else h * keep[..., None]
        for i in range(self.depth):
            h = DilatedBlock(self.width, 2**i)(h)
        h = DilatedBlock(self.output, 2**self.depth)(h)
        return nn.Dropout(0.1)(h, deterministic=not train)


def hierarchical_contrast(z1: Array, z2: Array) -> Array:
    """TS2Vec's loss of two views (B, T, d) of the same steps: half instance, half temporal contrast, mean over the scales."""
    losses = []
    while z1.shape[1] > 1:
        losses.append(
            0.5 * _contrast(z1.swapaxes(0, 1), z2.swapaxes(0, 1)) + 0.5 * _contrast(z1, z2)
        )
        z1, z2 = (nn.max_pool(z, (2,), (2,)) for z in (z1, z2))
    losses.append(0.5 * _contrast(z1.swapaxes(0, 1), z2.swapaxes(0, 1)))
    return jnp.mean(jnp.stack(losses))


def _contrast(z1: Array, z2: Array) -> Array:
    """Within each group (G, n, d): every row of one view must find its partner among the 2n - 1 other rows."""
    n = z1.shape[1]
    if n == 1:
        return jnp.zeros(())
    z = jnp.concatenate([z1, z2], axis=1)
    logits = jnp.where(jnp.eye(2 * n, dtype=bool), -jnp.inf, z @ z.swapaxes(1, 2))
    row = jnp.arange(2 * n)
    return -jax.nn.log_softmax(logits)[:, row, (row + n) % (2 * n)].mean()


def fit_encoder(
    real: ArrayLike,
    *,
    steps: int | None = None,
    batch: int = 8,
    seed: int = 0,
    net: TS2Vec | None = None,
) -> Callable[[ArrayLike], np.ndarray]:
    """Trains TS2Vec on series (n, T, D); the result maps series to vectors (n, output).

    `steps` is 600 for more than 100 000 numbers and 200 otherwise, as in the reference. The dilation stops where a block
    would reach beyond the series.
    """
    x = _series(real)
    net = net or TS2Vec(depth=min(10, max(1, int(np.log2(x.shape[1])))))
    steps = steps or (600 if x.size > 100_000 else 200)
    params = _train(jax.random.key(seed), x, net, steps, min(batch, len(x)))
    return lambda series: np.asarray(_encode(params, _series(series), net))


def context_fid(
    real: ArrayLike, fake: ArrayLike, encode: Callable[[ArrayLike], np.ndarray] | None = None
) -> float:
    """Fréchet distance between representations of real and generated series (n, T, D)."""
    encode = encode or fit_encoder(real)
    return frechet(encode(real), encode(fake))


@partial(jax.jit, static_argnames=("net", "steps", "batch"))
def _train(key: Key, x: Array, net: TS2Vec, steps: int, batch: int) -> Any:
    shift = max(x.shape[1] // 8, 1)
    view = max(x.shape[1] - 2 * shift, shift + 2)  # two crops, `shift` apart, with room to move

    def loss(params, index, key):
        place, first, second, drop1, drop2 = jax.random.split(key, 5)
        start = jax.random.randint(place, (batch,), 0, x.shape[1] - view - shift + 1)
        z = []
        for offset, mask, drop in ((0, first, drop1), (shift, second, drop2)):
            crop = jax.vmap(
                lambda series, s, o=offset: jax.lax.dynamic_slice_in_dim(series, s + o, view)
            )(x[index], start)
            keep = jax.random.bernoulli(mask, 0.5, crop.shape[:2])
            z.append(net.apply(params, crop, keep, train=True, rngs={"dropout": drop}))
        return hierarchical_contrast(z[0][:, shift:], z[1][:, :-shift])

    start, train = jax.random.split(key)
    params = net.init(start, x[:1])
    optimiser = optax.adamw(1e-3, weight_decay=1e-2)
    return fit(train, loss, params, len(x), steps=steps, batch=batch, optimiser=optimiser)[0]


@partial(jax.jit, static_argnames="net")
def _encode(params: Any, x: Array, net: TS2Vec) -> Array:
    return jax.lax.map(lambda series: net.apply(params, series[None])[0].max(0), x, batch_size=64)


def _series(x: ArrayLike) -> Array:
    x = np.asarray(x, np.float32)
    if x.ndim != 3 or x.shape[1] < 4 or len(x) < 2:
        raise DataError(
            f"context-FID needs two or more series (n, T, D) of 4 steps or more; got shape {x.shape}"
        )
    return jnp.asarray(x)
