"""The paper's regressors: out of step they can only answer with the mean, in step they learn the change."""

import pytest
from studies.speed_transfer.walkers import cohort, trials

from jaxdiff.data import normalise
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.speed_transfer import Settings as ModelSettings
from jaxdiff.studies.speed_transfer import regression
from jaxdiff.studies.speed_transfer.data import Form
from jaxdiff.studies.speed_transfer.evaluation import judge, scores, task
from jaxdiff.studies.speed_transfer.transfer import Transfer

SPEEDS = (0.6, 1.0, 1.4)
GAITS = cohort(5, speeds=SPEEDS)
TRAIN = GAITS.select(GAITS.subject != "P4")
SCALE = normalise.fit(trials(TRAIN), "zscore", ["sagittal"])["sagittal"]
TASK = task(GAITS, ["P4"])
SETTINGS = regression.Settings(source_speeds=SPEEDS, steps=60, learning_rate=5e-3, batch=4)


def lent(form):
    return Transfer(None, ModelSettings(), form, SCALE, TRAIN.population())


@pytest.mark.parametrize("kind", ["mlp", "tcn"])
def test_sequences_in_time_make_the_mean_the_best_answer(kind):
    made = regression.train(kind, TRAIN, lent(Form("none", 600, 0)), SETTINGS)(TASK)
    assert made.shape == (9, 600, 6)
    assert made.std(1).mean() < 0.8 * GAITS.values.std(1).mean()


def test_strides_on_a_grid_can_be_learned():
    regressor = regression.train("tcn", TRAIN, lent(Form("phase", 300, 30)), SETTINGS)
    found = scores(judge(TASK, regressor(TASK)))
    assert found["mae_across"] < 0.7 * scores(judge(TASK, GAITS.values[TASK.source]))["mae_across"]


def test_a_member_for_each_pair_or_for_each_source_speed():
    short = SETTINGS._replace(steps=1, source_speeds=(0.6, 1.4))
    form = lent(Form("none", 600, 0))
    mlp, tcn = (regression.train(kind, TRAIN, form, short) for kind in ("mlp", "tcn"))
    assert len(mlp.pairs) == 2 * 3 and len(tcn.pairs) == 2
    assert mlp(task(GAITS, ["P4"], (0.6,))).shape == (3, 600, 6)
    with pytest.raises(DataError, match="not trained to go from 1 to 0.6 m/s"):
        tcn(task(GAITS, ["P4"], (1.0,)))


def test_an_unknown_kind_is_named():
    with pytest.raises(ConfigError, match="did you mean 'tcn'"):
        regression.train("tcnn", TRAIN, lent(Form("none", 600, 0)), SETTINGS)
