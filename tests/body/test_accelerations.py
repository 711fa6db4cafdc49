"""Accelerations of motion features: free of the clip's direction and of where it begins, and
functions of the features.
"""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import rotations
from jaxdiff.body.accelerations import accelerations, from_heading, to_heading
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_22, features_from_joints, joints_from_features
from jaxdiff.errors import ConfigError
from jaxdiff.losses.dynamics import acceleration

AXES = ("heading", "bone")
CLIP = simulate_clip("circle", 3).joints[:61]
PACK = Path(os.environ.get("JAXDIFF_SHARED", "/nowhere")) / "data" / "bandai_namco_2.npz"


def featured(joints):
    return features_from_joints(jnp.asarray(joints, jnp.float32), LAYOUT_22, "fixed")


def turned(joints, angle):
    quaternion = rotations.about("y", np.asarray(angle))
    return rotations.rotate(quaternion, joints) + np.array([1.5, 0, -2.0])


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("angle", [0.7, 2.8, -1.6])
def test_turning_a_clip_about_the_vertical_changes_no_acceleration(axes, angle):
    still = accelerations(featured(CLIP), 20.0, axes)
    moved = accelerations(featured(turned(CLIP, angle)), 20.0, axes)
    np.testing.assert_allclose(moved, still, atol=0.05 * float(jnp.abs(still).std()))


@pytest.mark.parametrize("axes", AXES)
def test_an_acceleration_does_not_depend_on_where_the_clip_begins(axes):
    whole = featured(CLIP)
    later = accelerations(whole[20:], 20.0, axes)
    np.testing.assert_allclose(later, accelerations(whole, 20.0, axes)[20:], atol=2e-2)


def test_heading_axes_are_clip_axes_turned_and_back():
    whole = featured(CLIP)
    clip = acceleration(joints_from_features(whole), 20.0)
    heading = accelerations(whole, 20.0)
    assert np.abs(heading - clip).max() > 1.0  # the clip walks in a circle
    np.testing.assert_allclose(from_heading(heading, whole), clip, atol=1e-3)
    np.testing.assert_allclose(to_heading(clip, whole), heading, atol=1e-3)
    np.testing.assert_allclose(
        np.linalg.norm(heading, axis=-1), np.linalg.norm(clip, axis=-1), atol=1e-3
    )


def test_a_bone_that_swings_evenly_accelerates_towards_its_axis_and_a_turn_is_the_roots():
    frames, rate, spin = np.arange(12), 20.0, 3.0
    angle = spin * frames / rate
    features = np.zeros((12, 263), np.float32)
    places = np.zeros((12, 21, 3))
    places[:, 3, 1] = -0.4  # the left knee, straight below the left hip at the origin
    places[:, 6] = places[:, 3] - 0.4 * np.stack([0 * angle, np.cos(angle), np.sin(angle)], -1)
    features[:, 4:67] = places.reshape(12, 63)
    features[:, 0] = 0.01 * frames**2 / 2
    found = accelerations(jnp.asarray(features), rate, "bone")
    shin = np.stack([0 * angle, -np.cos(angle), -np.sin(angle)], -1)[1:-1]
    np.testing.assert_allclose(found[:, 7], -(spin**2) * shin, atol=0.05)
    np.testing.assert_allclose(found[:, 0, 1], 2 * 0.01 * (frames[1:-1] - 0.5) * rate**2, rtol=1e-3)
    gradient = jax.grad(lambda x: accelerations(x, rate, "bone").sum())(jnp.asarray(features))
    assert np.isfinite(gradient).all()


def test_other_axes_are_refused():
    with pytest.raises(ConfigError, match="heading"):
        accelerations(featured(CLIP), 20.0, "clip")  # pyright: ignore[reportArgumentType]


@pytest.mark.skipif(not PACK.exists(), reason="the motion pack is not here")
@pytest.mark.parametrize("axes", AXES)
def test_features_determine_accelerations_linearly_on_captured_motion(axes):
    """R² >= 0.98 of a ridge from three frames of features; in clip axes it was 0.81."""
    with np.load(PACK) as pack:
        positions, offsets = pack["positions"], pack["offsets"]
        names = [f"{name}_{axis}" for name in pack["joint_names"] for axis in "xyz"]
    from jaxdiff.studies.text_to_motion.corpora import as_humanml3d

    run = jax.jit(lambda features: accelerations(features, 20.0, axes))
    rows = []
    for i in range(0, 2900, 24):
        clip = positions[offsets[i] : offsets[i + 1]][:65]
        if len(clip) < 65:
            continue
        motion = featured(as_humanml3d(clip.reshape(65, -1), tuple(names)))
        three = np.concatenate([motion[:-2], motion[1:-1], motion[2:]], 1)
        rows.append((three, np.asarray(run(motion)).reshape(len(three), -1)))
    train, test = rows[::2], rows[1::2]
    x, y = (np.concatenate([np.asarray(row[k], np.float64) for row in train]) for k in (0, 1))
    mean, deviation = x.mean(0), x.std(0) + 1e-3
    x = (x - mean) / deviation
    weights = np.linalg.solve(x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1]), x.T @ (y - y.mean(0)))
    seen, truth = (np.concatenate([np.asarray(row[k], np.float64) for row in test]) for k in (0, 1))
    error = ((seen - mean) / deviation) @ weights + y.mean(0) - truth
    explained = 1 - np.square(error).sum() / np.square(truth - y.mean(0)).sum()
    assert explained >= 0.98, explained
