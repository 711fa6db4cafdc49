import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffusion import exact

from jaxdiff import grids, invert, predictions, sample, schedules, solvers
from jaxdiff.diffusion.inversion import round_trip
from jaxdiff.errors import ConfigError

schedule = schedules.linear()
denoise = exact.mixture(
    schedule, means=[[[-1.0]], [[1.2]]], stds=[[[0.5]], [[0.7]]], weights=[0.4, 0.6]
)
x0 = jnp.linspace(-2, 2, 12).reshape(6, 2, 1)
ASKED = ["current", "target_sample", "target_epsilon"]


@pytest.mark.parametrize("evaluate_at", ASKED)
@pytest.mark.parametrize("make", [grids.leading, grids.linspace, grids.karras])
def test_the_round_trip_error_falls_with_the_steps(make, evaluate_at):
    error = jax.jit(lambda grid: round_trip(denoise, grid, x0, evaluate_at=evaluate_at))
    trips = [error(make(schedule, n)) for n in (10, 40, 160)]
    for name in ("max_abs", "rms"):
        coarse, middle, fine = (getattr(trip, name) for trip in trips)
        assert middle < 0.6 * coarse and fine < 0.6 * middle


@pytest.mark.parametrize("evaluate_at", ASKED)
def test_inversion_is_finite_for_networks_that_predict_x0(evaluate_at):
    network = predictions.from_x0(lambda x, t: 0.9 * x)
    grid = grids.leading(schedule, 10)
    squares = lambda x: jnp.sum(invert(network, grid, x, evaluate_at=evaluate_at) ** 2)  # noqa: E731
    z, gradient = jax.jit(jax.value_and_grad(squares))(x0)
    chex.assert_tree_all_finite((z, gradient))


def test_gaussian_data_become_gaussian_noise():
    """The flow of a Gaussian is linear: inverted data are standard normal, in order."""
    data = 0.7 + 0.4 * jax.scipy.special.ndtri((jnp.arange(2000) + 0.5) / 2000)[:, None]
    z = invert(exact.gaussian(schedule, 0.7, 0.4), grids.linspace(schedule, 500), data)
    assert abs(jnp.mean(z)) < 0.02 and abs(jnp.std(z) - 1) < 0.02
    assert np.all(np.diff(z[:, 0]) > 0)


@pytest.mark.parametrize("strength", [0.02, 0.3, 1.0])
def test_sampling_the_truncated_grid_brings_back(strength):
    part = grids.truncate(grids.leading(schedule, 200), strength)
    back = sample(None, denoise, part, solvers.dpm_solver_pp(), invert(denoise, part, x0))
    np.testing.assert_allclose(back, x0, rtol=0, atol=0.06)


def test_the_least_strength_stays_in_place():
    part = grids.truncate(grids.leading(schedule, 50), 1 / 50)
    chex.assert_trees_all_equal(invert(denoise, part, x0), x0)


def test_the_path_climbs_the_levels():
    path = invert(denoise, grids.leading(schedule, 10), x0, return_path=True)
    chex.assert_shape(path, (10, *x0.shape))
    chex.assert_trees_all_equal(path[0], x0)
    np.testing.assert_allclose(
        path[-1], invert(denoise, grids.leading(schedule, 10), x0), rtol=0, atol=1e-6
    )


def test_an_unknown_way_of_asking_is_refused():
    with pytest.raises(ConfigError, match="target_epsilon"):
        invert(denoise, grids.leading(schedule, 10), x0, evaluate_at="target_eps")  # pyright: ignore
