"""The same simulated people walk once more: other strides, the same gait."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import cohort

from jaxdiff.body.walker import speed_cohort
from jaxdiff.body.walker.nodes import gait_nodes
from jaxdiff.errors import ConfigError
from jaxdiff.studies.speed_transfer import floor
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.evaluation import task

SPEEDS = (0.8, 1.4)


@pytest.fixture(scope="module", autouse=True)
def solved_once():
    """A person's gait is solved once, however often that person walks."""
    known = {}

    def nodes(walker, *grid):
        traits = tuple(np.asarray(trait).tobytes() for trait in walker)
        if (traits, grid) not in known:
            known[traits, grid] = gait_nodes(walker, *grid)
        return known[traits, grid]

    with pytest.MonkeyPatch.context() as patch:
        for module in ("jaxdiff.body.walker.cohorts", "jaxdiff.studies.speed_transfer.floor"):
            patch.setattr(f"{module}.gait_nodes", nodes)
        yield
    assert len(known) == 2


@pytest.fixture(scope="module")
def gaits():
    rows = list(speed_cohort("able", 2, SPEEDS, seconds=12.0))
    subject, speed, paretic = (
        np.array([getattr(row, name) for row in rows]) for name in ("subject", "speed", "paretic")
    )
    values = np.stack([row.signals["sagittal"] for row in rows])
    return Gaits(values, subject, speed, paretic, 20.0, ("",) * 6, ("deg",) * 6)


def test_a_second_recording_is_the_same_person_with_other_strides(gaits):
    again = floor.second(gaits, "able")
    np.testing.assert_array_equal(again.values, floor.second(gaits, "able").values)
    assert np.abs(again.values - gaits.values).max() > 1
    known = floor.Knowing(gaits.population(), again)(task(gaits, ["able01", "able02"]))
    across = {
        name: of.error[of.source_speed != of.target_speed].mean() for name, of in known.items()
    }
    assert 0 < across["second recording"] < min(across["own change"], across["linear"])
    own = known["own change"]
    assert not own.error[own.source_speed == own.target_speed].any()


def test_only_simulated_people_walk_once_more():
    with pytest.raises(ConfigError, match="only simulated people"):
        floor.second(cohort(1), "able")
