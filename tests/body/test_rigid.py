"""What is written of a motion: constant bones, planted feet, and a BVH that is the same motion."""

import numpy as np
import pytest

from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.humanml3d import LAYOUT_21, LAYOUT_22
from jaxdiff.body.rigid import cleaned, planted, reaching, rigid, violation
from jaxdiff.body.skeleton import KIT, bone_lengths, forward_kinematics
from jaxdiff.data.formats.bvh_joints import read_bvh_joints, write_joints_bvh
from jaxdiff.errors import DataError

WALK = simulate_clip("walk", 0).joints


def stretched(joints, size=0.002, seed=0):
    """A motion whose joints drift apart and whose feet slide, as a network's do."""
    steps = np.random.default_rng(seed).normal(size=joints.shape)
    return joints + size * np.cumsum(steps, axis=0)


def test_a_motion_that_keeps_its_bones_and_feet_stays_as_it_is():
    before = violation(WALK, LAYOUT_22, 20.0, clean=cleaned(WALK, LAYOUT_22, 20.0))
    assert before["bone_stretch"] < 1e-4 and before["foot_slide"] < 0.01 and before["moved"] < 1.0
    np.testing.assert_allclose(rigid(WALK, LAYOUT_22, 20.0).joints, WALK, atol=1e-4)


@pytest.mark.parametrize("action", ["walk", "run", "kick", "jump", "squat", "turn"])
def test_bones_are_constant_and_feet_stand_whatever_the_network_did(action):
    joints = stretched(simulate_clip(action, 1).joints)
    clean = cleaned(joints, LAYOUT_22, 20.0)
    before = violation(joints, LAYOUT_22, 20.0, clean=clean)
    after = violation(clean.joints, LAYOUT_22, 20.0)
    assert before["bone_stretch"] > 0.03 and after["bone_stretch"] < 1e-9
    assert after["foot_slide"] < 0.02 and after["foot_slide"] <= before["foot_slide"] + 1e-9
    assert before["moved"] < 60  # mm: it remains the same motion
    lengths = bone_lengths(clean.joints, LAYOUT_22.skeleton.parents)
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (len(lengths), 1)), atol=1e-9)


def test_feet_labelled_as_free_are_not_planted():
    joints = rigid(stretched(WALK), LAYOUT_22, 20.0).joints
    free = planted(joints, LAYOUT_22, 20.0, np.zeros((len(joints), 4)))
    np.testing.assert_allclose(free, joints, atol=1e-6)
    assert np.abs(planted(joints, LAYOUT_22, 20.0, np.ones((len(joints), 4))) - joints).max() > 1e-3


@pytest.mark.parametrize("rate", [20.0, 30.0])
def test_a_written_bvh_is_the_joints_to_a_millimetre(tmp_path, rate):
    clean = cleaned(stretched(WALK), LAYOUT_22, 20.0).resample(rate)
    assert len(clean.root) == int((len(WALK) - 1) / 20 * rate) + 1
    write_joints_bvh(tmp_path / "a.bvh", clean.joints, LAYOUT_22.skeleton, rate)
    back = read_bvh_joints(tmp_path / "a.bvh")
    order = [back.channels[::3].index(f"{name}_x") for name in LAYOUT_22.skeleton.names]
    joints = back.values.reshape(len(back.values), -1, 3)[:, order]
    assert back.rate == pytest.approx(rate, rel=1e-4)
    assert np.abs(joints - clean.joints).max() < 1e-3


def test_a_motion_at_another_rate_passes_through_the_same_poses():
    clean = rigid(WALK, LAYOUT_22, 20.0)
    np.testing.assert_allclose(clean.resample(40.0).joints[::2], clean.joints, atol=1e-6)
    with pytest.raises(DataError, match="positive rate"):
        clean.resample(0.0)


def test_kit_skeletons_are_planted_too():
    still = np.tile(np.array([1.0, 0, 0, 0]), (30, 21, 1))
    root = np.array([0, 0.92, 0]) + 0.004 * np.cumsum(np.ones((30, 3)), 0) * [1, 0, 0]
    joints = forward_kinematics(KIT, still, root)
    after = violation(cleaned(joints, LAYOUT_21, 12.5).joints, LAYOUT_21, 12.5)
    assert after["bone_stretch"] < 1e-9
    assert after["foot_slide"] < 0.5 * violation(joints, LAYOUT_21, 12.5)["foot_slide"]


def test_wrists_reach_their_targets_with_the_same_bones():
    motion = cleaned(simulate_clip("walk", 0).joints[:40], LAYOUT_22, 20.0)
    wrist = LAYOUT_22.skeleton.names.index("right_wrist")
    target, weight = motion.joints.copy(), np.zeros((40, 22, 3))
    target[15:25, wrist] += [0.04, 0.05, 0.0]
    weight[15:25, wrist] = 1
    found = reaching(motion, target, weight, LAYOUT_22)
    np.testing.assert_allclose(found.joints[15:25, wrist], target[15:25, wrist], atol=1e-6)
    np.testing.assert_allclose(found.joints[:10], motion.joints[:10], atol=1e-6)
    np.testing.assert_allclose(found.skeleton.offsets, motion.skeleton.offsets, atol=1e-5)
    target[15:25, wrist] += 5.0  # out of reach: as near as a straight arm is
    far = reaching(motion, target, weight, LAYOUT_22)
    assert violation(far.joints, LAYOUT_22, 20.0)["bone_stretch"] < 1e-6
