"""MDM's transformer against its equations in NumPy, on parameters under PyTorch's names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from interop import mdm

from jaxdiff.interop import convert_tree

RNG = np.random.default_rng(1)
X = RNG.normal(size=(2, 7, 263)).astype(np.float32)
TEXT = RNG.normal(size=(2, 1, mdm.TEXT)).astype(np.float32)
T = np.array([3, 900])


@pytest.fixture(scope="module")
def converted():
    state = mdm.state()
    network, params, _ = convert_tree("mdm", state, {"mdm": {"heads": mdm.HEADS}})["mdm"]
    return state, network, params


def run(network, params, *args, **options):
    return jax.jit(lambda *a: network.apply(params, *a, **options))(*args)


def test_it_is_the_published_network(converted):
    state, network, params = converted
    assert (network.width, network.layers, network.ff) == (mdm.WIDTH, mdm.LAYERS, mdm.FF)
    y = run(network, params, X, T, TEXT)
    none = run(network, params, X, T)
    for i in range(2):
        expected = mdm.forward(state, X[i], T[i], TEXT[i, 0])
        np.testing.assert_allclose(y[i], expected, atol=1e-4)
        expected = mdm.forward(state, X[i], T[i], np.zeros(mdm.TEXT))
        np.testing.assert_allclose(none[i], expected, atol=1e-4)


def test_both_halves_are_the_two_passes(converted):
    _, network, params = converted
    context = run(network, params, TEXT, method="context")
    both = run(network, params, X, T, context, method="both")
    passes = jnp.stack([run(network, params, X, T, TEXT), run(network, params, X, T)])
    np.testing.assert_allclose(both, passes, atol=1e-5)
    mixed = run(network, params, X, T, TEXT, jnp.array([True, False]))
    np.testing.assert_allclose(mixed, [passes[0, 0], passes[1, 1]], atol=1e-5)
