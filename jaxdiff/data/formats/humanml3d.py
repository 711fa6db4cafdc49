"""The `.npy` files of HumanML3D and KIT-ML: motion features (T, 263 or 251), joint positions (T, 22
or 21, 3).

A file does not state its rate: 20 Hz for HumanML3D and 12.5 Hz for KIT-ML, unless another is given.
HumanML3D is in metres, KIT-ML in millimetres.
"""

from __future__ import annotations

import os

import numpy as np

from jaxdiff.body.humanml3d import LAYOUT_21, LAYOUT_22, Layout, names
from jaxdiff.data.formats import files
from jaxdiff.data.formats.bvh_joints import joints_recording
from jaxdiff.data.formats.npz import array
from jaxdiff.data.recording import Recording
from jaxdiff.disk import atomic

_UNITS = {LAYOUT_22: "m", LAYOUT_21: "mm"}


def read_npy(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads motion features, or joint positions as channels `pelvis_x`, `pelvis_y`, ..., depending
    on the shape.
    """
    values = array(path)
    if (
        values.dtype not in (np.float32, np.float64)
        or not len(values.reshape(-1))
        or not np.isfinite(values).all()
    ):
        raise files.bad(
            path,
            f"finite floats are expected; these are {values.dtype} {values.shape}, or hold NaN",
        )
    for layout, unit in _UNITS.items():
        joints, hertz = len(layout.skeleton.names), layout.fps if rate is None else float(rate)
        if values.shape[1:] == (joints, 3):
            return joints_recording(values, layout.skeleton, hertz, unit)
        if values.shape[1:] == (12 * joints - 1,):
            return Recording(values, names(layout), _feature_units(layout, unit), hertz)
    raise files.bad(
        path, f"motion is (T, 22, 3), (T, 263), (T, 21, 3) or (T, 251); this is {values.shape}"
    )


def write_npy(path: str | os.PathLike, recording: Recording) -> None:
    """Writes the bare array of features or joint positions, recognised by their channel names."""
    if not np.isfinite(recording.values).all() or not recording.values.size:
        raise files.bad(path, "a motion that is empty or holds NaN or infinities cannot be written")
    for layout in _UNITS:
        skeleton = layout.skeleton
        if recording.channels == names(layout):
            return _write(path, recording.values)
        if recording.channels == tuple(
            f"{joint}_{axis}" for joint in skeleton.names for axis in "xyz"
        ):
            return _write(path, recording.values.reshape(len(recording.values), -1, 3))
    raise files.bad(
        path,
        "a .npy holds features or joint positions of HumanML3D or KIT-ML; write a .npz instead",
    )


def _write(path: str | os.PathLike, values: np.ndarray) -> None:
    with atomic(path) as file:
        np.save(file, values, allow_pickle=False)


def _feature_units(layout: Layout, length: str) -> tuple[str, ...]:
    """Half the turn in rad per frame; lengths, and lengths per frame; rotations and contacts are
    pure numbers.
    """
    units = {
        "turn": "rad/frame",
        "velocity": f"{length}/frame",
        "height": length,
        "position": length,
    }
    return tuple(units.get(name.split("/")[1], "") for name in names(layout))
