"""Skinning on a tiny generated body, against closed forms; and files that are no body models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import rotations, smpl
from jaxdiff.errors import DataError, FileError


def tiny(seed=0, shapes=3):
    """Two joints on a vertical rod: vertex 0 hangs on the root, 1 on the child, 2 on both
    halves.
    """
    rng = np.random.default_rng(seed)
    template = np.array(
        [[0.1, 0, 0], [0.1, 2, 0], [-0.1, 1, 0.2], [0, 0, 0], [0, 1, 0]], np.float32
    )
    regressor = np.array([[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], np.float32)
    weights = np.array([[1, 0], [0, 1], [0.5, 0.5], [1, 0], [0, 1]], np.float32)
    return {
        "v_template": template,
        "shapedirs": rng.normal(size=(5, 3, shapes)).astype(np.float32),
        "posedirs": rng.normal(size=(5, 3, 9)).astype(np.float32),
        "J_regressor": regressor,
        "weights": weights,
        "f": np.array([[0, 1, 2]], np.uint32),
        "kintree_table": np.array([[2**32 - 1, 0], [0, 1]], np.uint32),
    }


@pytest.fixture
def arrays():
    return tiny()


@pytest.fixture
def load(tmp_path):
    def save_and_load(arrays):
        np.savez(tmp_path / "model.npz", **arrays)
        return smpl.load(tmp_path / "model.npz")

    return save_and_load


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


def test_at_rest_it_is_the_shaped_template(arrays, load):
    model = load(arrays)
    shape = jnp.array([0.5, -1.0])
    vertices, joints = smpl.skin(model, jnp.zeros((2, 3)), shape, jnp.array([1.0, 2.0, 3.0]))
    rest = arrays["v_template"] + arrays["shapedirs"][..., :2] @ np.array(shape)
    close(vertices, rest + [1, 2, 3])
    close(joints, arrays["J_regressor"] @ rest + [1, 2, 3])
    assert model.parents == (-1, 0) and model.faces.tolist() == [[0, 1, 2]]


def test_turning_the_root_turns_the_whole_body_about_it(arrays, load):
    vector = jnp.array([0.3, -0.8, 0.5])
    pose = jnp.stack([vector, jnp.zeros(3)])
    vertices, joints = smpl.skin(load(arrays), pose, jnp.zeros(0), jnp.zeros(3))
    turn = rotations.quaternion_from_axis_angle(vector)
    close(vertices, rotations.rotate(turn, jnp.asarray(arrays["v_template"])))
    close(joints[1], rotations.rotate(turn, jnp.array([0.0, 1, 0])))


def test_bending_the_child_moves_each_vertex_by_its_weight(arrays, load):
    arrays["posedirs"] *= 0
    pose = jnp.array([[0, 0, 0], [np.pi / 2, 0, 0]])
    vertices, joints = smpl.skin(load(arrays), pose, jnp.zeros(0), jnp.zeros(3))
    bent = np.array([[0.1, 1, 1], [-0.1, 0.8, 0]])
    close(vertices[0], arrays["v_template"][0])
    close(vertices[1], bent[0])
    close(vertices[2], (arrays["v_template"][2] + bent[1]) / 2)
    close(joints, [[0, 0, 0], [0, 1, 0]])


def test_pose_directions_follow_the_rotation_matrices(arrays, load):
    pose = jnp.array([[0.0, 0, 0], [0.2, 0.4, -0.1]])
    matrix = rotations.matrix_from_quaternion(rotations.quaternion_from_axis_angle(pose[1]))
    vertices, _ = smpl.skin(load(arrays), pose, jnp.zeros(0), jnp.zeros(3))
    shift = arrays["posedirs"][0] @ (np.asarray(matrix) - np.eye(3)).ravel()
    close(vertices[0], arrays["v_template"][0] + shift)


def test_it_vmaps_and_has_gradients(arrays, load):
    model = load(arrays)
    poses = jax.random.normal(jax.random.key(0), (4, 2, 3))
    batch, _ = jax.vmap(smpl.skin, in_axes=(None, 0, None, None))(
        model, poses, jnp.zeros(3), jnp.zeros(3)
    )
    close(batch[2], smpl.skin(model, poses[2], jnp.zeros(3), jnp.zeros(3))[0])
    gradient = jax.grad(lambda pose: smpl.skin(model, pose, jnp.zeros(3), jnp.zeros(3))[0].sum())(
        jnp.zeros((2, 3))
    )
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda a: a.pop("weights"), "no weights"),
        (lambda a: a.update(posedirs=a["posedirs"][..., :5]), "posedirs should be"),
        (lambda a: a.update(J_regressor=a["J_regressor"].T), "J_regressor should be"),
        (lambda a: a.update(kintree_table=np.array([[0, 1], [0, 1]])), "parent before"),
        (lambda a: a.update(v_template=a["v_template"] * np.nan), "finite"),
        (lambda a: a.update(weights=a["weights"][0]), "weights should be"),
        (lambda a: a.update(J_regressor=np.array({"sparse": 1}, object)), "plain"),
    ],
)
def test_a_wrong_model_says_what_is_wrong(arrays, load, change, complaint):
    change(arrays)
    with pytest.raises(FileError, match=complaint):
        load(arrays)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"not an archive at all"])
def test_a_file_that_is_no_archive_says_so(tmp_path, content):
    (tmp_path / "model.npz").write_bytes(content)
    with pytest.raises(FileError, match="model.npz"):
        smpl.load(tmp_path / "model.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(FileError, match="archive"):
        smpl.load(tmp_path / "array.npy")
    with pytest.raises(FileError, match="missing.npz"):
        smpl.load(tmp_path / "missing.npz")


def test_a_pose_of_another_body_is_refused(arrays, load):
    with pytest.raises(DataError, match=r"\(2, 3\)"):
        smpl.skin(load(arrays), jnp.zeros((24, 3)), jnp.zeros(1), jnp.zeros(3))
