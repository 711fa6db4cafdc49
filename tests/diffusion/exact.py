"""Denoisers in closed form: `E[x0 | x_t]` where the data are a mixture of diagonal Gaussians."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff import schedules


def posterior_mean(x, alpha, sigma, means, stds, weights):
    """`Σ_k r_k [mu_k + alpha S_k² / var_k (x - alpha mu_k)]` with `var_k = alpha² S_k² + sigma²`; x
    is (B, …).
    """
    distance = x[:, None] - alpha * means
    variance = alpha**2 * stds**2 + sigma**2
    axes = tuple(range(2, distance.ndim))
    logit = jnp.log(weights) - 0.5 * jnp.sum(distance**2 / variance + jnp.log(variance), axes)
    share = jax.nn.softmax(logit, axis=1).reshape(logit.shape + (1,) * len(axes))
    return jnp.sum(share * (means + alpha * stds**2 / variance * distance), axis=1)


def mixture(schedule, means, stds, weights):
    """The Denoiser of this mixture, at the exact noise level of a real-valued t."""
    means, stds, weights = (jnp.asarray(value, jnp.float32) for value in (means, stds, weights))
    return lambda x, t: posterior_mean(x, *schedules.at(schedule, t), means, stds, weights)


def gaussian(schedule, mean, std):
    return mixture(schedule, np.full((1, 1), mean), np.full((1, 1), std), np.ones(1))
