"""From a file of one modality to a file of the other, with a trained run: median, spread, units, names, time stamps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.gait import normalise_strides, strikes_from_hip
from jaxdiff.data import formats, normalise
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError
from jaxdiff.methods.llma import llma
from jaxdiff.studies.llma.preparation import method_settings
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.step import make_generate

LOADED_FOOT = 0.05
"""Of the largest vertical force: a foot that bears more has struck."""


def generate_file(
    run: str | Path,
    source: str | Path,
    target: str | Path,
    *,
    samples: int = 16,
    seed: int = 0,
    strikes: Sequence[float] | None = None,
    longest_gap: float = 0.0,
) -> Recording:
    """Reads `source`, generates the other modality and writes it to `target`."""
    recording = generate(run, formats.read(source), samples, seed, strikes, longest_gap)
    formats.write(target, recording)
    what = ", ".join(name for name in recording.channels if not name.endswith(("_p05", "_p95")))
    print(
        f"{target}: {what}; {len(recording.values)} samples at {recording.rate:g} Hz, median and 5–95 % of {samples}"
    )
    return recording


def generate(
    run: str | Path,
    recording: Recording,
    samples: int = 16,
    seed: int = 0,
    strikes: Sequence[float] | None = None,
    longest_gap: float = 0.0,
) -> Recording:
    """The other modality of a recording: the median of the samples, and with several also `_p05` and `_p95`.

    Where the model was trained on strides, the recording is cut at heel strikes (found in hip flexion or in the normal
    force, else to be given), and the result covers the time from the first strike to the last.
    """
    params, about = load_params(Path(run) / "checkpoints")
    scales = {name: normalise.from_state(state) for name, state in about["normaliser"].items()}
    given = which(recording, scales)
    target = {"x": "y", "y": "x"}[given]
    recording = fitted(recording, scales[given], longest_gap)
    length, per_stride = about["length"], about["samples_per_stride"]
    if per_stride:
        events = _events(recording, strikes)
        cycles = normalise_strides(recording.values, events, per_stride + 1)[:, :-1]
        signal = cycles.reshape(-1, cycles.shape[-1])
        unit = f"strides, {length // per_stride} or more"
    else:
        signal, events, unit = recording.resample(about["rate"]).values, np.zeros(0), "samples"
    if len(signal) < length:
        has = len(signal) // per_stride if per_stride else len(signal)
        raise DataError(
            f"the recording is too short: it has {has} of the {unit} ({length} samples) the model needs"
        )

    config = ConfigDict(about["config"])
    method = llma(method_settings(config), window=length)
    conditions = np.repeat(scales[given](signal)[None].astype(np.float32), samples, axis=0)
    drawn = np.asarray(
        make_generate(method.generate)(params, jax.random.key(seed), {given: conditions})
    )
    drawn = scales[target].inverse(drawn)
    return _as_recording(drawn, scales[target], recording, events, per_stride, about["rate"])


def which(recording: Recording, scales: dict[str, Normaliser]) -> str:
    """`x` or `y`: the modality whose channels the recording has."""
    for name, scale in scales.items():
        if set(scale.channels) <= set(recording.channels):
            return name
    missing = {
        name: [c for c in scale.channels if c not in recording.channels]
        for name, scale in scales.items()
    }
    nearest = min(missing, key=lambda name: len(missing[name]) / len(scales[name].channels))
    raise DataError(
        f"the recording has neither of the model's modalities; nearest is {', '.join(scales[nearest].channels)}, of which "
        f"{', '.join(missing[nearest])} are missing (there are {', '.join(recording.channels)})"
    )


def fitted(recording: Recording, scale: Normaliser, longest_gap: float) -> Recording:
    """The model's channels, in its units, without gaps."""
    recording = recording.select(scale.channels)
    recording = recording.convert(
        {old: new for old, new in zip(recording.units, scale.units) if old and old != new}
    )
    if longest_gap:
        recording = recording.fill_gaps(longest_gap)
    gaps = recording.gaps()
    if gaps:
        first = gaps[0]
        raise DataError(
            f"{len(gaps)} gaps, the first in {first.channel} from {first.start:g} to {first.stop:g} s; ask for gaps to be "
            "filled (longest_gap, --fill_gaps=SECONDS) or crop the recording"
        )
    return recording


def _events(recording: Recording, strikes: Sequence[float] | None) -> np.ndarray:
    """Heel strikes as fractional sample numbers."""
    if strikes is not None:
        events = (np.sort(np.asarray(strikes, np.float64)) - recording.start) * recording.rate
        inside = events[(events >= 0) & (events <= len(recording.values) - 1)]
    elif hips := [c for c in recording.channels if c.startswith(("hip_flexion", "hip_x"))]:
        inside = strikes_from_hip(recording.select(hips[:1]).values[:, 0], recording.rate)
    elif forces := [
        c for c in recording.channels if c in ("grf_normal", "grf_vertical", "grf_z", "vertical")
    ]:
        force = recording.select(forces[:1]).values[:, 0]
        loaded = force > LOADED_FOOT * force.max()
        inside = np.flatnonzero(loaded[1:] & ~loaded[:-1]) + 1.0
    else:
        raise DataError(
            "no channel tells heel strikes (hip flexion or normal force); give their times (strikes=, --strikes)"
        )
    if len(inside) < 2:
        raise DataError(f"{len(inside)} heel strikes found; at least two full strides are needed")
    return inside


def _as_recording(
    drawn: np.ndarray,
    scale: Normaliser,
    source: Recording,
    events: np.ndarray,
    per_stride: int | None,
    rate: float | None,
) -> Recording:
    """Samples `(S, T, C)` in physical units on the time axis of the source."""
    parts: dict[str, Any] = {"": np.median(drawn, axis=0)}
    if len(drawn) > 1:
        parts["_p05"], parts["_p95"] = np.quantile(drawn, (0.05, 0.95), axis=0)
    channels = tuple(name + part for part in parts for name in scale.channels)
    values = np.concatenate(list(parts.values()), axis=1)
    units = scale.units * len(parts)
    if per_stride is None:
        made = Recording(
            values, channels, units, float(rate or source.rate), source.start, dict(source.meta)
        )
        return made.resample(source.rate)
    samples = np.arange(np.ceil(events[0]), np.floor(events[-1]) + 1)
    phase = np.interp(samples, events, np.arange(len(events)) * per_stride)
    grid = np.arange(len(values))
    values = np.stack([np.interp(phase, grid, channel) for channel in values.T], axis=1)
    return replace(
        source,
        values=values,
        channels=channels,
        units=units,
        start=source.start + samples[0] / source.rate,
    )
