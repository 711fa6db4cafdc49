"""What a network predicts, and how to turn any such prediction into any other.

A noisy sample and every prediction are mixtures of the clean sample and the noise,

    x_t = alpha x0 + sigma eps,    prediction = p x0 + q eps,

so one table of `(p, q)` holds all there is to know: two mixtures determine `(x0, eps)` by Cramer's rule, and `(x0,
eps)` any third. `v = alpha eps - sigma x0` is Salimans & Ho (2022); the score is `∇ log p(x_t | x0) = -eps / sigma`.
LLMA and BioVAE predict x0, speed transfer eps.
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
        raise ConfigError(f"no prediction is called {kind!r}: {nearest(kind, PREDICTIONS)}")
    return PREDICTIONS[kind](alpha, sigma)


def target(kind: Prediction, x0: Array, eps: Array, alpha: ArrayLike, sigma: ArrayLike) -> Array:
    """What a network of this kind should say of `alpha x0 + sigma eps`."""
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
    """The prediction of kind `source` about `x_t`, said as one of kind `to`."""
    p, q = _mixture(source, alpha, sigma)
    r, s = _mixture(to, alpha, sigma)
    return ((r * q - s * p) * x_t + (s * alpha - r * sigma) * prediction) / (alpha * q - sigma * p)


def from_prediction(kind: Prediction, schedule: Schedule, network: Network) -> Denoiser:
    """The Denoiser of a network that predicts `kind`.

    The network is told the nearest training step, as it was in training; its answer is undone at the exact noise level
    of the real-valued `t`, which keeps Karras steps exact for networks that predict noise.
    """

    def denoise(x_t: Array, t: Array) -> Array:
        alpha, sigma = schedules.at(schedule, t, like=x_t)
        return convert(network(x_t, jnp.round(t).astype(jnp.int32)), x_t, alpha, sigma, kind, "x0")

    return denoise


def from_x0(network: Network) -> Denoiser:
    return lambda x_t, t: network(x_t, jnp.round(t).astype(jnp.int32))


def from_epsilon(schedule: Schedule, network: Network) -> Denoiser:
    return from_prediction("eps", schedule, network)


def from_velocity(schedule: Schedule, network: Network) -> Denoiser:
    return from_prediction("v", schedule, network)


def from_score(schedule: Schedule, network: Network) -> Denoiser:
    return from_prediction("score", schedule, network)
