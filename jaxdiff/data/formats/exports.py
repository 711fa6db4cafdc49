"""Text exports of Vicon Nexus, Qualisys Track Manager and Visual3D.

* Vicon: sections (`Trajectories`, `Model Outputs`, `Devices`, `Joints`, `Events`), each with a line
  for the rate, a row of names, a row of components, a row of units, then rows that begin with frame
  and sub-frame numbers.
* Qualisys: `KEY<tab>value` lines (`FREQUENCY`, `MARKER_NAMES`, `EVENT`), then rows; markers at
  exactly (0, 0, 0) are missing.
* Visual3D: five header rows (files, names, types, folders, `ITEM` with components), then rows; it
  states no rate.

Sections at several rates are brought to the lowest one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxdiff.data.formats import files
from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import DataError

Lines = Sequence[tuple[int, str]]
_SECTIONS = {"trajectories", "model outputs", "devices", "joints", "segments", "events"}
_LABELS = {"foot strike": "foot_strike", "foot off": "foot_off", "foot contact": "foot_strike"}
_QUALISYS = {"NO_OF_FRAMES", "NO_OF_SAMPLES", "NO_OF_CAMERAS", "FREQUENCY", "MARKER_NAMES"}


def read(path: str | os.PathLike, lines: Lines, rate: float | None = None) -> Recording | None:
    """The recording in an export.

    Args:
        path: The file, for messages.
        lines: Line numbers and texts.
        rate: Rate in Hz to resample to, or the rate of the rows where the export states none.

    Returns:
        The recording, or None if the file is not an export of one of these programs.

    Raises:
        FileError: If it is one and is damaged.
    """
    first = next((text for _, text in lines if text.strip()), "")
    cells = [cell.strip() for cell in first.replace("\t", ",").split(",")]
    if cells[0].lower() in _SECTIONS and not any(cells[1:]):
        return files.at_rate(path, _vicon(path, lines), rate)
    if cells[0] in _QUALISYS and len(cells) >= 2:
        return files.at_rate(path, _qualisys(path, lines), rate)
    fifth = [text for _, text in lines[:5]]
    if len(fifth) == 5 and fifth[4].split("\t")[0].strip().upper() == "ITEM":
        return _visual3d(path, lines, rate)
    return None


def event(label: str, context: str, time: float) -> Event:
    """An event as the motion-capture programs name it: `Foot Strike`, `Right`."""
    side = context.strip().lower()
    side = side if side in ("right", "left") else ""
    words = " ".join(
        word for word in label.lower().split() if not side or word not in (side, side[0])
    )
    return Event(time, _LABELS.get(words, words.replace(" ", "_") or "event"), side)


def _vicon(path: str | os.PathLike, lines: Lines) -> Recording:
    delimiter = "\t" if any("\t" in text for _, text in lines[:8]) else ","
    split = _splitter(delimiter)
    starts = []
    for k, (_, text) in enumerate(lines):
        cells = split(text)
        if cells[0].lower() in _SECTIONS and not any(cells[1:]):
            starts.append(k)
    parts, events = [], []
    for a, b in zip(starts, [*starts[1:], len(lines)]):
        body = [line for line in lines[a + 1 : b] if line[1].strip().strip(delimiter)]
        title = split(lines[a][1])[0]
        if len(body) < 2:
            raise files.bad(path, f"the section {title!r} is empty or cut off", lines[a][0])
        hertz = _rate(path, split(body[0][1])[0], body[0][0])
        if title.lower() == "events":
            events += _vicon_events(path, body[1:], split)
        else:
            parts.append(_vicon_section(path, title, hertz, body[1:], split, delimiter))
    if not parts:
        raise files.bad(path, "has no section with samples")
    lowest = min(part.rate for part in parts)
    try:
        whole, *rest = (part.resample(lowest) for part in parts)
        for part in rest:
            shared = min(len(whole), len(part))
            whole, part = (replace(r, values=r.values[:shared]) for r in (whole, part))
            taken = {n: f"{n}_2" for n in part.channels if n in whole.channels}
            whole = whole.join(part.rename(taken))
        return replace(whole, events=tuple(events))
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _vicon_section(path, title, hertz, body, split, delimiter) -> Recording:
    axes = next((k for k, (_, text) in enumerate(body) if split(text)[0].lower() == "frame"), None)
    if axes is None or axes == 0 or axes + 2 >= len(body):
        raise files.bad(
            path,
            f"the section {title!r} has no row 'Frame,Sub Frame,...' with names above it",
            body[0][0],
        )
    names, parts, units = (split(body[k][1]) for k in (axes - 1, axes, axes + 1))
    width = len(parts)
    names, units = (row + [""] * (width - len(row)) for row in (names, units))
    columns, owner = [], ""
    for j in range(2, width):
        owner = names[j] or owner
        part = parts[j].strip("'")
        columns.append(f"{owner.split(':')[-1].strip()}_{part.lower() if len(part) == 1 else part}")
    rows = body[axes + 2 :]
    table = files.numbers(path, rows, parts, lambda t: (split(t) + [""] * width)[:width])
    stamps = np.nan_to_num(table[:, :2])
    per_frame = min(stamps[:, 1].max(), 1e4) + 1  # samples of a device during one camera frame
    start = float(np.clip((stamps[0, 0] - 1) * per_frame / hertz, 0, 1e9))
    try:
        return Recording(
            table[:, 2:], tuple(files.unique(path, columns)), tuple(units[2:width]), hertz, start
        )
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _vicon_events(path: str | os.PathLike, body: Lines, split) -> list[Event]:
    head = [cell.lower() for cell in split(body[0][1])]
    try:
        context, name, time = (head.index(key) for key in ("context", "name", "time (s)"))
        rows = [split(text) for _, text in body[1:]]
        return [event(row[name], row[context], float(row[time])) for row in rows]
    except (ValueError, IndexError):
        raise files.bad(
            path, "events have the columns Subject, Context, Name, Time (s)", body[0][0]
        ) from None


def _qualisys(path: str | os.PathLike, lines: Lines) -> Recording:
    header: dict[str, list[str]] = {}
    events, body = [], []
    for k, (number, text) in enumerate(lines):
        cells = text.split("\t")
        key = cells[0].strip()
        if key == "EVENT" and len(cells) >= 4:
            events.append(
                event(
                    cells[1],
                    _context(cells[1]),
                    _rate(path, cells[3], number, "the time of an event"),
                )
            )
        elif (
            key.isupper() and not key.replace(".", "").isdigit() and key.replace("_", "").isalnum()
        ):
            header[key] = [cell.strip() for cell in cells[1:]]
        else:
            body = [line for line in lines[k:] if line[1].strip()]
            break
    hertz = _rate(path, (header.get("FREQUENCY") or [""])[0], lines[0][0])
    markers = [name for name in header.get("MARKER_NAMES", []) if name]
    columns = [f"{name}_{axis}" for name in markers for axis in "xyz"]
    units = ["mm"] * len(columns)
    first = [cell.strip() for cell in body[0][1].split("\t")] if body else []
    while first and not first[-1]:
        first.pop()
    if first and not _is_number(first[0]):
        body = body[1:]
        if not markers:
            columns = [name.replace(" ", "_") for name in first]
            units = [
                {"force": "N", "moment": "N m", "cop": "mm"}.get(c.split("_")[0].lower(), "")
                for c in columns
            ]
    if not body or not columns:
        raise files.bad(path, "has no rows of numbers, or no names for them (MARKER_NAMES)")
    width = body[0][1].rstrip("\t\r ").count("\t") + 1
    extra = ["frame", "time"][: max(0, width - len(columns))] if markers else []
    every = extra + columns
    table = files.numbers(
        path, body, every, lambda t: (t.split("\t") + [""] * len(every))[: len(every)]
    )
    table, start = table[:, len(extra) :], float(table[0, 1]) if len(extra) == 2 else 0.0
    if markers:
        places = table.reshape(len(table), -1, 3)
        places[(places == 0).all(-1)] = np.nan
    if not columns or not np.isfinite(start):
        raise files.bad(path, "the first time stamp is missing")
    keep = [
        j
        for j, name in enumerate(columns)
        if not files.is_time(name) and name.lower() not in ("frame", "sample")
    ]
    try:
        return Recording(
            table[:, keep],
            tuple(files.unique(path, [columns[j] for j in keep])),
            tuple(units[j] for j in keep),
            hertz,
            start,
            events=tuple(events),
        )
    except DataError as error:
        raise files.bad(path, str(error)) from None


def _visual3d(path: str | os.PathLike, lines: Lines, rate: float | None) -> Recording:
    names, parts = ([c.strip() for c in lines[k][1].split("\t")] for k in (1, 4))
    width = len(parts)
    names += [""] * (width - len(names))
    columns, owner = [], ""
    for j in range(1, width):
        owner = names[j] or owner
        columns.append(f"{owner}_{parts[j].upper()}" if parts[j] else owner or f"column_{j}")
    body = [line for line in lines[5:] if line[1].strip()]
    if not body or not columns:
        raise files.bad(path, "no rows of numbers after the header")
    table = files.numbers(
        path, body, ["ITEM", *columns], lambda t: (t.split("\t") + [""] * width)[:width]
    )
    if rate is None and "TIME" not in (c.upper() for c in columns):
        raise files.bad(path, "an export of Visual3D does not state its rate; give rate (Hz)")
    time = [j for j, name in enumerate(["ITEM", *columns]) if name.upper() in ("TIME", "TIME_X")]
    every = ["ITEM", *columns]
    kept = list(range(1, width))
    return files.timed(
        path,
        table[:, kept],
        [every[j] for j in kept],
        [""] * len(kept),
        [kept.index(j) for j in time],
        body,
        rate,
    )


def _context(label: str) -> str:
    words = label.lower().replace("_", " ").split()
    return next((s for s in ("right", "left") if s in words or (s[0] in words)), "")


def _splitter(delimiter: str):
    return lambda text: [cell.strip().strip('"') for cell in text.split(delimiter)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _rate(path: str | os.PathLike, text: str, line: int, what: str = "the rate in Hz") -> float:
    try:
        value = float(text)
        if not 0 <= value < 1e9 or (what.startswith("the rate") and not 0 < value <= 1e6):
            raise ValueError
    except ValueError:
        raise files.bad(path, f"{what} is expected, not {text[:40]!r}", line) from None
    return value
