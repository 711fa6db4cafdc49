"""Generate while samples arrive: CSV rows in, CSV rows out, at a fixed cost.

Every N rows the newest N samples of the output are written (the median of the
samples and, with several, the bounds of the calibrated 90 % interval), from a
sliding window. Rows come from standard input as CSV (names in the first row,
units in brackets, as in `hip_flexion [deg]`, then numbers, with a column `time`
in s or with --rate), from a file that is replayed, from datagrams to a UDP port
of this machine, which hold the same lines (an empty one ends), or from a stream
of Lab Streaming Layer. Latency is reported on standard error. For models that
map one signal to another; `gait` uses those of its channels that arrive, a
model of speed transfer is fixed at two speeds.

A model of text to motion reads sentences, one per line, and writes rows of
joints (m) of one continuous motion: each sentence continues the one before.

example:
  jaxdiff stream gait --input walk.mot --steps 2 > forces.csv
  jaxdiff stream gait --udp 9000 --rate 100 --every 1 --ahead 0.05 --steps 1
  jaxdiff stream speed --source-speed 1 --target-speed 1.4 --input walk.mot
  sensors | jaxdiff stream runs/llma-quick --rate 100 --every 5 --samples 4
  sentences | jaxdiff stream motion --seconds 3 > joints.csv
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from jaxdiff.cli.export import chosen, speeds
from jaxdiff.errors import ConfigError, DataError


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
        "--udp", type=int, metavar="PORT", help="CSV rows in datagrams to this port of this machine"
    )
    add("--lsl", metavar="NAME", help="a stream of Lab Streaming Layer (extra lsl)")
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
        "--ahead",
        type=float,
        default=0.0,
        metavar="S",
        help="write what is expected this many seconds after the newest row; for models of strides",
    )
    add(
        "--given",
        default="",
        metavar="NAME",
        help=(
            "modality of the input, or of gait channels joined by commas (default: the "
            "model's first; of gait the known ones)"
        ),
    )
    add(
        "--seconds",
        type=float,
        default=3.0,
        metavar="S",
        help="duration of each sentence (default: %(default)s)",
    )
    speeds(parser)
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the samples (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import positive, prepare_jax, progress, seed

    positive(options, "steps")
    seed(options)
    if options.every < 1:
        raise DataError(f"--every must be 1 or more, not {options.every}")
    if sum(each is not None for each in (options.input, options.udp, options.lsl)) > 1:
        raise ConfigError("--input, --udp and --lsl exclude each other")
    prepare_jax()
    from jaxdiff.data import formats
    from jaxdiff.deployment import sources
    from jaxdiff.deployment.streaming import Stream, latency
    from jaxdiff.studies.loading import load

    model = load(options.model)
    if hasattr(model, "stream"):
        _sentences(model, options)
        return
    choice = chosen(options)
    source = None
    if options.input:
        if not choice:
            choice = model.given(formats.read_one(options.input, options.rate))
    elif options.lsl:
        source = sources.of_lsl(options.lsl)
    elif options.udp is not None:
        lines, name = sources.udp_lines(options.udp), f"UDP port {options.udp}"
        source = sources.of_lines(lines, options.rate, name)
    else:
        source = sources.of_lines(sys.stdin, options.rate)
    if source and not choice:
        choice = model.given(source.channels)
    program = model.program(steps=options.steps, **choice)
    if source is None:
        source = sources.of_file(options.input, program.inputs[0], options.rate)
    with progress(f"compiling {model.name}"):
        stream = Stream(
            program,
            source.channels,
            source.units,
            source.rate,
            options.samples,
            options.seed,
            options.ahead,
        )
    parts = ("", "_p05", "_p95") if options.samples > 1 else ("",)
    header = [
        f"{name}{part} [{unit}]"
        for part in parts
        for name, unit in zip(program.output.channels, program.output.units)
    ]
    print(",".join(["time", *header]), flush=True)
    first, wait, number, moment = 0, 0.0, 0, 0.0
    try:
        for number, (moment, row) in enumerate(source.rows, 1):
            stream.push(row)
            if not first and stream.full:
                first, wait = number, time.perf_counter()
            if first and (number - first) % options.every == 0:
                made = stream.newest(options.every)
                _write(made, moment + options.ahead, source.rate, program)
                if number == first:
                    wait = time.perf_counter() - wait
        if first and (rest := (number - first) % options.every):  # the source has ended
            _write(stream.newest(rest), moment + options.ahead, source.rate, program)
    finally:
        measured, budget = latency(stream.seconds), 1e3 * options.every / source.rate
        print(
            f"{len(stream.seconds)} generations of {options.every} rows ({budget:.0f} ms at"
            f" {source.rate:g} Hz): p50 {measured['p50']:.1f} ms, p99 {measured['p99']:.1f} ms,"
            f" worst {measured['worst']:.1f} ms"
            + (f"; first row {1e3 * wait:.0f} ms after the first full window" if first else ""),
            file=sys.stderr,
        )


def _sentences(model: Any, options: argparse.Namespace) -> None:
    """Rows of joints for every sentence on standard input, as it comes."""
    lines = (line.strip() for line in (options.input.open() if options.input else sys.stdin))
    parts = model.stream(
        (line for line in lines if line),
        seconds=options.seconds,
        seed=options.seed,
        steps=options.steps,
    )
    channels, units = (getattr(model.outputs[0], name) for name in ("channels", "units"))
    print(",".join(["time", *(f"{n} [{u}]" for n, u in zip(channels, units))]), flush=True)
    seconds, begin = [], time.perf_counter()
    for part in parts:
        seconds.append(time.perf_counter() - begin)
        for i, row in enumerate(part.values):
            cells = [f"{part.start + i / part.rate:.4f}", *(f"{value:.6g}" for value in row)]
            print(",".join(cells))
        sys.stdout.flush()
        begin = time.perf_counter()
    if seconds:
        print(
            f"{len(seconds)} sentences of {options.seconds:g} s: first rows after {seconds[0]:.1f}"
            f" s, then within {max(seconds[1:], default=seconds[0]):.2f} s",
            file=sys.stderr,
        )


def _write(drawn: Any, moment: float, rate: float, program: Any) -> None:
    """`(samples, rows, channels)`, the last row at `moment`."""
    if drawn is None:
        return
    import numpy as np

    from jaxdiff.models.calibration import predictive_interval

    parts = [np.median(drawn, axis=0)]
    if len(drawn) > 1:
        kept = program.calibration
        scale = kept.scale(0.9, program.output.channels) if kept else 1.0
        parts += predictive_interval(drawn, 0.9, scale)
    rows = np.concatenate(parts, axis=1)
    for i, row in enumerate(rows):
        cells = [f"{moment - (len(rows) - 1 - i) / rate:.4f}", *(f"{value:.6g}" for value in row)]
        print(",".join(cells))
    sys.stdout.flush()
