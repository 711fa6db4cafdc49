"""Cohorts of the paper's size: who is in them, how long their recordings are, and that they are
simulated once.
"""

import numpy as np
import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.studies.speed_transfer import data, people


@pytest.fixture
def walks(monkeypatch):
    """In place of the walker: angles that count time, strides of one second."""
    calls = []

    def simulate(traits, tasks, strides, points, *, rng, modalities):
        calls.append(len(traits.mass))
        shape = (*tasks.speed.shape, strides, points)
        time = np.arange(strides * points).reshape(strides, points) / points
        angles = np.broadcast_to(time[..., None], (*shape, 26)).astype(np.float32)
        return {"angles": angles, "time": np.broadcast_to(time, shape)}

    monkeypatch.setattr(people.batch, "simulate", simulate)
    return calls


def test_a_cohort_has_the_papers_people_and_speeds(walks, tmp_path):
    able = people.simulated("able", 3, folder=tmp_path)
    assert able.subjects == ("able00", "able01", "able02")
    assert set(able.column("speed")) <= set(people.ABLE_SPEEDS)
    gaits = data.gaits(able, 30.0, 20.0)
    assert gaits.values.shape[1:] == (600, 6)
    np.testing.assert_allclose(np.diff(gaits.values[:, :, 0], axis=1), 0.05, atol=1e-4)
    assert len(np.unique(gaits.values[:, 0, 0])) == len(gaits)  # recordings begin anywhere


def test_stroke_survivors_have_a_paretic_side_and_a_preferred_speed(walks, tmp_path):
    stroke = people.simulated("stroke", 4, folder=tmp_path)
    assert set(stroke.column("paretic")) <= {"left", "right"}
    assert (stroke.column("task") == "self").sum() == 4


def test_a_cohort_is_simulated_once(walks, tmp_path):
    first, again = (people.simulated("able", 2, folder=tmp_path) for _ in range(2))
    assert walks == [2]
    np.testing.assert_array_equal(first.signals["sagittal"], again.signals["sagittal"])
    with pytest.raises(ConfigError, match="did you mean 'stroke'"):
        people.simulated("strok", folder=tmp_path)
