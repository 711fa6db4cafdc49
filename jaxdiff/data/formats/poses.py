"""Pose estimates as plain `.npz`: joints, or SMPL parameters (AMASS) with a body model that places
the joints.

| key                                          | what                                                             |
|----------------------------------------------|------------------------------------------------------------------|
| `joints` or `joints3d`                       | (T, J, 3) metres, whose first 22 are those of SMPL               |
| `poses` or `pose`                            | (T, 3 J) rotation vectors; those after the 22 body joints are ignored |
| `betas` (may be absent)                      | (B,) or (T, B)                                                   |
| `trans` or `transl` (may be absent)          | (T, 3)                                                           |
| `fps`, `rate`, `mocap_framerate`, `mocap_frame_rate` | frames per second                                        |

SMPL, SMPL+H and SMPL-X share their first 22 joints; these are returned, y up, ready for HumanML3D
features.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.body.smpl import BodyModel, load, skin
from jaxdiff.data.formats import files
from jaxdiff.data.formats.bvh_joints import joints_recording
from jaxdiff.data.formats.npz import arrays
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError

BODY = len(HUMANML3D.names)
UPS = ("y", "z")
BODY_VARIABLE = "JAXDIFF_BODY_MODEL"
"""Environment variable with the path of the SMPL body model that files of SMPL parameters are read
with.
"""


def read_estimated(path: str | os.PathLike, found: Mapping[str, np.ndarray]) -> Recording:
    """Joints from the arrays of an `.npz`, by the conventions of the keys it has.

    Files with AMASS's frame-rate keys have z up. SMPL parameters are placed with the body model
    that the environment variable `JAXDIFF_BODY_MODEL` names.

    Raises:
        FileError: If a body model is needed and not named, or the arrays do not fit.
    """
    body = None
    if not {"joints", "joints3d"} & set(found):
        name = os.environ.get(BODY_VARIABLE)
        if not name:
            raise files.bad(
                path,
                "holds SMPL parameters: a body model is needed to place the joints; set"
                f" {BODY_VARIABLE} to its .npz file (SMPL, SMPL+H or SMPL-X)",
            )
        body = load(name)
    up = "z" if {"mocap_framerate", "mocap_frame_rate"} & set(found) else "y"
    return _recording(path, found, body, None, up)


def read_poses(
    path: str | os.PathLike, body: BodyModel | None = None, rate: float | None = None, up: str = "y"
) -> Recording:
    """Joint positions in metres as channels `pelvis_x`, ...

    Args:
        path: The file.
        body: Body model for SMPL parameters.
        rate: Frames per second, where the file does not state them.
        up: The vertical axis of the file (AMASS: z).

    Raises:
        FileError: If the arrays do not fit.
        ConfigError: If `up` is neither y nor z.
    """
    return _recording(path, arrays(path, motion=True), body, rate, up)


def _recording(
    path: str | os.PathLike,
    found: Mapping[str, np.ndarray],
    body: BodyModel | None,
    rate: float | None,
    up: str,
) -> Recording:
    if up not in UPS:
        raise ConfigError(f"the vertical axis of a file of poses is one of {UPS}; got {up!r}")
    joints = _find(path, found, "joints", "joints3d")
    if joints is None:
        joints = _skinned(path, found, body)
    if joints.ndim != 3 or joints.shape[1] < BODY or joints.shape[2] != 3 or not len(joints):
        raise files.bad(
            path, f"joints are (T, J, 3), the {BODY} of the body first; these are {joints.shape}"
        )
    joints = np.asarray(joints[:, :BODY], np.float32)
    if up == "z":
        joints = joints[..., [0, 2, 1]] * np.array([1, 1, -1], np.float32)
    if rate is None:
        stated = _find(path, found, "fps", "rate", "mocap_framerate", "mocap_frame_rate")
        if stated is None or stated.size != 1 or not 1e-3 < stated.item() <= 1e5:
            raise files.bad(path, "does not say its frames per second (key 'fps'); give a rate")
        rate = float(stated.item())
    return joints_recording(joints, HUMANML3D, rate, "m")


def read_surface(path: str | os.PathLike, body: BodyModel) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [T, V, 3] and joints [T, 22, 3] in metres of a file of SMPL parameters, in the axes
    of the file.

    Raises:
        FileError: If the file has no SMPL parameters, or they do not fit.
    """
    turns, betas, place = _parameters(path, arrays(path), body)

    def frame(one: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
        vertices, joints = skin(body, *one)
        return vertices, joints[:BODY]

    vertices, joints = jax.lax.map(frame, (turns, betas, place))
    return np.asarray(vertices), np.asarray(joints)


def has_parameters(path: str | os.PathLike) -> bool:
    """Whether a file is an `.npz` of SMPL parameters, which have a surface."""
    return str(path).endswith(".npz") and bool({"poses", "pose"} & set(arrays(path)))


def _skinned(
    path: str | os.PathLike, found: Mapping[str, np.ndarray], body: BodyModel | None
) -> np.ndarray:
    _poses(path, found)
    if body is None:
        raise files.bad(
            path,
            "holds SMPL parameters: a body model is needed to place the joints,"
            " `body=smpl.load(...)`",
        )
    own = body
    return np.asarray(
        jax.vmap(lambda *one: skin(own, *one)[1][:BODY])(*_parameters(path, found, own))
    )


def _parameters(
    path: str | os.PathLike, found: Mapping[str, np.ndarray], body: BodyModel
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Pose (T, J, 3) without hands, shape (T, B) and place (T, 3) of every frame."""
    poses, count = _poses(path, found), len(body.parents)
    if count < BODY or poses.ndim != 2 or poses.shape[1] < 3 * BODY:
        raise files.bad(
            path,
            f"poses are (T, 3 J) and the body has J joints, J >= {BODY}; got {poses.shape} and"
            f" {count}",
        )
    frames = len(poses)
    turns = np.zeros((frames, count, 3), np.float32)
    turns[:, :BODY] = poses[:, : 3 * BODY].reshape(frames, BODY, 3)
    betas = _per_frame(path, "betas", _find(path, found, "betas"), frames, 0)
    place = _per_frame(path, "trans", _find(path, found, "trans", "transl"), frames, 3)
    return jnp.asarray(turns), betas[:, : body.shape_directions.shape[-1]], place


def _poses(path: str | os.PathLike, found: Mapping[str, np.ndarray]) -> np.ndarray:
    poses = _find(path, found, "poses", "pose")
    if poses is None:
        raise files.bad(
            path,
            "has neither 'joints' nor SMPL 'poses'; it has"
            f" {', '.join(sorted(found)) or 'nothing'}",
        )
    return poses


def _per_frame(
    path: str | os.PathLike, name: str, values: np.ndarray | None, frames: int, width: int
) -> jax.Array:
    """A value per motion or per frame as [T, n]; zeros of this width where there is none."""
    rows = np.zeros(width, np.float32) if values is None else values
    if (
        rows.ndim not in (1, 2)
        or (rows.ndim == 2 and len(rows) != frames)
        or width not in (0, rows.shape[-1])
    ):
        raise files.bad(
            path, f"{name!r} has the shape {rows.shape} beside {frames} frames of poses"
        )
    return jnp.asarray(np.broadcast_to(np.asarray(rows, np.float32), (frames, rows.shape[-1])))


def _find(
    path: str | os.PathLike, found: Mapping[str, np.ndarray], *names: str
) -> np.ndarray | None:
    """The first of these that the file has, if it is finite numbers."""
    name = next((name for name in names if name in found), None)
    if name is None:
        return None
    if not (np.issubdtype(found[name].dtype, np.number) and np.isfinite(found[name]).all()):
        raise files.bad(
            path,
            f"{name!r} should hold finite numbers; it is {found[name].dtype}, or holds NaN or"
            " infinities",
        )
    return found[name]
