"""SMPL parameters fitted to joints that a body of the same kind made."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.body.smpl import BodyModel
from jaxdiff.body.smpl_fit import fit, placed, write
from jaxdiff.data.formats.poses import read_poses
from jaxdiff.errors import DataError


def figure(shapes=3):
    """A stick figure of 24 joints, each a vertex: the skeleton of SMPL and two hands; shapes
    lengthen bones.
    """
    rng = np.random.default_rng(0)
    parents = (*HUMANML3D.parents, 20, 21)
    bones = np.concatenate([HUMANML3D.offsets, np.tile([0.1, 0, 0], (2, 1))])
    stretch = 1 + 0.08 * rng.normal(size=(shapes, 24))
    rest, longer = np.zeros((24, 3)), np.zeros((24, 3, shapes))
    rest[0] = [0.0, -0.2, 0.03]
    for j, parent in enumerate(parents):
        if j:
            rest[j] = rest[parent] + bones[j]
            longer[j] = longer[parent] + bones[j][:, None] * (stretch[:, j] - 1)
    arrays = (rest, longer, np.zeros((24, 3, 9 * 23)), np.eye(24), np.eye(24))
    floats = (jnp.asarray(array, jnp.float32) for array in arrays)
    return BodyModel(*floats, faces=jnp.zeros((0, 3), jnp.int32), parents=parents)


@pytest.fixture(scope="module")
def motion():
    body, rng = figure(), np.random.default_rng(1)
    poses = np.zeros((6, 24, 3))
    poses[:, :22] = 0.5 * rng.normal(size=(6, 22, 3))
    betas, trans = np.array([0.8, -0.6, 0.4]), rng.normal(size=(6, 3))
    return body, placed(body, poses, betas, trans)[1][:, :22]


def test_the_fitted_body_has_the_joints_of_the_motion(motion):
    body, joints = motion
    found = fit(body, joints)
    assert found.error < 1e-4  # metres
    made = placed(body, found.poses, found.betas, found.trans)[1][:, :22]
    np.testing.assert_allclose(made, joints, atol=2e-4)
    assert not found.poses[:, 22:].any()


def test_the_file_is_read_back_as_the_same_motion(motion, tmp_path):
    body, joints = motion
    write(tmp_path / "m.npz", fit(body, joints), 20.0)
    back = read_poses(tmp_path / "m.npz", body, up="z")
    assert back.rate == 20.0
    np.testing.assert_allclose(back.values.reshape(-1, 22, 3), joints, atol=2e-4)


def test_other_joints_are_refused(motion):
    body, joints = motion
    with pytest.raises(DataError, match="22"):
        fit(body, joints[:, :21])
