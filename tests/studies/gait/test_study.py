"""A run of the study gives a model file that takes recordings, returns calibrated intervals and
adapts.
"""

from dataclasses import replace

import numpy as np
import pytest

import jaxdiff
from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.metrics.uncertainty import crps
from jaxdiff.studies.gait import adaptation, data, evaluation, subsets, trust
from jaxdiff.studies.gait.config import WORDS, get_config
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.strides import Strides
from jaxdiff.studies.gait.training import run_train
from jaxdiff.studies.study import STUDIES
from tests.studies.gait import toys


def people(seed, count, each=10, shift=0.0):
    """Toy strides of some people; `shift` moves their moments."""
    strides = toys.gaussian(np.random.default_rng(seed), count * each)
    strides.values["moments"] += shift
    return Strides(
        strides.values, np.repeat(np.arange(count), each), strides.channels, strides.units
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    config = get_config("tiny")
    config.law.components = toys.COMPONENTS
    config.law.masks = 20
    config.evaluation.update(samples=16, strides=300)
    strides = {"train": people(1, 100), "calibration": people(2, 30), "test": people(3, 30)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "kept", lambda config, split, folder: strides[split])
        run_train(config, out)
    return out


@pytest.fixture(scope="module")
def model(trained):
    return jaxdiff.load(trained / "gait.safetensors")


def walk(names=("hip_flexion_r", "hip_flexion_l", "knee_flexion_r"), seconds=3.2):
    """A recording of three strides of the toy's angles."""
    fresh = people(9, 1, 3)
    time = np.arange(round(100 * seconds)) / 100
    phase = np.arange(0, 3, 1 / toys.STEPS)
    angles = fresh.values["angles"].reshape(-1, 3)
    columns = [np.interp(time, phase, angles[:, toys.CHANNELS["angles"].index(n)]) for n in names]
    events = tuple(Event(float(t), "foot_strike", "right") for t in range(4))
    units = ("deg",) * len(names)
    return Recording(np.stack(columns, 1), tuple(names), units, 100.0, 0.0, {}, events)


def test_every_word_gives_a_config_of_the_study():
    assert tuple(STUDIES["gait"].words) == WORDS
    assert all(get_config(word).experiment in STUDIES["gait"].experiments for word in WORDS)
    with pytest.raises(ConfigError, match="no config"):
        get_config("ships")


def test_a_run_directory_is_a_model_too(trained):
    assert jaxdiff.load(trained).study == "gait"


def test_a_recording_gets_the_signals_it_lacks(model):
    recording = walk()
    made = model.generate(recording, samples=8, rename={})
    assert made.like.channels == toys.CHANNELS["moments"]
    assert len(made) == 8 and made.like.rate == recording.rate
    assert made.like.start == 0 and made.values.shape[1] == 301
    low, high = made.interval(0.9)
    assert (low.values <= made.median.values + 1e-6).all()
    assert (made.median.values <= high.values + 1e-6).all()
    assert np.isfinite(made.values).all()


def test_samples_repeat_with_their_seed(model):
    one, two, other = (model.generate(walk(), samples=4, seed=s).values for s in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, other)


def test_an_absent_leg_is_generated(model):
    made = model.generate(walk(("hip_flexion_r", "knee_flexion_r")), samples=4, outputs=["angles"])
    assert made.like.channels == ("hip_flexion_l",)


def test_impossible_outputs_are_refused(model):
    with pytest.raises(ConfigError, match="no output 'moment'"):
        model.generate(walk(), outputs=["moment"])
    with pytest.raises(DataError, match="nothing to generate"):
        model.generate(walk(), outputs=["angles"])


def test_intervals_cover_new_people(trained):
    from jaxdiff.models import file

    kept = file.load(trained / "gait.safetensors")
    model = Imputer.of(kept.params, kept.metadata)
    calibration = evaluation.calibrations(model, people(5, 100, 2), 128)
    scores = evaluation.score_table(model, calibration, people(6, 100, 2), 128, 0, ("angles",))
    assert scores["angles", "moments"].coverage == pytest.approx(0.9, abs=0.05)


def test_the_median_of_a_few_samples_is_the_posterior_mean(model):
    """Of the law, which is Gaussian: samples come in pairs of opposite noise."""
    law, strides = model.imputer.law, people(8, 1, 3)
    masks = subsets.masks(law.layout, ("angles/*",))
    drawn = Imputer(law, None, model.imputer.settings).draw(strides.values, masks, 4)["moments"]
    mean = law.condition(masks).condition(strides.values)["mean"]
    expected = law.decode(mean, ("moments",))["moments"]
    np.testing.assert_allclose(np.median(drawn, 0), expected, atol=1e-4)


def test_a_gap_joins_on_to_what_is_given(model):
    """The rest of a curve whose beginning is given spreads less, its discrepancy being one
    curve.
    """
    strides, part = people(31, 1, 1), model.layout[0]
    masks = subsets.masks(model.layout, ("moments/*",))
    masks["angles"] = np.zeros((part.steps, 3), bool)
    masks["angles"][:6, 0] = True
    drawn = model.imputer.draw(strides.values, masks, 200)["angles"][:, 0, :, 0]
    assert (drawn[:, :6] == strides.values["angles"][0, :6, 0]).all()
    alone = model.imputer.draw(strides.values, subsets.masks(model.layout, ("moments/*",)), 200)[
        "angles"
    ][:, 0, :, 0]
    assert (drawn[:, 6:].std(0) < 0.85 * alone[:, 6:].std(0)).all()


def test_the_coverage_on_a_real_person_is_warned_about(model):
    made = model.generate(walk(), samples=4)
    (note,) = made.metadata["warnings"]
    assert "simulated people" in note and made.like.meta["intervals"] == note
    simulated = replace(walk(), meta={"source": "jaxdiff.body.walker"})
    assert model.generate(simulated, samples=4).metadata["warnings"] == ()
    metadata = {"real": {"who": "one real person", "coverage": [0.5, 0.75]}}
    assert "on one real person 50% to 75%" in trust.promise(metadata)
    assert "8 people of the laboratory" in trust.promise({"adaptation": {"people": 8}})


def test_the_card_states_data_scores_and_limits(model):
    assert "simulated" in model.card.data and "Walking only" in model.card.limits
    assert any("moments from angles" in name for name in model.card.scores)


def test_the_card_counts_the_people_trained_on(model):
    assert "1000 simulated strides of 100 simulated people" in model.card.data


def test_a_training_that_begins_with_a_model_keeps_its_law(trained, tmp_path, monkeypatch):
    """Its weights mean something under that law alone."""
    config = get_config("tiny")
    config.law.components = toys.COMPONENTS
    config.evaluation.update(samples=8, strides=40)
    config.training.start = str(trained)
    strides = {name: people(40, 20, shift=1.0) for name in data.SPLITS}
    monkeypatch.setattr(data, "kept", lambda config, split, folder: strides[split])
    run_train(config, tmp_path)
    more = jaxdiff.load(tmp_path / "gait.safetensors").imputer.law
    law = jaxdiff.load(trained).imputer.law
    for name in ("mean", "basis", "noise"):
        np.testing.assert_allclose(
            getattr(more, name)["moments"], getattr(law, name)["moments"], atol=1e-3
        )
    np.testing.assert_allclose(more.factor, law.factor, atol=1e-3)  # the file has float16


def test_kept_people_of_several_runs_are_joined(tmp_path, monkeypatch):
    """As other people of the same data set: none is lost and none is taken for another."""

    def simulated(config, split, progress):
        rng = np.random.default_rng([config.seed, data.SPLITS[split]])
        count = config.people if split == "train" else config.held_out // 2
        strides = people(config.seed, count, 2)
        values = {name: rng.normal(size=(2 * count, 5, 3)) for name in ("angles", "emg")}
        return replace(strides, values=values)

    monkeypatch.setattr(data, "simulated", simulated)
    config = get_config("tiny").data
    config.update(people=2, held_out=2)
    other = config.copy_and_resolve_references()
    other.update(people=3, seed=1)
    first = data.kept(config, "train", tmp_path / "a")
    second = data.kept(other, "train", tmp_path / "b")
    calibration = data.kept(config, "calibration", tmp_path / "a")
    data.kept(other, "calibration", tmp_path / "b")
    config.folders = f"{tmp_path / 'a'}, {tmp_path / 'b'}"
    both = data.kept(config, "train", tmp_path / "unused")
    assert both.subject.tolist() == np.repeat(np.arange(5), 2).tolist()
    assert not (tmp_path / "unused").exists()
    for name, values in both.values.items():
        np.testing.assert_allclose(values[:4], first.values[name], rtol=1e-3, atol=1e-3)  # float16
        np.testing.assert_allclose(values[4:], second.values[name], rtol=1e-3, atol=1e-3)
    held_out = data.kept(config, "calibration", tmp_path / "unused")  # those of the first folder
    np.testing.assert_allclose(
        held_out.values["emg"], calibration.values["emg"], rtol=1e-3, atol=1e-3
    )
    with pytest.raises(FileError, match="test.npz"):
        data.kept(config, "test", tmp_path / "unused")


def test_the_most_similar_subset_is_used():
    layout = toys.layout()
    given = subsets.masks(layout, ("angles/*", "scalars/mass"))
    known = {"angles": ("angles/*",), "moments": ("moments/*",)}
    assert evaluation.nearest_subset(layout, given, known) == "angles"


def test_adapting_moves_towards_a_laboratory_and_is_never_worse_for_people_left_out(model):
    lab, others = people(21, 8, 4, shift=2.0), people(22, 8, 4, shift=2.0)
    better = model.adapt(lab)
    scores = better.trained.metadata["adaptation"]["crps"]
    chosen = better.trained.metadata["adaptation"]["strength"]
    assert scores[chosen] == min(scores.values()) <= scores["inf"]
    assert better.trained.metadata["adaptation"]["strength"] != "inf"
    given = subsets.masks(model.layout, ("angles/*",))
    before, after = (
        crps(m.imputer.draw(others.values, given, 16)["moments"], others.values["moments"])
        for m in (model, better)
    )
    assert after < 0.9 * before
    assert any(name.startswith("adapted") for name in better.calibrations)


def test_a_laboratory_like_the_simulation_needs_no_adaptation(model):
    same = people(23, 6, 4)
    scores = model.adapt(same).trained.metadata["adaptation"]["crps"]
    assert min(scores.values()) >= 0.9 * scores["inf"]


def test_adapting_needs_three_people(model):
    with pytest.raises(DataError, match="three people"):
        model.adapt(people(24, 2))


def test_measured_modalities_become_tasks():
    lab = people(25, 3)
    lab.values["moments"][:] = np.nan
    assert adaptation.measured(lab) == ["angles"]
    assert adaptation.tasks_of(lab) == []
