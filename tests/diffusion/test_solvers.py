"""Orders of convergence, and the identities between solvers. What all solvers share is in
test_conformance.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion import exact

from jaxdiff import grids, sample, schedules, solvers
from jaxdiff.diffusion.sampling import steps
from jaxdiff.errors import ConfigError

schedule = schedules.linear()
ORDER = {"ddim": 1, "euler": 1, "dpm_solver_pp_1": 1, "dpm_solver_pp_2": 2, "heun": 2}


def test_every_deterministic_solver_has_an_order():
    assert set(ORDER) == {name for name, make in solvers.SOLVERS.items() if not make().stochastic}


@pytest.mark.parametrize("name", ORDER)
def test_order_of_convergence(name):
    """On the probability flow of a Gaussian: with `y = x / alpha`, `y - mean` goes as
    `√(std² + (sigma / alpha)²)`.
    """
    mean, std, solver = 0.7, 0.5, solvers.SOLVERS[name]()
    x_start = jnp.linspace(-2, 2, 9)[:, None]
    denoise = exact.gaussian(schedule, mean, std)
    sampler = jax.jit(lambda grid: sample(None, denoise, grid, solver, x_start))

    def error(n):
        grid = grids.floored(grids.karras(schedule, n))
        alpha, sigma = np.float64(grid.alpha), np.float64(grid.sigma)
        width = np.sqrt(std**2 + (sigma / alpha) ** 2)
        truth = mean + (np.float64(x_start) / alpha[0] - mean) * width[-1] / width[0]
        return np.max(np.abs(np.float64(sampler(grid)) / alpha[-1] - truth))

    counts = [32, 64, 128, 256]
    order = -np.diff(np.log2([error(n) for n in counts]))
    np.testing.assert_allclose(order, ORDER[name], rtol=0, atol=0.2)


@pytest.mark.parametrize(
    "one, other",
    [
        (solvers.ddim(1.0), solvers.ddpm()),
        (solvers.dpm_solver_pp(1, stochastic=True), solvers.ddpm()),
        (solvers.dpm_solver_pp(1), solvers.ddim()),
        (solvers.euler(), solvers.ddim()),
    ],
)
def test_solvers_that_are_the_same_in_theory(one, other):
    grid = grids.karras(schedule, 12)
    x_start, noise = (
        jax.random.normal(jax.random.key(0), (3, 4)),
        jax.random.normal(jax.random.key(1), (12, 3, 4)),
    )
    denoise = exact.gaussian(schedule, 0.3, 0.8)
    results = [sample(None, denoise, grid, solver, x_start, noise=noise) for solver in (one, other)]
    np.testing.assert_allclose(*results, rtol=0, atol=5e-6)


def test_heun_asks_once_less_than_twice_a_step():
    asked = []

    def denoise(x, t):
        jax.debug.callback(lambda t: asked.append(float(t)), t)
        return 0.5 * x

    jax.block_until_ready(
        sample(None, denoise, grids.leading(schedule, 5), solvers.heun(), jnp.ones((1, 2)))
    )
    jax.effects_barrier()
    assert sorted(asked) == sorted([800, 600, 600, 400, 400, 200, 200, 0, 0])


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_the_variance_of_ddpm_is_that_of_the_chain(variance):
    """From the betas in float64: `beta_t`, and
    `beta_t (1 - alpha_bar_{t-1}) / (1 - alpha_bar_t)`.
    """
    betas = schedules.linear_betas(1000, 1e-4, 0.02, np.float64)
    bar = schedules.cumulative(betas)
    expected = betas.copy()
    if variance == "fixed_small":
        expected[1:] *= (1 - bar[:-1]) / (1 - bar[1:])
    expected[0] = 0  # the step to the clean sample makes no noise

    each = steps(grids.leading(schedule, 1000))._replace(noise=jnp.ones(1000))
    zero = jnp.zeros(())
    std = jax.vmap(lambda step: solvers.ddpm(variance).step((), zero, lambda x, t: zero, step)[1])(
        each
    )
    np.testing.assert_allclose(std[::-1] ** 2, expected, rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize(
    "make",
    [lambda: solvers.ddim(1.5), lambda: solvers.ddpm("learned"), lambda: solvers.dpm_solver_pp(3)],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(ConfigError):
        make()
