"""Predictive score: utility of generated data for training.

Form `seq2seq` (LLMA, A.3): an LSTM trained on generated series reads the first half and predicts
the second; its mean absolute error on real series, in the unit of the data. Form `next_step`
(TimeGAN): a GRU reads all channels but the last and predicts the last one a step ahead, on data
scaled to [0, 1] by the real range. The two scores are not comparable.

Series are (n, T, D), normalised as the model's; equal seeds give equal scores. Report the same
score with real data in place of generated data as its lower bound.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.metrics.fitting import fit
from jaxdiff.typing import Array, Key


class Decoder(nn.Module):
    """Autoregressive LSTM decoder."""

    hidden: int

    @nn.compact
    def __call__(self, state: tuple, _: None) -> tuple:
        carry, frame = state
        carry, h = nn.OptimizedLSTMCell(self.hidden)(carry, frame)
        frame = nn.Dense(frame.shape[-1])(h)
        return (carry, frame), frame


class Seq2Seq(nn.Module):
    """An LSTM encodes the past [B, T, D]; a `Decoder` continues for `steps` frames."""

    hidden: int
    steps: int

    @nn.compact
    def __call__(self, past: Array) -> Array:
        carry, _ = nn.RNN(nn.OptimizedLSTMCell(self.hidden), return_carry=True)(past)
        scan = nn.scan(
            Decoder,
            variable_broadcast="params",
            split_rngs={"params": False},
            out_axes=1,
            length=self.steps,
        )
        return scan(self.hidden)((carry, past[:, -1]), None)[1]


class Reader(nn.Module):
    """A GRU over [B, T, D] with a scalar output per step [B, T]."""

    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return nn.Dense(1)(nn.RNN(nn.GRUCell(self.hidden))(x))[..., 0]


def predictive_score(
    real: ArrayLike,
    fake: ArrayLike,
    *,
    form: str = "seq2seq",
    hidden: int | None = None,
    steps: int = 1000,
    batch: int = 64,
    seed: int = 0,
) -> float:
    """Mean absolute error on `real` of a network trained on `fake`; `hidden` is 64 (`seq2seq`) or D
    // 2 (`next_step`).
    """
    x, x_fake = _series(real, fake)
    key = jax.random.key(seed)
    if form == "seq2seq":
        return float(_seq2seq(key, x, x_fake, hidden or 64, steps, batch))
    if form != "next_step":
        raise ConfigError(
            f"no predictive score {form!r}; {nearest(form, ('seq2seq', 'next_step'))}"
        )
    if x.shape[-1] < 2:
        raise DataError(
            "the next-step form predicts the last channel from the others: it needs 2 channels or"
            " more"
        )
    low = x.min((0, 1))
    width = jnp.maximum(x.max((0, 1)) - low, 1e-12)
    hidden = hidden or max(x.shape[-1] // 2, 1)
    return float(_next_step(key, (x - low) / width, (x_fake - low) / width, hidden, steps, batch))


@partial(jax.jit, static_argnames=("hidden", "steps", "batch"))
def _seq2seq(key: Key, real: Array, fake: Array, hidden: int, steps: int, batch: int) -> Array:
    half = real.shape[1] // 2
    net = Seq2Seq(hidden, real.shape[1] - half)

    def error(params, x):
        return jnp.abs(net.apply(params, x[:, :half]) - x[:, half:]).mean()

    start, train = jax.random.split(key)
    params = net.init(start, fake[:1, :half])
    loss = lambda params, index, _: error(params, fake[index])  # noqa: E731
    params, _ = fit(
        train, loss, params, len(fake), steps=steps, batch=batch, optimiser=_adam(steps)
    )
    return error(params, real)


@partial(jax.jit, static_argnames=("hidden", "steps", "batch"))
def _next_step(key: Key, real: Array, fake: Array, hidden: int, steps: int, batch: int) -> Array:
    net = Reader(hidden)

    def error(params, x):
        return jnp.abs(nn.sigmoid(net.apply(params, x[:, :-1, :-1])) - x[:, 1:, -1]).mean()

    start, train = jax.random.split(key)
    params = net.init(start, fake[:1, :-1, :-1])
    loss = lambda params, index, _: error(params, fake[index])  # noqa: E731
    params, _ = fit(
        train, loss, params, len(fake), steps=steps, batch=batch, optimiser=_adam(steps)
    )
    return error(params, real)


def _adam(steps: int) -> optax.GradientTransformation:
    return optax.chain(
        optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(5e-3, steps, 0.05))
    )


def _series(real: ArrayLike, fake: ArrayLike) -> tuple[Array, Array]:
    real, fake = np.asarray(real, np.float32), np.asarray(fake, np.float32)
    if (
        real.ndim != 3
        or fake.ndim != 3
        or real.shape[1:] != fake.shape[1:]
        or min(len(real), len(fake)) < 1
    ):
        raise DataError(
            f"real and generated series must be (n, T, D) with equal T and D; got {real.shape},"
            f" {fake.shape}"
        )
    return jnp.asarray(real), jnp.asarray(fake)
