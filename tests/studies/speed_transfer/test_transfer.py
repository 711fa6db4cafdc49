"""The trained model as a user meets it: what a residual does to a gait, and the way through a checkpoint."""

import json

import jax
import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, cohort, trials

from jaxdiff.body.gait import cadence
from jaxdiff.data import normalise
from jaxdiff.methods import speed_transfer as st
from jaxdiff.nets.residual_denoiser import size
from jaxdiff.studies.speed_transfer import population, transfer
from jaxdiff.studies.speed_transfer.data import Form

GAITS = cohort(3)
SCALE = normalise.fit(trials(GAITS), "zscore", ["sagittal"])["sagittal"]
FORMS = {"phase": Form("phase", 300, 30, "source"), "none": Form("none", 600, 0)}
forms = pytest.mark.parametrize("align", FORMS)


def model(align, silent=True):
    form = FORMS[align]
    settings = st.Settings(size=size("tiny"), prediction="x0", steps=3, draws=2, points=form.points)
    speeds = st.speed_vector(*np.ones((3 if align == "phase" else 2, 1)))
    zeros = np.zeros((1, form.frames, 6), np.float32)
    batch = {"source": zeros, "base": zeros, "speeds": speeds}
    params = st.speed_transfer(settings).init(jax.random.key(0), batch)
    if silent:
        params["params"]["backbone"]["output"] = jax.tree.map(
            np.zeros_like, params["params"]["backbone"]["output"]
        )
    return transfer.Transfer(params, settings, form, SCALE, GAITS.population())


@forms
def test_without_a_residual_the_source_comes_back_exactly(align):
    rows = np.arange(len(GAITS))
    out = model(align)(GAITS, rows, GAITS.speed)
    np.testing.assert_allclose(out, GAITS.values, atol=2e-5)
    for row in rows:
        zero = np.zeros((FORMS[align].frames, 6))
        np.testing.assert_array_equal(
            model(align).play(GAITS, row, GAITS.speed[row], zero), GAITS.values[row]
        )


def test_without_a_residual_another_speed_is_the_source_at_another_cadence():
    out = model("phase")(GAITS, np.array([0]), np.array([1.5]))[0]
    people = GAITS.population()
    ratio = cadence(out[:, [0, 3]].T, RATE) / cadence(GAITS.values[0][:, [0, 3]].T, RATE)
    assert abs(ratio / people.ratio(0.6, 1.5) - 1) < 0.01


def test_without_a_residual_about_the_population_the_population_speaks():
    made = model("phase")
    made = made._replace(form=made.form._replace(about="quadratic"))
    expected = population.baseline("quadratic", made.population, GAITS.clocks[0], 0.6, 1.5, 600)
    np.testing.assert_allclose(made(GAITS, np.array([0]), np.array([1.5]))[0], expected, atol=0.5)


def test_a_residual_on_the_grid_arrives_at_its_phase():
    """Ten degrees at one phase of every stride, and there only."""
    form = FORMS["phase"]
    residual = np.zeros((form.frames, 6))
    residual[7 :: form.points, 1] = 10
    made = model("phase")
    change = made.play(GAITS, 1, 0.9, residual) - GAITS.values[1]
    phase = np.mod(GAITS.clocks[1].phase[::8][:600], 1)
    near = np.abs(phase - 7 / form.points) < 0.5 / form.points
    assert change[near, 1].min() > 4
    assert np.abs(change[np.abs(phase - 7 / form.points) > 1.01 / form.points, 1]).max() == 0
    assert np.abs(change[:, [0, 2, 3, 4, 5]]).max() == 0


@forms
def test_degrees_do_not_depend_on_who_shares_the_batch(align):
    made = model(align, silent=False)
    together = made(GAITS, np.array([0, 5, 2]), np.array([1.2, 0.6, 0.9]), seed=4)
    alone = made(GAITS, np.array([0]), np.array([1.2]), seed=4)
    np.testing.assert_allclose(together[0], alone[0], atol=1e-3)
    assert np.isfinite(together).all()
    assert np.abs(made(GAITS, np.array([0]), np.array([1.2]), seed=5) - alone).max() > 1e-3


def test_a_normaliser_of_ones_own_replaces_the_models():
    """The model's own statistics change nothing; others do."""
    made = model("none", silent=False)
    own = np.broadcast_to(np.stack([SCALE.offset, SCALE.scale]), (len(GAITS), 2, 6)).copy()
    ask = np.array([3]), np.array([0.6])
    np.testing.assert_array_equal(made(GAITS, *ask), made(GAITS, *ask, normaliser=own))
    own[3, 1] *= 2
    assert np.abs(made(GAITS, *ask) - made(GAITS, *ask, normaliser=own)).max() > 1e-2


def test_the_encoded_gait_can_be_another_persons():
    made = model("phase", silent=False)
    ask = np.array([0]), np.array([1.2])
    np.testing.assert_array_equal(made(GAITS, *ask), made(GAITS, *ask, who=np.array([0])))
    assert np.abs(made(GAITS, *ask) - made(GAITS, *ask, who=np.array([9]))).max() > 1e-4


@forms
def test_the_metadata_of_a_checkpoint_makes_the_same_model(align):
    made = model(align, silent=False)
    metadata = json.loads(
        json.dumps(transfer.about(made.settings, made.form, made.normaliser, made.population))
    )
    again = transfer.from_about(made.params, metadata)
    assert again.settings == made.settings and again.form == made.form
    ask = np.array([1]), np.array([1.5])
    np.testing.assert_allclose(again(GAITS, *ask), made(GAITS, *ask), atol=1e-3)
