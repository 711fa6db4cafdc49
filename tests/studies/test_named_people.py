"""LLMA on the people a laboratory names: test subjects, all people, or one person."""

import pytest
from cli.conftest import trial

from jaxdiff.data.trials import gather
from jaxdiff.errors import ConfigError, DataWarning
from jaxdiff.studies.llma.config import get_config
from jaxdiff.studies.llma.preparation import folds


def config(**data):
    made = get_config("quick")
    made.training.score = ""
    for name, value in {"length": 300, **data}.items():
        made.data[name] = value
    return made


def test_named_people_are_tested_and_nobody_else():
    trials = gather([trial(i) for i in range(5)])
    (fold,) = folds(config(test=("S1", "S3")), trials)
    assert set(fold.test.trials.subjects) == {"S1", "S3"}
    assert set(fold.train.trials.subjects) == {"S0", "S2", "S4"}
    with pytest.raises(ConfigError, match="no subject 'S9'"):
        folds(config(test=("S9",)), trials)


def test_everybody_and_one_person_can_be_trained_on():
    trials = gather([trial(i) for i in range(3)])
    with pytest.warns(DataWarning, match="no test subjects are left"):
        (fold,) = folds(config(test=("none",)), trials)
    assert fold.train.trials.subjects == ("S0", "S1", "S2")
    alone = gather([{**trial(0), "trial": f"t{i}"} for i in range(5)])
    with pytest.warns(DataWarning, match="one subject"):
        (fold,) = folds(config(), alone)
    assert len(fold.train.trials) == 4 and len(fold.test.trials) == 1
