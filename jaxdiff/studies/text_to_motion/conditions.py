"""What a user wants a generated motion to meet: kept frames and joints of a recording, a path on
the floor.

Times are in seconds from the start of the motion, positions in metres, y up. A generated motion
begins above the origin and faces +z; `Placed` remembers how that lies in the user's own axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rotations
from jaxdiff.body.humanml3d import LAYOUT_22, Variant, canonical, slices
from jaxdiff.body.humanml3d import features as features_of
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.methods.constraints import Constraint
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.studies.text_to_motion import corpora

PARTS = {
    **{
        f"{side}_arm": tuple(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist"))
        for side in ("left", "right")
    },
    **{
        f"{side}_leg": tuple(f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "foot"))
        for side in ("left", "right")
    },
    "torso": ("spine1", "spine2", "spine3", "neck", "head"),
}
"""Parts of the body that may be named in place of their joints."""
PARTS["upper"] = (*PARTS["torso"], *PARTS["left_arm"], *PARTS["right_arm"])
PARTS["lower"] = ("pelvis", *PARTS["left_leg"], *PARTS["right_leg"])


class Placed(NamedTuple):
    """How clip axes lie in the user's axes: a turn about the vertical, then a shift on the
    floor.
    """

    turn: np.ndarray
    shift: np.ndarray

    def back(self, joints: np.ndarray) -> np.ndarray:
        """Joints of a clip in the user's axes."""
        return rotations.rotate(self.turn, np.asarray(joints, np.float64)) + self.shift


HERE = Placed(np.array([1.0, 0, 0, 0]), np.zeros(3))


def constraint(
    frames: int,
    scale: Scale,
    recording: Recording | None = None,
    keep: str | None = None,
    joints: str | Sequence[str] | None = None,
    path: Recording | np.ndarray | None = None,
    variant: Variant = "fixed",
) -> tuple[Constraint, Placed]:
    """The constraint of a motion of a given length.

    Args:
      frames: length of the motion.
      scale: of the model's features.
      recording: positions of the 22 joints (or of a motion pack's) in metres.
      keep: what of the recording is kept: `all`, or ranges of seconds such as `0:1,2.5:3`. By
        default all of it where `joints` are named.
      joints: names of joints or of `PARTS`, joined by commas; by default all joints, whose frames
        are then kept whole.
      path: where the pelvis goes on the floor: a recording with channels `x` and `z` (or
        `pelvis_x`, `pelvis_z`), or an array `(N, 2)` that is spread evenly over the motion.
      variant: feature variant of the model.

    Returns:
      The constraint in clip axes, and where these lie in the user's.
    """
    count, features = len(HUMANML3D.names), len(scale.offset)
    target, weight = (np.zeros((frames, count, 3), np.float32) for _ in range(2))
    known, kept = np.zeros((frames, features), np.float32), np.zeros((frames, features), bool)
    placed = HERE
    if recording is not None:
        if keep is None and joints is None:
            raise ConfigError(
                "state which part of the recording is kept: keep='0:1' (seconds), keep='all', or"
                " joints='left_arm'"
            )
        motion = _joints(recording, scale.rate)[:frames]
        upright, turn = canonical(motion, LAYOUT_22)
        shift = motion[0, 0] - upright[0, 0]
        placed = Placed(rotations.conjugate(turn), shift)
        rows = _ranges(keep or "all", scale.rate, frames, len(upright))
        chosen = _chosen(joints)
        target[: len(upright)] = upright
        weight[np.ix_(rows, chosen)] = 1.0
        if joints is None:
            onward = np.concatenate([upright, 2 * upright[-1:] - upright[-2:-1]])
            found = np.asarray(features_of(jnp.asarray(onward), LAYOUT_22, variant))
            known[: len(upright)] = (found - scale.offset) / scale.scale
            kept[rows] = True
            loose = slices(count)
            for name in ("turn", "root_velocity", "velocities", "contacts"):
                last = [row for row in rows if row + 1 not in rows]  # their next frame is free
                kept[last, loose[name]] = False
    elif keep is not None or joints is not None:
        raise ConfigError("keep and joints name parts of a recording, and there is none")
    if path is not None:
        track = _path(path, frames, scale.rate)
        if recording is None:
            placed = _along(track)
        local = rotations.rotate(rotations.conjugate(placed.turn), track - placed.shift)
        target[:, 0, [0, 2]] = local[:, [0, 2]]
        weight[:, 0, [0, 2]] = 1.0
    return Constraint(*(jnp.asarray(each) for each in (target, weight, known, kept))), placed


def _joints(recording: Recording, rate: float) -> np.ndarray:
    if abs(recording.rate - rate) > 1e-6:
        recording = recording.resample(rate)
    return corpora.joints_of(recording)


def _ranges(keep: str, rate: float, frames: int, length: int) -> list[int]:
    """Frame numbers of `all` or of ranges of seconds."""
    if keep == "all":
        return list(range(min(frames, length)))
    rows: list[int] = []
    for part in keep.split(","):
        begin, colon, end = part.partition(":")
        try:
            first, last = float(begin or 0), float(end) if end else frames / rate
        except ValueError:
            raise ConfigError(
                f"keep is 'all' or ranges of seconds such as 0:1,2.5:3; got {keep!r}"
            ) from None
        last = last if colon else first + 1 / rate
        found = [i for i in range(min(frames, length)) if first - 1e-6 <= i / rate < last - 1e-6]
        if not found:
            raise ConfigError(
                f"keep={part} holds no frame of a recording of {length / rate:g} s and a motion of"
                f" {frames / rate:g} s"
            )
        rows += found
    return sorted(set(rows))


def _chosen(joints: str | Sequence[str] | None) -> list[int]:
    if joints is None:
        return list(range(len(HUMANML3D.names)))
    names = joints.split(",") if isinstance(joints, str) else list(joints)
    found: list[int] = []
    for name in names:
        for joint in PARTS.get(name, (name,)):
            if joint not in HUMANML3D.names:
                raise ConfigError(
                    f"no joint {joint!r}; {nearest(joint, [*HUMANML3D.names, *PARTS])}"
                )
            found.append(HUMANML3D.names.index(joint))
    return sorted(set(found))


def _path(path: Recording | np.ndarray, frames: int, rate: float) -> np.ndarray:
    """The path `(frames, 3)`, y zero."""
    if isinstance(path, Recording):
        names = [
            next((n for n in (axis, f"pelvis_{axis}") if n in path.channels), "") for axis in "xz"
        ]
        if not all(names):
            raise DataError(
                "a path has channels x and z (or pelvis_x and pelvis_z) in m; got"
                f" {', '.join(path.channels)}"
            )
        points = path.select(names).values
        at = np.arange(len(points)) / path.rate
        when = np.arange(frames) / rate
    else:
        points = np.asarray(path, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2:
            raise DataError(f"a path is (N >= 2, 2): x and z in metres; got {points.shape}")
        at, when = np.linspace(0, 1, len(points)), np.linspace(0, 1, frames)
    x, z = (np.interp(when, at, points[:, i]) for i in range(2))
    return np.stack([x, np.zeros(frames), z], -1)


def _along(track: np.ndarray) -> Placed:
    """Clip axes that begin at the path's first point and face the way it goes."""
    far = np.linalg.norm(track - track[0], axis=-1) > 0.2
    ahead = track[np.argmax(far)] - track[0] if far.any() else np.array([0.0, 0, 1])
    turn = rotations.between(np.array([0.0, 0, 1]), ahead / max(np.linalg.norm(ahead), 1e-9))
    return Placed(turn, track[0])
