"""File formats: `read(path)` and `write(path, recording)` choose by the extension.

| extension              | read as                                                        | written |
|------------------------|----------------------------------------------------------------|---------|
| `.mot` `.sto`          | OpenSim tables                                                 | yes     |
| `.trc`                 | OpenSim marker trajectories                                    |         |
| `.c3d`                 | markers, model outputs, forces, EMG envelopes, events          | yes     |
| `.b3d`                 | AddBiomechanics: one recording per trial                       |         |
| `.bvh`                 | joint positions in metres                                      | yes     |
| `.csv` `.tsv` `.txt`   | tables; exports of Vicon, Qualisys and Visual3D                | yes     |
| `.parquet`             | tables, where pyarrow is installed                             | yes     |
| `.npz`                 | a recording, bit by bit; joints or SMPL parameters (AMASS)     | yes     |
| `.npy`                 | HumanML3D or KIT-ML motion                                     | yes     |
| `.rrd`                 |                                                                | yes, for the Rerun viewer, where rerun-sdk is installed |

Whatever is wrong with a file is one `FileError` that names the file, the line where it has lines,
and what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxdiff.data.formats.b3d import read_b3d
from jaxdiff.data.formats.bvh import Bvh, read_bvh, write_bvh
from jaxdiff.data.formats.bvh_joints import (
    bvh_from_rotations,
    joints_recording,
    read_body,
    read_bvh_joints,
    write_joints_bvh,
    write_recording_bvh,
)
from jaxdiff.data.formats.c3d import C3d, read_c3d, read_c3d_recording
from jaxdiff.data.formats.c3d_write import write_c3d
from jaxdiff.data.formats.files import bad
from jaxdiff.data.formats.humanml3d import read_npy, write_npy
from jaxdiff.data.formats.npz import read_npz, write_npz
from jaxdiff.data.formats.opensim import read_opensim, read_trc, write_opensim
from jaxdiff.data.formats.parquet import read_parquet, write_parquet
from jaxdiff.data.formats.rrd import write_rerun
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
    "read_b3d",
    "read_body",
    "read_bvh",
    "read_c3d",
    "read_one",
    "write",
    "write_bvh",
    "write_c3d",
    "write_joints_bvh",
]


def _read_npz(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """A recording, or the joints of a pose estimator (`formats.poses`)."""
    try:
        return read_npz(path, rate)
    except FileError as error:
        from jaxdiff.data.formats.poses import read_poses

        try:
            poses = read_poses(path)
        except FileError:
            raise error from None
        return poses if rate is None else poses.resample(rate)


READERS: dict[str, Callable[[str | os.PathLike, float | None], Any]] = {
    ".mot": read_opensim,
    ".sto": read_opensim,
    ".trc": read_trc,
    ".c3d": read_c3d_recording,
    ".b3d": read_b3d,
    ".bvh": read_bvh_joints,
    ".csv": read_table,
    ".tsv": read_table,
    ".txt": read_table,
    ".parquet": read_parquet,
    ".npz": _read_npz,
    ".npy": read_npy,
}
WRITERS: dict[str, Callable[[str | os.PathLike, Recording], None]] = {
    ".mot": write_opensim,
    ".sto": write_opensim,
    ".c3d": write_c3d,
    ".bvh": write_recording_bvh,
    ".csv": write_table,
    ".tsv": write_table,
    ".txt": write_table,
    ".parquet": write_parquet,
    ".npz": write_npz,
    ".npy": write_npy,
    ".rrd": write_rerun,
}


def read(path: str | os.PathLike, rate: float | None = None) -> Recording | list[Recording]:
    """Reads a file.

    Args:
        path: The file; its extension names the format.
        rate: Rate in Hz of the result: recordings at another rate are resampled, irregular time
            stamps are then allowed, and files that state no rate are taken to be at this one.

    Returns:
        The recording; of a `.b3d` with several trials, a list of them.

    Raises:
        FileError: If the file is missing, damaged or of an unknown format.

    Examples:
        >>> import pathlib, tempfile, jaxdiff
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "walk.csv"
        >>> _ = path.write_text("time,knee [deg]\\n0,5\\n0.01,6\\n")
        >>> jaxdiff.read(path)
        Recording(2 samples of 1 channels at 100 Hz, 0 to 0.01 s: knee (deg))
    """
    return _choose(READERS, path, "read")(path, rate)


def read_one(path: str | os.PathLike, rate: float | None = None, trial: str = "") -> Recording:
    """Reads a file that holds one recording, or one trial of a file that holds several.

    Args:
        path: The file.
        rate: As in `read`.
        trial: Name of the trial, or its number from 1; needed where there are several.

    Raises:
        FileError: If there is no such trial, or there are several and none is named.
    """
    found = read(path, rate)
    if isinstance(found, Recording):
        return found
    names = [recording.meta.get("trial", "") for recording in found]
    if trial in names:
        return found[names.index(trial)]
    if trial.isdigit() and 1 <= int(trial) <= len(found):
        return found[int(trial) - 1]
    shown = ", ".join(names[:8])
    raise bad(path, f"holds {len(found)} trials; name one of them (trial, --trial): {shown}")


def write(path: str | os.PathLike, recording: Recording) -> None:
    """Writes a recording; an existing file is replaced only once the new one is complete.

    Args:
        path: The file; its extension names the format.
        recording: The recording.

    Raises:
        FileError: If the format is unknown or cannot represent the recording.
    """
    _choose(WRITERS, path, "write")(path, recording)


def _choose(table: dict[str, Callable], path: str | os.PathLike, verb: str) -> Callable:
    extension = Path(path).suffix.lower()
    if extension not in table:
        raise bad(
            path, f"cannot {verb} the extension {extension!r}; supported are {', '.join(table)}"
        )
    return table[extension]
