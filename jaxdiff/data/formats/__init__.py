"""File formats: `read(path)` and `write(path, recording)` for whatever the extension says.

| extension              | read as                                           | written |
|------------------------|---------------------------------------------------|---------|
| `.mot` `.sto`          | OpenSim tables                                    | yes     |
| `.trc`                 | OpenSim marker trajectories                       |         |
| `.c3d`                 | markers, force plates, EMG envelopes, at one rate |         |
| `.bvh`                 | joint positions in metres                         | yes     |
| `.csv` `.tsv` `.txt`   | tables with channel names, perhaps units          | yes     |
| `.npz`                 | a recording, bit by bit                           | yes     |
| `.npy`                 | HumanML3D or KIT-ML motion                        | yes     |

Whatever is wrong with a file is one `FileError` that names the file, the line where it has lines, and what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jaxdiff.data.formats.bvh import Bvh, read_bvh, write_bvh
from jaxdiff.data.formats.bvh_joints import (
    bvh_from_rotations,
    joints_recording,
    read_bvh_joints,
    write_joints_bvh,
    write_recording_bvh,
)
from jaxdiff.data.formats.c3d import C3d, read_c3d, read_c3d_recording
from jaxdiff.data.formats.files import bad
from jaxdiff.data.formats.humanml3d import read_npy, write_npy
from jaxdiff.data.formats.npz import read_npz, write_npz
from jaxdiff.data.formats.opensim import read_opensim, read_trc, write_opensim
from jaxdiff.data.formats.table import read_table, write_table
from jaxdiff.data.recording import Recording
from jaxdiff.errors import FileError

__all__ = [
    "READERS",
    "WRITERS",
    "Bvh",
    "C3d",
    "Recording",
    "bvh_from_rotations",
    "joints_recording",
    "read",
    "read_bvh",
    "read_c3d",
    "write",
    "write_bvh",
    "write_joints_bvh",
]

READERS: dict[str, Callable[[str | os.PathLike, float | None], Recording]] = {
    ".mot": read_opensim,
    ".sto": read_opensim,
    ".trc": read_trc,
    ".c3d": read_c3d_recording,
    ".bvh": read_bvh_joints,
    ".csv": read_table,
    ".tsv": read_table,
    ".txt": read_table,
    ".npz": lambda path, rate=None: _read_npz(path, rate),
    ".npy": read_npy,
}
WRITERS: dict[str, Callable[[str | os.PathLike, Recording], None]] = {
    ".mot": write_opensim,
    ".sto": write_opensim,
    ".bvh": write_recording_bvh,
    ".csv": write_table,
    ".tsv": write_table,
    ".txt": write_table,
    ".npz": write_npz,
    ".npy": write_npy,
}


def _read_npz(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """A recording, or the joints of a pose estimator."""
    try:
        return read_npz(path, rate)
    except FileError as error:
        from jaxdiff.data.formats.poses import read_poses

        try:
            poses = read_poses(path)
        except FileError:
            raise error from None
        return poses if rate is None else poses.resample(rate)


def read(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """The recording in a file.

    `rate` (Hz) is the rate the recording shall have: what comes at another is resampled, irregular time stamps are then
    allowed, and files that tell no rate are taken to be at this one.
    """
    return _choose(READERS, path, "read")(path, rate)


def write(path: str | os.PathLike, recording: Recording) -> None:
    """Write a recording; a file that is there already is replaced only once the new one is complete."""
    _choose(WRITERS, path, "write")(path, recording)


def _choose(table: dict[str, Callable], path: str | os.PathLike, verb: str) -> Callable:
    extension = Path(path).suffix.lower()
    if extension not in table:
        raise bad(
            path, f"cannot {verb} the extension {extension!r}; supported are {', '.join(table)}"
        )
    return table[extension]
