"""Recordings written as C3D, through ezc3d (extra `formats`).

Channels `NAME_x`, `_y`, `_z` in a unit of length become points; such triples in a unit of angle,
moment, force or power become model outputs (POINT:ANGLES, MOMENTS, ...); all other channels become
analog channels at the rate of the points. Values are 32-bit floats, as everywhere in C3D. Metadata
are kept as JSON in JAXDIFF:METADATA, which other programs ignore.
"""

from __future__ import annotations

import json
import os
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from jaxdiff.data import units
from jaxdiff.data.formats import files
from jaxdiff.data.formats.c3d import read_c3d
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataWarning, FileError, MissingExtra

_GROUPS = {"angle": "ANGLE", "moment": "MOMENT", "force": "FORCE", "power": "POWER"}
_LABELS = {"foot_strike": "Foot Strike", "foot_off": "Foot Off"}


def write_c3d(path: str | os.PathLike, recording: Recording) -> None:
    """Writes a recording with its events as a C3D file.

    Args:
        path: The file.
        recording: The recording; all model outputs of one quantity must share a unit.

    Raises:
        MissingExtra: If ezc3d is not installed.
        FileError: If the recording cannot be represented.
    """
    try:
        import ezc3d
    except ImportError:
        raise MissingExtra("writing C3D files", "formats") from None
    files.check_writable(path, recording)
    if len(recording) > 65534 or len(recording.channels) > 255:
        raise files.bad(path, "a C3D file is written with up to 65534 frames and 255 channels")
    for text in (*recording.channels, *recording.units):
        if len(text.encode()) > 120:
            raise files.bad(path, f"the name {text[:40]!r}... is too long for a C3D file")
    points, kinds, single = _sorted(path, recording)
    first = round(recording.start * recording.rate)
    if first < 0 or abs(first / recording.rate - recording.start) > 1e-6:
        first = max(first, 0)
        shown = (
            f"{path}: C3D starts at a whole frame; the start {recording.start:g} s is written as"
            f" {first / recording.rate:g} s"
        )
        warnings.warn(shown, DataWarning, stacklevel=2)
    c3d = ezc3d.c3d()
    point, analog = (c3d["parameters"][group] for group in ("POINT", "ANALOG"))
    names, frames = list(points), len(recording)
    stacked = np.stack([points[n] for n in names], axis=1) if names else np.zeros((3, 0, frames))
    missing = np.isnan(stacked).any(axis=0, keepdims=True)  # stacked is [3, N, T]
    stacked = np.where(missing, np.nan, stacked)
    c3d["data"]["points"] = np.concatenate([stacked, np.ones_like(missing, np.float64)])
    c3d["data"]["meta_points"]["residuals"] = np.where(missing, -1.0, 0.0)
    c3d["data"]["meta_points"]["camera_masks"] = np.zeros((7, len(names), frames), bool)
    c3d["data"]["rotations"] = np.zeros((4, 4, 0, frames))
    point["RATE"]["value"] = [float(recording.rate)]
    point["LABELS"]["value"], point["UNITS"]["value"] = names, ["mm"]
    for kind, (unit, labels) in kinds.items():
        c3d.add_parameter("POINT", f"{kind}S", labels)
        c3d.add_parameter("POINT", f"{kind}_UNITS", [unit])
    analog["RATE"]["value"] = [float(recording.rate)]
    analog["LABELS"]["value"] = single
    analog["UNITS"]["value"] = [recording.units[recording.channels.index(n)] for n in single]
    c3d["data"]["analogs"] = recording.select(single).values.T[None].astype(np.float64)
    c3d["header"]["points"]["first_frame"] = first
    if pieces := metadata_pieces(recording.meta):
        c3d.add_parameter("JAXDIFF", "METADATA", pieces)
    _add_events(c3d, recording)
    temporary = Path(path).with_name(f".{Path(path).name}.{secrets.token_hex(4)}.tmp.c3d")
    try:
        c3d.write(str(temporary))
        _whole(path, temporary)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise files.bad(path, f"cannot be written ({error})") from None
    finally:
        temporary.unlink(missing_ok=True)


def metadata_pieces(meta: Mapping[str, str]) -> list[str]:
    """JSON in pieces of 200 characters, none of them a space: C3D pads texts with spaces and holds
    up to 255 of them.
    """
    text = json.dumps(dict(meta), separators=(",", ":")).replace(" ", "\\u0020") if meta else ""
    if len(text) > 200 * 255:
        warnings.warn("the metadata are too long for a C3D file", DataWarning, stacklevel=3)
        return []
    return [text[i : i + 200] for i in range(0, len(text), 200)]


def _sorted(path, recording: Recording):
    """Points [3, T] by label, model outputs by kind with unit and labels, and the names of the
    other channels.
    """
    points: dict[str, np.ndarray] = {}
    kinds: dict[str, tuple[str, list[str]]] = {}
    single, i = [], 0
    while i < len(recording.channels):
        name = recording.channels[i]
        base, unit = name[:-2], recording.units[i]
        triple = recording.channels[i : i + 3] == (f"{base}_x", f"{base}_y", f"{base}_z")
        quantity = units.quantity(unit)
        same = len({*recording.units[i : i + 3]}) == 1
        if not (triple and same and base and (quantity == "length" or quantity in _GROUPS)):
            single.append(name)
            i += 1
            continue
        values = recording.values[:, i : i + 3].T.astype(np.float64)
        if quantity == "length":
            points[base] = values * units.factor(unit, "mm")
        else:
            kind = _GROUPS[quantity]
            stated, labels = kinds.setdefault(kind, (unit, []))
            if stated != unit:
                raise files.bad(
                    path,
                    f"{quantity}s are in {stated!r} and in {unit!r}; C3D has one unit for all,"
                    " convert some",
                )
            labels.append(base)
            points[base] = values
        i += 3
    return points, kinds, single


def _whole(path: str | os.PathLike, temporary: Path) -> None:
    """Refuse a file that is not complete: ezc3d does not notice a full disk."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_c3d(temporary)
        except FileError:
            raise files.bad(
                path, "cannot be written in full; the disk may have no space left"
            ) from None


def _add_events(c3d, recording: Recording) -> None:
    events = recording.events
    if not events:
        return
    c3d.add_parameter("EVENT", "USED", [len(events)])
    c3d.add_parameter("EVENT", "LABELS", [_LABELS.get(e.label, e.label) for e in events])
    c3d.add_parameter("EVENT", "CONTEXTS", [e.side.capitalize() or "General" for e in events])
    seconds = np.array([e.time for e in events])
    c3d.add_parameter("EVENT", "TIMES", np.stack([seconds // 60, seconds % 60]))
