"""Constraints on generated motion: what a user asks for, and that a constrained sample meets it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.data.builders.simulated import features
from jaxdiff.data.formats import joints_recording
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.methods.constraints import constrain, error, impute
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.conditions import constraint

FRAMES, RATE = 40, 20.0
WALK = simulate_clip("walk", 0).joints[: FRAMES + 1]
RUN = simulate_clip("run", 2).joints[: FRAMES + 1]
FEATURES = {name: features(clip) for name, clip in {"walk": WALK, "run": RUN}.items()}
ROWS = np.concatenate(list(FEATURES.values()))
SCALE = Scale(ROWS.mean(0), ROWS.std(0) + 0.05, RATE)
RECORDING = joints_recording(WALK[:-1], LAYOUT_22.skeleton, RATE)


@pytest.fixture(scope="module")
def estimate():
    """A Denoiser that always answers with the run."""
    run = jnp.asarray((FEATURES["run"] - SCALE.offset) / SCALE.scale)[None]
    return from_x0(lambda x, t: run + 0 * x)


def met(denoise, asked):
    x0 = jax.jit(lambda x: denoise(x, jnp.float32(10)))(jnp.zeros((1, FRAMES, 263)))
    return x0[0], 1000 * float(error(SCALE.joints(x0[0]), asked))


@pytest.mark.parametrize(
    "options",
    [
        {"recording": RECORDING, "keep": "0:0.5"},
        {"recording": RECORDING, "keep": "0:0.5,1.5:2"},
        {"recording": RECORDING, "keep": "1.0"},
        {"recording": RECORDING, "joints": "left_wrist,right_wrist"},
        {"path": np.stack([np.linspace(0, 1, 20), np.linspace(0, 2, 20)], -1)},
    ],
    ids=["beginning", "between", "keyframe", "joints", "path"],
)
def test_a_constrained_estimate_meets_what_is_asked_and_plain_imputation_does_not(
    estimate, options
):
    asked, _ = constraint(FRAMES, SCALE, **options)
    _, free = met(estimate, asked)
    _, plain = met(impute(estimate, asked, SCALE), asked)
    x0, close = met(constrain(estimate, asked, SCALE), asked)
    assert close < 15 < free and close <= plain + 0.1, (close, plain, free)
    kept = np.asarray(asked.kept)
    np.testing.assert_allclose(np.asarray(x0)[kept], np.asarray(asked.known)[kept], atol=1e-5)


def test_a_correction_is_spread_over_time(estimate):
    asked, _ = constraint(FRAMES, SCALE, recording=RECORDING, keep="1.0", joints="left_wrist")
    x0, _ = met(constrain(estimate, asked, SCALE), asked)
    plain, _ = met(estimate, asked)
    moved = np.linalg.norm(np.asarray(SCALE.joints(x0) - SCALE.joints(plain))[:, 20], axis=-1)
    assert moved.max() > 0.3 and np.abs(np.diff(moved)).max() < 0.2 * moved.max()


def test_results_lie_where_the_recording_and_the_path_do():
    shifted = joints_recording(
        WALK[:-1] + np.array([3.0, 0, -1.0], np.float32), LAYOUT_22.skeleton, RATE
    )
    asked, placed = constraint(FRAMES, SCALE, recording=shifted, keep="all")
    np.testing.assert_allclose(
        placed.back(np.asarray(asked.target)), WALK[:-1] + [3, 0, -1], atol=1e-3
    )
    track = np.array([[1.0, 1.0], [2.0, 1.0]])
    asked, placed = constraint(FRAMES, SCALE, path=track)
    back = placed.back(np.asarray(asked.target))[:, 0]
    np.testing.assert_allclose(back[[0, -1]][:, [0, 2]], track, atol=1e-4)
    np.testing.assert_allclose(np.asarray(asked.target)[-1, 0], [0, 0, 1], atol=1e-4)  # ahead is +z


@pytest.mark.parametrize(
    ("options", "error_type", "words"),
    [
        ({"recording": RECORDING}, ConfigError, "keep="),
        ({"keep": "all"}, ConfigError, "no"),
        ({"recording": RECORDING, "keep": "one:two"}, ConfigError, "ranges"),
        ({"recording": RECORDING, "keep": "7:9"}, ConfigError, "no frame"),
        ({"recording": RECORDING, "joints": "left_arn"}, ConfigError, "left_arm"),
        ({"path": np.zeros((4, 3))}, DataError, "x and z"),
        ({"path": RECORDING.select(["head_x", "head_z"])}, DataError, "pelvis_x"),
    ],
)
def test_what_cannot_be_met_is_said(options, error_type, words):
    with pytest.raises(error_type, match=words):
        constraint(FRAMES, SCALE, **options)


def test_words_never_trained_on_are_named_with_the_nearest_known_actions():
    words, actions = ["a", "person", "walks", "jumps", "slowly"], ["walk", "jump", "side_bend"]
    assert texts.unknown_words(words, actions, "A person walks slowly.") == ""
    message = texts.unknown_words(words, actions, "a person jumpz and moonwalks")
    assert "jumpz" in message and "moonwalks" in message and "jumps" in message
    assert "walk" in message.split("actions")[1]


def test_known_features_are_those_of_the_targets_even_where_the_motion_ends_downwards():
    joints = WALK[:30].copy()
    joints[-1, :, 1] -= 0.3  # the frame that continues the clip would lie below the floor
    recording = joints_recording(joints, LAYOUT_22.skeleton, 20.0)
    asked, _ = constraint(30, SCALE, recording, keep="0:1")
    found = SCALE.joints(asked.known)
    np.testing.assert_allclose(found[:20], asked.target[:20], atol=1e-3)
