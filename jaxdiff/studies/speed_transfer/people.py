"""Cohorts of the paper's size from the walker that the shipped model was trained on: recordings in
time, 30 s at 20 Hz.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.body.walker import batch
from jaxdiff.body.walker.cohorts import ABLE_SPEEDS, STROKE_SPEEDS
from jaxdiff.body.walker.people import VERSION
from jaxdiff.body.walker.traits import Traits, select
from jaxdiff.data.catalogue import data_directory
from jaxdiff.data.formats.files import atomic
from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.studies.speed_transfer.recorded import ANGLES

KINDS = {"able": (22, ABLE_SPEEDS), "stroke": (19, STROKE_SPEEDS)}
"""People and speeds of each cohort; stroke survivors walk at their preferred speed as well."""
SEED = 7919
"""Other people than those of `cohort.simulated`."""
FASTEST_STRIDE = 0.7
"""Seconds; bounds the number of strides to simulate."""
POINTS = 50
_COLUMNS = [batch.CHANNELS["angles"].index(name) for name in ANGLES]


def simulated(
    kind: str = "able",
    people: int = 0,
    seconds: float = 30.0,
    rate: float = 20.0,
    folder: Path | None = None,
) -> Trials:
    """Trials with the modality `sagittal` of a cohort, simulated once and kept.

    Args:
      kind: `able` or `stroke`.
      people: number of people; 0 for the paper's.
      seconds: duration of each recording, which begins anywhere in a stride.
      rate: samples per second.
      folder: where the recordings are kept; by default among the prepared data.
    """
    if kind not in KINDS:
        raise ConfigError(f"no cohort {kind!r}; {nearest(kind, KINDS)}")
    count = people or KINDS[kind][0]
    path = (
        folder or data_directory()
    ) / f"speed_{kind}_{count}_{seconds:g}s_{rate:g}hz_{VERSION}.npz"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = _simulate(kind, count, seconds, rate)
        with atomic(path) as file:
            np.savez(file, **arrays)
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    columns = (found[name].tolist() for name in ("subject", "speed", "task", "paretic"))
    rows = zip(found["values"], *columns)
    return gather([_example(v, who, speed, task, leg, rate) for v, who, speed, task, leg in rows])


def _simulate(kind: str, count: int, seconds: float, rate: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([SEED, len(kind)])
    traits = _drawn(rng, kind, count)
    speeds = np.tile(KINDS[kind][1], (count, 1))
    if kind == "stroke":
        speeds = np.concatenate([speeds, traits.chosen_speed[:, None]], axis=1)
    zero = np.zeros_like(speeds)
    tasks = batch.Tasks(speeds, zero, zero + 1.0, zero + 0.004)
    strides = int(np.ceil((seconds + 2) / FASTEST_STRIDE))
    out = batch.simulate(traits, tasks, strides, POINTS, rng=rng, modalities=("angles",))
    grid, rows = np.arange(round(seconds * rate)) / rate, []
    for i, j in np.argwhere(speeds <= traits.top_speed[:, None] + 0.01):
        time = out["time"][i, j].ravel()
        at = time[0] + rng.uniform(0, 1.5) + grid
        angles = out["angles"][i, j][..., _COLUMNS].reshape(len(time), -1)
        own = kind == "stroke" and j == speeds.shape[1] - 1
        side = traits.paretic[i]
        rows.append(
            {
                "values": np.stack([np.interp(at, time, each) for each in angles.T], axis=1),
                "subject": f"{kind}{i:02d}",
                "speed": round(float(speeds[i, j]), 2),
                "task": "self" if own else f"{speeds[i, j]:.2f} m/s",
                "paretic": "right" if side > 0 else "left" if side < 0 else "",
            }
        )
    found = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return found | {"values": found["values"].astype(np.float32)}


def _drawn(rng: np.random.Generator, kind: str, count: int) -> Traits:
    """People without an impairment, or with hemiparesis."""
    if kind == "able":
        return batch.draw_people(rng, count, impaired=0.0)
    many = batch.draw_people(rng, 8 * count, impaired=1.0)
    return select(many, np.flatnonzero(many.paretic != 0)[:count])


def _example(
    values: np.ndarray, subject: str, speed: float, task: str, paretic: str, rate: float
) -> dict[str, Any]:
    return {
        "trial": f"{subject}/{task}",
        "subject": subject,
        "task": task,
        "side": "both",
        "paretic": paretic,
        "split": "",
        "rate": rate,
        "speed": speed,
        "incline": 0.0,
        "transition": False,
        "signals": {"sagittal": values},
        "channels": {"sagittal": list(ANGLES)},
        "units": {"sagittal": ["deg"] * len(ANGLES)},
        "time": np.arange(len(values)) / rate,
        "stride": np.zeros(len(values), np.int32),
        "captions": (),
        "tokens": (),
    }
