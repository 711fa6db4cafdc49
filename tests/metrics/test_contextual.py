"""Context-FID: an untrained and a trained encoder, what the loss rewards, and what the distance sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.errors import DataError
from jaxdiff.metrics.contextual import TS2Vec, context_fid, fit_encoder, hierarchical_contrast

RNG = np.random.default_rng(0)
SMALL = {"steps": 60, "net": TS2Vec(width=16, output=16, depth=2)}
loss = jax.jit(hierarchical_contrast)


def waves(count, frequency):
    time = np.arange(16) / 8
    return np.sin(
        2 * np.pi * frequency * time[:, None] + RNG.uniform(0, 6, (count, 1, 1)) + np.arange(2)
    )


@pytest.fixture(scope="module")
def encode():
    return fit_encoder(waves(48, 1.0), **SMALL)


def test_the_distance_ranks_alike_below_other_and_noise(encode):
    real, alike, other, noise = (
        waves(48, 1.0),
        waves(48, 1.0),
        waves(48, 2.0),
        RNG.normal(size=(48, 16, 2)),
    )
    distance = {
        name: context_fid(real, x, encode) for name, x in (("a", alike), ("o", other), ("n", noise))
    }
    assert distance["a"] < 0.5 * distance["o"] and distance["a"] < 0.5 * distance["n"]
    assert context_fid(real, real, encode) < 1e-9


def test_encoding_is_per_series_and_seeded(encode):
    x = waves(48, 1.0)
    np.testing.assert_allclose(encode(x)[3:5], encode(x[3:5]), rtol=1e-4, atol=1e-5)
    one, two, three = (fit_encoder(x, seed=seed, **SMALL)(x) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - three).max() > 1e-3


def test_the_loss_falls_when_views_agree():
    z = 3 * jax.random.normal(jax.random.key(0), (4, 8, 16))
    other = 3 * jax.random.normal(jax.random.key(1), (4, 8, 16))
    assert loss(z, z) < 0.5 * loss(z, other)


def test_the_loss_of_a_single_step_is_half_the_instance_contrast():
    """T = 1: one scale, nothing temporal; orthogonal one-hot series of size c give log(e^{c²} + 2(B-1)) - c²."""
    c, batch = 1.5, 4
    z = c * jnp.eye(batch)[:, None]
    expected = 0.5 * (np.log(np.exp(c**2) + 2 * (batch - 1)) - c**2)
    np.testing.assert_allclose(loss(z, z), expected, rtol=1e-5)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="4 steps"):
        fit_encoder(np.zeros((5, 3, 2)))
