"""Poses of estimators: joints as they are, SMPL parameters through a body, and files that are
neither.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.body.smpl import BodyModel
from jaxdiff.data.formats.poses import has_parameters, read_poses, read_surface
from jaxdiff.errors import ConfigError, FileError
from jaxdiff.models.scoring import surface

RNG = np.random.default_rng(0)
JOINTS = RNG.normal(size=(5, 24, 3)).astype(np.float32)


def body(shapes=4):
    """A stick figure of 24 joints, each a vertex: the skeleton and two hands."""
    rest = np.zeros((24, 3), np.float32)
    parents = (*HUMANML3D.parents, 20, 21)
    for joint, parent in enumerate(parents):
        if joint:
            rest[joint] = rest[parent] + (HUMANML3D.offsets[joint] if joint < 22 else [0.1, 0, 0])
    arrays = (
        rest,
        0.1 * RNG.normal(size=(24, 3, shapes)),
        np.zeros((24, 3, 9 * 23)),
        np.eye(24),
        np.eye(24),
    )
    floats = (jnp.asarray(array, jnp.float32) for array in arrays)
    return BodyModel(*floats, faces=jnp.zeros((0, 3), jnp.int32), parents=parents)


@pytest.fixture
def save(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "poses.npz", **arrays)
        return tmp_path / "poses.npz"

    return write


def test_joints_are_read_as_they_are_and_the_body_is_kept(save):
    recording = read_poses(save(joints3d=JOINTS, fps=30.0))
    np.testing.assert_array_equal(recording.values.reshape(5, 22, 3), JOINTS[:, :22])
    assert recording.rate == 30 and recording.channels[:3] == ("pelvis_x", "pelvis_y", "pelvis_z")
    assert read_poses(save(joints=JOINTS), rate=25.0).rate == 25


def test_a_file_with_z_up_is_turned_not_mirrored(save):
    turned = read_poses(save(joints=JOINTS, fps=30), up="z").values.reshape(5, 22, 3)
    np.testing.assert_array_equal(turned[..., 1], JOINTS[:, :22, 2])
    bones = lambda x: np.stack([x[0, 1] - x[0, 0], x[0, 2] - x[0, 0], x[0, 3] - x[0, 0]])  # noqa: E731
    np.testing.assert_allclose(
        np.linalg.det(bones(turned)), np.linalg.det(bones(JOINTS)), rtol=1e-4
    )


def test_smpl_parameters_move_the_body_and_hands_do_not(save):
    figure, betas = body(), np.array([0.5, -1, 0.2, 2])
    poses, trans = np.zeros((5, 156)), RNG.normal(size=(5, 3))
    path = save(
        poses=poses,
        betas=betas,
        trans=trans,
        mocap_framerate=np.array(60.0),
        gender=np.array("neutral"),
    )
    rest = np.asarray(figure.template) + np.asarray(figure.shape_directions) @ betas
    found = read_poses(path, figure)
    np.testing.assert_allclose(
        found.values.reshape(5, 22, 3), (rest + trans[:, None])[:, :22], atol=1e-5
    )
    assert found.rate == 60
    poses[:, 66:] = 1.0
    np.testing.assert_array_equal(
        read_poses(save(poses=poses, betas=betas, trans=trans, fps=60), figure).values, found.values
    )
    poses[:, 3 * 4 + 0] = np.pi / 2  # the left knee
    bent = (
        read_poses(save(poses=poses[:, :72], betas=betas, trans=trans, fps=60), figure).values
        - found.values
    )
    moved = np.abs(bent.reshape(5, 22, 3)).max((0, 2)) > 1e-3
    assert np.flatnonzero(moved).tolist() == [7, 10]


def test_the_surface_error_is_that_of_the_pose_and_not_of_the_place(tmp_path):
    figure, poses = body(), np.zeros((5, 72))
    np.savez(tmp_path / "truth.npz", poses=poses, fps=30)
    poses[:, 3 * 4] = np.pi / 2  # the left knee
    np.savez(tmp_path / "estimate.npz", poses=poses, trans=np.ones((5, 3)), fps=30)
    np.savez(tmp_path / "joints.npz", joints=JOINTS, fps=30)
    assert has_parameters(tmp_path / "truth.npz") and not has_parameters(tmp_path / "joints.npz")
    estimate, truth = (
        read_surface(tmp_path / f"{name}.npz", figure) for name in ("estimate", "truth")
    )
    rest = np.asarray(figure.template)
    arm = np.linalg.norm((rest[[7, 10]] - rest[4])[:, 1:], axis=-1)  # ankle and foot turn about x
    expected = 1000 * (np.sqrt(2) * arm).sum() / 24
    np.testing.assert_allclose(surface(estimate, truth)["pve", "mm"], expected, rtol=1e-4)
    assert surface(truth, truth)["pve", "mm"] == 0


@pytest.mark.parametrize(
    "arrays, what",
    [
        ({"joints": JOINTS[:, :20], "fps": 30}, "22"),
        ({"joints": JOINTS * np.nan, "fps": 30}, "NaN"),
        ({"joints": JOINTS}, "rate"),
        ({"joints": JOINTS, "fps": 0}, "rate"),
        ({"poses": np.zeros((5, 72)), "fps": 30}, "body model"),
        ({"verts": JOINTS, "fps": 30}, "verts"),
    ],
)
def test_a_file_that_is_no_pose_says_what_it_lacks(save, arrays, what):
    with pytest.raises(FileError, match=what):
        read_poses(save(**arrays))


def test_shapes_that_do_not_fit_the_body_are_refused(save):
    with pytest.raises(FileError, match="betas"):
        read_poses(save(poses=np.zeros((5, 72)), betas=np.zeros((4, 10)), fps=30), body())
    with pytest.raises(FileError, match="3 J"):
        read_poses(save(poses=np.zeros((5, 24, 3)), fps=30), body())
    with pytest.raises(ConfigError, match="vertical"):
        read_poses(save(joints=JOINTS, fps=30), up="x")
