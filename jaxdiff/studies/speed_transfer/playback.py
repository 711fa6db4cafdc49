"""Samples of the mean stride at another speed, played as recordings: names, units, rate and phase
of the recording that was given, events, bands and metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from jaxdiff.data.recording import Event, Recording
from jaxdiff.models.calibration import Calibration, predictive_interval
from jaxdiff.models.prediction import Prediction
from jaxdiff.studies.speed_transfer import bands, synthesis
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.recorded import ANGLES, LEG, Walk

BEYOND = 0.3
"""Metres per second beyond the trained speeds at which intervals are twice as wide as calibrated.
"""


def prediction(
    law: Law,
    calibrations: Mapping[str, Calibration],
    recording: Recording,
    walks: Sequence[Walk],
    states: np.ndarray,
    *,
    target: float,
    band: str,
    seconds: float,
    seed: int,
) -> Prediction:
    """Samples of a recording from samples of the mean stride's state.

    Args:
        law: The hierarchical model.
        calibrations: Factors of the bands by kind and group of people.
        recording: The one that gives names, units, rate and phase.
        walks: Everything recorded of the person, that recording first.
        states: Samples of the state at the target speed, [samples, SIZE].
        target: Speed in m/s.
        band: What an interval holds: a single `stride`, or the `mean` stride.
        seconds: Duration; 0 for that of the recording, or one stride if it is shorter.
        seed: Seed of the strides' variability.

    Returns:
        One gait per sample, all on one clock.
    """
    first = walks[0]
    time = synthesis.stride_time(states)
    usual = float(np.median(time))
    rate = recording.rate
    length = round(seconds * rate) if seconds else max(len(recording), round(usual * rate) + 1)
    begin = (recording.start - first.strikes[0]) * (len(first.strikes) - 1)
    begin = begin / (first.strikes[-1] - first.strikes[0]) % 1.0
    if first.leading == "left":
        begin += 0.5
    phase = begin + np.arange(length) / rate / usual
    rng = np.random.default_rng([seed, 1])
    root = synthesis.variability(law, [one.gait for one in walks])
    count = int(phase[-1]) + 2
    values = np.empty((len(states), length, len(ANGLES)))
    for i, state in enumerate(states):
        away = synthesis.deviations(root, count, rng)
        if band == "mean":
            away = np.broadcast_to(away.mean(0), away.shape)
        values[i] = synthesis.played(state, away, phase)
    columns, estimated = _columns(walks)
    beyond = max(law.speeds[0] - target, target - law.speeds[1], 0.0)
    widening = 1 + beyond / BEYOND
    metadata = {
        "source_speed": [one.gait.speed for one in walks],
        "target_speed": target,
        "band": band,
        "stride_time": _interval(time, widening),
        "cadence": _interval(120 / time, widening),
        "extrapolated": bool(beyond),
        "phase from": first.how,
        "estimated channels": [ANGLES[i] for i in estimated],
        **first.matched.metadata,
    }
    template = replace(
        recording,
        values=values[0][:, columns],
        channels=tuple(ANGLES[i] for i in columns),
        units=("deg",) * len(columns),
        events=_events(phase, rate, recording.start),
        meta=_texts(recording, metadata),
    )
    back = first.matched.inverse
    played = [back(replace(template, values=one[:, columns])) for one in values]
    calibration = None
    if calibrations or beyond:
        calibration = bands.chosen(calibrations, band, [one.gait for one in walks])
        calibration = bands.at(calibration, phase, columns, widening)
    return Prediction(
        np.stack([one.values for one in played]), played[0], calibration, metadata=metadata
    )


def _columns(walks: Sequence[Walk]) -> tuple[list[int], list[int]]:
    """Channels to return, and those among them that no recording measured: the missing joints'
    angles of both legs.
    """
    there = {ANGLES.index(name) for one in walks for name in one.matched.recording.channels}
    joints = {i % LEG for i in there}
    columns = [i for i in range(len(ANGLES)) if i % LEG in joints]
    return columns, [i for i in columns if i not in there]


def _interval(values: np.ndarray, widening: float, p: float = 0.9) -> dict[str, float]:
    middle = float(np.median(values))
    if len(values) < 2:
        return {"median": round(middle, 4)}
    low, high = predictive_interval(values, p, widening)
    return {
        name: round(float(v), 4) for name, v in zip(("median", "low", "high"), (middle, low, high))
    }


def _texts(recording: Recording, metadata: dict[str, Any]) -> dict[str, str]:
    """The metadata of a file: what the recording said, and what was generated."""
    kept = {k: v for k, v in recording.meta.items() if k not in ("task", "trial", "speed")}
    kept["speed"] = f"{metadata['target_speed']:g} m/s"
    for name, unit in (("stride_time", "s"), ("cadence", "steps/min")):
        found = metadata[name]
        spread = f" ({found['low']:.3g} to {found['high']:.3g}, 90 %)" if "low" in found else ""
        kept[name] = f"{found['median']:.4g} {unit}{spread}"
    kept["band"] = f"a single {metadata['band']}" if metadata["band"] == "stride" else "mean stride"
    if metadata["extrapolated"]:
        kept["extrapolated"] = "beyond the speeds of the people the model was fitted to"
    if metadata["estimated channels"]:
        kept["estimated"] = ", ".join(metadata["estimated channels"])
    return kept


def _events(phase: np.ndarray, rate: float, start: float) -> tuple[Event, ...]:
    """Foot strikes of the right leg, where phases pass whole strides."""
    step = phase[1] - phase[0]
    whole = np.arange(np.ceil(phase[0] - 1e-9), phase[-1] + 1e-9)
    return tuple(
        Event(float(start + (k - phase[0]) / step / rate), "foot_strike", "right") for k in whole
    )
