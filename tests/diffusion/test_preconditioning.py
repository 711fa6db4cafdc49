"""Preconditioning against closed forms: Gaussian data, for which everything is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion.exact import gaussian, mixture

from jaxdiff import grids, schedules, solvers
from jaxdiff.diffusion import preconditioning as edm
from jaxdiff.diffusion.sampling import sample

SCHEDULE = schedules.linear()
STEPS = (0, 40, 200, 431.7, 800, 999)


def zero(x, noise):
    return jnp.zeros_like(x)


@pytest.mark.parametrize("t", STEPS)
def test_zero_output_is_the_exact_posterior_mean_of_gaussian_data(t):
    x_t = jax.random.normal(jax.random.key(0), (32, 1))
    estimate = edm.denoiser(SCHEDULE, zero, 0.3, 0.7)(x_t, jnp.float32(t))
    np.testing.assert_allclose(
        estimate, gaussian(SCHEDULE, 0.7, 0.3)(x_t, jnp.float32(t)), atol=2e-5
    )


@pytest.mark.parametrize("t", STEPS)
def test_input_and_target_have_unit_variance_at_every_level(t):
    deviation = jnp.array([0.05, 0.5, 3.0])
    x0 = 2.0 + deviation * jax.random.normal(jax.random.key(0), (40_000, 3))
    eps = jax.random.normal(jax.random.key(1), x0.shape)
    alpha, sigma = schedules.at(SCHEDULE, jnp.float32(t))
    x_t = alpha * x0 + sigma * eps
    for values in (
        edm.network_input(x_t, alpha, sigma, deviation, 2.0),
        edm.target(x0, eps, alpha, sigma, deviation, 2.0),
    ):
        np.testing.assert_allclose(values.var(0), 1.0, atol=0.03)
        np.testing.assert_allclose(values.mean(0), 0.0, atol=0.03)


@pytest.mark.parametrize("t", STEPS)
def test_target_gives_the_clean_sample_back_and_weighting_makes_errors_those_of_the_network(t):
    x0, eps, output = jax.random.normal(jax.random.key(0), (3, 500, 2))
    alpha, sigma = schedules.at(SCHEDULE, jnp.float32(t))
    x_t, deviation = alpha * x0 + sigma * eps, 0.4
    wanted = edm.target(x0, eps, alpha, sigma, deviation)
    np.testing.assert_allclose(
        edm.clean(wanted, x_t, alpha, sigma, deviation), x0, rtol=1e-3, atol=2e-4
    )
    error = edm.clean(output, x_t, alpha, sigma, deviation) - x0
    weighted = edm.loss_weight(sigma / alpha, deviation) * jnp.square(error).mean()
    np.testing.assert_allclose(weighted, jnp.square(output - wanted).mean(), rtol=2e-3)


def test_coefficients_are_those_of_the_printed_table():
    r, s = np.array([0.002, 0.5, 80.0]), 0.5
    c = edm.coefficients(r, s)
    np.testing.assert_allclose(c.skip, s**2 / (r**2 + s**2), rtol=1e-5)
    np.testing.assert_allclose(c.out, r * s / np.sqrt(r**2 + s**2), rtol=1e-5)
    np.testing.assert_allclose(c.input, 1 / np.sqrt(r**2 + s**2), rtol=1e-5)
    np.testing.assert_allclose(c.noise, np.log(r) / 4, rtol=1e-5)


def test_both_spellings_agree_and_the_network_sees_the_exact_level():
    seen = []

    def network(x, noise):
        seen.append((x, noise))
        return 0.1 * x

    x_t, t = jnp.linspace(-2, 2, 10)[:, None], jnp.float32(431.7)
    estimate = edm.denoiser(SCHEDULE, network, 0.4)(x_t, t)
    alpha, sigma = schedules.at(SCHEDULE, t)
    c = edm.coefficients(sigma / alpha, 0.4)
    ((x, noise),) = seen
    np.testing.assert_allclose(x, c.input * x_t / alpha, rtol=1e-5)
    np.testing.assert_allclose(noise, c.noise, rtol=1e-5)
    np.testing.assert_allclose(estimate, c.skip * x_t / alpha + c.out * 0.1 * x, rtol=1e-5)


def test_sampling_gaussian_data_with_zero_output_gives_its_mean_and_deviation():
    """Karras' levels and DPM-Solver++ as everywhere: nothing else changes."""
    start = jax.random.normal(jax.random.key(0), (20_000, 1))
    denoise = edm.denoiser(SCHEDULE, zero, 0.3, 0.7)
    drawn = sample(None, denoise, grids.karras(SCHEDULE, 40), solvers.heun(), start)
    np.testing.assert_allclose(drawn.mean(), 0.7, atol=0.01)
    np.testing.assert_allclose(drawn.std(), 0.3, rtol=0.02)


def test_one_step_per_example():
    x_t, t = jnp.ones((3, 4, 2)), jnp.array([10.0, 500.0, 900.0])
    denoise = edm.denoiser(SCHEDULE, lambda x, noise: x * noise[:, None, None], 0.5)
    alone = edm.denoiser(SCHEDULE, lambda x, noise: x * noise, 0.5)
    for i in range(3):
        np.testing.assert_allclose(denoise(x_t, t)[i], alone(x_t[i], t[i]), rtol=1e-5)


def test_a_perfect_network_learns_what_the_gaussian_part_cannot_say():
    """Two points: with the target's conditional mean as F, the estimate is the mixture's."""
    exact = mixture(SCHEDULE, np.array([[-1.0], [1.0]]), np.full((2, 1), 0.05), np.full(2, 0.5))

    def network(x, noise):
        ratio = jnp.exp(4 * noise)
        alpha = 1 / jnp.sqrt(1 + ratio**2)
        c = edm.coefficients(ratio, 1.0)
        x_t = alpha * x / c.input
        t = edm.step(SCHEDULE, ratio)
        return (exact(x_t, t) - c.skip * x_t / alpha) / c.out

    x_t = jnp.linspace(-2, 2, 21)[:, None]
    for t in (100.0, 431.7, 700.0):
        estimate = edm.denoiser(SCHEDULE, network)(x_t, jnp.float32(t))
        np.testing.assert_allclose(estimate, exact(x_t, jnp.float32(t)), atol=2e-3)


def test_levels_are_log_normal_and_steps_are_where_the_schedule_has_them():
    ratio = edm.sample_ratio(jax.random.key(0), (20_000,), -1.0, 0.8)
    np.testing.assert_allclose(jnp.log(ratio).mean(), -1.0, atol=0.02)
    np.testing.assert_allclose(jnp.log(ratio).std(), 0.8, atol=0.02)
    np.testing.assert_allclose(edm.log_normal(0.5, -1.0, 0.8), np.exp(-1.0), rtol=1e-5)
    alpha, sigma = schedules.at(SCHEDULE, edm.step(SCHEDULE, ratio))
    inside = (ratio > 0.011) & (ratio < 100)
    np.testing.assert_allclose((sigma / alpha)[inside], ratio[inside], rtol=2e-3)
    assert edm.step(SCHEDULE, 1e-9) == 0 and edm.step(SCHEDULE, 1e9) == 999
