"""Shared by all formats: bounded reading, tables of numbers, atomic writing, one kind of error."""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.timestamps import StampError
from jaxdiff.disk import atomic
from jaxdiff.errors import DataError, DataWarning, FileError

_LONGEST = 700
_MISSING = {
    "",
    "nan",
    "+nan",
    "-nan",
    "na",
    "n/a",
    "null",
    "-nan(ind)",
    "nan(ind)",
    "1.#qnan",
    "-1.#qnan",
    "-1.#ind",
}


def bad(path: str | os.PathLike, what: str, line: int | None = None) -> FileError:
    """The error to raise for a file.

    Args:
        path: The file.
        what: What is wrong and what would be right.
        line: Line number from 1, if known.

    Returns:
        The error, not yet raised: one line, and not longer than a screen even where a name in the
            file is.
    """
    what = "".join(c if c.isprintable() else " " for c in what)
    if len(what) > _LONGEST:
        what = f"{what[: _LONGEST - 200]} ... {what[-190:]}"
    return FileError(f"{path}: {what}" if line is None else f"{path}, line {line}: {what}")


def read_bytes(path: str | os.PathLike) -> bytes:
    """The bytes of a regular file.

    Raises:
        FileError: If it is missing, unreadable, empty, a folder, a pipe or a device.
    """
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise bad(path, "is not a regular file (a pipe, a socket or a device)")
        content = Path(path).read_bytes()
    except IsADirectoryError:
        raise bad(path, "is a folder; give a file") from None
    except FileNotFoundError:
        raise bad(path, "does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise bad(path, f"cannot be read ({error})") from None
    if not content:
        raise bad(path, "is empty")
    return content


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a UTF-8 text file, without their ends."""
    content = read_bytes(path)
    if b"\0" in content:
        line = content[: content.index(b"\0")].count(b"\n") + 1
        raise bad(
            path,
            "holds a NUL byte, so it is binary or damaged; a text file in UTF-8 is expected",
            line,
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise bad(
            path, f"byte 0x{byte:02x} is not UTF-8 text; save the file in UTF-8", line
        ) from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise bad(path, "holds nothing but white space")
    return lines


def integer(path: str | os.PathLike, text: str, what: str, line: int) -> int:
    """A count from a header."""
    try:
        return int(text[:40])
    except ValueError:
        raise bad(path, f"{what} is {text!r}; a whole number is expected", line) from None


def numbers(
    path: str | os.PathLike,
    lines: Sequence[tuple[int, str]],
    columns: Sequence[str],
    split: Callable[[str], list[str]] = str.split,
    delimiter: str | None = None,
    gaps: bool = True,
) -> np.ndarray:
    """Numbered lines of text as a float64 array [T, C].

    The usual table is read by NumPy's parser. What that refuses is parsed cell by cell, to
    understand other spellings of a missing value or to name the cell that is wrong.

    Args:
        path: The file, for messages.
        lines: Line numbers and texts.
        columns: Names of the columns.
        split: Splits a line into cells.
        delimiter: Delimiter of the cells for NumPy's parser; None for white space.
        gaps: Whether empty cells and NaN are allowed, as missing samples.

    Returns:
        The table.

    Raises:
        FileError: If a line has another number of cells, or a cell is not a finite number.
    """
    table, texts = np.empty((0, 0)), [text for _, text in lines]
    if any(text.strip() for text in texts):
        with suppress(ValueError):
            table = np.loadtxt(texts, delimiter=delimiter, comments=None, quotechar='"', ndmin=2)
    if table.shape != (len(lines), len(columns)):
        table = np.array(
            [_row(path, split(text), number, columns) for number, text in lines], np.float64
        )
    wrong = np.isinf(table) if gaps else ~np.isfinite(table)
    if wrong.any():
        i, j = np.argwhere(wrong)[0]
        raise bad(
            path, f"{table[i, j]} in column {columns[j]!r} is not a finite number", lines[i][0]
        )
    return table


def _row(
    path: str | os.PathLike, cells: list[str], line: int, columns: Sequence[str]
) -> list[float]:
    if len(cells) != len(columns):
        raise bad(path, f"{len(cells)} values in a table of {len(columns)} columns", line)
    return [_number(path, cell, line, column) for cell, column in zip(cells, columns)]


def _number(path: str | os.PathLike, cell: str, line: int, column: str) -> float:
    word = cell.strip().lower()
    if word in _MISSING:
        return np.nan
    try:
        if "_" not in word:
            return float(word)
    except ValueError:
        pass
    raise bad(path, f"{cell[:40]!r} in column {column!r} is not a number", line)


def timed(
    path: str | os.PathLike,
    table: np.ndarray,
    columns: Sequence[str],
    units: Sequence[str],
    time: Sequence[int],
    lines: Sequence[tuple[int, str]],
    rate: float | None,
    meta: Mapping[str, str] | None = None,
    events: Sequence[Event] = (),
) -> Recording:
    """The recording in a table.

    Args:
        path: The file, for messages.
        table: Numbers [T, C].
        columns: Names of the columns; repeated ones get a suffix and a warning.
        units: Units of the columns.
        time: Indices of the columns that hold the time in seconds; several must be equal, none
            needs `rate`.
        lines: Line numbers and texts of the rows.
        rate: Rate of the result in Hz.
        meta: Metadata.
        events: Events.

    Returns:
        The recording.
    """
    rest = [j for j in range(len(columns)) if j not in time]
    if not rest:
        raise bad(path, "has no channels beside the time")
    for j in time[1:]:
        if not np.array_equal(table[:, j], table[:, time[0]]):
            raise bad(
                path,
                f"the time columns {columns[time[0]]!r} and {columns[j]!r} differ; keep one of"
                " them",
            )
    names, units = unique(path, [columns[j] for j in rest]), [units[j] for j in rest]
    events = tuple(events)
    try:
        if time:
            stamps = table[:, time[0]]
            made = Recording.from_times(stamps, table[:, rest], names, units, rate, meta)
            return replace(made, events=events)
        if rate is None:
            raise DataError("there is no time column; name one 'time', or give the rate in Hz")
        made = Recording(table[:, rest], tuple(names), tuple(units), float(rate))
        return replace(made, meta=dict(meta or {}), events=events)
    except StampError as error:
        raise bad(path, error.what, lines[error.sample][0]) from None
    except DataError as error:
        raise bad(path, str(error)) from None


def unique(path: str | os.PathLike, names: Sequence[str]) -> list[str]:
    """Channel names without repetitions: the second `x` becomes `x_2`, with a warning."""
    taken, found, repeated = set(names), [], []
    seen: dict[str, int] = {}
    for name in names:
        count = seen.get(name, 0) + 1
        new = name
        while count > 1 and (new := f"{name}_{count}") in taken:
            count += 1
        seen[name] = count
        taken.add(new)
        found.append(new)
        if new != name:
            repeated.append(f"{name!r} as {new!r}")
    if repeated:
        more = f" and {len(repeated) - 3} more" if repeated[3:] else ""
        stated = f"{path}: channel names are repeated; read {', '.join(repeated[:3])}{more}"
        warnings.warn(stated, DataWarning, stacklevel=3)
    return found


def event_text(event: Event) -> str:
    """`1.25 foot_strike right`, as the headers of text formats keep it."""
    return " ".join(
        filter(None, (repr(float(event.time)), event.label.replace(" ", "_"), event.side))
    )


def read_event(path: str | os.PathLike, text: str, line: int | None = None) -> Event:
    """The inverse of `event_text`."""
    words = text.split()
    try:
        time, label = float(words[0]), words[1]
        side = words[2] if words[2:] else ""
        if len(words) > 3 or not abs(time) < 1e9:
            raise ValueError
    except (ValueError, IndexError):
        raise bad(
            path, f"an event is written 'SECONDS LABEL SIDE', not {text[:60]!r}", line
        ) from None
    return Event(time, label, side)


def at_rate(path: str | os.PathLike, recording: Recording, rate: float | None) -> Recording:
    """The recording resampled to `rate`, unless that is None."""
    try:
        return recording if rate is None else recording.resample(rate)
    except DataError as error:
        raise bad(path, str(error)) from None


def check_writable(path: str | os.PathLike, recording: Recording, forbidden: str = "") -> None:
    """Refuses what a text table could not restore: unprintable names, infinities, an empty
    recording.
    """
    for name in (*recording.channels, *recording.units):
        if (
            name != name.strip()
            or not name.isprintable()
            or any(character in name for character in forbidden)
        ):
            raise bad(path, f"the name {name!r} does not fit into this format; use plain words")
    if "" in recording.channels or any(is_time(name) for name in recording.channels):
        raise bad(
            path, "a channel without a name, or named like the time column, cannot be written"
        )
    if not recording.values.size:
        raise bad(path, f"an empty recording {recording.values.shape} cannot be written")
    if np.isinf(recording.values).any():
        name = recording.channels[int(np.argwhere(np.isinf(recording.values))[0][1])]
        raise bad(path, f"channel {name!r} holds infinities; missing samples are written as NaN")


def is_time(name: str) -> bool:
    """Whether a column of that name holds the time: `time`, `Time (s)`, `TIME [sec]`."""
    return re.fullmatch(r"time(\s*[(\[]\s*\w+\s*[)\]]|_m?s)?", name.strip().lower()) is not None


def write_text(path: str | os.PathLike, lines: Sequence[str]) -> None:
    """Writes lines of text in UTF-8, atomically."""
    content = ("\n".join(lines) + "\n").encode()
    with atomic(path) as file:
        file.write(content)
