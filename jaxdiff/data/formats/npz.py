"""NumPy files read without trust: no pickle, and memory bounded by the size of the file.

A recording is a `.npz` of `values`, `channels`, `units`, `rate`, `start`, `meta` and `events`
(JSON): the one format that keeps all of it, bit by bit. `arrays` reads any other `.npz`, `array`
any `.npy`.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from typing import IO

import numpy as np

from jaxdiff.data.formats import files
from jaxdiff.data.recording import Event, Recording
from jaxdiff.disk import atomic
from jaxdiff.errors import DataError, FileError

EXPANSION, FREE = 200, 2**26
"""The arrays of an archive may together take `FREE` bytes plus `EXPANSION` times the size of the
file.
"""
_AXES = 32


MOTION = frozenset(
    ("joints", "joints3d", "poses", "pose", "betas", "trans", "transl", "fps", "rate")
    + ("mocap_framerate", "mocap_frame_rate")
)
"""What is read of files of poses; AMASS keeps labels beside it as pickled objects, which are passed
over.
"""


def arrays(path: str | os.PathLike, motion: bool = False) -> dict[str, np.ndarray]:
    """All arrays of a `.npz` file.

    Args:
        path: The file.
        motion: Read only the arrays of `MOTION` where the file has SMPL poses.

    Raises:
        FileError: If the file is damaged, holds objects, or claims to unpack to more than its
            bound.
    """
    content = files.read_bytes(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found, members = {}, archive.infolist()
            total = sum(info.file_size for info in members)
            if total > FREE + EXPANSION * len(content):
                raise files.bad(
                    path,
                    f"claims to unpack to {total} bytes from {len(content)}; the file is damaged",
                )
            names = {info.filename.removesuffix(".npy") for info in members}
            if motion and names & {"poses", "pose"}:
                members = [m for m in members if m.filename.removesuffix(".npy") in MOTION]
            for info in members:
                with archive.open(info) as stream:
                    found[info.filename.removesuffix(".npy")] = _array(
                        path, stream, info.filename, info.file_size
                    )
            return found
    except FileError:
        raise
    except Exception as error:  # zipfile meets damaged bytes with a dozen types of exception
        raise files.bad(path, f"is not a .npz file, or a damaged one ({error})") from None


def array(path: str | os.PathLike) -> np.ndarray:
    """The array of a `.npy` file."""
    content = files.read_bytes(path)
    return _array(path, io.BytesIO(content), "the array", len(content))


def _array(path: str | os.PathLike, stream: IO[bytes], name: str, size: int) -> np.ndarray:
    """One array in `.npy` form from a stream of `size` bytes."""
    try:
        version = np.lib.format.read_magic(stream)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = header(stream)
    except (
        Exception
    ) as error:  # NumPy's header parser meets damaged bytes with many types of exception
        raise files.bad(
            path, f"{name} is not in .npy form ({type(error).__name__}: {error})"
        ) from None
    if dtype.hasobject or dtype.names or not dtype.itemsize:
        raise files.bad(
            path,
            f"{name} holds {dtype} objects; without pickle only plain numbers and texts are read",
        )
    if len(shape) > _AXES:
        raise files.bad(path, f"{name} has {len(shape)} axes; at most {_AXES} are read")
    count = math.prod(map(int, shape))
    if min(shape, default=0) < 0 or count * dtype.itemsize > size:
        raise files.bad(
            path,
            f"{name} announces {shape} of {dtype}, more than the file holds; it is cut or damaged",
        )
    content = stream.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        raise files.bad(
            path,
            f"{name} ends after {len(content)} of {count * dtype.itemsize} bytes; it is cut off",
        )
    values = np.frombuffer(content, dtype, count) if count else np.zeros(0, dtype)
    return values.reshape(shape, order="F" if fortran else "C").copy()


def read_npz(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads a recording written by `write_npz`, or joints and SMPL parameters as pose estimators
    and AMASS keep them.

    Args:
        path: The file.
        rate: Rate in Hz to resample to.

    Raises:
        FileError: If it is neither.
    """
    found = arrays(path, motion=True)
    if "values" not in found and {"joints", "joints3d", "poses", "pose"} & set(found):
        from jaxdiff.data.formats.poses import read_estimated

        return files.at_rate(path, read_estimated(path, found), rate)
    absent = {"values", "channels", "units", "rate", "start", "meta"} - set(found)
    if absent:
        raise files.bad(
            path,
            f"is not a recording: it has no {', '.join(sorted(absent))}, but"
            f" {', '.join(map(repr, sorted(found)))}; arrays of trials are described by a recipe (docs/data.md)",
        )
    values = found["values"]
    if (
        values.ndim != 2
        or values.dtype not in (np.float32, np.float64)
        or not values.size
        or np.isinf(values).any()
    ):
        raise files.bad(
            path,
            f"'values' must be finite floats or NaN, (T, C); they are {values.dtype}"
            f" {values.shape}",
        )
    try:
        meta = json.loads(str(found["meta"].item()))
        channels, units = (tuple(map(str, np.ravel(found[key]))) for key in ("channels", "units"))
        start = float(found["start"].item())
        if (
            not np.isfinite(start)
            or not isinstance(meta, dict)
            or not all(isinstance(v, str) for v in meta.values())
        ):
            raise ValueError("start must be finite and meta a table of texts")
        events = json.loads(str(found["events"].item())) if "events" in found else []
        events = tuple(Event(float(time), str(label), str(side)) for time, label, side in events)
        own = float(found["rate"].item())
        recording = Recording(values, channels, units, own, start, meta, events)
    except (ValueError, TypeError, DataError, RecursionError) as error:
        raise files.bad(path, f"is not a recording: {error}") from None
    return files.at_rate(path, recording, rate)


def write_npz(path: str | os.PathLike, recording: Recording) -> None:
    """Writes everything a recording holds, compressed."""
    values = (
        recording.values
        if recording.values.dtype == np.float32
        else recording.values.astype(np.float64)
    )
    if not values.size or np.isinf(values).any():
        raise files.bad(path, "a recording that is empty or holds infinities cannot be written")
    with atomic(path) as file:
        np.savez_compressed(
            file,
            values=values,
            channels=np.array(recording.channels, str),
            units=np.array(recording.units, str),
            rate=np.float64(recording.rate),
            start=np.float64(recording.start),
            meta=np.array(json.dumps(dict(recording.meta))),
            events=np.array(json.dumps(recording.events)),
        )
