"""Exports of every method: the program draws what the library itself would, for any batch, from
what program.json tells.
"""

import json
import runpy

import jax
import numpy as np
import pytest

from jaxdiff.body.humanml3d import joints_from_features
from jaxdiff.data.normalise import Normaliser
from jaxdiff.deployment import artefact
from jaxdiff.deployment.program import example_keys
from jaxdiff.deployment.streaming import Stream
from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.methods import biovae, speed_transfer, text_to_motion
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.models.trained import Trained
from jaxdiff.nets.residual_denoiser import size
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.studies.biovae import config as biovae_config
from jaxdiff.studies.speed_transfer.transfer import about as told_of
from jaxdiff.studies.speed_transfer.transfer import from_about
from jaxdiff.studies.study import STUDIES
from jaxdiff.studies.text_to_motion import config as text_config
from jaxdiff.studies.text_to_motion import preparation
from jaxdiff.training.step import make_generate

ANGLES = tuple(f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle"))
WORDS = ["walks", "a", "person"]


def model_of(study, params, metadata):
    return STUDIES[study].build(Trained(study, params, metadata))


def perturbed(params, seed=1):
    """Zero-initialised layers would make every output the same."""
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    return tree.unflatten([x + 0.05 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys)])


def speed_run():
    """Parameters of a model of speed transfer, and what its checkpoint would say."""
    settings = speed_transfer.Settings(size=size("tiny"), steps=2)
    batch = {name: np.zeros((1, 30, 6), np.float32) for name in ("source", "target")}
    batch |= {"speeds": np.zeros((1, 4), np.float32), "subject": np.zeros(1, np.int32)}
    params = jax.jit(speed_transfer.speed_transfer(settings).init)(jax.random.key(0), batch)
    scales = Normaliser(
        "zscore",
        np.arange(6, dtype=np.float32),
        np.arange(5, 11, dtype=np.float32),
        ANGLES,
        ("deg",) * 6,
    )
    return perturbed(params), {**told_of(settings, scales), "rate": 20.0, "seconds": 6.0}


def test_speed_transfer_without_its_files(tmp_path):
    pytest.importorskip("flatbuffers")
    params, about = speed_run()
    made = model_of("speed_transfer", params, about).program()
    program, _ = artefact.load(artefact.save(made, tmp_path))

    model, time = from_about(params, about), np.arange(120) / 20
    turn = 2 * np.pi * time[:, None] + np.array([0, 1, 2, np.pi, np.pi + 1, np.pi + 2])
    gait = np.stack([20 * np.cos(turn).astype(np.float32)] * 3)
    wanted = np.array([0.6, 1.1, 1.4])
    condition = {
        "source": model.normaliser(gait),
        "speeds": speed_transfer.speed_vector(np.full(3, 1.1), wanted),
    }
    run = jax.jit(speed_transfer.speed_transfer(model.settings).generate)
    keys = example_keys(np.uint32(7), 3)
    expected = model.normaliser.inverse(run(params, keys, condition))

    drawn = program.call(
        np.uint32(7), *(np.asarray(x, np.float32) for x in (gait, np.full(3, 1.1), wanted))
    )
    # fresh networks give curves of thousands of degrees: float32 adds up to some units in the last place of these
    np.testing.assert_allclose(drawn, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())
    assert np.abs(drawn[0] - drawn[2]).max() > 0.1
    with pytest.raises(ConfigError, match="takes gait, source_speed, target_speed"):
        Stream(made, ANGLES, ("deg",) * 6, 20.0)


def text_run(method):
    """Likewise of a model of text and motion."""
    get = {"text_to_motion": text_config, "biovae": biovae_config}[method].get_config
    config = get("tiny")
    config.data.length = 16
    scale = Normaliser(
        "zscore", np.zeros(263, np.float32), np.ones(263, np.float32), ("f",) * 263, ("1",) * 263
    )
    about = {
        "method": method,
        "config": config.to_dict(),
        "normaliser": scale.state(),
        "words": WORDS,
        "rate": 20.0,
        "acceleration": 1.0,
    }
    batch = {"motion": np.zeros((1, 16, 263), np.float32), "text": np.zeros((1, 32), np.int32)}
    if method == "text_to_motion":
        whole = text_to_motion.text_to_motion(preparation.model_settings(config, len(WORDS)))
    else:
        from jaxdiff.studies.biovae.preparation import settings
        from jaxdiff.studies.biovae.training import ARMS

        whole = biovae.biovae(
            settings(config, len(WORDS), ARMS["all"]), Scale(scale.offset, scale.scale, 20.0)
        )
    return whole, perturbed(jax.jit(whole.init)(jax.random.key(0), batch)), about, scale


@pytest.mark.parametrize("method", ["text_to_motion", "biovae"])
def test_motions_of_texts(method, tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    whole, params, about, scale = text_run(method)
    made = model_of(method, params, {**about, "arm": "arm-all"}).program()
    program, _ = artefact.load(artefact.save(made, tmp_path))
    assert [each.name for each in made.inputs][2:] == (
        ["acceleration"] if method == "biovae" else []
    )

    ids = Vocabulary(WORDS).batch(["a person walks", "a dog walks", "walks"])
    given = {"text": ids, "length": np.array([16, 8, 12], np.int32)}
    if method == "biovae":
        given["acceleration"] = np.linspace(0.5, 2, 66, dtype=np.float32).reshape(3, 22)
    generate = make_generate(whole.generate, jax.devices()[:1])
    motion = generate(params, jax.random.key(3), given)
    joints = np.array(jax.vmap(joints_from_features)(scale.inverse(np.asarray(motion))))
    joints[np.arange(16) >= given["length"][:, None]] = 0
    drawn = program.call(np.uint32(3), *given.values())
    np.testing.assert_allclose(drawn, joints.reshape(3, 16, 66), atol=1e-3)
    if method == "biovae":
        return
    example = runpy.run_path(str(tmp_path / "example.py"))
    assert (
        "pelvis_x [m]: " in capsys.readouterr().out
        and len(json.loads((tmp_path / "program.json").read_text())["words"]) == 3
    )
    for text in ("A person, unknown to us, walks", "walks " * 40):
        np.testing.assert_array_equal(example["ids"](text), Vocabulary(WORDS).batch([text])[0])


def test_what_cannot_be_exported_says_so():
    _, params, about, _ = text_run("text_to_motion")
    with pytest.raises(CheckpointError, match="no network of biovae"):
        model_of("biovae", params, {**about, "arm": "encoder"})
    with pytest.raises(ConfigError, match="a refiner cannot be exported"):
        model_of("biovae", params, {**about, "arm": "refiner"}).program()
