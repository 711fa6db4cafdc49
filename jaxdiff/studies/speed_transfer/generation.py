"""From a file of a person's gait at one speed to files of the same person's gait at others, in the format that came in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.studies.speed_transfer import transfer
from jaxdiff.studies.speed_transfer.data import Gaits

PLAUSIBLE = 0.1, 3.0
"""Walking speeds in m/s; anything else is a slip of the unit."""


def generate_files(
    run: str | Path,
    source: str | Path,
    source_speed: float,
    target_speeds: Sequence[float],
    *,
    output: str | Path | None = None,
    channels: Sequence[str] | None = None,
    resample: bool = False,
    longest_gap: float = 0.0,
    seed: int = 0,
) -> list[Path]:
    """Writes the gait at every speed to its place (`places`)."""
    source = Path(source)
    paths = places(source, target_speeds, output)
    made = generate(
        run,
        formats.read(source),
        source_speed,
        target_speeds,
        channels,
        resample=resample,
        longest_gap=longest_gap,
        seed=seed,
    )
    for path, speed, recording in zip(paths, target_speeds, made):
        path.parent.mkdir(parents=True, exist_ok=True)
        formats.write(path, recording)
        print(
            f"{path}: {len(recording.values)} samples at {recording.rate:g} Hz, {speed:g} m/s from {source_speed:g} m/s"
        )
    return paths


def places(
    source: Path, target_speeds: Sequence[float], output: str | Path | None = None
) -> list[Path]:
    """`walk_0.60.csv` for `walk.csv` at 0.6 m/s: beside the source, or in a directory `output`.

    An `output` with an extension is a file: the one of a single speed, else the stem and the format of all.
    """
    wanted = source.parent if output is None else Path(output)
    named = wanted.suffix.lower() in formats.WRITERS and not wanted.is_dir()
    directory, model = (wanted.parent, wanted) if named else (wanted, source)
    if model.suffix.lower() not in formats.WRITERS:
        raise ConfigError(
            f"gait cannot be written as {model.suffix or 'a file without an extension'}, the format of {source}: give an output "
            f"file in one of {', '.join(formats.WRITERS)}, such as --output {source.stem}.csv"
        )
    if named and len(target_speeds) == 1:
        return [wanted]
    return [directory / f"{model.stem}_{speed:.2f}{model.suffix}" for speed in target_speeds]


def generate(
    run: str | Path,
    recording: Recording,
    source_speed: float,
    target_speeds: Sequence[float],
    channels: Sequence[str] | None = None,
    *,
    resample: bool = False,
    longest_gap: float = 0.0,
    seed: int = 0,
) -> list[Recording]:
    """The gait at every target speed (m/s), at the recording's own rate, with the recording's own channel names.

    `channels` names hip, knee and ankle of the right leg, then of the left, where the recording calls them otherwise
    than the model. A recording at another rate than the model's is an error unless `resample` is asked for.
    """
    model, said = transfer.load(run)
    for speed in (source_speed, *target_speeds):
        if not PLAUSIBLE[0] <= speed <= PLAUSIBLE[1]:
            raise ConfigError(
                f"speeds are in m/s, between {PLAUSIBLE[0]} and {PLAUSIBLE[1]}; got {speed:g}"
            )
    rate, seconds, names = (
        float(said["rate"]),
        float(said["seconds"]),
        tuple(channels or said["channels"]),
    )
    if len(names) != len(said["channels"]):
        raise ConfigError(
            f"the model has {len(said['channels'])} channels ({', '.join(said['channels'])}); got {len(names)} names"
        )
    if missing := [name for name in names if name not in recording.channels]:
        raise DataError(
            f"the recording has no {', '.join(missing)}; name its hip, knee and ankle of the right leg, then of the left "
            f"(channels, --channels); it has {', '.join(recording.channels)}"
        )
    own = recording.select(names)
    given = own.convert(
        {old: new for old, new in zip(own.units, said["units"]) if old and old != new}
    )
    given = given.fill_gaps(longest_gap) if longest_gap else given
    if given.gaps():
        gap = given.gaps()[0]
        raise DataError(
            f"a gap in {gap.channel} from {gap.start:g} to {gap.stop:g} s; fill it (longest_gap, --fill_gaps=SECONDS)"
        )
    if abs(given.rate - rate) > 1e-6 * rate:
        if not resample:
            raise DataError(
                f"the recording has {given.rate:g} Hz, the model {rate:g} Hz; resample it first, or ask for it (--resample)"
            )
        given = given.resample(rate)
    frames = round(seconds * rate)
    if len(given.values) < frames:
        raise DataError(
            f"the recording lasts {len(given.values) / rate:g} s; the model needs {seconds:g} s of steady walking"
        )
    wanted = np.asarray(target_speeds, np.float64)
    gaits = Gaits(
        given.values[None, :frames].astype(np.float32),
        np.array(["person"]),
        np.array([source_speed]),
        np.array([""]),
        rate,
        names,
        tuple(said["units"]),
    )
    made = model(gaits, np.zeros(len(wanted), int), wanted, seed)
    back = {new: old for old, new in zip(own.units, said["units"]) if old and old != new}
    meta = {name: text for name, text in recording.meta.items() if name not in ("task", "trial")}
    whole = [
        replace(given, values=values, meta={**meta, "speed": f"{v:g} m/s"})
        for values, v in zip(made, wanted)
    ]
    return [each.resample(recording.rate).convert(back) for each in whole]
