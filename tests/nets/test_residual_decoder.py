"""How an acceleration enters the U-Net: fresh networks output zero, and each way sees what it
should.
"""

import jax
import numpy as np
import pytest

from jaxdiff.nets.residual_decoder import CorrectingDecoder, Embedding, PrintedDecoder

RNG = np.random.default_rng(0)
ACCELERATION = RNG.normal(size=(3, 12, 5, 3)).astype(np.float32)
HIDDEN = RNG.normal(size=(3, 12, 6)).astype(np.float32)
T = np.array([0, 10, 900])
PRINTED, CORRECTING = PrintedDecoder(6, width=8), CorrectingDecoder(6, width=8, groups=4)
CASES = {
    "printed": (PRINTED, (ACCELERATION, T)),
    "correcting": (CORRECTING, (HIDDEN, ACCELERATION, 0.5 * ACCELERATION, T)),
    "embedding": (Embedding(6, width=8), (ACCELERATION, T)),
}


def moved(net, inputs):
    params = jax.jit(net.init)(jax.random.key(1), *inputs)
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda a: a + 0.2 * rng.normal(size=a.shape).astype(np.float32), params)


@pytest.mark.parametrize("name", CASES)
def test_a_fresh_decoder_outputs_zero(name):
    net, inputs = CASES[name]
    params = jax.jit(net.init)(jax.random.key(1), *inputs)
    np.testing.assert_array_equal(jax.jit(net.apply)(params, *inputs), np.zeros((3, 12, 6)))


@pytest.mark.parametrize("name", CASES)
def test_each_example_has_its_own_noise_level(name):
    net, inputs = CASES[name]
    params, run = moved(net, inputs), jax.jit(net.apply)
    one = [run(params, *(each[1] for each in inputs[:-1]), t) for t in T[1:]]
    np.testing.assert_allclose(run(params, *inputs)[1], one[0], atol=1e-5)
    assert np.abs(one[0] - one[1]).max() > 1e-3


def test_the_printed_decoder_is_causal_and_has_a_memory():
    params, run = moved(PRINTED, CASES["printed"][1]), jax.jit(PRINTED.apply)
    changed = ACCELERATION.copy()
    changed[:, 7] += 1.0
    size = np.abs(run(params, changed, T) - run(params, ACCELERATION, T)).max(-1)
    assert (size[:, :7] == 0).all() and (size[:, 7:10] > 1e-6).all()


def test_the_correcting_decoder_sees_features_and_prediction_within_the_mask():
    net, (hidden, stated, predicted, t) = CASES["correcting"]
    params, run = moved(net, (hidden, stated, predicted, t)), jax.jit(net.apply)
    plain = run(params, hidden, stated, predicted, t)
    for other in ((hidden + 1, stated, predicted), (hidden, stated, predicted + 1)):
        assert np.abs(run(params, *other, t) - plain).max() > 1e-3
    mask = np.arange(12) < 8
    beyond = np.where(mask[:, None], hidden, 9.0)
    np.testing.assert_allclose(
        run(params, beyond, stated, predicted, t, mask)[:, :8],
        run(params, hidden, stated, predicted, t, mask)[:, :8],
        atol=1e-5,
    )
