"""Tables of text: `.csv`, `.tsv`, `.txt`; a row of channel names, perhaps a row of units, then numbers.

Cells are parted by comma, semicolon (then a decimal comma is understood) or tab, whichever the first row has most of.
Without a row of units, units in the names count: `hip_flexion [deg]`, `force (N)`. Lines with # first are comments.
"""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

from jaxdiff.data.formats import files
from jaxdiff.data.recording import Recording

_NAME_AND_UNIT = re.compile(r"(.*\S)\s*(?:\[([^][]*)\]|\(([^()]*)\))")


def read_table(path: str | os.PathLike, rate: float | None = None) -> Recording:
    """A table with a time column, or without one if `rate` is given. With `rate` it comes at that rate."""
    lines = [(i + 1, text) for i, text in enumerate(files.read_lines(path))]
    lines = [(i, text) for i, text in lines if text.strip() and not text.startswith("#")]
    if len(lines) < 2:
        raise files.bad(path, "a row of channel names and rows of numbers are expected")
    delimiter = max(",;\t", key=lines[0][1].count)
    if delimiter == ";" and not any("." in text for _, text in lines[2:] or lines[1:]):
        lines = [lines[0], *((i, text.replace(",", ".")) for i, text in lines[1:])]

    def split(text: str) -> list[str]:
        try:
            return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter))]
        except csv.Error as error:
            raise files.bad(path, f"a row cannot be parted at {delimiter!r} ({error})") from None

    names, body = split(lines[0][1]), lines[1:]
    if not all(names) or any(_is_number(name) for name in names):
        raise files.bad(
            path, f"a name for every column is expected, not {lines[0][1][:60]!r}", lines[0][0]
        )
    second = split(body[0][1])
    if any(second) and not any(_is_number(cell) for cell in second):
        if len(second) != len(names):
            raise files.bad(path, f"{len(second)} units for {len(names)} columns", body[0][0])
        units, body = [cell.strip("[]()") for cell in second], body[1:]
    else:
        parts = [_NAME_AND_UNIT.fullmatch(name) for name in names]
        units = ["" if part is None else part[2] or part[3] or "" for part in parts]
        names = [
            name if part is None or files.is_time(name) else part[1]
            for name, part in zip(names, parts)
        ]
    if not body:
        raise files.bad(path, "no rows of numbers after the header")
    table = files.numbers(path, body, names, split, delimiter)
    time = [j for j, name in enumerate(names) if files.is_time(name)]
    for j in time:
        if units[j].strip() == "ms" or names[j].lower().endswith("_ms"):
            table[:, j] /= 1000
    return files.timed(path, table, names, units, time, body, rate)


def write_table(path: str | os.PathLike, recording: Recording) -> None:
    """Names, units, numbers in full; commas, or tabs in a `.tsv`. An empty cell is a missing sample."""
    files.check_writable(path, recording, forbidden=',;\t"')
    if any(_is_number(text) for text in (*recording.channels, *recording.units)):
        raise files.bad(
            path, "a channel or unit that reads as a number cannot be written; rename it"
        )
    delimiter = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    lines = [delimiter.join(["time", *recording.channels]), delimiter.join(["s", *recording.units])]
    for time, row in zip(recording.time.tolist(), recording.values.tolist()):
        lines.append(
            delimiter.join([repr(time), *("" if value != value else repr(value) for value in row)])
        )
    files.write_text(path, lines)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
