"""The text-to-motion study: configs, what is read of captions, controls, files."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import jax
import numpy as np
import pytest

from jaxdiff.body.humanml3d import LAYOUT_22, features, joints_from_features, names
from jaxdiff.body.skeleton import HUMANML3D, forward_kinematics
from jaxdiff.data import formats
from jaxdiff.data.builders.example import example
from jaxdiff.data.trials import gather
from jaxdiff.errors import CheckpointError, ConfigError, DataError
from jaxdiff.nets.word_text import END, PAD, START, Vocabulary
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.loading import load
from jaxdiff.studies.text_to_motion import (
    constraint_table,
    corpora,
    evaluation,
    experiments,
    few_steps,
    preparation,
    texts,
)
from jaxdiff.studies.text_to_motion.config import WORDS, get_config
from jaxdiff.studies.text_to_motion.study import STUDY
from jaxdiff.training import settings
from jaxdiff.typing import Config

RNG = np.random.default_rng(0)


def clips(count, published=True):
    """Random features under two captions each."""
    for i in range(count):
        frames = 44 + 4 * (i % 5)
        split = ("test", "val", "train")[min(i % 10, 2)] if published else ""
        signals = {"motion": RNG.normal(size=(frames, 263)).astype(np.float32)}
        captions = [f"a person walks {i}", f"someone jumps {i} times"]
        trial = example(f"clip{i}", signals, 20.0, f"clip{i}", split=split, captions=captions)
        yield trial | {"channels": {"motion": names(LAYOUT_22)}, "units": {"motion": ["1"] * 263}}


@pytest.mark.parametrize("word", WORDS)
def test_every_config_is_locked_and_makes_settings(word):
    config: Config = get_config(word)
    assert settings.from_config(config.training).steps > 0
    assert settings.from_config(config.evaluator.training).score == "validation_loss"
    with pytest.raises(AttributeError):
        config.model.sizee = "small"


def test_the_paper_config_is_the_published_recipe():
    config: Config = get_config("paper")
    how = settings.from_config(config.training)
    assert how.optimizer._asdict() == {
        "learning_rate": 2e-4,
        "weight_decay": 1e-2,
        "warmup_steps": 0,
        "decay": "exponential",
        "decay_rate": 0.9,
        "decay_steps": 5000,
        "clip_norm": 1.0,
        "b1": 0.9,
        "b2": 0.999,
        "rates": {},
    }
    assert (how.steps, how.ema_every) == (50_000, 32)
    assert how.ema_decay == pytest.approx(1 - (1 - 0.9999) * 106667 * 32 / 50_000, abs=1e-7)
    assert (config.batch_size, config.model.drop_text, config.model.bias) == (64, 0.1, 5.0)
    assert (config.sampling.steps, config.sampling.scale, config.data.length) == (10, 2.5, 196)
    with pytest.raises(ConfigError, match="quick"):
        get_config("quik")


def test_training_clips_are_fitted_on_cropped_and_cut_as_published():
    config = get_config("tiny")
    prepared = preparation.prepare(config, gather(clips(40)))
    assert [len(prepared.sides[name]) for name in ("train", "validation", "test")] == [32, 4, 4]
    frames = prepared.sides["train"].trials.frames("motion")
    np.testing.assert_allclose(prepared.plain(frames).mean(0), 0, atol=1e-5)
    loud = prepared.plain.scale / prepared.normaliser.scale
    np.testing.assert_allclose(loud[[0, 1, 2, 3, 259, 262]], config.model.bias, rtol=1e-6)
    np.testing.assert_allclose(loud[4:259], 1.0)
    batch = preparation.evaluator_source(prepared, "train")(np.arange(8), RNG.random((8, 4)))
    assert (batch["length"] % 4 == 0).all()
    assert all(
        not m[n:].any() and m[: n - 1].any(axis=1).all()
        for m, n in zip(batch["motion"], batch["length"])
    )


def test_without_a_published_split_no_clip_stands_on_two_sides():
    split = preparation.split_of(gather(clips(30, published=False)))
    sides = [set(part.subjects) for part in split[:3]]
    assert [len(side) for side in sides] == [24, 3, 3] and not (
        sides[0] & sides[1] | sides[1] & sides[2]
    )
    with pytest.raises(DataError, match="three"):
        preparation.split_of(gather(clips(2, published=False)))


def test_the_evaluator_reads_tagged_words_between_start_and_end():
    vocabulary = Vocabulary(["a", "man", "walk", "slowly"])
    table = texts.evaluator_texts(
        vocabulary, ["a man walks slowly"], ["a/DET man/NOUN walk/VERB slowly/ADV oddly/ADV"]
    )
    known = [vocabulary.encode(word)[1] for word in ("a", "man", "walk", "slowly")]
    assert table["words"][0, :7].tolist() == [START, *known, PAD, END] and table[
        "count"
    ].tolist() == [7]
    speech = [texts.SPEECH[i] for i in table["speech"][0, :7]]
    assert speech == ["OTHER", "DET", "NOUN", "Act_VIP", "Desc_VIP", "OTHER", "OTHER"]


def vectorised(words, token):
    """Word and part of speech by the rules of the reference's WordVectorizer, written here once
    more.
    """
    lists = {
        "Loc_VIP": ("left", "right", "backward"),
        "Act_VIP": ("walk", "jump"),
        "Desc_VIP": ("slowly",),
    }
    word, speech = token.split("/")
    if word not in words:
        return "unk", "OTHER"
    for name, of in lists.items():
        if word in of:
            return word, name
    return word, speech if speech in texts.SPEECH else "OTHER"


def test_tokens_are_those_of_the_references_word_vectoriser():
    words = ["walk", "walks", "slowly", "Walk", "person", "backward"]
    tokens = [
        "walk/NOUN",
        "walks/VERB",
        "Walk/VERB",
        "slowly/ADV",
        "person/X",
        "jump/VERB",
        "backward/ADV",
    ]
    vocabulary = Vocabulary(words)
    made = texts.evaluator_texts(vocabulary, ["unused"], [" ".join(tokens)])
    back = {vocabulary.number(word): word for word in words} | {PAD: "unk"}
    found = [
        (back[int(made["words"][0, i + 1])], texts.SPEECH[made["speech"][0, i + 1]])
        for i in range(len(tokens))
    ]
    assert found == [vectorised(words, token) for token in tokens]


def test_long_captions_are_cut_and_words_without_a_tag_are_other():
    assert texts.SPEECH[texts.parts("go", "")[0][1]] == "OTHER"
    table = texts.evaluator_texts(Vocabulary(["go"]), ["go " * 50], [""])
    assert (
        table["words"].shape == (1, 22)
        and table["count"].tolist() == [22]
        and table["words"][0, -1] == END
    )


def test_large_text_tables_are_read_once_per_caption_and_kept(tmp_path):
    calls = []

    def read(captions):
        calls.extend(captions)
        return np.array([[[len(c)]] for c in captions], np.float32)

    captions = [f"{'x' * i}" for i in range(1, 100)]
    table = texts.table(read, captions, tmp_path)
    assert table[:, 0, 0].tolist() == [len(c) for c in captions] and len(calls) == 1 + len(captions)
    texts.table(read, captions, tmp_path)
    assert len(calls) == 2 + len(captions)


def test_clip_texts_without_weights_say_what_to_give():
    with pytest.raises(ConfigError, match=r"model\.clip"):
        texts.reader(get_config("paper"), [])


def test_shuffled_frames_are_the_same_frames_and_the_end_stays():
    motion, length = RNG.normal(size=(3, 20, 4)).astype(np.float32), np.array([20, 7, 12])
    mixed = evaluation.shuffled(np.random.default_rng(1), motion, length)
    for a, b, n in zip(motion, mixed, length):
        assert not np.array_equal(a[:n], b[:n])
        np.testing.assert_array_equal(np.sort(a[:n], axis=0), np.sort(b[:n], axis=0))
        np.testing.assert_array_equal(a[n:], b[n:])


def test_motions_go_from_the_units_of_the_model_to_those_of_the_evaluator():
    prepared = preparation.prepare(get_config("tiny"), gather(clips(30)))
    batch = preparation.everything(prepared.sides["test"], 0)
    own, other = (preparation.normalised(n, batch) for n in (prepared.normaliser, prepared.plain))
    back = evaluation.renormalised(own, batch["length"], prepared.normaliser, prepared.plain)
    np.testing.assert_allclose(back, other, atol=1e-4)


def test_chunks_do_not_show():
    run = lambda params, key, condition: condition["x"] * params  # noqa: E731
    x = np.arange(150.0)[:, None]
    np.testing.assert_array_equal(in_chunks(run, 2.0, jax.random.key(0), {"x": x}), 2 * x)


def test_a_motion_survives_the_way_to_files(tmp_path):
    """Joints from features, written and read again: the .npy exactly, the .bvh to its bone fit."""
    turn = np.zeros((12, 22, 4))
    turn[..., 0] = 1
    root = np.stack([np.zeros(12), np.full(12, 0.9), 0.05 * np.arange(12)], -1)
    joints = np.asarray(forward_kinematics(HUMANML3D, turn, root), np.float32)
    joints[..., 1] -= joints[..., 1].min()
    again = np.asarray(joints_from_features(features(joints, LAYOUT_22, "fixed")))
    np.testing.assert_allclose(again, joints[:-1], atol=1e-4)
    formats.write(tmp_path / "m.npy", formats.joints_recording(again, HUMANML3D, 20.0))
    np.testing.assert_array_equal(np.load(tmp_path / "m.npy", allow_pickle=False), again)
    formats.write_joints_bvh(tmp_path / "m.bvh", again, HUMANML3D, 20.0)
    read = formats.read(tmp_path / "m.bvh").values.reshape(11, 22, 3)
    np.testing.assert_allclose(np.linalg.norm(read[:, 0] - again[:, 0], axis=-1), 0, atol=1e-4)


@pytest.mark.slow
def test_the_whole_chain_from_clips_to_tables_and_from_a_sentence_to_files(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "load_trials", lambda config: gather(clips(330)))
    experiments.run_train(get_config("tiny"), tmp_path)
    table = (tmp_path / "tables" / "evaluation.md").read_text()
    for row in ("real", "generated", "other clip", "frames shuffled", "noise"):
        assert f"| {row} |" in table
    assert (tmp_path / "report.html").read_text().count("<canvas") == 2
    assert "generated, written" in (tmp_path / "tables" / "bodies.md").read_text()
    shipped = load(tmp_path / "motion.safetensors")
    assert "real motion" in shipped.card.scores["FID"] and "start" not in str(shipped.card)
    # Two measurements of the saved model; what is measured is replaced where it takes long to compile.
    row = {name: 0.5 for key in few_steps.SHOWN for name in (key, f"{key}_ci95")}
    monkeypatch.setattr(
        evaluation,
        "protocol",
        lambda *a, **k: dict.fromkeys(("real", "generated", "other clip"), row),
    )
    monkeypatch.setattr(few_steps, "milliseconds", lambda *a: 1.0)
    monkeypatch.setenv("JAXDIFF_SHARED", str(tmp_path))  # no motion pack
    kinds = {name: constraint_table.KINDS[name] for name in ("path", "joint", "beginning")}
    monkeypatch.setattr(constraint_table, "KINDS", kinds)
    monkeypatch.setattr(constraint_table, "METHODS", {"imputation": constraint_table.impute})
    for experiment, rows in {
        "few_steps": ("teacher, 1 step", "student, 1 step"),
        "constraints": ("path, imputation", "joint, imputation", "beginning, imputation"),
        "sampling": ("real", "2 steps, guidance none"),
        "corpora": ("simulated_motion: real", "simulated_motion: generated, written"),
    }.items():
        config = get_config("tiny")
        config.update(experiment=experiment, start=str(tmp_path / "motion.safetensors"))
        STUDY.run(config, tmp_path)
        table = (tmp_path / "tables" / f"{experiment}.md").read_text()
        assert all(f"| {row} |" in table for row in rows)
    assert load(tmp_path / "student").config.sampling.sampler == "consistency"
    model = load(tmp_path)
    made = model.generate(text="a person walks", seconds=2.5, samples=2)
    assert made.values.shape == (2, 50, 66) and len(made.samples) == 2
    made.write(tmp_path / "walk.bvh")
    for seconds in (0.0, 3.3, float("nan")):
        with pytest.raises(ConfigError, match="0.2 s to 3.2 s"):
            model.generate(text="a person walks", seconds=seconds)
    with pytest.raises(ConfigError, match="not empty"):
        model.generate(text=" ", seconds=2.5)
    with pytest.raises(CheckpointError, match="shipped model"):
        load(tmp_path / "nowhere")
    assert load(model.save(tmp_path / "model.safetensors")).longest == model.longest
