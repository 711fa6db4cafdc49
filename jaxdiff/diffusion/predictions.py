"""Prediction types of a network (x0, eps, v, score) and conversions between them.

The noisy sample and every prediction are linear combinations of the clean sample and the noise,

    x_t = alpha x0 + sigma eps,    prediction = p x0 + q eps,

so a single table of `(p, q)` defines all prediction types: two combinations determine `(x0, eps)`
by Cramer's rule, and `(x0, eps)` determines any third. `v = alpha eps - sigma x0` follows Salimans
& Ho (2022); the score is `∇ log p(x_t | x0) = -eps / sigma`. The papers of LLMA and BioVAE predict
x0, that of speed transfer eps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdiff.diffusion import schedules
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Array, Denoiser, Schedule

Prediction = Literal["x0", "eps", "v", "score"]
Network = Callable[[Array, Array], Array]
"""`(x_t, t) -> prediction`, `t` an integer step."""

PREDICTIONS: dict[str, Callable[[ArrayLike, ArrayLike], tuple[ArrayLike, ArrayLike]]] = {
    "x0": lambda alpha, sigma: (1.0, 0.0),
    "eps": lambda alpha, sigma: (0.0, 1.0),
    "v": lambda alpha, sigma: (-sigma, alpha),
    "score": lambda alpha, sigma: (0.0, -1 / sigma),
}


def _mixture(kind: str, alpha: ArrayLike, sigma: ArrayLike) -> tuple[ArrayLike, ArrayLike]:
    if kind not in PREDICTIONS:
        raise ConfigError(f"unknown prediction type {kind!r}: {nearest(kind, PREDICTIONS)}")
    return PREDICTIONS[kind](alpha, sigma)


def target(kind: Prediction, x0: Array, eps: Array, alpha: ArrayLike, sigma: ArrayLike) -> Array:
    """Training target of a network with prediction type `kind`.

    Args:
      kind: the prediction type.
      x0: clean samples.
      eps: noise of the same shape.
      alpha: signal level, broadcastable to `x0`.
      sigma: noise level, likewise.

    Returns:
      The target, of the shape of `x0`.
    """
    p, q = _mixture(kind, alpha, sigma)
    return p * x0 + q * eps


def convert(
    prediction: Array,
    x_t: Array,
    alpha: ArrayLike,
    sigma: ArrayLike,
    source: Prediction,
    to: Prediction,
) -> Array:
    """Convert a prediction of type `source` to type `to`.

    Args:
      prediction: network output of type `source`.
      x_t: the noisy sample at which it was evaluated.
      alpha: signal level of `x_t`.
      sigma: noise level of `x_t`.
      source: type of `prediction`.
      to: requested type.

    Returns:
      The converted prediction.

    Examples:
      >>> from jaxdiff import predictions
      >>> round(float(predictions.convert(0.5, 1.1, 0.8, 0.6, "eps", "x0")), 4)
      1.0
    """
    p, q = _mixture(source, alpha, sigma)
    r, s = _mixture(to, alpha, sigma)
    return ((r * q - s * p) * x_t + (s * alpha - r * sigma) * prediction) / (alpha * q - sigma * p)


def from_prediction(kind: Prediction, schedule: Schedule, network: Network) -> Denoiser:
    """Denoiser of a network with prediction type `kind`.

    The network receives the nearest training step, as during training. Its output is converted at
    the exact noise level of the real-valued `t`, which keeps Karras steps exact for networks that
    predict noise.

    Args:
      kind: the prediction type.
      schedule: the noise schedule of training.
      network: `(x_t, t) -> prediction` with integer `t`.

    Returns:
      The denoiser `(x_t, t) -> x0_hat`.
    """

    def denoise(x_t: Array, t: Array) -> Array:
        alpha, sigma = schedules.at(schedule, t, like=x_t)
        return convert(network(x_t, jnp.round(t).astype(jnp.int32)), x_t, alpha, sigma, kind, "x0")

    return denoise


def from_x0(network: Network) -> Denoiser:
    """Denoiser of a network that predicts the clean sample.

    Args:
      network: `(x_t, t) -> x0` with integer `t`.

    Returns:
      The denoiser `(x_t, t) -> x0_hat`.
    """
    return lambda x_t, t: network(x_t, jnp.round(t).astype(jnp.int32))


def from_epsilon(schedule: Schedule, network: Network) -> Denoiser:
    """Denoiser of a network that predicts the noise.

    Args:
      schedule: the noise schedule of training.
      network: `(x_t, t) -> noise` with integer `t`.

    Returns:
      The denoiser `(x_t, t) -> x0_hat`.
    """
    return from_prediction("eps", schedule, network)


def from_velocity(schedule: Schedule, network: Network) -> Denoiser:
    """Denoiser of a network that predicts `v = alpha eps - sigma x0`.

    Args:
      schedule: the noise schedule of training.
      network: `(x_t, t) -> velocity` with integer `t`.

    Returns:
      The denoiser `(x_t, t) -> x0_hat`.
    """
    return from_prediction("v", schedule, network)


def from_score(schedule: Schedule, network: Network) -> Denoiser:
    """Denoiser of a network that predicts the score `-eps / sigma`.

    Args:
      schedule: the noise schedule of training.
      network: `(x_t, t) -> score` with integer `t`.

    Returns:
      The denoiser `(x_t, t) -> x0_hat`.
    """
    return from_prediction("score", schedule, network)
