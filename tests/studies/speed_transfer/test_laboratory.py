"""A laboratory's own people: trained whole, tested on those it names."""

import pytest

import jaxdiff
from jaxdiff.cli.train import set_field
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.studies.speed_transfer import data, stride_training
from jaxdiff.studies.speed_transfer.config import get_config

from .walkers import cohort, laboratory, trials


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return laboratory(tmp_path_factory.mktemp("lab"), 12, seconds=3.0)


def names(gaits):
    return sorted({g.subject for g in gaits})


def test_named_people_are_left_out_and_the_others_divided(lab):
    found = stride_training.laboratory(str(lab), ("P03", "P07"), ("P00",))
    assert names(found.test) == ["P03", "P07"] and names(found.validation) == ["P00"]
    every = names(found.train) + names(found.calibration) + ["P00", "P03", "P07"]
    assert sorted(every) == [f"P{i:02d}" for i in range(12)]
    everyone = stride_training.laboratory(str(lab), ("none",))
    assert not everyone.test
    assert len(names(everyone.train) + names(everyone.calibration)) == 12
    with pytest.raises(ConfigError, match="no subject 'P3'.*did you mean"):
        stride_training.laboratory(str(lab), ("P3",))


def test_too_few_people_to_train_on_are_refused(tmp_path):
    with pytest.raises(DataError, match="12 people or more.*`jaxdiff adapt` takes four"):
        stride_training.laboratory(str(laboratory(tmp_path, 4, seconds=3.0)))


@pytest.mark.slow
def test_a_laboratory_trains_the_model_whole(lab, tmp_path):
    config = get_config("ship_tiny")
    for setting in ("data.name=folder", f"data.recipe={lab}", "data.test=['P03','P07']"):
        set_field(config, setting)
    config.model.combinations, config.batch_size, config.sampling.steps = 4, 16, 1
    config.training.steps, config.training.evaluate_every = 2, 2
    stride_training.run(config, tmp_path)
    model = jaxdiff.load(tmp_path / "speed.safetensors")
    assert "one laboratory" in model.card.people and str(lab) not in model.card.data
    assert any("no hemiparesis" in name for name in model.card.scores)
    walk = jaxdiff.read(lab.parent / "P03_0.7.csv")
    out = model.generate(walk, source_speed=0.7, target_speed=1.3, samples=2)
    assert out.median.channels == walk.channels


def test_the_papers_setting_takes_named_people_too():
    found = trials(cohort(5))
    split = data.divide(found, (13, 4, 5), 0, ("P1", "P3"), ("P0",))
    assert split.test.subjects == ("P1", "P3") and split.validation.subjects == ("P0",)
    with pytest.raises(ConfigError, match="no subject 'P9'"):
        data.divide(found, (13, 4, 5), 0, ("P9",))
    with pytest.raises(ConfigError, match="needs 22 subjects"):
        data.divide(found, (13, 4, 5), 0)
