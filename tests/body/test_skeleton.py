"""Skeletons: what follows from the tree, forward kinematics, mirrors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import rotations
from jaxdiff.body.skeleton import (
    HUMANML3D,
    KIT,
    Skeleton,
    bone_lengths,
    bones,
    forward_kinematics,
    mirror,
)
from jaxdiff.errors import DataError

BOTH = pytest.mark.parametrize("skeleton", [HUMANML3D, KIT], ids=["HUMANML3D", "KIT"])


def random_pose(skeleton, seed, frames=5):
    rng = np.random.default_rng(seed)
    quaternions = rotations.normalise(rng.normal(size=(frames, len(skeleton.names), 4)))
    return quaternions, rng.normal(size=(frames, 3))


@BOTH
def test_trees_are_well_formed_and_symmetric(skeleton):
    assert skeleton.parents[0] == -1 and all(
        0 <= p < j for j, p in enumerate(skeleton.parents) if j
    )
    covered = [bone for chain in skeleton.chains for bone in zip(chain, chain[1:])]
    assert sorted(covered) == sorted((p, j) for j, p in enumerate(skeleton.parents) if j)
    sided = {joint for pair in skeleton.mirror_pairs for joint in pair}
    assert sided == {
        j for j, name in enumerate(skeleton.names) if "left" in name or "right" in name
    }
    rest = forward_kinematics(skeleton, np.eye(4)[np.zeros(len(skeleton.names), int)], np.zeros(3))
    np.testing.assert_allclose(mirror(rest, skeleton), rest, atol=1e-7)
    left = [x for name, (x, _, _) in zip(skeleton.names, rest) if "left" in name]
    assert min(left) > 0, "left is +x"


def test_humanml3d_has_its_published_chains():
    assert set(HUMANML3D.chains) == {
        (0, 2, 5, 8, 11),
        (0, 1, 4, 7, 10),
        (0, 3, 6, 9, 12, 15),
        (9, 14, 17, 19, 21),
        (9, 13, 16, 18, 20),
    }
    assert set(KIT.chains) == {
        (0, *range(11, 16)),
        (0, *range(16, 21)),
        (0, 1, 2, 3, 4),
        (3, 5, 6, 7),
        (3, 8, 9, 10),
    }


@BOTH
def test_forward_kinematics_keeps_bones_and_commutes_with_rigid_motion(skeleton):
    quaternions, root = random_pose(skeleton, 0)
    joints = forward_kinematics(skeleton, quaternions, root)
    lengths = np.broadcast_to(np.linalg.norm(skeleton.offsets, axis=-1), joints.shape[:-1])
    np.testing.assert_allclose(bone_lengths(joints, skeleton.parents), lengths, atol=1e-6)
    np.testing.assert_allclose(bones(joints, skeleton.parents)[:, 0], 0)
    turn = rotations.normalise(np.random.default_rng(1).normal(size=4))
    turned = quaternions.copy()
    turned[:, 0] = rotations.multiply(turn, quaternions[:, 0])
    moved = forward_kinematics(skeleton, turned, rotations.rotate(turn, root))
    np.testing.assert_allclose(moved, rotations.rotate(turn, joints), atol=1e-9)


def test_a_bent_elbow_moves_only_the_wrist():
    quaternions = np.eye(4)[np.zeros(22, int)]
    straight = forward_kinematics(HUMANML3D, quaternions, np.zeros(3))
    quaternions[HUMANML3D.index("left_elbow")] = rotations.about("x", np.array(-np.pi / 2))
    bent = forward_kinematics(HUMANML3D, quaternions, np.zeros(3))
    moved = np.flatnonzero(np.abs(bent - straight).max(-1) > 1e-6)
    assert moved.tolist() == [HUMANML3D.index("left_wrist")]
    np.testing.assert_allclose(
        bent[moved[0]] - bent[HUMANML3D.index("left_elbow")], [0, 0, 0.25], atol=1e-6
    )


def test_numpy_jit_and_vmap_agree():
    quaternions, root = random_pose(HUMANML3D, 2)
    quaternions, root = quaternions.astype(np.float32), root.astype(np.float32)
    plain = forward_kinematics(HUMANML3D, quaternions, root)
    one = jax.jit(lambda q, x: forward_kinematics(HUMANML3D, q, x))
    np.testing.assert_allclose(
        jax.vmap(one)(jnp.asarray(quaternions), jnp.asarray(root)), plain, atol=1e-5
    )


def test_any_tree_will_do_and_mirrors_undo_themselves():
    tree = Skeleton(
        ("Hips", "LeftLeg", "RightLeg"),
        (-1, 0, 0),
        np.array([[0, 0, 0], [1, 0, 0], [-1, 0, 0]], float),
    )
    assert tree.mirror_pairs == ((1, 2),) and tree.chains == ((0, 1), (0, 2))
    joints = np.random.default_rng(3).normal(size=(4, 3, 3))
    np.testing.assert_array_equal(mirror(mirror(joints, tree), tree), joints)
    np.testing.assert_array_equal(mirror(joints, tree)[:, 1], joints[:, 2] * [-1, 1, 1])


@pytest.mark.parametrize(
    "pair", [("LeftArm", "RightArm"), ("arm_L", "arm_R"), ("L_Hip", "R_Hip"), ("hip.l", "hip.r")]
)
def test_sides_are_recognised_by_the_usual_names(pair):
    tree = Skeleton(("Pelvis", *pair, "Lip", "Rip"), (-1, 0, 0, 0, 0), np.zeros((5, 3)))
    assert tree.mirror_pairs == ((1, 2),)


def test_an_unknown_joint_is_named():
    with pytest.raises(DataError, match="left_knee"):
        HUMANML3D.index("left_kne")
