"""What training people have in common, recovered from people made after it; and recordings as
strides.
"""

import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, angles, cohort, frequency, people

from jaxdiff.body.gait import cadence
from jaxdiff.studies.speed_transfer import baselines, strides
from jaxdiff.studies.speed_transfer.stride_rows import baseline
from jaxdiff.studies.speed_transfer.strides import SCALE, STRIDE_TIME
from jaxdiff.studies.speed_transfer.synthesis import stride_time

GAITS = cohort(4)
PEOPLE = baselines.fit(GAITS.strides)
GRID = np.arange(50) / 50
HIPS = [0, 3]


@pytest.mark.parametrize("row", [0, 7, 13])
def test_a_recording_is_a_mean_stride_from_a_foot_strike_on(row):
    gait = GAITS.strides[row]
    stature, manner = people(4)[row // 4]
    true = angles(gait.speed, GRID + 0.5, manner)
    assert np.abs(strides.curves(gait.mean, 50) - true).max() < 2.5
    assert abs(stride_time(gait.mean) * frequency(gait.speed, stature) - 1) < 0.01
    phase = GAITS.strikes[row] * frequency(gait.speed, stature)
    assert np.abs(np.diff(phase)[:-1] - 1).max() < 0.06


def test_the_cadence_law_is_recovered():
    ratio = PEOPLE.change(0.7, 1.4)[STRIDE_TIME] * SCALE[STRIDE_TIME]
    np.testing.assert_allclose(np.exp(-ratio), frequency(1.4) / frequency(0.7), rtol=0.01)
    stature = np.mean([s for s, _ in people(4)])
    mean = PEOPLE.predict("mean", GAITS.strides[0], 1.1)
    np.testing.assert_allclose(1 / stride_time(mean), frequency(1.1, stature), rtol=0.01)
    assert not PEOPLE.change(0.8, 0.8).any()


@pytest.mark.parametrize("degree", [1, 2])
def test_the_change_is_recovered_between_and_beyond_the_speeds(degree):
    found = strides.curves(PEOPLE.change(0.6, 2.0, degree), 50)
    true = angles(2.0, GRID + 0.5) - angles(0.6, GRID + 0.5)
    np.testing.assert_allclose(found, true, atol=1.5)


@pytest.mark.parametrize("target", [0.6, 1.5])
def test_baselines_err_by_what_they_do_not_know(target):
    """In this cohort all people change alike, so the linear change is right, and no person has the
    mean's manner.
    """
    row = 1
    truth = GAITS.values[np.flatnonzero(GAITS.speed == target)[0]]
    made = {
        name: baseline(name, PEOPLE, GAITS, np.array([row]), np.array([target]))[0]
        for name in baselines.BASELINES
    }
    np.testing.assert_array_equal(made["copy"], GAITS.values[row])
    rhythm = {name: cadence(values[:, HIPS].T, RATE) for name, values in made.items()}
    real = cadence(truth[:, HIPS].T, RATE)
    for name in ("warp", "linear", "quadratic"):
        assert abs(rhythm[name] - real) < 1.0
    assert abs(rhythm["copy"] - real) > 5
    spread = {name: values.std(0) for name, values in made.items()}
    for name in ("linear", "quadratic"):
        np.testing.assert_allclose(spread[name], truth.std(0), rtol=0.05)
    assert np.abs(spread["warp"] - truth.std(0)).max() > 1


def test_at_the_same_speed_a_change_returns_the_recording():
    for name in ("warp", "linear", "quadratic"):
        made = baseline(name, PEOPLE, GAITS, np.array([2]), np.array([1.2]))[0]
        assert np.abs(made - GAITS.values[2])[:100].max() < 4  # a few per cent of a stride
