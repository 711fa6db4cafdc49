"""Stride transfer exported and on a stream: the same predictions as the model's own."""

import jax
import numpy as np
import pytest

import jaxdiff
from jaxdiff.deployment import artefact
from jaxdiff.deployment.streaming import Stream
from jaxdiff.errors import ConfigError
from jaxdiff.studies.speed_transfer import program, strides
from jaxdiff.studies.speed_transfer.predictor import Question
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.strides import LOG_MASS, SIZE, STATURE, STRIDE_TIME, Gait

from .walkers import angles, frequency


@pytest.fixture(scope="module")
def model():
    return jaxdiff.load("speed")


def walkers(law, speeds, strides_of=10, timed=True):
    """Random people of a law, whose stature and mass are not known."""
    rng = np.random.default_rng(0)
    found = []
    for v in speeds:
        root = np.linalg.cholesky(law.covariance(v, v) + law.recording)
        mean = law.at(v) + root @ rng.normal(size=SIZE)
        mean[[STATURE, LOG_MASS] if timed else [STATURE, LOG_MASS, STRIDE_TIME]] = np.nan
        found.append(Gait(v, mean, np.zeros((0, SIZE)), "P", count=strides_of))
    return found


def test_float32_predicts_and_conditions_as_the_model_does(model):
    predictor = model.predictor
    speeds, targets = [0.6, 1.0, 1.4, 1.0], [1.2, 1.0, 0.5, 1.1]
    gaits = walkers(predictor.law, speeds)
    mean, root, condition = predictor.prepare([Question((g,), w) for g, w in zip(gaits, targets)])
    curves = np.stack([strides.curves(g.mean, program.POINTS) for g in gaits])
    times = np.exp([g.mean[STRIDE_TIME] * strides.SCALE[STRIDE_TIME] for g in gaits])
    inputs = [np.float32(x) for x in (curves, speeds, targets, times, np.full(4, 10))]
    found = jax.jit(jax.vmap(program._Timed(predictor.law, True).prepared))(*inputs)
    np.testing.assert_allclose(found[0][:, :STATURE], mean[:, :STATURE], atol=0.01)
    np.testing.assert_allclose(found[0], mean, rtol=1e-4, atol=0.01)  # log mass is around 200
    np.testing.assert_allclose(found[1], root, atol=0.005)
    for name, expected in condition.items():
        np.testing.assert_allclose(found[2][name], expected, atol=0.005)


def test_the_exported_program_draws_what_the_program_draws(model, tmp_path):
    pytest.importorskip("flatbuffers")
    made = model.program(steps=1)
    loaded, card = artefact.load(artefact.save(made, tmp_path))
    law = model.predictor.law
    gait = np.stack([strides.curves(law.at(v), program.POINTS) for v in (0.8, 1.0, 1.2)])
    columns = gait, [0.8, 1.0, 1.2], [1.2, 1.2, 0.7], [1.2, 1.1, 1.0], [1, 5, 10]
    inputs = [np.float32(each) for each in columns]
    expected = np.asarray(jax.jit(made.draw)(np.uint32(5), *inputs))
    drawn = loaded.call(np.uint32(5), *(each[:2] for each in inputs))
    # the noise of an example does not depend on the others; float32 solves and eigenvectors
    # differ by some 1e-3 degrees between batch sizes
    np.testing.assert_allclose(drawn, expected[:2], atol=0.01)
    assert expected.shape == (3, program.POINTS, 7)
    assert expected[0, 0, 6] < expected[2, 0, 6]  # strides are shorter at 1.2 than at 0.7 m/s
    assert [each["name"] for each in card["inputs"]][1:3] == ["source_speed", "target_speed"]
    assert card["output"]["units"] == ["deg"] * 6 + ["s"] and "not calibrated" in card["note"]


def test_a_stream_at_fixed_speeds_plays_the_other_gait_in_the_phase_of_the_walk(model):
    with pytest.raises(ConfigError, match="fix all but the first"):
        Stream(model.program(), ANGLES, ("deg",) * 6, 100.0)
    made = model.program(steps=1, source_speed=0.9, target_speed=1.4)
    stream = Stream(made, ANGLES, ("deg",) * 6, 50.0, samples=16)
    phase = frequency(0.9) * np.arange(250) / 50.0
    for row in angles(0.9, 0.5 + phase, 3.0):
        stream.push(row)
    drawn = stream.newest(40)
    assert drawn is not None and drawn.shape == (16, 40, 7)
    mean = np.full(SIZE, np.nan)
    mean[:STRIDE_TIME] = strides.coefficients(angles(0.9, 0.5 + np.arange(50) / 50, 3.0))
    given = Gait(0.9, mean, np.zeros((0, SIZE)), count=1)
    state = model.predictor.linear([Question((given,), 1.4)])[0]
    expected = strides.at_phases(state, phase[-40:])
    wrong = np.abs(drawn[..., :6].mean(0) - expected).mean()
    shifted = np.abs(drawn[..., :6].mean(0) - strides.at_phases(state, phase[-40:] + 0.1)).mean()
    assert wrong < 4 and wrong < 0.5 * shifted
    with pytest.raises(ConfigError, match="both source_speed and target_speed"):
        model.program(source_speed=1.0)
    with pytest.raises(ConfigError, match="m/s"):
        model.program(source_speed=36.0, target_speed=1.0)
