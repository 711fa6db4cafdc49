import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff import schedules
from jaxdiff.errors import ConfigError

tables = st.lists(st.floats(1e-4, 0.3), min_size=2, max_size=40).map(
    lambda betas: np.cumprod(1 - np.array(betas))
)


@given(tables, st.floats(0, 1))
def test_variance_is_preserved_at_and_between_the_steps(table, where):
    schedule = schedules.from_alpha_bar(table)
    for t in (jnp.arange(table.size), jnp.float32(where * (table.size - 1))):
        alpha, sigma = schedules.at(schedule, t)
        np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=0, atol=5e-7)


@pytest.mark.parametrize("make", schedules.SCHEDULES.values(), ids=schedules.SCHEDULES)
def test_every_schedule_gets_noisier(make):
    schedule = make(200)
    chex.assert_shape(schedule, (200,))
    assert schedule.alpha.dtype == schedule.sigma.dtype == jnp.float32
    assert np.all(np.diff(schedule.alpha) < 0) and np.all(
        np.diff(schedules.log_snr(schedule, np.arange(200))) < 0
    )


def test_a_whole_number_is_the_same_step_as_an_integer():
    schedule = schedules.linear()
    t = np.arange(1000)
    chex.assert_trees_all_equal(
        schedules.at(schedule, t), schedules.at(schedule, t.astype(np.float32))
    )
    chex.assert_trees_all_equal(schedules.at(schedule, t), tuple(schedule))


@given(st.floats(0, 999))
def test_log_snr_has_an_inverse(t):
    schedule = schedules.linear()
    there = schedules.log_snr(schedule, jnp.float32(t))
    np.testing.assert_allclose(schedules.t_of_log_snr(schedule, there), t, rtol=0, atol=5e-4)


@pytest.mark.parametrize("make", schedules.SCHEDULES.values(), ids=schedules.SCHEDULES)
def test_small_noise_is_not_lost_to_cancellation(make):
    """sigma_0² is beta_0, to the rounding of alpha_bar to float32 that the reference tables
    have.
    """
    betas = {"scaled_linear": schedules.scaled_linear_betas, "linear": schedules.linear_betas}
    name = make.__name__
    beta = schedules.cosine_betas(1000)[0] if name == "cosine" else betas[name](1000, 1e-4, 0.02)[0]
    np.testing.assert_allclose(make().sigma[0] ** 2, beta, rtol=0, atol=2**-24)


def test_corrupt_takes_one_step_per_example():
    schedule = schedules.cosine(50)
    x0, eps = jax.random.normal(jax.random.key(0), (2, 4, 6, 3))
    t = jnp.array([0, 7, 30, 49])
    loop = jnp.stack([schedules.corrupt(schedule, *pair) for pair in zip(x0, eps, t)])
    chex.assert_trees_all_equal(schedules.corrupt(schedule, x0, eps, t), loop)


def test_corrupt_gives_unit_variance_to_unit_variance():
    x0, eps = jax.random.normal(jax.random.key(1), (2, 100_000))
    for t in (0, 500, 999):
        assert abs(jnp.std(schedules.corrupt(schedules.linear(), x0, eps, t)) - 1) < 4 / np.sqrt(
            2 * 100_000
        )


def test_half_precision_data_do_not_lower_the_schedule():
    schedule = schedules.linear()
    x0, eps = jax.random.normal(jax.random.key(2), (2, 5, 3), jnp.bfloat16)
    x_t = schedules.corrupt(schedule, x0, eps, 3)
    assert x_t.dtype == jnp.float32
    wide = schedules.corrupt(schedule, x0.astype(jnp.float32), eps.astype(jnp.float32), 3)
    chex.assert_trees_all_equal(x_t, wide)


def test_a_schedule_built_inside_jit_is_a_constant():
    inside = jax.jit(lambda t: schedules.at(schedules.linear(100), t))(jnp.int32(10))
    chex.assert_trees_all_equal(inside, schedules.at(schedules.linear(100), 10))


def test_tables_are_float32_with_x64():
    with jax.enable_x64(True):
        schedule = schedules.linear(100)
        assert schedule.alpha.dtype == jnp.float32
        assert all(level.dtype == jnp.float32 for level in schedules.at(schedule, 3.5))
    chex.assert_trees_all_equal(schedule, schedules.linear(100))


@pytest.mark.parametrize(
    "table, message",
    [
        ([0.9, 0.95], "at step 1"),
        ([1.0, 0.5], "at step 0"),
        ([0.5, 0.0], "at step 2"),
        ([[0.9]], "shape"),
    ],
)
def test_an_impossible_table_says_where(table, message):
    with pytest.raises(ConfigError, match=message):
        schedules.from_alpha_bar(table)
