"""A model of text to motion with constraints and several sentences: what a user calls, on a tiny
random network.
"""

import jax
import numpy as np
import pytest

from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22, joints_from_features, names
from jaxdiff.body.skeleton import bone_lengths
from jaxdiff.data.builders.simulated import features
from jaxdiff.data.formats import joints_recording, read_one
from jaxdiff.data.normalise import Normaliser
from jaxdiff.errors import ConfigError
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.models.trained import Trained
from jaxdiff.studies.text_to_motion.config import get_config
from jaxdiff.studies.text_to_motion.model import TextToMotionModel
from jaxdiff.studies.text_to_motion.preparation import model_settings

pytestmark = pytest.mark.slow
WALK = simulate_clip("walk", 0).joints[:41]
RECORDING = joints_recording(WALK[:-1] + np.float32([2.0, 0, 1.0]), LAYOUT_22.skeleton, 20.0)


@pytest.fixture(scope="module")
def model():
    rows = features(WALK)
    scale = Normaliser("zscore", rows.mean(0), rows.std(0) + 0.02, names(LAYOUT_22), ("1",) * 263)
    config = get_config("tiny")
    words = ["a", "person", "walks", "jumps"]
    settings = model_settings(config, len(words), 40)
    batch = {
        "motion": np.zeros((1, 40, 263), np.float32),
        "length": np.array([40]),
        "text": np.ones((1, 32), np.int32),
    }
    params = jax.jit(text_to_motion(settings).init)(jax.random.key(0), batch)
    metadata = {
        "config": config.to_dict(),
        "normaliser": scale.state(),
        "words": words,
        "rate": 20.0,
        "variant": "fixed",
        "actions": ["walk", "jump"],
    }
    return TextToMotionModel(Trained("text_to_motion", params, metadata))


def test_kept_frames_lie_where_the_recording_has_them_and_bones_are_constant(model):
    made = model.generate(RECORDING, text="a person walks", seconds=2.0, keep="0:0.5", steps=2)
    joints = made.samples[0].values.reshape(-1, 22, 3)
    assert made.metadata["constraint_error"] < 1.0  # mm
    assert np.linalg.norm(joints[:10] - (WALK[:10] + [2.0, 0, 1.0]), axis=-1).mean() < 0.03
    lengths = bone_lengths(joints, LAYOUT_22.skeleton.parents)
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (len(lengths), 1)), atol=1e-4)


def test_the_pelvis_follows_a_path(model):
    path = [[1.0, 1.0], [1.5, 1.2], [2.0, 2.0]]
    made = model.generate(text="a person walks", seconds=2.0, path=path, steps=2, raw=True)
    root = made.samples[0].values.reshape(-1, 22, 3)[:, 0]
    np.testing.assert_allclose(root[[0, -1]][:, [0, 2]], [path[0], path[-1]], atol=0.02)


def test_sentences_follow_each_other_and_new_words_are_a_warning(model):
    made = model.generate(
        text=["a person walks", "a person jumps"], seconds=[1.0, 1.5], steps=2, rate=30.0
    )
    assert made.values.shape == (1, 74, 66) and made.like.rate == 30.0
    with pytest.warns(UserWarning, match="moonwalks"):
        model.generate(text="a person moonwalks", seconds=1.0, steps=2)


def test_features_are_those_of_the_written_motion(model, tmp_path):
    options = {"text": "a person walks", "seconds": 1.5, "steps": 2, "seed": 3}
    joints = model.generate(**options).samples[0].values.reshape(-1, 22, 3)
    file = model.generate(**options, features=True).write(tmp_path / "walk.npy")
    rows = read_one(file).values
    assert rows.shape == (30, 263)
    back = np.asarray(joints_from_features(rows))
    np.testing.assert_allclose(
        bone_lengths(back, LAYOUT_22.skeleton.parents),
        bone_lengths(joints, LAYOUT_22.skeleton.parents),
        atol=1e-3,
    )
    height = joints[..., 1] - joints[..., 1].min()  # features stand on the floor
    np.testing.assert_allclose(back[..., 1], height, atol=1e-3)
    with pytest.raises(ConfigError, match="rate"):
        model.generate(**options, features=True, rate=30.0)


def test_what_does_not_go_together_is_refused(model):
    with pytest.raises(ConfigError, match="durations|duration"):
        model.generate(text=["a", "b"], seconds=[1.0, 1.0, 1.0])
    with pytest.raises(ConfigError, match="recording"):
        model.generate(text="a person walks", seconds=1.0, keep="0:1")


def test_streamed_sentences_are_one_motion_of_one_skeleton(model):
    parts = list(
        model.stream(["a person walks", "a person jumps"], seconds=0.6, overlap=0.3, steps=2)
    )
    assert [len(part) for part in parts] == [12, 12]
    assert [part.start for part in parts] == [0.0, 0.6]
    joints = np.concatenate([part.values.reshape(-1, 22, 3) for part in parts])
    lengths = bone_lengths(joints, LAYOUT_22.skeleton.parents)
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (len(lengths), 1)), atol=1e-4)
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1).max(axis=1)
    inside = np.delete(steps, 11)
    assert steps[11] < 1.5 * inside.max()
    with pytest.raises(ConfigError, match="overlap"):
        next(model.stream(["a person walks"], seconds=60.0))
