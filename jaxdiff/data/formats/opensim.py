"""OpenSim's text files: `.mot` and `.sto` tables (read and write), `.trc` marker trajectories
(read).

A table is a title, `key=value` lines up to `endheader`, a row of column labels, rows of numbers.
Headers in the wild differ: `nRows=`/`datarows `, `nColumns=`/`datacolumns `, any case, with or
without version lines; all are understood. OpenSim states no units but `inDegrees`; the others
follow from its naming rules (`pelvis_tx` m, `ground_force_vy` N), unless a header line `units=`
(which `write_opensim` adds and OpenSim ignores) states them. A header without `inDegrees`, as SIMM
writes it, leaves the unit of angles unknown; `inDegrees=no` over values that can only be degrees
gives a warning.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from jaxdiff.data import plausible
from jaxdiff.data.formats import files
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, DataWarning

_ROWS, _COLUMNS = ("nrows", "nr", "datarows"), ("ncolumns", "nc", "datacolumns")
_KNOWN = {*_ROWS, *_COLUMNS, "indegrees", "units", "events", "version", "datatype", "name"}
_UNITS = (  # naming rules of OpenSim's tools; the first that matches counts
    (re.compile(r"(_force|_force_?v?[xyz]|_v[xyz])$"), "N"),
    (re.compile(r"(_moment|_torque_?[xyz]?|_m[xyz])$"), "N m"),
    (re.compile(r"(_t|_p|force_p)[xyz](/value)?$"), "m"),
)
_ANGLE = re.compile(
    r"flexion|adduction|rotation|angle|tilt|list|obliquity|bending|pro_sup|lumbar|subtalar|mtp"
)


def _header(
    path: str | os.PathLike, lines: list[str]
) -> tuple[dict[str, str], dict[tuple[str, ...], tuple[int, int]], dict[str, str]]:
    """Known keys; announced counts with their lines; everything else as metadata."""
    header, counts, meta = {}, {}, {}
    for i, line in enumerate(lines):
        key, equals, value = line.partition("=")
        if not equals:
            words = line.split(None, 1)
            key, value = (words[0], words[1]) if len(words) == 2 else (line, "")
        key, value = key.strip(), value.strip()
        low = key.lower()
        if re.fullmatch(r"\w{1,100}", key) and (equals or low in (*_ROWS, *_COLUMNS, "name")):
            header[low] = value
            if low in _ROWS + _COLUMNS:
                kind = _ROWS if low in _ROWS else _COLUMNS
                counts[kind] = files.integer(path, value, key, i + 1), i + 1
            elif low not in _KNOWN:
                meta[key] = value
        elif i == 0:
            header["name"] = line.strip()
    if header.get("datatype", "double").lower() != "double":
        raise files.bad(
            path, f"DataType={header['datatype'][:40]} is not supported; only double is"
        )
    return header, counts, meta


def read_opensim(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads a `.mot` or `.sto` table.

    Args:
        path: The file.
        rate: Rate in Hz to resample to; irregular time stamps are then allowed.

    Returns:
        The recording. Repeated labels get a suffix and a warning.

    Raises:
        FileError: If the file is not such a table.
    """
    lines = files.read_lines(path)
    end = next((i for i, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None:
        raise files.bad(
            path, "no line 'endheader'; an OpenSim table has a header that ends with it"
        )
    header, counts, meta = _header(path, lines[:end])
    body = [(i + 1, line) for i, line in enumerate(lines) if i > end and line.strip()]
    if len(body) < 2:
        raise files.bad(path, "no rows of numbers after the header", len(lines))
    labels = [label.strip() for label in body[0][1].strip().split("\t")]
    if len(labels) != len(body[1][1].split()):
        labels = body[0][1].split()
    for what, found in ((_ROWS, len(body) - 1), (_COLUMNS, len(labels))):
        announced, line = counts.get(what, (found, 0))
        if announced != found:
            noun = "rows" if what is _ROWS else "columns"
            raise files.bad(
                path, f"the header announces {announced} {noun}, the file has {found}", line
            )
    stated = header.get("indegrees", "").lower()
    degrees = stated in ("yes", "y", "true", "1") if stated else None
    units = [_unit(label, degrees) for label in labels]
    if "units" in header:
        shown = header["units"].split(",")
        channels = [j for j, label in enumerate(labels) if not files.is_time(label)]
        if len(shown) != len(channels):
            raise files.bad(
                path, f"the header names {len(shown)} units for {len(channels)} channels"
            )
        for j, unit in zip(channels, shown):
            units[j] = unit.strip()
    table = files.numbers(path, body[1:], labels)
    angles = [j for j, unit in enumerate(units) if unit == "rad"]
    if angles and degrees is False:
        try:
            plausible.check("angle", "rad", table[:, angles], [labels[j] for j in angles])
        except DataError as error:
            shown = f"{path}: inDegrees=no, but {error}"
            warnings.warn(shown, DataWarning, stacklevel=2)
    time = [j for j, label in enumerate(labels) if files.is_time(label)]
    texts = header.get("events", "").split(";")
    events = [files.read_event(path, text) for text in texts if text.strip()]
    meta = {"name": header.get("name", ""), **meta}
    return files.timed(path, table, labels, units, time, body[1:], rate, meta, events)


def write_opensim(path: str | os.PathLike, recording: Recording) -> None:
    """Writes a `.mot` or `.sto` table that OpenSim opens; numbers are written in full, gaps as nan.

    Units and events are header lines, which OpenSim ignores.

    Raises:
        FileError: If names, units or texts cannot be represented.
    """
    files.check_writable(path, recording)
    for name in recording.channels:
        if " " in name:
            raise files.bad(
                path, f"the channel name {name!r} holds a space, where OpenSim would split it"
            )
    if any("," in unit for unit in recording.units):
        raise files.bad(
            path, f"a unit with a comma does not fit on the header line: {recording.units}"
        )
    if {"deg", "rad"} <= set(recording.units):
        raise files.bad(
            path, "angles are both in deg and in rad; a table has one unit for all, so convert some"
        )
    name = recording.meta.get("name") or Path(path).stem
    meta = {
        k: v
        for k, v in recording.meta.items()
        if k.lower() not in _KNOWN and re.fullmatch(r"\w+", k) and v
    }
    for text in (name, *meta.values()):
        if not text.isprintable() or text != text.strip():
            raise files.bad(path, f"the text {text!r} does not fit on one header line")
    lines = [
        name if "=" not in name and name.lower() != "endheader" else Path(path).stem,
        "version=1",
        f"nRows={len(recording.values)}",
        f"nColumns={len(recording.channels) + 1}",
        f"inDegrees={'yes' if 'deg' in recording.units else 'no'}",
        f"units={','.join(recording.units)}",
        *([f"events={';'.join(map(files.event_text, recording.events))}"] * bool(recording.events)),
        *(f"{key}={value}" for key, value in meta.items()),
        "endheader",
        "\t".join(["time", *recording.channels]),
    ]
    for time, row in zip(recording.time.tolist(), recording.values.tolist()):
        lines.append("\t".join(map(repr, [time, *row])))
    files.write_text(path, lines)


def read_trc(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads marker trajectories as channels `marker_x`, `_y`, `_z` in the file's unit; an empty
    cell is a gap.
    """
    lines = files.read_lines(path)
    if not lines[0].strip().lower().startswith("pathfiletype"):
        raise files.bad(path, "a .trc file starts with 'PathFileType'", 1)
    if len(lines) < 6:
        raise files.bad(
            path, f"{len(lines)} lines; a .trc file has five lines of header, then numbers"
        )
    keys, shown = lines[1].split(), lines[2].split()
    header = {key.lower(): value for key, value in zip(keys, shown)}
    for key in ("numframes", "nummarkers", "units"):
        if key not in header:
            raise files.bad(path, f"the header does not tell {key}", 3)
    cells = lines[3].split("\t") if "\t" in lines[3] else lines[3].split()
    names = [cell.strip() for cell in cells[2:] if cell.strip()]
    markers = files.integer(path, header["nummarkers"], "NumMarkers", 3)
    if len(names) != markers or [cell.strip().lower() for cell in cells[:2]] != ["frame#", "time"]:
        raise files.bad(
            path,
            f"'Frame#', 'Time' and {markers} marker names are expected, not {len(names)} names",
            4,
        )
    columns = ["frame", "time"] + [f"{name}_{axis}" for name in names for axis in "xyz"]
    body = [(i + 1, line) for i, line in enumerate(lines) if i > 4 and line.strip()]
    frames = files.integer(path, header["numframes"], "NumFrames", 3)
    if frames != len(body) or not body:
        raise files.bad(path, f"the header announces {frames} frames, the file has {len(body)}", 3)

    def split(line: str) -> list[str]:
        """Cells between tabs, of which surplus empty ones do not count; or words, where there are
        no tabs.
        """
        cells = line.split("\t") if "\t" in line else line.split()
        while len(cells) > len(columns) and not cells[-1].strip():
            cells.pop()
        return cells

    table = files.numbers(path, body, columns, split, "\t" if body and "\t" in body[0][1] else None)
    units = [header["units"]] * (len(columns) - 1)
    return files.timed(path, table[:, 1:], columns[1:], units, [0], body, rate)


def _unit(label: str, degrees: bool | None) -> str:
    label = label.lower()
    for pattern, unit in _UNITS:
        if pattern.search(label):
            return unit
    if degrees:
        return "deg"
    if degrees is None:
        return ""
    return "rad" if _ANGLE.search(label) and not label.endswith("/speed") else ""
