"""The paper's model as a user meets it: what a residual does to a gait, and the way through a
checkpoint.
"""

import json

import jax
import numpy as np
import pytest
from parameters import drawn
from studies.speed_transfer.walkers import cohort, trials

from jaxdiff.data import normalise
from jaxdiff.errors import CheckpointError
from jaxdiff.methods import speed_transfer as st
from jaxdiff.nets.residual_denoiser import size
from jaxdiff.studies.speed_transfer import transfer

GAITS = cohort(3)
SCALE = normalise.fit(trials(GAITS), "zscore", ["sagittal"])["sagittal"]


def model(silent=False):
    settings = st.Settings(size=size("tiny"), prediction="x0", steps=3)
    zeros = np.zeros((1, 600, 6), np.float32)
    batch = {"source": zeros, "speeds": st.speed_vector(*np.ones((2, 1)))}
    params = drawn(st.speed_transfer(settings).init, batch)
    if silent:
        params["params"]["backbone"]["output"] = jax.tree.map(
            np.zeros_like, params["params"]["backbone"]["output"]
        )
    return transfer.Transfer(params, settings, SCALE)


def test_without_a_residual_the_source_comes_back():
    rows = np.arange(len(GAITS))
    out = model(silent=True)(GAITS, rows, GAITS.speed[::-1])
    np.testing.assert_allclose(out, GAITS.values, atol=2e-5)


def test_degrees_do_not_depend_on_who_shares_the_batch():
    made = model()
    together = made(GAITS, np.array([0, 5, 2]), np.array([1.2, 0.6, 0.9]), seed=4)
    alone = made(GAITS, np.array([0]), np.array([1.2]), seed=4)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-3)
    assert np.isfinite(together).all()
    assert np.abs(made(GAITS, np.array([0]), np.array([1.2]), seed=5) - alone).max() > 1e-3


def test_a_normaliser_of_ones_own_replaces_the_models():
    """The model's own statistics change nothing; others do."""
    made = model()
    own = np.broadcast_to(np.stack([SCALE.offset, SCALE.scale]), (len(GAITS), 2, 6)).copy()
    ask = np.array([3]), np.array([0.6])
    np.testing.assert_array_equal(made(GAITS, *ask), made(GAITS, *ask, normaliser=own))
    own[3, 1] *= 2
    assert np.abs(made(GAITS, *ask) - made(GAITS, *ask, normaliser=own)).max() > 1e-2


def test_the_encoded_gait_can_be_another_persons():
    made = model()
    ask = np.array([0]), np.array([1.2])
    np.testing.assert_array_equal(made(GAITS, *ask), made(GAITS, *ask, who=np.array([0])))
    assert np.abs(made(GAITS, *ask) - made(GAITS, *ask, who=np.array([9]))).max() > 1e-4


def test_the_metadata_of_a_checkpoint_makes_the_same_model():
    made = model()
    metadata = json.loads(json.dumps(transfer.about(made.settings, made.normaliser)))
    again = transfer.from_about(made.params, metadata)
    assert again.settings == made.settings
    ask = np.array([1]), np.array([1.5])
    np.testing.assert_allclose(again(GAITS, *ask), made(GAITS, *ask), atol=1e-3)


def test_runs_of_version_one_are_read_in_time_and_refused_on_phases():
    made = model()
    metadata = transfer.about(made.settings, made.normaliser)
    ones = {"residual_scale": [1.0] * 6, "near": 0.0, "points": 0, "draws": 1}
    old = metadata | {"form": {"align": "none"}, "model": metadata["model"] | ones}
    assert transfer.from_about(made.params, old).settings == made.settings
    phases = old | {"form": {"align": "phase"}}
    with pytest.raises(CheckpointError, match="runs/x holds a model of strides on a grid of phase"):
        transfer.from_about(made.params, phases, "runs/x")
    scaled = old | {"model": old["model"] | {"residual_scale": [0.3] * 6}}
    with pytest.raises(CheckpointError, match="train stride transfer"):
        transfer.from_about(made.params, scaled)
