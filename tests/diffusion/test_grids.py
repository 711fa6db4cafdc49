import chex
import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff import grids, schedules
from jaxdiff.errors import ConfigError

schedule = schedules.linear()
every = pytest.mark.parametrize("make", grids.GRIDS.values(), ids=grids.GRIDS)


@every
@given(n=st.sampled_from([1, 2, 3, 7, 20, 50, 333, 998, 999]))  # each length compiles anew
def test_every_grid_falls_to_the_clean_sample(make, n):
    grid = make(schedule, n)
    chex.assert_shape(grid, [(n,), (n + 1,), (n + 1,)])
    chex.assert_type(grid, np.float32)
    assert np.all(np.diff(grid.t) < 0) and grid.t[0] <= 999 and grid.t[-1] >= 0
    assert np.all(np.diff(grid.sigma) <= 0) and np.all(np.diff(grid.alpha) >= 0)
    assert (grid.alpha[-1], grid.sigma[-1]) == (1, 0)
    np.testing.assert_allclose(grid.alpha**2 + grid.sigma**2, 1, rtol=0, atol=5e-7)


@every
def test_the_levels_of_a_grid_are_those_of_its_steps(make):
    grid = make(schedule, 20)
    alpha, sigma = schedules.at(schedule, grid.t)
    np.testing.assert_allclose(alpha, grid.alpha[:-1], rtol=3e-6)
    np.testing.assert_allclose(sigma, grid.sigma[:-1], rtol=3e-6)


def test_gaitdynamics_steps():
    np.testing.assert_array_equal(grids.linspace(schedule, 50, clean=-1).t, np.arange(999, 0, -20))


@given(st.sampled_from([1, 7, 50, 299, 300]), st.integers(300, 1000))
def test_gaitdynamics_steps_are_whole_strides_rounded_down(n, T):
    exact = [-1 + (i * T) // n for i in range(n, 0, -1)]
    np.testing.assert_array_equal(grids.linspace(schedules.cosine(T), n, clean=-1).t, exact)


def test_karras_is_evenly_spaced_in_the_rho_th_root():
    grid = grids.karras(schedule, 30, rho=5.0)
    root = (np.asarray(grid.sigma[:-1], np.float64) / np.asarray(grid.alpha[:-1], np.float64)) ** (
        1 / 5
    )
    np.testing.assert_allclose(np.diff(root), np.mean(np.diff(root)), rtol=1e-4)
    assert (grid.t[0], grid.t[-1]) == (999, 0)


def test_a_grid_inside_jit_is_the_grid_outside():
    chex.assert_trees_all_equal(
        jax.jit(lambda: grids.karras(schedules.linear(), 7))(), grids.karras(schedule, 7)
    )


@pytest.mark.parametrize("strength, rows", [(1.0, 50), (0.3, 15), (0.14, 7), (0.001, 1)])
def test_truncate_keeps_the_last_rows(strength, rows):
    grid = grids.leading(schedule, 50)
    part = grids.truncate(grid, strength)
    np.testing.assert_array_equal(part.t, grid.t[-rows:])
    np.testing.assert_array_equal(part.sigma, grid.sigma[-rows - 1 :])


def test_reversed_climbs_the_same_levels():
    grid = grids.explicit(schedule, [900, 400, 20, 0])
    up = grids.reversed(grid)
    np.testing.assert_array_equal(up.t, [0, 20, 400])
    np.testing.assert_array_equal(up.sigma, grid.sigma[:-1][::-1])
    np.testing.assert_array_equal(grids.reversed(grid, "target").t, [20, 400, 900])


def test_the_clean_sample_cannot_stand_elsewhere():
    with pytest.raises(ConfigError, match="got 3"):
        grids.linspace(schedule, 10, clean=3)  # pyright: ignore


@pytest.mark.parametrize("steps", [[3, 3], [1, 2], [1000], [5, -1], [2.5], [[1]]])
def test_impossible_steps_are_refused(steps):
    with pytest.raises(ConfigError, match="999"):
        grids.explicit(schedule, steps)


@every
def test_impossible_lengths_are_refused(make):
    for n in (0, 1001):
        with pytest.raises(ConfigError, match="between 1 and 1000"):
            make(schedule, n)
    with pytest.raises(ConfigError, match=r"\(0, 1\]"):
        grids.truncate(make(schedule, 3), 0.0)
