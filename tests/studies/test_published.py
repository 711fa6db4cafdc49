"""Released weights of text to motion: tiny random checkpoints in the published layouts become
models that run.
"""

import numpy as np
import pytest
from interop import mdm, writers
from oracles import arrays, meta, settings, under

import jaxdiff
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22, names
from jaxdiff.cli import main
from jaxdiff.data.builders.example import example
from jaxdiff.data.trials import gather
from jaxdiff.errors import CheckpointError, FileError
from jaxdiff.nets.word_text import BYTES, END, PAD, START
from jaxdiff.studies.text_to_motion import published, scoring
from jaxdiff.studies.text_to_motion.corpora import lengthened_features

RNG = np.random.default_rng(0)
MERGES = ("a n", "p e", "pe r", "w a", "wa l")
UNET = settings("unet_tiny")
SET = [f"text_head.heads={UNET['text_heads']}", f"clip_text.heads={UNET['clip_heads']}"]


def small(*shape):
    return (0.1 * RNG.normal(size=shape)).astype(np.float32)


def widened(state, old, new):
    """The arrays with every axis of length `old` in them `new` long, random."""
    for name, value in state.items():
        if old in value.shape:
            state[name] = small(*(new if n == old else n for n in value.shape))
    return state


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Both releases as their archives unpack."""
    root = tmp_path_factory.mktemp("released")
    smf, t2m = root / "t2m_condunet1d_batch64", root / "t2m"
    for place in (
        smf / "model",
        smf / "meta",
        t2m / "text_mot_match" / "model",
        t2m / "meta",
        t2m / "glove",
    ):
        place.mkdir(parents=True)
    state = widened(under(arrays("unet_tiny"), "w"), UNET["feats"], 263)
    state["clip_model.token_embedding.weight"] = small(512 + len(MERGES) + 2, UNET["clip_dim"])
    writers.write_zip(smf / "model" / "latest.tar", {"model_ema": state, "total_it": 5})
    tree = {
        name: under(arrays("t2m_evaluators_tiny"), f"w/{name}")
        for name in ("movement_encoder", "motion_encoder", "text_encoder")
    }
    tree["movement_encoder"] = widened(tree["movement_encoder"], 19, 259)
    writers.write_zip(t2m / "text_mot_match" / "model" / "finest.tar", {**tree, "epoch": 1})
    for folder in (smf, t2m):
        np.save(folder / "meta" / "mean.npy", small(263))
        np.save(folder / "meta" / "std.npy", 0.5 + np.abs(small(263)))
    (smf / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    words = ["walk", "person", "unk", "sos", "eos", "a"]
    np.save(t2m / "glove" / "our_vab_data.npy", small(len(words), 9))
    pickled = writers.Pickle()
    (t2m / "glove" / "our_vab_words.pkl").write_bytes(pickled.dump(words))
    index = {word: i for i, word in enumerate(words)}
    (t2m / "glove" / "our_vab_idx.pkl").write_bytes(writers.Pickle().dump(index))
    return root


@pytest.fixture(scope="module")
def weights(folders):
    """What `jaxdiff weights convert` makes of them."""
    for source, name in (("stablemofusion", "t2m_condunet1d_batch64"), ("t2m", "t2m")):
        options = [x for field in SET if source == "stablemofusion" for x in ("--set", field)]
        out = ["--out", str(folders / "weights" / source)]
        assert (
            main(["weights", "convert", "--from", source, str(folders / name), *out, *options]) == 0
        )
    return folders / "weights"


def test_a_released_network_generates_with_its_own_text_tower_and_normaliser(weights, folders):
    model = jaxdiff.load(weights / "stablemofusion")
    np.testing.assert_array_equal(
        model.scale.offset, np.load(folders / "t2m_condunet1d_batch64" / "meta" / "mean.npy")
    )
    assert model.variant == "legacy" and not model._settings(40, 0).masked
    made = model.generate(text="a person walks", seconds=1.0, steps=2, raw=True)
    other = model.generate(text="wal", seconds=1.0, steps=2, raw=True)
    assert made.values.shape == (1, 20, 66) and np.abs(made.values - other.values).max() > 1e-4
    again = jaxdiff.load(model.save(folders / "again.safetensors"))
    np.testing.assert_allclose(
        again.generate(text="a person walks", seconds=1.0, steps=2, raw=True).values,
        made.values,
        atol=1e-5,
    )


def test_mdm_generates_with_clips_projected_feature_and_all_steps_of_its_sampler(tmp_path):
    folder = tmp_path / "humanml_trans_enc_512"
    folder.mkdir()
    writers.write_zip(folder / "model000475000.pt", mdm.state())
    tower = under(arrays("clip_text_tiny"), "w")
    width = tower["text_model.final_layer_norm.weight"].shape[0]
    tower["text_model.embeddings.token_embedding.weight"] = small(512 + len(MERGES) + 2, width)
    tower["text_projection.weight"] = small(mdm.TEXT, width)
    writers.write_safetensors(folder / "clip.safetensors", tower)
    np.save(folder / "t2m_mean.npy", small(263))
    np.save(folder / "t2m_std.npy", 0.5 + np.abs(small(263)))
    (folder / "args.json").write_text('{"diffusion_steps": 6, "noise_schedule": "cosine"}')
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n")
    heads = meta("clip_text_tiny")["num_attention_heads"]
    sizes = [f"--set=mdm.heads={mdm.HEADS}", f"--set=clip_text.heads={heads}"]
    out = tmp_path / "weights"
    assert (
        main(["weights", "convert", "--from", "mdm", str(folder), "--out", str(out), *sizes]) == 0
    )
    model = jaxdiff.load(out)
    settings_of = model._settings(40, 0)
    assert (settings_of.steps, settings_of.sampler, settings_of.schedule) == (6, "ddpm", "cosine")
    read = model._reader()(["a person walks", "a person walks", "wal"])
    assert read.shape == (3, 1, mdm.TEXT) and np.abs(read[0] - read[2]).max() > 1e-4
    np.testing.assert_array_equal(read[0], read[1])
    made, other = (
        model.generate(text=text, seconds=1.0, raw=True).values for text in ("a person", "wal")
    )
    assert made.shape == (1, 20, 66) and np.abs(made - other).max() > 1e-4


def test_word_vectors_lie_under_the_ids_of_our_vocabulary(folders):
    words, vectors = published.glove(folders / "t2m")
    table = np.load(folders / "t2m" / "glove" / "our_vab_data.npy")
    assert words == ["walk", "person", "a"]
    np.testing.assert_array_equal(vectors[[PAD, START, END]], table[[2, 3, 4]])
    np.testing.assert_array_equal(vectors[BYTES + 256 :], table[[0, 1, 5]])


def test_a_released_model_is_scored_by_released_evaluators_in_the_references_protocol(weights):
    def clip(i):
        joints = simulate_clip("walk" if i % 2 else "kick", i).joints[:45]
        motion = lengthened_features(joints, "legacy")
        made = example(
            f"{i}",
            {"motion": motion},
            20.0,
            f"{i}",
            split="test" if i > 3 else ("train", "train", "val", "val")[i],
            captions=["a person walks" if i % 2 else "a person kicks"],
            tokens=["a/DET person/NOUN walk/VERB" if i % 2 else "a/DET person/NOUN kick/VERB"],
        )
        return made | {
            "channels": {"motion": names(LAYOUT_22)},
            "units": {"motion": ("1",) * 263},
        }

    trials = gather(clip(i) for i in range(38))
    model = jaxdiff.load(weights / "stablemofusion")
    assert model.config.data.name == "humanml3d"
    table, rows = scoring.score(
        weights / "stablemofusion", weights / "t2m", None, 1, trials, texts=1
    )
    assert {"real", "generated", "other clip", "frames shuffled", "frozen"} <= set(rows)
    assert all(np.isfinite(list(row.values())).all() for row in rows.values())
    assert rows["frozen"]["dynamics"] > rows["real"]["dynamics"]
    assert "published: real" in str(table)


def test_what_a_release_lacks_is_named(folders, weights, tmp_path):
    with pytest.raises(FileError, match=r"latest\.tar"):
        published.trained("stablemofusion", tmp_path)
    (tmp_path / "finest.tar").write_bytes(
        (folders / "t2m" / "text_mot_match" / "model" / "finest.tar").read_bytes()
    )
    with pytest.raises(FileError, match="our_vab"):
        published.trained("t2m", tmp_path)
    with pytest.raises(CheckpointError, match="evaluator"):
        scoring.opened(weights / "stablemofusion")
