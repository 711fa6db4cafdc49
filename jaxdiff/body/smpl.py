"""Linear blend skinning of a body model of the SMPL family (Loper et al. 2015), read from the
user's own `.npz`.

    rest     = template + S shape,        joints = J rest
    vertex_v = sum_j W_vj G_j ( rest_v + [P (R_1 - 1, ..., R_K - 1)]_v - joints_j ) + translation

with S the shape directions, P the pose directions, R the local rotations without the root's, and
G_j the rigid motion that forward kinematics gives joint j. The models themselves are under their
authors' licence and not part of jaxdiff.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from functools import partial
from os import PathLike

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rotations
from jaxdiff.body.skeleton import along_tree, bones, hang
from jaxdiff.errors import DataError, FileError
from jaxdiff.typing import Array

einsum = partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class BodyModel:
    """V vertices, J joints, B shape coefficients; a pytree, so it can be passed through jit and
    vmap.
    """

    template: Array
    """(V, 3) metres."""
    shape_directions: Array
    """(V, 3, B)."""
    pose_directions: Array
    """(V, 3, 9 (J - 1))."""
    joint_regressor: Array
    """(J, V)."""
    weights: Array
    """(V, J), rows sum to one."""
    faces: Array
    """(F, 3) vertex numbers."""
    parents: tuple[int, ...] = field(metadata={"static": True})


KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table")


def load(path: str | PathLike[str]) -> BodyModel:
    """Reads a model with the published key names (SMPL, SMPL+H, SMPL-X as plain `.npz`)."""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError("a single array, not an archive")
        with file:
            missing = [key for key in KEYS if key not in file.files]
            if missing:
                raise FileError(
                    f"{path}: not a body model: no {', '.join(missing)}; it needs {', '.join(KEYS)}"
                )
            arrays = {key: file[key] for key in KEYS}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FileError(
            f"{path}: cannot be read as a plain .npz body model ({error}); pickled models must be"
            " saved again with their arrays as plain NumPy arrays"
        ) from error
    for key, array in arrays.items():
        if not (np.issubdtype(array.dtype, np.number) and np.isfinite(array).all()):
            raise FileError(
                f"{path}: {key} should hold finite numbers; it is of type {array.dtype}"
            )
    template, shape, pose, regressor, weights, faces, tree = (arrays[key] for key in KEYS)
    if weights.ndim != 2 or shape.ndim != 3:
        raise FileError(
            f"{path}: weights should be (V, J) and shapedirs (V, 3, B); got {weights.shape},"
            f" {shape.shape}"
        )
    vertices, joints = weights.shape
    expected = {
        "v_template": (vertices, 3),
        "shapedirs": (vertices, 3, shape.shape[-1]),
        "posedirs": (vertices, 3, 9 * (joints - 1)),
        "J_regressor": (joints, vertices),
        "f": (len(faces), 3),
        "kintree_table": (2, joints),
    }
    for key, size in expected.items():
        if arrays[key].shape != size:
            raise FileError(
                f"{path}: {key} should be {size} beside weights {weights.shape}; got"
                f" {arrays[key].shape}"
            )
    parents = (-1, *(int(parent) for parent in tree[0, 1:]))
    if any(not 0 <= parent < joint for joint, parent in enumerate(parents) if joint):
        raise FileError(
            f"{path}: kintree_table must name each joint's parent before the joint; got {parents}"
        )
    floats = (
        jnp.asarray(array, jnp.float32) for array in (template, shape, pose, regressor, weights)
    )
    return BodyModel(*floats, faces=jnp.asarray(faces.astype(np.int64), jnp.int32), parents=parents)


@jax.jit
def skin(model: BodyModel, pose: Array, shape: Array, translation: Array) -> tuple[Array, Array]:
    """Pose (J, 3) as rotation vectors, shape (<= B,), translation (3,) -> vertices (V, 3), joints
    (J, 3), in metres.
    """
    joints_count = len(model.parents)
    if pose.shape != (joints_count, 3) or shape.shape[0] > model.shape_directions.shape[-1]:
        raise DataError(
            f"this body takes a pose ({joints_count}, 3) and at most"
            f" {model.shape_directions.shape[-1]} shape coefficients; got {pose.shape} and"
            f" {shape.shape}"
        )
    rest = model.template + einsum(
        "vcb,b->vc", model.shape_directions[..., : shape.shape[0]], shape
    )
    joints = einsum("jv,vc->jc", model.joint_regressor, rest)
    local = rotations.quaternion_from_axis_angle(pose)
    bend = rotations.matrix_from_quaternion(local[1:]) - jnp.eye(3, dtype=pose.dtype)
    posed = rest + einsum("vcp,p->vc", model.pose_directions, bend.reshape(-1))

    parents = model.parents
    world = along_tree(parents, rotations.multiply, local)
    moved = hang(
        parents, rotations.rotate(world[np.array(parents)], bones(joints, parents)), joints[0]
    )
    turn = rotations.matrix_from_quaternion(world)
    shift = moved - einsum("jcd,jd->jc", turn, joints)
    vertices = einsum("vj,jcd,vd->vc", model.weights, turn, posed) + einsum(
        "vj,jc->vc", model.weights, shift
    )
    return vertices + translation, moved + translation
