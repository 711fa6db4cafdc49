"""What no data set, cohort, window or pair can be is refused in one sentence, before anything is
computed.
"""

import numpy as np
import pytest

from jaxdiff.body.walker import gait_cohort, speed_cohort
from jaxdiff.data import catalogue
from jaxdiff.data.pairs import balanced
from jaxdiff.data.windows import cut
from jaxdiff.errors import ConfigError, DataError


@pytest.mark.parametrize(
    "cohort, settings, message",
    [
        (gait_cohort, {"subjects": 0}, "how many"),
        (gait_cohort, {"subjects": [-1]}, "from 0 on"),
        (gait_cohort, {"speeds": ()}, "one speed or more"),
        (gait_cohort, {"inclines": ()}, "one incline or more"),
        (gait_cohort, {"strides": 0}, "one stride or more"),
        (speed_cohort, {"subjects": -2}, "how many"),
        (speed_cohort, {"rate": 0.0}, "must divide 200 Hz"),
        (speed_cohort, {"rate": float("nan")}, "must divide 200 Hz"),
        (speed_cohort, {"seconds": -1.0}, "one sample or more"),
    ],
)
def test_impossible_cohorts(cohort, settings, message):
    with pytest.raises(ConfigError, match=message):
        next(cohort(**settings))


def test_a_data_set_without_a_trial(tmp_path):
    with pytest.raises(DataError, match="simulated_motion is empty: no trial was found"):
        catalogue.load("simulated_motion", size="tiny", count=0, data_dir=tmp_path, progress=False)


def test_impossible_windows_and_pairs(trials):
    for settings in ({"length": 0}, {"length": -3}, {"length": 2, "hop": 0}):
        with pytest.raises(ConfigError, match="one frame long or more"):
            cut(trials, *list(trials.signals)[:2], **settings)
    name = next(iter(trials.signals))
    with pytest.raises(ConfigError, match="draws must be 1 or more"):
        balanced(trials, name, 1, draws=0)
    with pytest.raises(ConfigError, match="length must be 1 frame or more"):
        balanced(trials, name, 0)
    with pytest.raises(DataError, match=f"for instance '{trials.column('trial')[0]}'"):
        balanced(trials, name, int(np.max(trials.length)) + 1)
