"""From motion to BVH and back: local rotations, joint positions, and recordings of joint
positions.
"""

from __future__ import annotations

import os

import numpy as np

from jaxdiff.body import rotations as rot
from jaxdiff.body.fit import depth_first, fit_rotations
from jaxdiff.body.skeleton import Skeleton, along_tree
from jaxdiff.data.find_joints import Joints
from jaxdiff.data.formats import files
from jaxdiff.data.formats.bvh import Bvh, read_bvh, write_bvh
from jaxdiff.data.recording import Recording
from jaxdiff.data.skeletons import body_recording
from jaxdiff.errors import DataError


def bvh_from_rotations(
    skeleton: Skeleton,
    rotations: np.ndarray,
    root: np.ndarray,
    fps: float,
    order: str = "ZXY",
    scale: float = 0.01,
) -> Bvh:
    """A BVH of local rotations (T, J, 4), quaternions (w, x, y, z), and root positions (T, 3) in
    metres.
    """
    tree = depth_first(skeleton.parents)
    parents = tuple(
        -1 if skeleton.parents[j] < 0 else tree.index(skeleton.parents[j]) for j in tree
    )
    angles = np.degrees(
        rot.euler_from_quaternion(np.asarray(rotations, np.float64)[:, tree], order.lower())
    )
    angles = np.unwrap(angles, period=360, axis=0)  # programs interpolate between frames
    motion = np.concatenate(
        [np.asarray(root, np.float64) / scale, angles.reshape(len(angles), -1)], axis=1
    )
    turns = tuple(f"{axis}rotation" for axis in order.upper())
    channels = (("Xposition", "Yposition", "Zposition", *turns), *([turns] * (len(tree) - 1)))
    offsets = np.asarray(skeleton.offsets, np.float64)[list(tree)] / scale
    ends = {j: np.zeros(3) for j in range(len(tree)) if j not in parents}
    names = tuple(skeleton.names[j] for j in tree)
    return Bvh(names, parents, offsets, ends, channels, motion, 1 / fps, scale)


def write_joints_bvh(
    path: str | os.PathLike, joints: np.ndarray, skeleton: Skeleton, fps: float
) -> None:
    """Joint positions (T, J, 3) in metres as a BVH in centimetres that any program opens.

    The rest pose has the directions of the skeleton's offsets and the (median) bone lengths of the
    motion.
    """
    try:
        fitted, rotations = fit_rotations(np.asarray(joints, np.float64), skeleton)
    except DataError as error:
        raise files.bad(path, str(error)) from None
    write_bvh(path, bvh_from_rotations(fitted, rotations, np.asarray(joints)[:, 0], fps))


def read_bvh_joints(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads joint positions as channels `joint_x`, `_y`, `_z` in metres, of a file in
    centimetres.
    """
    bvh = read_bvh(path)
    try:
        joints = bvh.joints(rate)
        if not np.isfinite(joints).all():
            raise DataError("the joint positions are beyond all bounds")
        return joints_recording(joints, bvh.skeleton, bvh.rate if rate is None else rate)
    except DataError as error:
        raise files.bad(path, str(error)) from None


def read_body(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """The 22 joints of the library from a BVH of any human skeleton (see `jaxdiff.data.skeletons`).

    Args:
        path: The file.
        rate: Rate in Hz to resample to.

    Raises:
        FileError: If the file is damaged, or legs and arms are not found in it.
    """
    bvh = read_bvh(path)
    try:
        turn, place = bvh.pose(rate)
        world = along_tree(bvh.parents, rot.multiply, turn)
        where = bvh.joints(rate)
        own = [(j, end) for j, end in bvh.ends.items() if np.linalg.norm(end) > 0]
        tips = [where[:, j] + rot.rotate(world[:, j], end * bvh.scale) for j, end in own]
        whole = np.concatenate([where, np.stack(tips, axis=1)], axis=1) if tips else where
        names = bvh.names + tuple(f"{bvh.names[j]} end" for j, _ in own)
        parents = bvh.parents + tuple(j for j, _ in own)
        like = joints_recording(where, bvh.skeleton, bvh.rate if rate is None else rate)
        return body_recording(Joints(names, parents, whole), like)
    except DataError as error:
        raise files.bad(path, str(error)) from None


def write_recording_bvh(path: str | os.PathLike, recording: Recording) -> None:
    """Writes a recording of joint positions, as `joints_recording` makes them; its first frame is
    the rest pose.
    """
    names = [channel[:-2] for channel in recording.channels[::3]]
    expected = tuple(f"{name}_{axis}" for name in names for axis in "xyz")
    parents = tuple(recording.meta.get("parents", "").split())
    if (
        expected != recording.channels
        or len(parents) != len(names)
        or set(recording.units) != {"m"}
    ):
        raise files.bad(
            path,
            "a BVH is written from joint positions: channels 'joint_x', '_y', '_z' in m, and"
            " meta['parents'] with the number of every joint's parent; see joints_recording",
        )
    try:
        tree = tuple(int(parent) for parent in parents)
    except ValueError:
        raise files.bad(
            path, f"meta['parents'] holds more than numbers: {' '.join(parents)[:60]!r}"
        ) from None
    if not np.isfinite(recording.values).all():
        raise files.bad(path, "the joint positions hold NaN or infinities; fill the gaps first")
    joints = recording.values.reshape(len(recording.values), -1, 3)
    rest = joints[0] - joints[0][[max(parent, 0) for parent in tree]]
    write_joints_bvh(path, joints, Skeleton(tuple(names), tree, rest), recording.rate)


def joints_recording(
    joints: np.ndarray, skeleton: Skeleton, rate: float, unit: str = "m"
) -> Recording:
    """Joint positions [T, J, 3] as a recording; the tree is in its metadata."""
    channels = tuple(f"{name}_{axis}" for name in skeleton.names for axis in "xyz")
    meta = {"parents": " ".join(map(str, skeleton.parents))}
    return Recording(
        joints.reshape(len(joints), -1), channels, (unit,) * len(channels), rate, 0.0, meta
    )
