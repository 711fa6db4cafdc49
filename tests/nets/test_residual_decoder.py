"""The residual decoder: silent when fresh, causal, and with a memory."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.residual_decoder import ResidualDecoder

NET = ResidualDecoder(features=6, width=8)
ACCELERATION = jax.random.normal(jax.random.key(0), (3, 12, 5, 3))
T = jnp.array([0, 10, 900])
FRESH = NET.init(jax.random.key(1), ACCELERATION, T)
TRAINED = jax.tree.map(lambda a: a + 0.2 * jax.random.normal(jax.random.key(2), a.shape), FRESH)
APPLY = jax.jit(NET.apply)


def test_a_fresh_decoder_adds_nothing():
    np.testing.assert_array_equal(APPLY(FRESH, ACCELERATION, T), np.zeros((3, 12, 6)))


def test_an_acceleration_is_felt_from_its_frame_on_and_remembered():
    change = APPLY(TRAINED, ACCELERATION.at[:, 7].add(1.0), T) - APPLY(TRAINED, ACCELERATION, T)
    size = np.abs(change).max(-1)
    assert (size[:, :7] == 0).all() and (size[:, 7:10] > 1e-6).all()


def test_each_example_goes_by_its_own_noise_level():
    one = NET.apply(TRAINED, ACCELERATION[1], T[1])
    np.testing.assert_allclose(APPLY(TRAINED, ACCELERATION, T)[1], one, atol=1e-6)
    other = NET.apply(TRAINED, ACCELERATION[1], T[2])
    assert np.abs(one - other).max() > 1e-3
