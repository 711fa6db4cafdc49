"""Any human skeleton mapped onto the 22 joints of the library.

Joints are found by name or by structure (`data.find_joints`). Bone lengths of the result are
constant, and the lowest foot stands on the ground::

    walk = to_body(jaxdiff.read("walk.bvh"))          # 22 joints, m, y up
    walk = formats.read_body("walk.bvh")              # the same, with toes from the end sites of the file
    walk.meta["joint mapping"]                        # left_knee=LeftLeg (name), ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data.find_joints import Found, Joints, find
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import factor
from jaxdiff.errors import DataError

_SPINE = (0.21, 0.48, 0.60)
"""Where spine1, spine2 and spine3 are on the way from the pelvis to the neck."""
_SCALES = (1.0, 0.01, 0.001, 0.1, 0.0254)
_LEG = (0.5, 1.2)
"""Plausible length of thigh and shank together, in metres."""


def to_body(recording: Recording) -> Recording:
    """The 22 joints of a recording of any human skeleton.

    Args:
        recording: Joint positions `NAME_x`, `_y`, `_z` with the number of each joint's parent in
            `meta["parents"]`.

    Returns:
        The joints of `jaxdiff.body.skeleton.HUMANML3D` in metres; the mapping is in the metadata. A
        recording that has them already is returned unchanged.

    Raises:
        DataError: If the recording is no skeleton, or legs and arms cannot be found.
    """
    wanted = tuple(f"{name}_{axis}" for name in HUMANML3D.names for axis in "xyz")
    if recording.channels == wanted:
        return recording
    names = tuple(channel[:-2] for channel in recording.channels[::3])
    parents = recording.meta.get("parents", "").split()
    if recording.channels != tuple(f"{n}_{a}" for n in names for a in "xyz") or len(parents) != len(
        names
    ):
        raise DataError("a skeleton is needed: channels NAME_x, _y, _z, and meta['parents']")
    tree = tuple(map(int, parents))
    places = recording.values.reshape(len(recording), -1, 3) * factor(recording.units[0], "m")
    return body_recording(Joints(names, tree, places), recording)


def body_recording(joints: Joints, like: Recording) -> Recording:
    """The 22 joints of a tree, with rate, start, metadata and events of another recording.

    Raises:
        DataError: If legs and arms cannot be found.
    """
    if not np.isfinite(joints.positions).all():
        raise DataError("the joint positions hold gaps; fill them first")
    joints, notes = _upright(joints)
    found = find(joints)
    scale, note = _scale(joints, found)
    notes += note
    places = _places(joints._replace(positions=joints.positions * scale), found)
    rigid, change = constant_lengths(places)
    feet = [HUMANML3D.index(f"{side}_foot") for side in ("left", "right")]
    rigid[..., 1] -= np.percentile(rigid[:, feet, 1].min(axis=1), 5)
    mapping = [
        f"{name}={found.how.get(name, 'interpolated along the spine')}" for name in HUMANML3D.names
    ]
    notes.append(f"bone lengths made constant, which moved joints by up to {1000 * change:.1f} mm")
    meta = {
        **{k: v for k, v in like.meta.items() if k != "parents"},
        "parents": " ".join(map(str, HUMANML3D.parents)),
        "joint mapping": ", ".join(mapping),
        "retargeting": "; ".join(notes),
    }
    channels = tuple(f"{name}_{axis}" for name in HUMANML3D.names for axis in "xyz")
    return replace(
        like,
        values=rigid.reshape(len(rigid), -1),
        channels=channels,
        units=("m",) * len(channels),
        meta=meta,
    )


def _places(joints: Joints, found: Found) -> np.ndarray:
    """Positions of the 22 joints [T, 22, 3]; the spine at fixed shares of the way from pelvis to
    neck.
    """
    where = joints.positions
    path = [found.joints["neck"]]
    while path[-1] != found.joints["pelvis"] and joints.parents[path[-1]] >= 0:
        path.append(joints.parents[path[-1]])
    path = path[::-1]
    steps = np.median(np.linalg.norm(np.diff(where[:, path], axis=1), axis=-1), axis=0)
    share = np.concatenate([[0], np.cumsum(steps)]) / max(steps.sum(), 1e-9)
    out = np.zeros((len(where), len(HUMANML3D.names), 3))
    for j, name in enumerate(HUMANML3D.names):
        if name.startswith("spine"):
            part = _SPINE[int(name[-1]) - 1]
            i = (
                min(int(np.searchsorted(share, part, "right")) - 1, len(path) - 2)
                if len(path) > 1
                else 0
            )
            after = path[min(i + 1, len(path) - 1)]
            width = max(share[min(i + 1, len(path) - 1)] - share[i], 1e-9)
            weight = float(np.clip((part - share[i]) / width, 0, 1))
            out[:, j] = where[:, path[i]] * (1 - weight) + where[:, after] * weight
        elif name in found.joints:
            out[:, j] = where[:, found.joints[name]]
    return _completed(out, found)


def _completed(out: np.ndarray, found: Found) -> np.ndarray:
    """Feet and collars that the file does not have: toes ahead of the ankle, collars between spine
    and shoulder.
    """
    index = HUMANML3D.index
    across = out[:, index("left_hip")] - out[:, index("right_hip")]
    forward = np.cross(across, [0.0, 1, 0])
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    for side in ("left", "right"):
        ankle, foot = index(f"{side}_ankle"), index(f"{side}_foot")
        if f"{side}_foot" not in found.joints:
            out[:, foot] = out[:, ankle] + 0.125 * forward + [0.0, -0.065, 0.0]
            found.how[f"{side}_foot"] = "12.5 cm ahead of the ankle (assumed)"
        if f"{side}_collar" not in found.joints:
            collar, above = index(f"{side}_collar"), index("spine3")
            out[:, collar] = 0.6 * out[:, above] + 0.4 * out[:, index(f"{side}_shoulder")]
            found.how[f"{side}_collar"] = "between spine and shoulder (assumed)"
    return out


def constant_lengths(
    places: np.ndarray, parents: Sequence[int] = HUMANML3D.parents
) -> tuple[np.ndarray, float]:
    """Joint positions [T, J, 3] with every bone at its median length, and the largest change in
    metres.

    Bones keep their directions; joints below a changed bone move with it.
    """
    out = np.array(places, np.float64)
    for j, parent in enumerate(parents):
        if parent < 0:
            continue
        bone = places[:, j] - places[:, parent]
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        out[:, j] = out[:, parent] + bone / np.maximum(length, 1e-9) * np.median(length)
    return out, float(np.linalg.norm(out - places, axis=-1).max(initial=0.0))


def _upright(joints: Joints) -> tuple[Joints, list[str]]:
    """The joints with y up; a skeleton that stands along z is turned."""
    spread = np.median(
        np.ptp(joints.positions[:, 1:], axis=1), axis=0
    )  # the root may stay at the origin
    if spread[2] > 1.5 * spread[1] and spread[2] > 1.2 * spread[0]:
        turned = joints.positions[..., [0, 2, 1]] * [1.0, 1.0, -1.0]
        return joints._replace(positions=turned), ["z was up in the file"]
    return joints, []


def _scale(joints: Joints, found: Found) -> tuple[float, list[str]]:
    """A factor to metres, where the positions are obviously in another unit."""
    where = joints.positions
    hip, knee, ankle = (where[:, found.joints[f"left_{n}"]] for n in ("hip", "knee", "ankle"))
    leg = float(
        np.median(np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1))
    )
    if _LEG[0] <= leg <= _LEG[1]:
        return 1.0, []
    fitting = [s / 0.01 for s in _SCALES if _LEG[0] <= leg * s / 0.01 <= _LEG[1]]
    if len(fitting) == 1:
        return fitting[0], [
            f"positions scaled by {fitting[0]:g}, so that the leg is {leg * fitting[0]:.2f} m long"
        ]
    if not leg > 0:
        raise DataError("the legs of the skeleton have no length")
    return 0.81 / leg, [
        f"positions scaled by {0.81 / leg:.4g}, so that the leg is 0.81 m long; the unit is unknown"
    ]
