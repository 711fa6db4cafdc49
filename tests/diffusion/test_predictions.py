from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff import predictions, schedules
from jaxdiff.errors import ConfigError

KINDS = list(predictions.PREDICTIONS)
schedule = schedules.linear()
x0, eps = jax.random.normal(jax.random.key(0), (2, 4, 5, 3))
levels = st.floats(0.05, 0.95).map(
    lambda angle: (np.float32(np.cos(angle * np.pi / 2)), np.float32(np.sin(angle * np.pi / 2)))
)


@given(levels, st.sampled_from(list(permutations(KINDS))))
def test_a_cycle_through_the_table_is_the_identity(level, kinds):
    alpha, sigma = level
    x_t = alpha * x0 + sigma * eps
    said = predictions.target(kinds[0], x0, eps, alpha, sigma)
    for source, to in zip(kinds, kinds[1:] + kinds[:1]):
        said = predictions.convert(said, x_t, alpha, sigma, source, to)
        truth = predictions.target(to, x0, eps, alpha, sigma)
        np.testing.assert_allclose(said, truth, rtol=0, atol=2e-5 * np.max(np.abs(truth)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_score_is_the_gradient_of_the_log_density(kind):
    """Of `N(alpha x0, sigma²)`, whatever kind it is made from."""
    alpha, sigma = schedules.at(schedule, 300)
    x_t = alpha * x0 + sigma * eps
    score = jax.grad(lambda x: -0.5 * jnp.sum((x - alpha * x0) ** 2) / sigma**2)(x_t)
    said = predictions.target(kind, x0, eps, alpha, sigma)
    np.testing.assert_allclose(
        predictions.convert(said, x_t, alpha, sigma, kind, "score"), score, rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("t", [0, 400, 999, 511.4])
def test_a_network_that_says_the_truth_is_a_perfect_denoiser(kind, t):
    received = []

    def network(x_t, step):
        received.append(step)
        return predictions.target(kind, x0, eps, alpha, sigma)

    alpha, sigma = schedules.at(schedule, t)
    x_t = schedules.corrupt(schedule, x0, eps, t)
    denoise = predictions.from_prediction(kind, schedule, network)
    rounding = 4e-7 * (1 + float(sigma / alpha)) * 4
    np.testing.assert_allclose(denoise(x_t, jnp.asarray(t)), x0, rtol=0, atol=rounding)
    assert received[0].dtype == jnp.int32 and received[0] == round(t)


def test_adapters_by_name_and_with_a_step_per_example():
    def network(x, t):
        return 0.3 * x + t.reshape(t.shape + (1,) * (x.ndim - t.ndim)) / 1000

    named = {
        "x0": predictions.from_x0(network),
        "eps": predictions.from_epsilon(schedule, network),
        "v": predictions.from_velocity(schedule, network),
        "score": predictions.from_score(schedule, network),
    }
    t = jnp.array([0, 10, 500, 999])
    for kind, denoise in named.items():
        loop = jnp.stack(
            [
                predictions.from_prediction(kind, schedule, network)(x, step)
                for x, step in zip(x0, t)
            ]
        )
        np.testing.assert_allclose(denoise(x0, t), loop, rtol=1e-5, atol=1e-5)


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'eps'"):
        predictions.target("epsi", x0, eps, 0.6, 0.8)
