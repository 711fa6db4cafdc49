"""Banks of regressors: members are trained and asked apart."""

import jax
import numpy as np
import pytest

from jaxdiff.methods.speed_regression import speed_regression
from jaxdiff.nets.regressors import SequenceMLP

METHOD = speed_regression(SequenceMLP(4))
RNG = np.random.default_rng(0)
BATCH = {
    "source": RNG.normal(size=(2, 3, 20, 6)).astype(np.float32),
    "target": RNG.normal(size=(2, 3, 20, 6)).astype(np.float32),
    "speed": np.ones((2, 3), np.float32),
}


@pytest.fixture(scope="module")
def params():
    return jax.jit(METHOD.init)(jax.random.key(0), BATCH)


def test_the_loss_is_the_mean_over_members_of_their_own(params):
    net = SequenceMLP(4)
    errors = []
    for m in range(3):
        own = jax.tree.map(lambda a, m=m: a[m], params)
        out = net.apply(own, BATCH["source"][:, m], BATCH["speed"][:, m])
        errors.append(np.square(out - BATCH["target"][:, m]).mean())
    np.testing.assert_allclose(
        METHOD.loss(params, BATCH, None, None, {})[0], np.mean(errors), rtol=1e-6
    )


def test_a_member_learns_from_its_own_pairs_only(params):
    grads = jax.grad(lambda p, b: METHOD.loss(p, b, None, None, {})[0])
    changed = {**BATCH, "target": BATCH["target"] + np.array([0.0, 1.0, 0.0])[:, None, None]}
    for a, b in zip(
        *(map(np.asarray, jax.tree.leaves(grads(params, b))) for b in (BATCH, changed))
    ):
        np.testing.assert_array_equal(a[[0, 2]], b[[0, 2]])
    assert not np.allclose(a[1], b[1])


def test_the_member_asked_for_answers(params):
    x = BATCH["source"][:, 0]
    condition = {
        "source": np.repeat(x[:1], 3, axis=0),
        "speed": np.ones(3, np.float32),
        "member": np.arange(3),
    }
    out = METHOD.generate(params, None, condition)
    for m in range(3):
        own = jax.tree.map(lambda a, m=m: a[m], params)
        np.testing.assert_allclose(
            out[m], SequenceMLP(4).apply(own, x[0], np.float32(1)), atol=1e-6
        )
