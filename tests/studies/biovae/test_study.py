"""The BioVAE study: configs, skeletons, tables, the refiner's choice, models."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from jaxdiff.body.actions import activations, simulate_clip
from jaxdiff.body.skeleton import HUMANML3D, bone_lengths
from jaxdiff.data.builders.example import example
from jaxdiff.data.trials import gather
from jaxdiff.diffusion import schedules
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.metrics.pose import mpjpe
from jaxdiff.studies.biovae import (
    editing,
    estimation,
    evaluation,
    paper,
    preparation,
    tables,
    training,
)
from jaxdiff.studies.biovae.config import TABLES, WORDS, get_config
from jaxdiff.studies.biovae.experiments import NEEDS, arms_of, run_tables, videos_of
from jaxdiff.studies.biovae.study import STUDY
from jaxdiff.studies.loading import load
from jaxdiff.studies.text_to_motion import corpora
from jaxdiff.studies.text_to_motion.evaluation import CONTROLS
from jaxdiff.training import settings
from jaxdiff.typing import Config

CLIP = simulate_clip("walk", 0).joints[:40]
SCHEDULE = schedules.linear(1000, 1e-4, 0.02)


@pytest.mark.parametrize("word", WORDS)
def test_every_config_is_locked_and_names_what_there_is(word):
    config: Config = get_config(word)
    assert config.experiment in STUDY.experiments and set(config.tables) <= set(NEEDS) == set(
        TABLES
    )
    parts = (
        config.training,
        config.finetune.training,
        config.refiner.training,
        config.muscles.training,
    )
    assert all(settings.from_config(part).steps > 0 for part in parts)
    with pytest.raises(AttributeError):
        config.biovae.widht = 1


def test_the_paper_config_is_the_published_recipe():
    config: Config = get_config("paper")
    assert (config.data.name, config.training.steps, config.finetune.training.steps) == (
        "humanml3d",
        50_000,
        10_000,
    )
    assert (config.batch_size, config.training.optimizer.learning_rate, config.sampling.scale) == (
        64,
        2e-4,
        2.5,
    )
    assert config.tables == TABLES
    with pytest.raises(ConfigError, match="table4"):
        get_config("tabel4")


def test_the_arms_differ_as_the_rows_of_the_ablation_do():
    assert list(paper.TABLE3) == [row for row in paper.TABLE4 if row != "real"]
    assert (
        list(get_config("table4").arms)
        == list(training.ARMS)
        == [*paper.TABLE3, "backbone + L_accel"]
    )
    config = get_config("quick")
    made = {name: preparation.settings(config, 10, arm) for name, arm in training.ARMS.items()}
    assert not made["backbone + L_accel"].mechanics and made["backbone + L_accel"].accel == 1.0
    assert not made["backbone"].mechanics and made["+ BioVAE"].mechanics
    assert (made["+ EMG pre-training"].phys, made["+ losses"].phys, made["all"].accel) == (
        0.0,
        1.0,
        1.0,
    )
    assert preparation.settings(config, 10, training.REFINER).levels == config.refiner.levels
    assert made["all"].levels == 0


def test_tables_do_without_arms_that_are_left_out_or_are_refused():
    config = get_config("quick")
    config.update(arms=("all",), tables=("table3", "table4", "table6"))
    assert arms_of(config) == ("all",)
    names = (*paper.PHYSICAL, *tables.MORE)
    rows = {row: {name: [1.0, 2.0] for name in names} for row in ("real", "all")}
    assert "| all |" in tables.plausibility("Ablation", rows, {}).markdown()
    config.update(tables=("table5",))
    with pytest.raises(ConfigError, match="table5 needs backbone"):
        arms_of(config)


@pytest.mark.parametrize(
    "wrong", [{"arms": ("al", "backbone")}, {"tables": ("tabel3",)}, {"arms": ("backbone, all",)}]
)
def test_an_arm_or_a_table_that_does_not_exist_is_refused(wrong):
    config = get_config("quick")
    config.update(wrong)
    with pytest.raises(ConfigError, match="in BioVAE's tables"):
        arms_of(config)


def test_the_rows_of_the_paper_are_whole():
    wide = {
        paper.TRADITIONAL: [*paper.TABLE1.values(), paper.TABLE3],
        paper.PHYSICAL: [*paper.TABLE2.values(), paper.TABLE4],
    }
    wide |= {paper.ESTIMATION: [*paper.TABLE5.values()], paper.EDITED: [paper.TABLE6]}
    for columns, each in wide.items():
        assert all(len(row) == len(columns) for table in each for row in table.values())


def test_the_motion_packs_joints_become_humanml3ds():
    names = ["Hips", "Spine", "Chest", "Neck", "Head"]
    names += [f"{n}_{s}" for s in "LR" for n in ("Shoulder", "UpperArm", "LowerArm", "Hand")]
    names += [f"{n}_{s}" for s in "LR" for n in ("UpperLeg", "LowerLeg", "Foot", "Toes")]
    values = np.random.default_rng(0).normal(size=(4, 63)).astype(np.float32)
    channels = tuple(f"{n}_{axis}" for n in names for axis in "xyz")
    joints = corpora.as_humanml3d(values, channels)
    index = HUMANML3D.index
    for ours, theirs in {
        "pelvis": "Hips",
        "left_wrist": "Hand_L",
        "right_foot": "Toes_R",
        "right_hip": "UpperLeg_R",
    }.items():
        np.testing.assert_array_equal(
            joints[:, index(ours)], values.reshape(4, 21, 3)[:, names.index(theirs)]
        )
    np.testing.assert_allclose(
        joints[:, index("spine2")], (joints[:, index("spine1")] + joints[:, index("spine3")]) / 2
    )
    again = corpora.as_humanml3d(joints.reshape(4, 66), corpora.CHANNELS)
    np.testing.assert_array_equal(again, joints)
    with pytest.raises(DataError, match="left_wrist"):
        corpora.as_humanml3d(values, tuple(c.replace("Hand_L", "Claw_L") for c in channels))


def test_a_missing_motion_pack_is_named(tmp_path):
    with pytest.raises(FileError, match="data.root"):
        corpora.load_pack(corpora.BANDAI, str(tmp_path))


@pytest.fixture(scope="module")
def trials():
    def one(i):
        motion = corpora.lengthened_features(CLIP)
        return example(
            f"{i}",
            {"motion": motion, "joints": CLIP.reshape(-1, 66)},
            20.0,
            f"{i}",
            captions=["walk"],
        ) | {
            "channels": {"motion": tuple(map(str, range(263))), "joints": corpora.CHANNELS},
            "units": {"motion": ("1",) * 263, "joints": ("m",) * 66},
        }

    return gather(one(i) for i in range(2))


def test_the_joints_of_kit_are_refused_before_anything_is_trained():
    motion = np.zeros((50, 251), np.float32)
    made = example("0", {"motion": motion}, 12.5, "0", captions=["walk"]) | {
        "channels": {"motion": tuple(map(str, range(251)))},
        "units": {"motion": ("1",) * 251},
    }
    with pytest.raises(ConfigError, match="22 joints of HumanML3D.*have 21"):
        preparation.prepare(get_config("quick"), gather([made]))


def test_muscles_and_estimates_are_made_where_the_data_have_none(trials):
    whole = preparation.completed(trials)
    np.testing.assert_allclose(whole.signals["emg"][:40], activations(CLIP, 20.0), atol=1e-6)
    made = preparation.estimated(whole, 0)
    estimates = made.signals[preparation.ESTIMATED].reshape(2, 40, 22, 3)
    assert 5 < 1000 * mpjpe(estimates[0], CLIP).mean() < 200
    assert np.abs(estimates[0] - estimates[1]).max() > 0.01  # each its own noise
    again = preparation.estimated(whole, 0).signals[preparation.ESTIMATE]
    np.testing.assert_array_equal(again, made.signals[preparation.ESTIMATE])
    np.testing.assert_array_equal(made.signals["motion"], whole.signals["motion"])


def test_nearer_counts_distance_to_the_real_row_not_size_and_in_every_repetition():
    rows = {
        "real": {"vc": [1.0, 1.0], "jerk": [5.0, 5.0], "ac": [1.0, 1.0]},
        "backbone": {"vc": [1.5, 1.4], "jerk": [4.0, 4.5], "ac": [1.5, 1.5]},
        "all": {"vc": [0.8, 1.1], "jerk": [7.0, 7.0], "ac": [1.1, 1.9]},
    }
    assert evaluation.nearer(rows, "all") == {"vc": 1, "jerk": -1, "ac": 0}


def test_the_interval_of_several_trainings_is_that_over_trainings():
    rows = [{"fid": fid, "fid_ci95": 0.1, "r_precision_3": 0.5} for fid in (1.0, 2.0, 3.0)]
    assert evaluation.over_trainings(rows[:1]) == rows[0]
    found = evaluation.over_trainings(rows)
    assert found["fid"] == 2.0 and found["r_precision_3_ci95"] == 0
    np.testing.assert_allclose(found["fid_ci95"], 1.96 * np.std([1, 2, 3]) / np.sqrt(3))
    assert set(found) == {"fid", "fid_ci95", "r_precision_3", "r_precision_3_ci95"}


def test_tables_have_our_rows_and_the_papers():
    rng = np.random.default_rng(0)
    names = (*paper.PHYSICAL, *tables.MORE)
    rows = {
        row: {name: rng.random(3).tolist() for name in names} for row in ("real", *training.ARMS)
    }
    text = tables.plausibility("Ablation", rows, paper.TABLE4).markdown()
    assert all(f"| {row} |" in text for row in rows) and "| paper: all | 0.135 | 0.959 |" in text
    assert "`all` against `backbone + L_accel`, in every repetition: nearer to real in" in text
    figures = {n: 0.5 for name in paper.TRADITIONAL for n in (name, f"{name}_ci95")}
    judged = {row: {**figures, "dynamics": 1.0, "dynamics_ci95": 0.1} for row in (*rows, *CONTROLS)}
    judged["frozen"].update(dynamics=2.0, fid=9.0)
    text = tables.traditional("Ablation", judged, paper.TABLE3).markdown()
    assert "worse than `all` in: other clip: nothing;" in text and "frozen: FID, Dynamics" in text
    growing = {f: {n: [float(f)] for n in names} for f in ("0.5", "1.0")} | {"real": rows["real"]}
    assert "Speed grows" in tables.editing(growing, {}, paper.TABLE6).markdown()
    growing["1.0"]["jerk"] = [0.1]
    assert "jerk does not grow" in tables.editing(growing, {}, paper.TABLE6).markdown()


def test_the_trust_is_the_best_that_keeps_joints_in_place():
    def off(by, shake):
        def way(joints, rate):
            jitter = np.random.default_rng(0).normal(size=CLIP.shape) * shake
            return CLIP + by * np.arange(22)[:, None] + jitter.astype(np.float32)

        return way

    ways = {0.1: off(0.0, 1e-3), 0.2: off(0.0, 1e-4), 0.3: off(0.1, 0.0)}
    assert estimation.trusted(ways, [CLIP], 20.0) == 0.2


def test_following_the_true_accelerations_beats_every_smoother():
    truth = np.zeros_like(CLIP)
    truth[1:-1] = np.diff(CLIP, 2, axis=0) * 400
    noisy = CLIP + 0.02 * np.random.default_rng(0).normal(size=CLIP.shape).astype(np.float32)
    informed, resting = (
        estimation.by_following(lambda _, a=a: a, 0.02)(noisy, 20.0) for a in (truth, 0 * truth)
    )
    assert mpjpe(informed, CLIP).mean() < 0.6 * mpjpe(noisy, CLIP).mean()
    assert mpjpe(informed, CLIP).mean() < 0.8 * mpjpe(resting, CLIP).mean()


def test_an_edit_by_one_changes_nothing_and_others_move_the_joints_named():
    def growing(factor=None):
        more = 0.0 if factor is None else (factor - 1).sum()
        return from_x0(lambda x_t, t: x_t * (1 + 0.01 * more))

    unit = Scale(np.zeros(263, np.float32), np.ones(263, np.float32), 20.0)
    same = editing.edit(growing, unit, CLIP, editing.factors(1.0, None), 0.3, 10)
    np.testing.assert_allclose(same, CLIP, atol=2e-4)
    other = editing.edit(growing, unit, CLIP, editing.factors(1.5, ["left_wrist"]), 0.3, 10)
    assert np.abs(other - CLIP).max() > 0.01
    assert editing.factors(2.0, ["left_wrist"]).tolist() == [
        2.0 if n == "left_wrist" else 1.0 for n in HUMANML3D.names
    ]
    with pytest.raises(DataError, match="left_wrist"):
        editing.factors(2.0, ["left_wirst"])
    with pytest.raises(ConfigError, match="strength"):
        editing.edit(growing, unit, CLIP, np.ones(22), 0.0)


def test_videos_need_both_folders_and_these_must_be_there(tmp_path):
    config = get_config("table5")
    assert videos_of(config) is None
    config.estimation.truth = str(tmp_path)
    with pytest.raises(ConfigError, match="both"):
        videos_of(config)
    config.estimation.estimates = str(tmp_path / "wham")
    with pytest.raises(FileError, match="wham"):
        videos_of(config)
    config.estimation.estimates = str(tmp_path)
    assert videos_of(config) == (tmp_path, tmp_path)


def test_networks_of_other_data_or_of_other_features_are_not_reused():
    config, state = get_config("quick"), {"offset": [0.0]}
    scale = SimpleNamespace(state=lambda: state)
    base = SimpleNamespace(
        normaliser=scale, words=("walk",), rate=20.0, actions=(), variant="fixed"
    )
    prepared: Any = SimpleNamespace(
        base=base, scale=SimpleNamespace(acceleration=np.ones((22, 3))), normaliser=scale
    )
    stored = training.about(config, prepared)

    def opened(**changes) -> Any:
        trained = SimpleNamespace(metadata={**stored, **changes}, params="those")
        return SimpleNamespace(path="runs/x", trained=lambda step: trained)

    assert training.of_the_same_data(opened(), config, prepared) == "those"
    for wrong in ({"words": ["run"]}, {"normaliser": {"offset": [1.0]}}):
        with pytest.raises(ConfigError, match="runs/x was trained on other data"):
            training.of_the_same_data(opened(**wrong), config, prepared)
    with pytest.raises(ConfigError, match="'legacy'"):
        training.of_the_same_data(opened(variant="legacy"), config, prepared)


@pytest.mark.slow
def test_the_whole_chain_then_other_tables_and_files_from_its_networks(tmp_path):
    run = tmp_path / "run"

    def made(*names, **changes):
        config = get_config("tiny")
        config.update(arms=("backbone", "all"), tables=names, **changes)
        run_tables(config, run if not changes else tmp_path / "other")
        return {path.parent.name: path.stat().st_mtime_ns for path in run.glob("*/metrics.jsonl")}

    trained = made("table1", "table5")
    assert set(trained) == {
        "model",
        "encoder",
        "evaluator",
        "arm-backbone",
        "arm-all",
        "refiner",
        "smoothnet",
    }
    assert made("table1", "table2", "table6", run=str(run)) == trained
    for table in (
        "run/tables/table1",
        "run/tables/table5",
        "other/tables/table2",
        "other/tables/table6",
    ):
        assert "paper" in (tmp_path / f"{table}.md").read_text()
    model = load(run)
    walk = model.generate(text="a person walks", seconds=3.0).median
    assert walk.values.shape == (60, 66)
    smooth = model.generate(walk, refine=True, trust=0.0, raw=True).median
    np.testing.assert_allclose(smooth.values[:, :3], walk.values[:, :3], atol=2e-3)
    cleaned = model.generate(walk, refine=True, trust=0.01).median.values.reshape(-1, 22, 3)
    assert bone_lengths(cleaned, HUMANML3D.parents).std(0).max() < 1e-4
    model.generate(walk, edit="left_wrist=1.5").write(tmp_path / "large.npz")
    assert load(run / "arm-backbone").trained.arm == "arm-backbone"
    with pytest.warns(UserWarning, match="never read wlaks"):
        model.generate(text="a person wlaks", seconds=1.0)
    for seconds in (0.0, 60.0, float("inf")):
        with pytest.raises(ConfigError, match="0.2 s to 3.2 s"):
            model.generate(text="a person walks", seconds=seconds)
    for wrong in ({}, {"text": "jump", "refine": True}, {"text": "jump", "recording": walk}):
        with pytest.raises(ConfigError, match="needs a text, or a recording with"):
            model.generate(wrong.pop("recording", None), **wrong)
    with pytest.raises(ConfigError, match="trust belongs to refine"):
        model.generate(text="jump", trust=1.0)


@pytest.mark.slow
def test_the_gpu_words_programs_fit_at_tiny_sizes(tmp_path):
    config, tiny = get_config("gpu"), get_config("tiny")
    for name in ("data", "training", "finetune", "muscles", "evaluation"):
        config[name].update(tiny[name].to_dict())
    config.model.size = "tiny"
    config.biovae.update(width=16, blocks=1)
    config.update(batch_size=8)
    prepared = preparation.prepare(config)
    training.rehearse_arm(config, prepared, tmp_path, training.ARMS["all"], "all")
    assert config.model.bfloat16
