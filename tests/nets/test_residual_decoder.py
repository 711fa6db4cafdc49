"""The residual decoder: silent when fresh, causal, and with a memory."""

import jax
import numpy as np
import pytest

from jaxdiff.nets.residual_decoder import ResidualDecoder

NET = ResidualDecoder(features=6, width=8)
ACCELERATION = np.random.default_rng(0).normal(size=(3, 12, 5, 3)).astype(np.float32)
T = np.array([0, 10, 900])
APPLY = jax.jit(NET.apply)


@pytest.fixture(scope="module")
def fresh():
    return jax.jit(NET.init)(jax.random.key(1), ACCELERATION, T)


@pytest.fixture(scope="module")
def trained(fresh):
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda a: a + 0.2 * rng.normal(size=a.shape).astype(np.float32), fresh)


def test_a_fresh_decoder_adds_nothing(fresh):
    np.testing.assert_array_equal(APPLY(fresh, ACCELERATION, T), np.zeros((3, 12, 6)))


def test_an_acceleration_is_felt_from_its_frame_on_and_remembered(trained):
    changed = ACCELERATION.copy()
    changed[:, 7] += 1.0
    change = APPLY(trained, changed, T) - APPLY(trained, ACCELERATION, T)
    size = np.abs(change).max(-1)
    assert (size[:, :7] == 0).all() and (size[:, 7:10] > 1e-6).all()


def test_each_example_goes_by_its_own_noise_level(trained):
    one, other = (APPLY(trained, ACCELERATION[1], t) for t in T[1:])
    np.testing.assert_allclose(APPLY(trained, ACCELERATION, T)[1], one, atol=1e-6)
    assert np.abs(one - other).max() > 1e-3
