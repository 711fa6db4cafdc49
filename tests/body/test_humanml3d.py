"""Motion features: layout, invariances, recovery, other skeletons, batches."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import humanml3d, rotations
from jaxdiff.body.skeleton import HUMANML3D, Skeleton, forward_kinematics
from jaxdiff.errors import DataError

LAYOUT = humanml3d.LAYOUT_22


def motion(layout=LAYOUT, frames=50, turns=1.3, seed=0):
    """A figure that wriggles along a curve, `turns` half revolutions in all, in float32 JAX."""
    rng = np.random.default_rng(seed)
    count = len(layout.skeleton.parents)
    time = np.linspace(0, 1, frames)[:, None]
    angles = 0.3 * np.sin(2 * np.pi * (time * rng.uniform(1, 3, 3 * count) + rng.random(3 * count)))
    quaternions = rotations.quaternion_from_axis_angle(angles.reshape(frames, count, 3))
    heading = 0.4 + np.pi * turns * time[:, 0]
    quaternions[:, 0] = rotations.multiply(rotations.about("y", heading), quaternions[:, 0])
    root = np.stack([np.sin(heading), 1 + 0.05 * np.sin(7 * time[:, 0]), np.cos(heading)], -1)
    return jnp.asarray(forward_kinematics(layout.skeleton, quaternions, root), jnp.float32)


def close(actual, expected, atol=2e-6):
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=0, atol=atol)


def features_close(actual, expected):
    """1e-5, and 1e-4 for the rotations of short bones: what float32 leaves of either."""
    for group, columns in humanml3d.slices(humanml3d.joint_count(actual)).items():
        close(actual[..., columns], expected[..., columns], 1e-4 if group == "rotations" else 1e-5)


def test_features_have_names_and_slices():
    for layout, width in [(humanml3d.LAYOUT_22, 263), (humanml3d.LAYOUT_21, 251)]:
        names = humanml3d.names(layout)
        slices = humanml3d.slices(len(layout.skeleton.names))
        assert len(names) == len(set(names)) == width
        assert [s.start for s in slices.values()][1:] + [width] == [s.stop for s in slices.values()]
    names, slices = humanml3d.names(LAYOUT), humanml3d.slices(22)
    assert (
        names[4] == "left_hip/position/x"
        and names[slices["rotations"]][0] == "left_hip/rotation/x1"
    )
    assert [name.split("/")[0] for name in names[-4:]] == [
        "left_ankle",
        "left_foot",
        "right_ankle",
        "right_foot",
    ]


def test_canonical_is_on_the_floor_at_the_origin_facing_ahead_for_numpy_and_jax():
    joints = motion()
    for given in (joints, np.asarray(joints, np.float64)):
        placed, turn = humanml3d.canonical(given, LAYOUT)
        close(placed[..., 1].min(), 0)
        close(placed[0, 0, [0, 2]], [0, 0])
        r_hip, l_hip, r_shoulder, l_shoulder = LAYOUT.face
        left = placed[0, l_hip] - placed[0, r_hip] + placed[0, l_shoulder] - placed[0, r_shoulder]
        assert left[0] > 0 and abs(left[2]) < 1e-6
        close((turn * turn).sum(), 1)


@pytest.mark.parametrize("variant", ["legacy", "fixed"])
def test_features_ignore_where_the_motion_happened(variant):
    joints = motion()
    turn = rotations.about("y", jnp.float32(2.1))
    moved = rotations.rotate(turn, joints) + jnp.array([3.0, -2.0, 1.0])
    there = humanml3d.features_from_joints(moved, LAYOUT, variant)
    features_close(there, humanml3d.features_from_joints(joints, LAYOUT, variant))


@pytest.mark.parametrize("turns", [0.0, 0.7, -3.1])
def test_fixed_features_lose_nothing(turns):
    joints, _ = humanml3d.canonical(motion(turns=turns), LAYOUT)
    features = humanml3d.features(joints, LAYOUT, "fixed")
    offsets = humanml3d.target_offsets(joints[0], LAYOUT)
    close(humanml3d.joints_from_features(features), joints[:-1], 3e-6)
    close(humanml3d.joints_from_rotations(features, offsets, LAYOUT, "fixed"), joints[:-1], 5e-6)


def test_legacy_features_break_where_the_heading_passes_half_a_revolution():
    joints, _ = humanml3d.canonical(motion(turns=2.0, frames=120), LAYOUT)
    lost = (
        humanml3d.joints_from_features(humanml3d.features(joints, LAYOUT, "legacy")) - joints[:-1]
    )
    assert np.abs(lost).max() > 0.1


def test_velocities_and_contacts_are_what_they_say():
    joints, _ = humanml3d.canonical(motion(turns=0.0), LAYOUT)
    features = humanml3d.features(joints, LAYOUT, "fixed")
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=-1)
    local = features[:, humanml3d.slices(22)["velocities"]].reshape(-1, 22, 3)
    close(np.linalg.norm(local, axis=-1), speed)
    contacts = features[:, humanml3d.slices(22)["contacts"]]
    np.testing.assert_array_equal(contacts, speed[:, list(LAYOUT.feet)] ** 2 < LAYOUT.threshold)
    assert 0 < contacts.mean() < 1


def test_uniform_skeleton_takes_the_bones_of_another_figure():
    joints = motion()
    same = humanml3d.uniform_skeleton(joints, humanml3d.target_offsets(joints[0], LAYOUT), LAYOUT)
    close(same, joints, 3e-6)
    half = humanml3d.uniform_skeleton(
        joints, 0.5 * humanml3d.target_offsets(joints[0], LAYOUT), LAYOUT
    )
    close(half, 0.5 * joints, 3e-6)


def biped():
    """A figure unlike the two published ones: 13 joints, sides in another order."""
    names = (
        "Hips",
        "RightLeg",
        "RightFoot",
        "RightToe",
        "LeftLeg",
        "LeftFoot",
        "LeftToe",
        "Chest",
        "Head",
    )
    names += ("RightArm", "RightHand", "LeftArm", "LeftHand")
    parents = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 7, 9, 7, 11)
    x, y, z = np.eye(3)
    directions = np.array([0 * x, -x, -y, z, x, -y, z, y, y, -x, -y, x, -y])
    skeleton = Skeleton(names, parents, 0.3 * directions)
    return humanml3d.Layout(skeleton, directions, (1, 4, 9, 11), (2, 5), (5, 6, 2, 3), 0.002, 30.0)


@pytest.mark.parametrize("variant", ["legacy", "fixed"])
def test_any_skeleton_with_a_layout(variant):
    layout = biped()
    joints, _ = humanml3d.canonical(motion(layout, turns=0.0), layout)
    features = humanml3d.features(joints, layout, variant)
    assert features.shape == (49, 12 * 13 - 1) and len(humanml3d.names(layout)) == 12 * 13 - 1
    offsets = humanml3d.target_offsets(joints[0], layout)
    close(humanml3d.joints_from_features(features), joints[:-1], 3e-6)
    close(humanml3d.joints_from_rotations(features, offsets, layout, variant), joints[:-1], 5e-6)


def test_batches_of_clips_and_gradients():
    clips = jnp.stack([motion(seed=seed) for seed in range(3)])
    encode = jax.jit(lambda joints: humanml3d.features_from_joints(joints, LAYOUT))
    batch = jax.jit(jax.vmap(encode))(clips)
    features_close(batch, jnp.stack([encode(clip) for clip in clips]))
    decoded = jax.eval_shape(jax.vmap(humanml3d.joints_from_features), batch)
    assert decoded.shape == (3, 49, 22, 3)
    offsets = humanml3d.target_offsets(clips[0, 0], LAYOUT)
    loss = lambda f: humanml3d.joints_from_rotations(f, offsets, LAYOUT).sum()  # noqa: E731
    assert np.isfinite(jax.jit(jax.grad(loss))(batch[0])).all()
    assert np.isfinite(jax.jit(jax.grad(lambda joints: encode(joints).sum()))(clips[0])).all()


def test_double_precision_is_kept():
    with jax.enable_x64(True):
        joints = jnp.asarray(motion(), jnp.float64)
        placed, _ = humanml3d.canonical(joints, LAYOUT)
        features = humanml3d.features(placed, LAYOUT, "fixed")
        assert features.dtype == jnp.float64
        close(humanml3d.joints_from_features(features), placed[:-1], atol=1e-13)


def test_wrong_shapes_speak():
    with pytest.raises(DataError, match="22, 3"):
        humanml3d.features(jnp.zeros((10, 21, 3)), LAYOUT)
    with pytest.raises(DataError, match="260"):
        humanml3d.joints_from_features(jnp.zeros((10, 260)))


def test_layout_thresholds_can_be_replaced():
    joints, _ = humanml3d.canonical(motion(), LAYOUT)
    none = dataclasses.replace(LAYOUT, threshold=0.0)
    assert humanml3d.features(joints, none)[:, -4:].sum() == 0
    assert HUMANML3D is LAYOUT.skeleton
