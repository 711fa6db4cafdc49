"""Tables of text: `.csv`, `.tsv`, `.txt`; a row of channel names, perhaps a row of units, then
numbers.

Cells are separated by comma, semicolon (then a decimal comma is understood) or tab, whichever the
first row has most of. Without a row of units, units in the names count: `hip_flexion [deg]`,
`force (N)`. A `Frame` column that counts the rows is dropped. Exports of Vicon, Qualisys and
Visual3D, which begin otherwise, are read by `jaxdiff.data.formats.exports`.

Lines that start with # are comments, which pandas skips (`read_csv(path, comment="#")`). Above the
names, `# event 1.25 foot_strike right` is an event and `# subject: S01` an entry of the metadata.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from jaxdiff.data.formats import exports, files
from jaxdiff.data.recording import Recording

_EVENT = "# event "
_ENTRY = re.compile(r'# ?("(?:[^"\\]|\\.){1,200}"|[^\s:"][^:"]{0,99}): ?(.*)')
"""A line of metadata; names and values that would not survive as they are stand as JSON texts."""
_COUNTERS = {
    "frame",
    "frame#",
    "frames",
    "sub frame",
    "subframe",
    "sample",
    "index",
    "#",
    "framenumber",
}


def read_table(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """Reads a table with a time column, or without one if `rate` is given.

    Args:
        path: The file.
        rate: Rate in Hz to resample to; the rate of the rows where there is no time column.

    Returns:
        The recording. Repeated names get a suffix and a warning.

    Raises:
        FileError: If the file is not such a table.
    """
    numbered = list(enumerate(files.read_lines(path), 1))
    if (export := exports.read(path, numbered, rate)) is not None:
        return export
    events = [
        files.read_event(path, t.removeprefix(_EVENT), i)
        for i, t in numbered
        if t.startswith(_EVENT)
    ]
    lines = [(i, text) for i, text in numbered if text.strip() and not text.startswith("#")]
    head = [text for i, text in numbered[: lines[0][0] - 1 if lines else 0] if text[:1] == "#"]
    meta = dict(_metadata(head))
    if lines and lines[0][1].lower().startswith("sep=") and len(lines[0][1].strip()) == 5:
        lines = lines[1:]
    if len(lines) < 2:
        raise files.bad(path, "a row of channel names and rows of numbers are expected")
    delimiter = max(",;\t", key=lines[0][1].count)
    if delimiter == ";" and not any("." in text for _, text in lines[2:] or lines[1:]):
        lines = [lines[0], *((i, text.replace(",", ".")) for i, text in lines[1:])]
    split = splitter(path, delimiter)
    names, body = split(lines[0][1]), lines[1:]
    if not all(names) or any(is_number(name) for name in names):
        raise files.bad(
            path, f"a name for every column is expected, not {lines[0][1][:60]!r}", lines[0][0]
        )
    second = split(body[0][1])
    if any(second) and not any(is_number(cell) for cell in second):
        if len(second) != len(names):
            raise files.bad(path, f"{len(second)} units for {len(names)} columns", body[0][0])
        units, body = [cell.strip("[]()") for cell in second], body[1:]
    else:
        parts = [name_and_unit(name) for name in names]
        units = [unit for _, unit in parts]
        names = [name if files.is_time(name) else own for name, (own, _) in zip(names, parts)]
    if not body:
        raise files.bad(path, "no rows of numbers after the header")
    table = files.numbers(path, body, names, split, delimiter)
    time = [j for j, name in enumerate(names) if files.is_time(name)]
    for j in time:
        if units[j].strip() == "ms" or names[j].lower().endswith(("_ms", "(ms)", "[ms]")):
            table[:, j] /= 1000
    kept = [j for j, name in enumerate(names) if not _counts(name, table[:, j])]
    if len(kept) < len(names) and any(j not in time for j in kept):
        table, names, units = table[:, kept], [names[j] for j in kept], [units[j] for j in kept]
        time = [kept.index(j) for j in time if j in kept]
    return files.timed(path, table, names, units, time, body, rate, meta, events)


def write_table(path: str | os.PathLike, recording: Recording) -> None:
    """Writes metadata, events, names, units and numbers in full; commas, or tabs in a `.tsv`.

    An empty cell is a missing sample.
    """
    files.check_writable(path, recording, forbidden=',;\t"')
    if any(is_number(text) for text in (*recording.channels, *recording.units)):
        raise files.bad(
            path, "a channel or unit that reads as a number cannot be written; rename it"
        )
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    lines = [*_entries(recording.meta)]
    lines += [_EVENT + files.event_text(event) for event in recording.events]
    lines += [
        delimiter.join(["time", *recording.channels]),
        delimiter.join(["s", *recording.units]),
    ]
    for time, row in zip(recording.time.tolist(), recording.values.tolist()):
        lines.append(
            delimiter.join([repr(time), *("" if value != value else repr(value) for value in row)])
        )
    files.write_text(path, lines)


def _entries(meta: Mapping[str, str]) -> Iterator[str]:
    """Metadata as lines, `# subject: S01`."""
    for name, value in meta.items():
        plain = re.fullmatch(r"[^\W\d_][\w .-]{0,98}", name) and name == name.strip()
        shown = name if plain and not name.startswith("event ") else json.dumps(name)
        kept = value if value.isprintable() and value == value.strip() else json.dumps(value)
        yield f"# {shown}: {kept if not value.startswith(chr(34)) else json.dumps(value)}"


def _metadata(lines: list[str]) -> Iterator[tuple[str, str]]:
    """The inverse of `_entries`; other comments are passed over."""
    for text in lines:
        found = None if text.startswith(_EVENT) else _ENTRY.fullmatch(text)
        if found is None:
            continue
        yield _text(found[1].strip()), _text(found[2].strip())


def _text(shown: str) -> str:
    """A name or value of a line of metadata, of which some stand as JSON texts."""
    with suppress(ValueError):
        return json.loads(shown) if shown[:1] == '"' else shown
    return shown


def splitter(path: str | os.PathLike, delimiter: str) -> Callable[[str], list[str]]:
    """A function that splits a line of text into its cells."""

    def split(text: str) -> list[str]:
        if '"' not in text:
            return [cell.strip() for cell in text.split(delimiter)]
        try:
            return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter))]
        except csv.Error as error:
            raise files.bad(path, f"a row cannot be split at {delimiter!r} ({error})") from None

    return split


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def name_and_unit(name: str) -> tuple[str, str]:
    """`hip [deg]` or `force (N)` as name and unit; a name without brackets has none."""
    for opening, closing in ("[]", "()"):
        at = name.rfind(opening)
        if at > 0 and name.endswith(closing) and name[:at].strip():
            return name[:at].strip(), name[at + 1 : -1].strip()
    return name, ""


def _counts(name: str, column: np.ndarray) -> bool:
    """Whether a column numbers the rows and is no signal."""
    if name.strip().lower() not in _COUNTERS:
        return False
    steps = np.diff(column)
    return bool((steps == 1).all() or not column.any())
