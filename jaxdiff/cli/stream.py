"""Generate while samples arrive: CSV rows in, CSV rows out, at a fixed cost.

Every N rows the newest N samples of the output are written (the median of the
samples and, with several, the bounds of the 90 % interval), from a sliding
window. Rows come from a file, or as CSV on standard input: a row of names
(units in brackets, as in `hip_flexion [deg]`), then numbers, with a column
`time` in s or with --rate. Latency is reported on standard error. For models
that map one signal to another.

example:
  jaxdiff stream runs/llma-quick --input walk.mot > moments.csv
  sensors | jaxdiff stream runs/llma-quick --rate 100 --every 5 --samples 4
"""

from __future__ import annotations

import argparse
import csv
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from jaxdiff.errors import DataError


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add(
        "--input",
        type=Path,
        metavar="FILE",
        help="a recording to replay (default: CSV rows on standard input)",
    )
    add(
        "--rate", type=float, metavar="HZ", help="rate of the rows, where there is no column `time`"
    )
    add(
        "--every",
        type=int,
        default=10,
        metavar="N",
        help="rows between two generations (default: %(default)s)",
    )
    add(
        "--samples",
        type=int,
        default=8,
        metavar="N",
        help="samples of each generation (default: %(default)s)",
    )
    add(
        "--steps",
        type=int,
        default=0,
        metavar="N",
        help="steps of the sampler; fewer are faster (default: the model's)",
    )
    add(
        "--given",
        default="",
        metavar="MODALITY",
        help="modality of the input (default: the model's first)",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the samples (default: %(default)s)",
    )


class Source(NamedTuple):
    """Rows as they arrive, each with its time in s."""

    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    rows: Iterable[tuple[float, Any]]


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import positive, prepare_jax

    positive(options, "steps")
    if options.every < 1:
        raise DataError(f"--every must be 1 or more, not {options.every}")
    prepare_jax()
    from jaxdiff.deployment.streaming import Stream, latency
    from jaxdiff.studies.loading import load

    choice = {"given": options.given} if options.given else {}
    program = load(options.model).program(steps=options.steps, **choice)
    source = (
        _replayed(options.input, options.rate)
        if options.input
        else rows_of(sys.stdin, options.rate)
    )
    stream = Stream(
        program, source.channels, source.units, source.rate, options.samples, options.seed
    )
    parts = ("", "_p05", "_p95") if options.samples > 1 else ("",)
    header = [
        f"{name}{part} [{unit}]"
        for part in parts
        for name, unit in zip(program.output.channels, program.output.units)
    ]
    print(",".join(["time", *header]), flush=True)
    try:
        for number, (moment, row) in enumerate(source.rows, 1):
            stream.push(row)
            if number % options.every == 0:
                _write(stream.newest(options.every), moment, source.rate)
    finally:
        measured, budget = latency(stream.seconds), 1e3 * options.every / source.rate
        print(
            f"{len(stream.seconds)} generations of {options.every} rows ({budget:.0f} ms at {source.rate:g} Hz): "
            f"p50 {measured['p50']:.1f} ms, p99 {measured['p99']:.1f} ms, worst {measured['worst']:.1f} ms",
            file=sys.stderr,
        )


def rows_of(lines: TextIO, rate: float | None) -> Source:
    """CSV rows one at a time; at most two are read ahead, to find the rate."""
    reader = csv.reader(lines)
    header = next(reader, None)
    if not header:
        raise DataError(
            "standard input is empty; a row of channel names is expected, then rows of numbers"
        )
    parted = [re.fullmatch(r"\s*(.*?)\s*(?:\[(.*)\])?\s*", cell) for cell in header]
    names, units = zip(*((part[1], part[2] or "") for part in parted if part))
    clock = next((i for i, name in enumerate(names) if name.lower() == "time"), None)
    numbers = _numbers(reader, len(names))
    first = list(itertools.islice(numbers, 2)) if rate is None else []
    if rate is None:
        if clock is None or len(first) < 2 or not first[1][clock] > first[0][clock]:
            raise DataError(
                "the rate of the rows is unknown: give --rate, or a column `time` in s that increases"
            )
        rate = 1 / (first[1][clock] - first[0][clock])

    def timed() -> Iterator[tuple[float, Any]]:
        for number, row in enumerate(itertools.chain(first, numbers)):
            yield (number / rate if clock is None else row[clock]), row

    return Source(names, units, rate, timed())


def _numbers(reader: Iterator[list[str]], width: int) -> Iterator[list[float]]:
    for line, cells in enumerate(reader, 2):
        if not cells:
            continue
        try:
            row = [float(cell) if cell.strip() else float("nan") for cell in cells]
        except ValueError:
            raise DataError(
                f"standard input, line {line}: {','.join(cells)[:60]!r} is not a row of numbers"
            ) from None
        if len(row) != width:
            raise DataError(f"standard input, line {line}: {len(row)} numbers for {width} columns")
        yield row


def _replayed(path: Path, rate: float | None) -> Source:
    from jaxdiff.data import formats

    recording = formats.read_one(path, rate)
    return Source(
        recording.channels,
        recording.units,
        recording.rate,
        zip(recording.time.tolist(), recording.values),
    )


def _write(drawn: Any, moment: float, rate: float) -> None:
    """`(samples, rows, channels)`, the last row at `moment`."""
    if drawn is None:
        return
    import numpy as np

    from jaxdiff.models.calibration import predictive_interval

    parts = [np.median(drawn, axis=0)]
    if len(drawn) > 1:
        parts += predictive_interval(drawn, 0.9)
    rows = np.concatenate(parts, axis=1)
    for i, row in enumerate(rows):
        cells = [f"{moment - (len(rows) - 1 - i) / rate:.4f}", *(f"{value:.6g}" for value in row)]
        print(",".join(cells))
    sys.stdout.flush()
