"""SMPL parameters of a motion of 22 joints, with the user's own body model (`body.smpl`), and the
mesh they place.

    shape   argmin Σ_j (|bone_j(shape)| - length_j)² + RIDGE |shape|²          Gauss-Newton; lengths are medians over time
    pose    joint by joint from the root: the smallest rotation that points the rest bones at the motion's (`body.fit`)

Joint positions leave the twist of a bone with one child open; it is taken to be none. Hands, and
whatever a body has beyond the 22 joints, stay at rest. The parameters go to AMASS's `.npz`, which
add-ons for Blender and Unreal open as a mesh.
"""

from __future__ import annotations

from os import PathLike
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.body import rotations as rot
from jaxdiff.body.fit import turn
from jaxdiff.body.skeleton import HUMANML3D, bone_lengths, bones
from jaxdiff.body.smpl import BodyModel, skin
from jaxdiff.errors import DataError

RIDGE = 1e-6
"""m² for each squared unit of shape: a shape of one deviation costs as much as a millimetre of one
bone.
"""
ROUNDS = 20
BODY = len(HUMANML3D.names)


class SmplMotion(NamedTuple):
    """A motion as SMPL parameters, y up."""

    poses: np.ndarray
    """Rotation vectors `(T, J, 3)`."""
    betas: np.ndarray
    """Shape coefficients `(B,)`."""
    trans: np.ndarray
    """Translation `(T, 3)` in metres."""
    root: np.ndarray
    """Where the pelvis of this shape rests `(3,)`: SMPL turns a body about it."""
    error: float
    """Mean distance in metres between the body's joints and those of the motion."""


def fit(body: BodyModel, joints: np.ndarray) -> SmplMotion:
    """The parameters whose joints come closest to a motion.

    Args:
      body: the user's body model.
      joints: positions `(T, 22, 3)` in metres, y up.

    Returns:
      The parameters, of one shape for the whole motion.

    Raises:
      DataError: if the joints are not those of SMPL, or the body has fewer.
    """
    joints, parents = np.asarray(joints, np.float64), body.parents
    if joints.ndim != 3 or joints.shape[1:] != (BODY, 3) or not np.isfinite(joints).all():
        raise DataError(f"SMPL is fitted to finite joints (T, {BODY}, 3); got {joints.shape}")
    if len(parents) < BODY or parents[:BODY] != HUMANML3D.parents:
        raise DataError(f"the first {BODY} joints of the body are not those of SMPL")
    betas = _shape(body, np.median(bone_lengths(joints, HUMANML3D.parents), axis=0)[1:])
    regressor = np.asarray(body.joint_regressor, np.float64)
    template = np.asarray(body.template) + np.asarray(body.shape_directions) @ betas
    rest = regressor @ template
    poses = np.zeros((len(joints), len(parents), 3))
    poses[:, :BODY] = rot.axis_angle_from_quaternion(_pose(rest[:BODY], joints))
    trans = joints[:, 0] - rest[0]
    made = placed(body, poses, betas, trans)[1][:, :BODY]
    error = float(np.linalg.norm(made - joints, axis=-1).mean())
    return SmplMotion(poses, betas, trans, rest[0], error)


def placed(
    body: BodyModel, poses: np.ndarray, betas: np.ndarray, trans: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices `(T, V, 3)` and joints `(T, J, 3)` in metres, one frame after the other."""
    shape, turns, places = (np.asarray(each, np.float32) for each in (betas, poses, trans))
    vertices, joints = _skinned(body, shape, turns, places)
    return np.asarray(vertices), np.asarray(joints)


@jax.jit
def _skinned(body: BodyModel, betas: Any, poses: Any, trans: Any) -> Any:
    return jax.lax.map(lambda one: skin(body, one[0], betas, one[1]), (poses, trans))


def write(path: str | PathLike[str], motion: SmplMotion, rate: float) -> None:
    """Write AMASS's `.npz`: `poses`, `betas`, `trans`, `mocap_framerate`, z up."""
    upright = rot.quaternion_from_axis_angle(np.array([np.pi / 2, 0.0, 0.0]))  # y to z
    poses = np.array(motion.poses)
    poses[:, 0] = rot.axis_angle_from_quaternion(
        rot.multiply(upright, rot.quaternion_from_axis_angle(motion.poses[:, 0]))
    )
    trans = rot.rotate(upright, motion.trans + motion.root) - motion.root
    np.savez(
        path,
        poses=poses.reshape(len(poses), -1).astype(np.float32),
        betas=motion.betas.astype(np.float32),
        trans=trans.astype(np.float32),
        mocap_framerate=np.float32(rate),
        gender=np.array("neutral"),
    )


def _shape(body: BodyModel, lengths: np.ndarray) -> np.ndarray:
    """Shape coefficients whose bones have these lengths `(21,)`."""
    regressor = np.asarray(body.joint_regressor, np.float64)
    rest = bones(regressor @ np.asarray(body.template, np.float64), body.parents)[1:BODY]
    moves = np.einsum("jv,vcb->jcb", regressor, np.asarray(body.shape_directions, np.float64))
    moves = moves[1:BODY] - moves[list(body.parents[1:BODY])]
    betas = np.zeros(moves.shape[-1])
    for _ in range(ROUNDS):
        vectors = rest + moves @ betas
        size = np.linalg.norm(vectors, axis=-1)
        slope = np.einsum("jc,jcb->jb", vectors / np.maximum(size, 1e-9)[:, None], moves)
        normal = slope.T @ slope + RIDGE * np.eye(len(betas))
        betas = betas + np.linalg.solve(normal, slope.T @ (lengths - size) - RIDGE * betas)
    return betas


def _pose(rest: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Local rotations `(T, 22, 4)` that point the bones of a body at rest `(22, 3)` at those of a
    motion.
    """
    parents = HUMANML3D.parents
    offsets, vectors = bones(rest, parents), bones(joints, parents)
    world = np.zeros((len(joints), BODY, 4))
    local = np.zeros_like(world)
    for j, parent in enumerate(parents):
        above = world[:, parent] if j else np.broadcast_to([1.0, 0, 0, 0], world[:, 0].shape)
        children = [child for child, p in enumerate(parents) if p == j]
        seen = rot.rotate(rot.conjugate(above)[:, None], vectors[:, children])
        local[:, j] = turn(offsets[children], seen)
        world[:, j] = rot.multiply(above, local[:, j])
    return local
