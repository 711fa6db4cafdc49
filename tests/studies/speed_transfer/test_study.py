"""From the command a user would type: trained, reported, and used on files of a lab."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import CHANNELS, RATE, cohort, recording, trials

from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.studies.loading import load
from jaxdiff.studies.speed_transfer import data, experiments
from jaxdiff.studies.speed_transfer import transfer as trained
from jaxdiff.studies.speed_transfer.config import WORDS, get_config
from jaxdiff.studies.speed_transfer.study import STUDY

SPEEDS = (0.6, 1.0, 1.4)
ABLE, STROKE = cohort(5, SPEEDS), cohort(4, (0.3, 0.6, 0.9), seed=5, paretic="right")
COHORTS = {"able": trials(ABLE), "stroke": trials(STROKE)}


@pytest.fixture(scope="module")
def tiny():
    config = get_config("paper_simulated")
    config.strides = ""
    config.data.split, config.model.size = (3, 1, 1), "tiny"
    config.batch_size, config.sampling.steps = 8, 3
    config.evaluation.source_speeds = config.evaluation.target_speeds = ()
    config.evaluation.regression_steps, config.data.stroke_normaliser = 2, "others"
    config.training.steps, config.training.log_every, config.training.evaluate_every = 6, 2, 3
    return config


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A trained and reported run on the closed-form cohort."""
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "load", lambda name, d, recipe, kind="able": COHORTS[kind])
        experiments.run(tiny, out)
        (out / "report.html").rename(out / "whole.html")
        with tiny.unlocked():
            one = tiny.copy_and_resolve_references()
        one.report = ("table2",)
        (out / "tables" / "table2.md").unlink()
        one.experiment = "evaluate"
        experiments.run(one, out)
    return out


def walk(speed=1.0, seconds=30.0, rate=RATE, names=CHANNELS, unit="deg"):
    values = recording(speed, seconds=seconds, rate=rate)
    values = np.deg2rad(values) if unit == "rad" else values
    return Recording(values, names, (unit,) * 6, rate, 1.5, {"subject": "me"})


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_a_config(word):
    config = get_config(word)
    assert config.is_locked
    assert set(config.get("report", ())) <= set(WORDS)
    assert config.experiment in STUDY.experiments


def test_an_unknown_word_is_named():
    with pytest.raises(ConfigError, match="did you mean 'table1'"):
        get_config("tabel1")


def test_a_report_has_every_table_with_every_baseline(run):
    table = (run / "tables" / "table1.md").read_text()
    for name in (
        "paper (other data)",
        "diffusion",
        "copy",
        "warp",
        "linear",
        "quadratic",
        "mean",
        "mlp",
        "tcn",
    ):
        assert f"| able-bodied: {name} |" in table
        assert (f"| stroke: {name} |" in table) == (name not in ("mlp", "tcn"))
    made = {path.stem for path in (run / "tables").glob("*.md")}
    assert made == {
        *("table1", "table2", "table3", "baselines-able", "baselines-stroke"),
        *("by-source", "by-change", "by-number"),
    }
    assert "circular shift" in table and "seed" in table
    assert len(list((run / "figures").glob("*.png"))) == 11
    page = (run / "whole.html").read_text()
    assert (
        page.count("<img") == 11 and page.count("<canvas") == 2 * 3
    )  # two cohorts: source, real, generated
    assert (
        "<img" not in (run / "report.html").read_text()
    )  # of the second run, which asked for one table only


def test_the_best_checkpoint_is_the_one_used(run):
    _, said = trained.load(run)
    assert said["channels"] == list(CHANNELS) and said["rate"] == RATE
    assert said["step"] in (3, 6)


@pytest.fixture(scope="module")
def model(run):
    return load(run)


def test_units_names_and_rates_of_a_lab_are_kept(model):
    def generate(recording, target, **options):
        return model.generate(
            recording, samples=1, source_speed=1.0, target_speed=target, **options
        ).median

    names = ("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle")
    known = generate(walk(), 1.4)
    made = generate(walk(names=names, unit="rad"), 1.4, channels=names)
    assert made.channels == names and made.units == ("rad",) * 6
    np.testing.assert_allclose(np.rad2deg(made.values), known.values, atol=1e-2)
    fast = generate(walk(rate=100.0), 1.0, resample=True)
    assert fast.rate == 100.0 and abs(len(fast.values) - 3000) <= 5
    assert fast.start == 1.5 and fast.meta["subject"] == "me"


def test_a_source_that_does_not_fit_is_refused_with_what_would(model):
    def refused(error, match, recording, speed=1.4):
        with pytest.raises(error, match=match):
            model.generate(recording, samples=1, source_speed=1.0, target_speed=speed)

    refused(DataError, "lasts 2 s; the model needs 30 s", walk(seconds=2.0))
    refused(DataError, r"100 Hz, the model 20 Hz; .*--resample", walk(rate=100.0))
    refused(ConfigError, "speeds are in m/s.*got 60", walk(), 60.0)
    refused(DataError, "has no hip_flexion_r", walk(names=tuple("abcdef")))
    holed = walk()
    holed.values[50:53, 1] = np.nan
    refused(DataError, "1 gap, the first in knee_angle_r from", holed)
    options = {"samples": 1, "source_speed": 1.0, "target_speed": 1.4, "fill_gaps": 0.5}
    assert len(model.generate(holed, **options)) == 1


def test_embeddings_are_moved_less_by_a_shift_than_by_a_person(run):
    model, _ = trained.load(run)
    moved, apart = experiments.embedding_shift(model, ABLE)
    assert moved < apart
