"""Preconditioning of Karras et al. (2022, section 5 and Table 1): a network trained at unit scale
on every noise level.

With the noise-to-signal ratio `r = sigma / alpha` of the sample `x_t = alpha x0 + sigma eps` and
data of mean `m` and deviation `s`,

    x0_hat = m + c_skip (x_t / alpha - m) + c_out F(c_in (x_t / alpha - m), c_noise)

    c_skip = s² / (r² + s²)      c_in    = 1 / √(r² + s²)
    c_out  = r s / √(r² + s²)    c_noise = log(r) / 4

The input of F and its training target have variance one at every level, and `F = 0` is the exact
posterior mean of Gaussian data. The squared error of x0 weighted by `1 / c_out²` is the squared
error of F. The noise levels that training visits are log-normal in r, which spends them where there
is something to learn.

`Schedule`, `Grid` and `Solver` are unaffected: `denoiser` makes an ordinary `Denoiser` of such a
network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdiff.diffusion import schedules
from jaxdiff.typing import Array, Denoiser, Key, Schedule

Network = Callable[[Array, Array], Array]
"""`(c_in x, c_noise) -> F`; `c_noise` is a scalar, or one value per example."""


class Coefficients(NamedTuple):
    """The four functions of the noise level; each broadcasts like the ratio against the deviation
    of the data.
    """

    skip: Array
    out: Array
    input: Array
    noise: Array


def coefficients(ratio: ArrayLike, deviation: ArrayLike = 1.0) -> Coefficients:
    """The coefficients at a noise-to-signal ratio.

    Args:
      ratio: `sigma / alpha`, positive.
      deviation: standard deviation of the data, a scalar or anything that broadcasts against
        `ratio` (per channel).

    Returns:
      `c_skip`, `c_out`, `c_in` and `c_noise`.
    """
    ratio, deviation = jnp.asarray(ratio), jnp.asarray(deviation)
    inverse = 1 / jnp.hypot(ratio, deviation)
    return Coefficients(
        skip=jnp.square(deviation * inverse),
        out=ratio * deviation * inverse,
        input=inverse,
        noise=0.25 * jnp.log(ratio),
    )


def loss_weight(ratio: ArrayLike, deviation: ArrayLike = 1.0) -> Array:
    """`1 / c_out²`: the weight on the squared error of x0 that makes it the squared error of the
    network.

    Args:
      ratio: noise-to-signal ratio `sigma / alpha`.
      deviation: standard deviation of the data.

    Returns:
      The weight, broadcast like `ratio`.
    """
    return 1 / jnp.square(coefficients(ratio, deviation).out)


def network_input(
    x_t: Array,
    alpha: ArrayLike,
    sigma: ArrayLike,
    deviation: ArrayLike = 1.0,
    mean: ArrayLike = 0.0,
) -> Array:
    """`c_in (x_t / alpha - mean)`, of unit variance; finite also where alpha vanishes.

    Args:
      x_t: noisy samples.
      alpha: signal level.
      sigma: noise level.
      deviation: standard deviation of the data.
      mean: mean of the data.

    Returns:
      The samples at unit variance.
    """
    scale = jnp.sqrt(jnp.square(sigma) + jnp.square(jnp.multiply(alpha, deviation)))
    return (x_t - jnp.multiply(alpha, mean)) / scale


def clean(
    output: Array,
    x_t: Array,
    alpha: ArrayLike,
    sigma: ArrayLike,
    deviation: ArrayLike = 1.0,
    mean: ArrayLike = 0.0,
) -> Array:
    """The estimate of x0 that a network output stands for; `output = 0` gives the posterior mean of
    Gaussian data.

    Args:
      output: F, in the shape of `x_t`.
      x_t: `alpha x0 + sigma eps`.
      alpha: signal level, broadcasting against `x_t`.
      sigma: noise level, likewise.
      deviation: standard deviation of the data (scalar or per channel).
      mean: mean of the data, or a first guess of x0 whose error has that deviation.

    Returns:
      The estimate of the clean sample.
    """
    variance = jnp.square(deviation)
    total = jnp.square(sigma) + jnp.square(alpha) * variance
    gain = alpha * variance / total
    scale = sigma * deviation * jax.lax.rsqrt(total)
    return mean + gain * (x_t - jnp.multiply(alpha, mean)) + scale * output


def target(
    x0: Array,
    eps: Array,
    alpha: ArrayLike,
    sigma: ArrayLike,
    deviation: ArrayLike = 1.0,
    mean: ArrayLike = 0.0,
) -> Array:
    """The output for which `clean` returns x0,
    `(sigma (x0 - mean) / s - alpha s eps) / √(sigma² + alpha² s²)`.

    Args:
      x0: clean samples.
      eps: noise of the same shape.
      alpha: signal level.
      sigma: noise level.
      deviation: standard deviation of the data.
      mean: mean of the data.

    Returns:
      What the network should return.
    """
    scale = jnp.sqrt(jnp.square(sigma) + jnp.square(jnp.multiply(alpha, deviation)))
    return (
        jnp.multiply(sigma, x0 - mean) / deviation - jnp.multiply(alpha, deviation) * eps
    ) / scale


def denoiser(
    schedule: Schedule, network: Network, deviation: ArrayLike = 1.0, mean: ArrayLike = 0.0
) -> Denoiser:
    """The `Denoiser` of a preconditioned network, at the exact noise level of a real-valued step.

    Args:
      schedule: the schedule whose steps `t` a grid counts in.
      network: `(c_in (x_t / alpha - mean), c_noise) -> F`.
      deviation: standard deviation of the data (scalar or per channel).
      mean: mean of the data or a first guess.

    Returns:
      `(x_t, t) -> x0_hat`, with `t` a scalar or one step per example.
    """

    def denoise(x_t: Array, t: Array) -> Array:
        alpha, sigma = schedules.at(schedule, t, like=x_t)
        noise = noise_label(*schedules.at(schedule, t))
        output = network(network_input(x_t, alpha, sigma, deviation, mean), noise)
        return clean(output, x_t, alpha, sigma, deviation, mean)

    return denoise


def noise_label(alpha: ArrayLike, sigma: ArrayLike) -> Array:
    """`c_noise = log(sigma / alpha) / 4`: what the network is conditioned on in place of a step.

    Args:
      alpha: signal level.
      sigma: noise level.

    Returns:
      The noise level as the network receives it.
    """
    return 0.25 * (jnp.log(sigma) - jnp.log(alpha))


def log_normal(uniform: ArrayLike, mean: float = -1.2, deviation: float = 1.2) -> Array:
    """The log-normal quantile `exp(mean + deviation Φ⁻¹(uniform))`.

    Evenly spaced `uniform` values give stratified noise levels, which lowers the variance of the
    loss.

    Args:
      uniform: values in (0, 1).
      mean: of the logarithm.
      deviation: of the logarithm.

    Returns:
      Noise-to-signal ratios.
    """
    return jnp.exp(mean + deviation * jax.scipy.special.ndtri(jnp.asarray(uniform, jnp.float32)))


def sample_ratio(
    key: Key, shape: tuple[int, ...] = (), mean: float = -1.2, deviation: float = 1.2
) -> Array:
    """Noise-to-signal ratios `sigma / alpha` drawn log-normally (Karras et al.: -1.2, 1.2 for data
    of deviation 0.5).

    Args:
      key: random key.
      shape: of the result.
      mean: of the logarithm.
      deviation: of the logarithm.

    Returns:
      Noise-to-signal ratios.
    """
    return log_normal(jax.random.uniform(key, shape, minval=1e-6, maxval=1 - 1e-6), mean, deviation)


def step(schedule: Schedule, ratio: ArrayLike) -> Array:
    """The real-valued step of a schedule at which `sigma / alpha` is this ratio; ratios beyond its
    ends give the ends.

    Args:
      schedule: the schedule.
      ratio: noise-to-signal ratios.

    Returns:
      The real-valued steps at which the schedule has them.
    """
    return schedules.t_of_log_snr(schedule, -2 * jnp.log(ratio))
