"""Where the rows of a stream come from: a file, lines of CSV (standard input, UDP datagrams), or
Lab Streaming Layer.
"""

from __future__ import annotations

import csv
import itertools
import re
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from jaxdiff.data import formats
from jaxdiff.deployment.signal import Signal, fitted
from jaxdiff.errors import DataError, MissingExtra

LARGEST_DATAGRAM = 65_507
RESOLVE_SECONDS = 10.0
"""How long a named LSL stream is looked for."""


class Source(NamedTuple):
    """Rows as they arrive, each with its time in s."""

    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    rows: Iterable[tuple[float, Any]]


def of_lines(lines: Iterable[str], rate: float | None, name: str = "standard input") -> Source:
    """Rows of CSV, one at a time; at most two are read ahead, to find the rate.

    Args:
        lines: A line of channel names, units in brackets, then lines of numbers.
        rate: Samples per second; None to take it from a column `time`.
        name: Name of the source in messages.

    Raises:
        DataError: If a line is damaged, or the rate is unknown.
    """
    reader = csv.reader(line for line in lines if not line.startswith("#"))
    header = next(reader, None)
    if not header:
        raise DataError(
            f"{name} is empty; a row of channel names is expected, then rows of numbers"
        )
    parted = [re.fullmatch(r"\s*(.*?)\s*(?:\[(.*)\])?\s*", cell) for cell in header]
    names, units = zip(*((part[1], part[2] or "") for part in parted if part))
    clock = next((i for i, each in enumerate(names) if each.lower() == "time"), None)
    numbers = _numbers(reader, header, name)
    first = list(itertools.islice(numbers, 2)) if rate is None else []
    if rate is None:
        if clock is None or len(first) < 2 or not first[1][clock] > first[0][clock]:
            raise DataError(
                "the rate of the rows is unknown: give --rate, or a column `time` in s that"
                " increases"
            )
        rate = 1 / (first[1][clock] - first[0][clock])

    def timed() -> Iterator[tuple[float, Any]]:
        for number, row in enumerate(itertools.chain(first, numbers)):
            yield (number / rate if clock is None else row[clock]), row

    return Source(names, units, rate, timed())


def udp_lines(port: int) -> Iterator[str]:
    """Lines of CSV from datagrams to a port of this machine, one or more whole lines each; an empty
    datagram ends.

    Args:
        port: The port; only programs of this machine can send to it.

    Raises:
        DataError: If the port cannot be used, or a datagram is not text.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        try:
            receiver.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DataError(f"UDP port {port} cannot be used: {error}") from None
        while datagram := receiver.recv(LARGEST_DATAGRAM):
            try:
                yield from datagram.decode().splitlines()
            except UnicodeDecodeError:
                raise DataError(f"UDP port {port}: a datagram is not text") from None


def of_lsl(name: str) -> Source:
    """The samples of a stream of Lab Streaming Layer.

    Args:
        name: Name of the stream on this network.

    Raises:
        MissingExtra: If `pylsl` is not installed.
        DataError: If there is no such stream, or it states no channel names or no rate.
    """
    try:
        import pylsl
    except (ImportError, RuntimeError):  # the second where its library is missing
        raise MissingExtra("streams of Lab Streaming Layer", "lsl") from None
    found = pylsl.resolve_byprop("name", name, timeout=RESOLVE_SECONDS)
    if not found:
        raise DataError(f"no LSL stream {name!r} was found within {RESOLVE_SECONDS:g} s")
    inlet = pylsl.StreamInlet(found[0])
    info = inlet.info()
    labels, units = info.get_channel_labels(), info.get_channel_units()
    if not labels or not all(labels):
        raise DataError(f"the LSL stream {name!r} does not name its channels")
    rate = info.nominal_srate()
    if not rate > 0:
        raise DataError(f"the LSL stream {name!r} has no regular rate")

    def rows() -> Iterator[tuple[float, Any]]:
        while True:
            row, stamp = cast(tuple[Any, Any], inlet.pull_sample(timeout=RESOLVE_SECONDS))
            if row is None:  # the sender is gone
                return
            yield stamp, row

    stated = tuple(str(unit or "") for unit in units or [""] * len(labels))
    return Source(tuple(map(str, labels)), stated, rate, rows())


def of_file(path: Path, signal: Signal, rate: float | None) -> Source:
    """A recording, replayed under the signal's names and in its units.

    Args:
        path: The file, of any known laboratory's names.
        signal: What the program takes.
        rate: Rate in Hz to which the file is resampled; None to keep its own.
    """
    recording = fitted(formats.read_one(path, rate), signal).recording
    return Source(
        recording.channels,
        recording.units,
        recording.rate,
        zip(recording.time.tolist(), recording.values),
    )


def _numbers(reader: Iterable[list[str]], header: list[str], name: str) -> Iterator[list[float]]:
    """Rows of numbers; a repeated row of names, as senders to several receivers add, is skipped."""
    for line, cells in enumerate(reader, 2):
        if not cells or cells == header:
            continue
        try:
            row = [float(cell) if cell.strip() else float("nan") for cell in cells]
        except ValueError:
            raise DataError(
                f"{name}, line {line}: {','.join(cells)[:60]!r} is not a row of numbers"
            ) from None
        if len(row) != len(header):
            raise DataError(f"{name}, line {line}: {len(row)} numbers for {len(header)} columns")
        yield row
