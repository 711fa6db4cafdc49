"""LLMA from the command a user would type: trained, reported, and used on files."""

import dataclasses
import sys

import numpy as np
import pytest
from data.pretended import pretended_gait

import jaxdiff
from jaxdiff.data import formats
from jaxdiff.data.builders.simulated import SimulatedGait
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.cross_modal import OTHER
from jaxdiff.models.prediction import Prediction
from jaxdiff.studies.llma import experiments, people, starts, tables, written
from jaxdiff.studies.llma.config import WORDS, get_config
from jaxdiff.studies.llma.kept import kept
from jaxdiff.studies.llma.preparation import folds, load_trials
from jaxdiff.studies.llma.study import STUDY

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def tiny():
    config = get_config("quick")
    config.data.size, config.data.folds, config.data.windows = "tiny", 3, 6
    config.model.size, config.batch_size, config.sampling.samples, config.sampling.steps = (
        "tiny",
        4,
        2,
        3,
    )
    config.training.steps, config.training.log_every, config.training.evaluate_every = 4, 1, 4
    config.sampling.predictive_steps = 2
    config.training.score = ""  # so that two of the three subjects are trained on
    return config


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    experiments.run_train(tiny, out)
    return out


@pytest.fixture(scope="module")
def walk(tiny):
    """Two and a half seconds of someone's angles, in time as a lab records them."""
    trials = load_trials(tiny)
    trials = trials.where(side="right").select(~trials.where(side="right").column("transition"))
    frames = slice(int(trials.start[0]), int(trials.start[0] + trials.length[0]))
    time, values = trials.time[frames], trials.signals["angles"][frames]
    even = np.arange(time[0], time[-1], 0.01)
    resampled = np.stack([np.interp(even, time, channel) for channel in values.T], axis=1)
    return Recording(resampled, trials.channels["angles"], trials.units["angles"], 100.0)


@slow
def test_a_run_leaves_a_checkpoint_a_log_tables_and_a_page(run):
    assert (run / "checkpoints").is_dir() and (run / "metrics.jsonl").exists()
    page = (run / "report.html").read_text()
    assert (
        page.count("<table>") == 5
        and page.count('src="data:image/svg+xml;base64,') == 5
        and "https:" not in page
    )
    assert page.count("<canvas") == 2 and "paper (other data): with alignment" in page
    assert "inside the 90 % interval of generated files" in page
    table = (run / "tables" / "table0.md").read_text()
    assert "LLMA" in table and "ridge" in table and "* commit: " in table


def test_no_subject_is_tested_on_who_was_trained_on_nor_normalised_by(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXDIFF_DATA", str(tmp_path))
    monkeypatch.setattr(SimulatedGait, "simulator", staticmethod(pretended_gait))
    trials = load_trials(tiny)
    for fold in folds(tiny, trials):
        test = set(fold.test.subject)
        assert not test & set(fold.train.subject)
        train = trials.where(subject=list(fold.train.trials.subjects)).frames("angles")
        np.testing.assert_allclose(fold.scale["x"](train).max(0), 1.0, atol=1e-5)


@slow
@pytest.mark.parametrize("extension", [".mot", ".csv"])
def test_a_file_of_angles_becomes_a_file_of_moments(run, walk, tmp_path, extension):
    formats.write(tmp_path / f"walk{extension}", walk)
    recording = jaxdiff.read(tmp_path / f"walk{extension}")
    jaxdiff.load(run).generate(recording, samples=19).write(tmp_path / f"moments{extension}")
    made = formats.read(tmp_path / f"moments{extension}")
    assert (
        made.channels[0] == "hip_extension_moment"
        and made.channels[9] == "hip_extension_moment_p05"
    )
    assert (
        made.rate == pytest.approx(100)
        and walk.time[0] <= made.time[0] < made.time[-1] <= walk.time[-1]
    )
    assert set(made.units) <= {"Nm/kg", "N m/kg"}
    low, middle, high = (made.values[:, part * 9 : part * 9 + 9] for part in (1, 0, 2))
    assert (low <= middle + 1e-6).all() and (middle <= high + 1e-6).all()


@slow
def test_units_are_converted_and_the_same_seed_gives_the_same_numbers(run, walk):
    a = jaxdiff.load(run).generate(walk, samples=2).median
    b = jaxdiff.load(run).generate(walk.convert({"deg": "rad"}), samples=2).median
    other = jaxdiff.load(run).generate(walk, samples=2, seed=1).median
    np.testing.assert_allclose(a.values, b.values, atol=1e-3)
    assert np.abs(a.values - other.values).max() > 1e-3


@slow
def test_bad_recordings_are_refused_with_what_would_be_right(run, walk):
    model = jaxdiff.load(run)
    with pytest.raises(DataError, match=r"has no hip_flexion"):
        model.generate(walk.select(walk.channels[1:]))
    with pytest.raises(DataError, match=r"too short|foot strikes"):
        model.generate(dataclasses.replace(walk, values=walk.values[:80]))
    holed = walk.values.copy()
    holed[50:55, 2] = np.nan
    with pytest.raises(DataError, match=r"1 gap, the first in \w+ from 0.5 to 0.54 s"):
        model.generate(dataclasses.replace(walk, values=holed))
    filled = model.generate(dataclasses.replace(walk, values=holed), fill_gaps=0.1).median
    assert np.isfinite(filled.values).all()
    with pytest.raises(DataError, match="'m', which cannot be converted to 'deg'"):
        model.generate(dataclasses.replace(walk, units=("m",) * len(walk.units)))


@pytest.fixture
def crowd(tmp_path, monkeypatch):
    """Thirty people whose numbers are drawn at random, in place of the walker."""

    def pretended(path, count, seed, first):
        rng = np.random.default_rng([seed, first])
        tasks = len(people.SPEEDS) * len(people.SLOPES)
        shape = (count, tasks, people.STRIDES, people.POINTS)
        path.parent.mkdir(parents=True, exist_ok=True)
        widths = {"angles": 26, "moments": 18, "grf": 6}
        arrays = {m: rng.normal(size=(*shape, d)).astype(np.float32) for m, d in widths.items()}
        time = np.broadcast_to(np.arange(np.prod(shape[2:])).reshape(shape[2:]) / 140, shape)
        np.savez(path, **arrays, time=time)

    monkeypatch.setattr(people, "_simulate", pretended)
    monkeypatch.setenv("JAXDIFF_DATA", str(tmp_path))


@pytest.fixture
def small(crowd):
    """Table 1 of one pair with networks, people and steps that are as few as can be."""
    config = get_config("table1")
    config.data.people, config.data.pairs, config.data.windows = (6, 2, 3), "one", 6
    config.model.size, config.batch_size = "tiny", 4
    config.sampling.steps, config.sampling.samples, config.sampling.predictive_steps = 2, 2, 0
    config.training.steps, config.training.log_every, config.training.save_every = 2, 1, 2
    return config


@slow
def test_tables_hold_both_variants_the_baselines_and_the_paper(small, tmp_path):
    STUDY.run(small, tmp_path)
    assert "change by alignment" in (tmp_path / "report.html").read_text()
    text = (tmp_path / "tables" / "table1.md").read_text()
    rows = (
        "without alignment",
        "with alignment",
        "with alignment, from random initialisation",
        "deterministic transformer",
        "start alone",
        "ridge",
        "change by alignment",
    )
    for row in rows:
        assert rf"angles–moments Y\|X {row}" in text, row
    assert "paper (other data): angles–moments" in text
    assert "mispaired" in text and "calibrated_90" in text
    tables.run_table3(small, tmp_path)
    trained = {
        path.name.removeprefix("angles-moments-") for path in (tmp_path / "models").iterdir()
    }
    assert trained == {
        "linear-llma-alignment",
        "none-llma-alignment",
        "none-direct",
        "linear-llma-contrast-covariance-energy",
    }
    third = (tmp_path / "tables" / "table3.md").read_text()
    assert "without contrast" in third and "energy share" in third


@slow
def test_probes_are_of_new_people_with_a_row_of_raw_signals(small, tmp_path):
    found = tables.run_table2(small, tmp_path)
    text = (tmp_path / "tables" / "table2-linear.md").read_text()
    assert "raw signals" in text and "vicreg" in text and "table2-content" in found


@slow
def test_few_people_and_broken_pairs(small, tmp_path):
    small.model.start = "none"
    tables.run_few(small, tmp_path)
    text = (tmp_path / "tables" / "few.md").read_text()
    assert "8 people, with alignment" in text and "half of the pairs broken, ridge" in text


@slow
def test_networks_correct_the_best_baseline(small, tmp_path):
    small.model.start = "best"
    small.compared = ("ridge",)
    text = str(tables.run_table1(small, tmp_path)["table1"].rows)
    assert "start alone" in text and "from random initialisation" not in text


def test_simulated_people_are_trials_of_the_right_leg_with_the_tasks_of_all(crowd):
    trials = people.simulated_people(30)
    assert len(trials.subjects) == 30 and len(trials.levels["task"]) == 6
    assert trials.channels["moments"][0] == "hip_extension_moment"
    assert [len(trials.channels[m]) for m in people.MODALITIES] == [16, 9, 3]
    assert trials.start[1] == people.STRIDES * people.POINTS


def test_coverage_of_written_files_is_the_share_of_measured_values_inside(crowd):
    """Samples and measured values of one distribution: 90 % are inside, and half as wide samples
    hold fewer.
    """
    trials = people.simulated_people(2)

    class Pretended:
        def __init__(self, spread):
            self.spread = spread

        def generate(self, recording, *, given, samples, strikes):
            assert given == "angles" and len(strikes) == people.STRIDES + 1
            rng = np.random.default_rng(len(recording))
            values = self.spread * rng.normal(size=(samples, len(recording), 9))
            names = {name: getattr(trials, name)["moments"] for name in ("channels", "units")}
            return Prediction(values, dataclasses.replace(recording, values=values[0], **names))

    share = written.covered(Pretended(1.0), trials, "angles", "moments", most=6)
    assert set(share) == {"all", *trials.channels["moments"]}
    assert share["all"] == pytest.approx(0.9, abs=0.01)
    assert written.covered(Pretended(0.5), trials, "angles", "moments", most=6)["all"] < 0.65


def test_a_table_has_one_split_of_the_people_and_few_of_them_differ_by_seed(crowd):
    config = get_config("table1")
    config.data.people, config.data.seeds = (20, 4, 6), 2
    each = folds(config, load_trials(config))
    assert len(each) == 2
    sides = [set(each[0].subjects(which)) for which in ("train", "validation", "test")]
    assert [len(side) for side in sides] == [20, 4, 6] and not set.intersection(*sides)
    config.data.train_people, config.data.broken = 3, 0.5
    few = folds(config, load_trials(config))
    assert [len(set(fold.subjects("train"))) for fold in few] == [3, 3]
    assert set(few[0].subjects("train")) != set(few[1].subjects("train"))
    assert set(few[0].subjects("test")) == sides[2]
    assert (few[0].train.start_y != few[0].train.start).mean() == pytest.approx(0.5, abs=0.02)


def test_the_paper_s_setting_trains_its_epochs_in_chunks_that_fit_a_device():
    config = get_config("paper-tables")
    assert (config.model.size, config.model.network, config.model.start) == (
        "paper128",
        "paper",
        "none",
    )
    assert (config.data.folds, config.folds_at_once, config.training.ema_decay) == (10, 5, 0.999)
    epochs = config.training.steps * config.batch_size / 14_222  # windows of nine training subjects
    assert epochs == pytest.approx(50, abs=0.5)


def test_the_best_baseline_is_chosen_on_left_out_subjects_and_predicts_without_them():
    """A subject's windows never change their own left-out predictions."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(4), 6)
    x = rng.normal(size=(24, 20, 2))
    y = np.tanh(x @ rng.normal(size=(2, 3))) + 0.01 * rng.normal(size=(24, 20, 3))
    names = ("ridge", "local_ridge")
    name, predicted = starts.best_baseline(x, y, subjects, names)
    assert name == "local_ridge" and predicted.shape == y.shape
    y[subjects == 1] += 5.0
    again = starts.left_out(starts.BASELINES[name], x, y, subjects)
    np.testing.assert_allclose(again[subjects == 1], predicted[subjects == 1], atol=1e-9)


def test_the_noise_on_conditions_is_chosen_by_leaving_out_people(small):
    """As ridge regression's penalty is; one person says nothing of it."""

    def noise(people, factor=1.0):
        small.data.train_people, small.model.condition_noise = people, factor
        law = starts.start(small, folds(small, load_trials(small))[0], "none").params["fixed"]["y"]
        return law["condition_noise"]

    channels = noise(2)
    assert channels.shape == (16,) and np.all(channels > 0)
    assert not noise(1).any() and not noise(2, 0.0).any()


@pytest.mark.parametrize("kind", ["none", "linear"])
def test_what_networks_see_of_the_whole_condition_has_one_scale_with_its_noise(small, kind):
    """These signals know nothing of each other, so the noise is ten deviations of theirs."""
    fold, rng = folds(small, load_trials(small))[0], np.random.default_rng(0)
    fixed = starts.start(small, fold, kind).params["fixed"]
    for own, other in OTHER.items():
        signals, noise = fold.side("train")[other], fixed[own]["condition_noise"]
        away = signals + noise * rng.normal(size=signals.shape) - fixed[other]["centre"]
        seen = np.tensordot(away, fixed[other]["features"], ((1, 2), (1, 2)))
        assert noise.min() > 3 * signals.std() and seen.std(0).max() < 1.5


def test_every_word_is_a_config_and_a_wrong_one_names_the_nearest():
    for word in WORDS:
        assert get_config(word).experiment in STUDY.experiments
    with pytest.raises(ConfigError, match="did you mean 'table1'"):
        get_config("tabel1")


def test_a_wrong_command_line_is_one_line_and_exit_code_2(tmp_path):
    import subprocess

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "experiments.llma", *arguments],
            capture_output=True,
            text=True,
            timeout=1200,
        )

    typo = run("--config=experiments/configs/llma.py:quick", "--config.trainig.steps=3")
    assert (
        typo.returncode == 2
        and "did you mean 'training'" in typo.stderr
        and typo.stderr.count("\n") == 1
    )


def test_figures_are_computed_once_unless_what_they_depend_on_changes_or_their_file_is_damaged(
    tmp_path,
):
    calls, path = [], tmp_path / "scores" / "a.json"

    def figures():
        calls.append(1)
        return {"mse": 0.1 * len(calls)}

    assert kept(path, {"steps": (1, 2)}, figures) == kept(path, {"steps": [1, 2]}, figures)
    assert kept(path, {"steps": [3]}, figures) == {"mse": 0.2}
    path.write_text(path.read_text()[:20])
    assert kept(path, {"steps": [3]}, figures)["mse"] == pytest.approx(0.3)
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
