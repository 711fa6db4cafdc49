"""The paper's regressors: out of step they can only answer with the mean."""

import json

import numpy as np
import pytest
from studies.speed_transfer.walkers import cohort, trials

from jaxdiff.data import normalise
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.studies.speed_transfer import regression
from jaxdiff.studies.speed_transfer.evaluation import task

SPEEDS = (0.6, 1.0, 1.4)
GAITS = cohort(5, speeds=SPEEDS)
GAITS = type(GAITS)(**{**vars(GAITS), "values": GAITS.values[:, :150]})
TRAIN = GAITS.select(~np.isin(GAITS.subject, ["P3", "P4"]))
VALIDATION = GAITS.select(GAITS.subject == "P3")
SCALE = normalise.fit(trials(TRAIN), "zscore", ["sagittal"])["sagittal"]
TASK = task(GAITS, ["P4"])
SETTINGS = regression.Settings(source_speeds=SPEEDS, steps=60, batch=4)


@pytest.mark.parametrize("kind", ["mlp", "tcn"])
def test_sequences_in_time_teach_little(kind, tmp_path):
    """Two clocks that never agree: most of the target's variance stays unexplained."""
    made = regression.train(kind, TRAIN, VALIDATION, SCALE, SETTINGS, tmp_path)(TASK)
    truth = GAITS.values[TASK.target]
    assert made.shape == truth.shape
    assert np.square(made - truth).sum() > 0.5 * np.square(truth - truth.mean((0, 1))).sum()


def test_a_member_for_each_pair_or_for_each_source_speed(tmp_path):
    short = SETTINGS._replace(steps=1, source_speeds=(0.6, 1.4))
    mlp, tcn = (
        regression.train(kind, TRAIN, VALIDATION, SCALE, short, tmp_path / kind)
        for kind in ("mlp", "tcn")
    )
    assert len(mlp.pairs) == 2 * 3 and len(tcn.pairs) == 2
    assert mlp(task(GAITS, ["P4"], (0.6,))).shape == (3, 150, 6)
    with pytest.raises(DataError, match="not trained to go from 1 to 0.6 m/s"):
        tcn(task(GAITS, ["P4"], (1.0,)))


def test_validation_people_choose_the_checkpoint(tmp_path):
    long = SETTINGS._replace(steps=16)
    made = regression.train("tcn", TRAIN, VALIDATION, SCALE, long, tmp_path)
    errors = {}
    for line in (tmp_path / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "validation_loss" in row:
            errors[row["step"]] = row["validation_loss"]
    assert sorted(errors) == list(range(2, 17, 2))
    asked = task(VALIDATION, ["P3"], SPEEDS)
    away = SCALE(made(asked)) - SCALE(VALIDATION.values[asked.target])
    np.testing.assert_allclose(np.square(away).mean(), min(errors.values()), rtol=1e-3)


def test_an_unknown_kind_is_named(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'tcn'"):
        regression.train("tcnn", TRAIN, VALIDATION, SCALE, SETTINGS, tmp_path)


def test_subjects_who_lack_a_speed_are_left_out_of_its_pairs(tmp_path):
    fewer = TRAIN.select(~((TRAIN.subject == "P0") & (TRAIN.speed == 1.4)))
    short = SETTINGS._replace(steps=1)
    made = regression.train("mlp", fewer, VALIDATION, SCALE, short, tmp_path)(TASK)
    assert np.isfinite(made).all()
    with pytest.raises(DataError, match="no training subject walks at 1.4 m/s"):
        slow = TRAIN.select(TRAIN.speed < 1.2)
        regression.train("mlp", slow, VALIDATION, SCALE, short, tmp_path)
