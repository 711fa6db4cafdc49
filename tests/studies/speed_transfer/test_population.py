"""What training subjects have in common, recovered from people made after it."""

import json

import numpy as np
import pytest
from studies.speed_transfer.walkers import LAW, RATE, angles, cohort, frequency, people

from jaxdiff.body.gait import cadence
from jaxdiff.studies.speed_transfer import population as pop

GAITS = cohort(4)
PEOPLE = GAITS.population()
GRID = np.arange(100) / 100


def test_the_cadence_law_is_recovered():
    np.testing.assert_allclose(PEOPLE.cadence[1:], LAW[1:], atol=0.02)
    stature = np.mean([s for s, _ in people(4)])
    np.testing.assert_allclose(PEOPLE.frequency(1.1), frequency(1.1, stature), rtol=0.01)
    np.testing.assert_allclose(PEOPLE.ratio(0.7, 1.4), frequency(1.4) / frequency(0.7), rtol=0.01)
    assert PEOPLE.ratio(0.8, 0.8) == 1


def test_the_slope_is_the_change_per_metre_per_second():
    phase = np.arange(100) / 100
    np.testing.assert_allclose(PEOPLE.slope, angles(2.0, phase) - angles(1.0, phase), atol=1.0)


def test_the_quadratic_change_is_recovered_between_and_beyond_the_speeds():
    """From people whose curves are quadratic in speed by construction."""
    speeds, phase = np.array([0.6, 0.9, 1.2, 1.5]), np.arange(30) / 30
    shape = np.stack([np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)])
    v, who = np.tile(speeds, 3), np.repeat(np.arange(3), 4)
    curve = v[:, None] * shape[0] + v[:, None] ** 2 * shape[1] + who[:, None]
    powers = v[:, None] ** np.arange(1, 3)
    within = [a - np.repeat(a.reshape(3, 4, -1).mean(1), 4, axis=0) for a in (powers, curve)]
    np.testing.assert_allclose(pop._change(*within), shape, atol=1e-10)
    np.testing.assert_allclose(
        PEOPLE.change(0.6, 2.5), angles(2.5, GRID) - angles(0.6, GRID), atol=2.0
    )
    assert not PEOPLE.change(0.8, 0.8).any()


def test_curves_are_interpolated_and_hold_beyond_the_ends():
    phase, manner = np.arange(100) / 100, np.mean([m for _, m in people(4)])
    np.testing.assert_allclose(PEOPLE.curve(1.05), angles(1.05, phase, manner), atol=1.0)
    np.testing.assert_array_equal(PEOPLE.curve(9.0), PEOPLE.curve(1.5))
    np.testing.assert_array_equal(PEOPLE.curve(0.1), PEOPLE.curve(0.6))


@pytest.mark.parametrize("target", [0.6, 1.5])
def test_baselines_err_by_what_they_do_not_know(target):
    """In this cohort all people change alike, so the linear change is right, and no person has the mean's manner."""
    row = 1
    source, truth = GAITS.values[row], GAITS.values[np.flatnonzero(GAITS.speed == target)[0]]
    made = {
        name: pop.baseline(name, PEOPLE, GAITS.clocks[row], 0.9, target, 600)
        for name in pop.BASELINES
    }
    np.testing.assert_array_equal(made["copy"], source)
    rhythm = {name: cadence(values[:, [0, 3]].T, RATE) for name, values in made.items()}
    real = cadence(truth[:, [0, 3]].T, RATE)
    for name in ("warp", "linear", "quadratic"):
        assert abs(rhythm[name] - real) < 1.0
    assert abs(rhythm["copy"] - real) > 5
    spread = {name: values.std(0) for name, values in made.items()}
    for name in ("linear", "quadratic"):
        np.testing.assert_allclose(spread[name], truth.std(0), rtol=0.05)
    assert np.abs(spread["warp"] - truth.std(0)).max() > 1


def test_at_the_same_speed_all_but_the_mean_return_the_source():
    for name in ("copy", "warp", "linear", "quadratic"):
        np.testing.assert_array_equal(
            pop.baseline(name, PEOPLE, GAITS.clocks[2], 1.2, 1.2, 600), GAITS.values[2]
        )


def test_a_population_survives_json():
    again = pop.from_state(json.loads(json.dumps(PEOPLE.state())))
    assert abs(again.ratio(0.6, 1.4) / PEOPLE.ratio(0.6, 1.4) - 1) < 1e-6
    np.testing.assert_allclose(again.curve(1.0), PEOPLE.curve(1.0), atol=1e-5)
