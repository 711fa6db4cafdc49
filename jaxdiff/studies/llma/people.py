"""Many simulated people, each walking the same tasks: the right leg of each as trials, simulated
once and kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data.catalogue import data_directory
from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import FileError

SPEEDS, SLOPES = (0.8, 1.2), (-6.0, 0.0, 6.0)
"""Tasks: every speed (m/s) on every slope (degrees, uphill positive)."""
STRIDES, POINTS = 4, 75
"""Of every trial, and samples of every stride: gait has little above its 25th harmonic."""
IMPAIRED = 0.15
"""Share of the people with an impaired gait."""
MODALITIES = ("angles", "moments", "grf")
PART = 20
"""People simulated, and kept, at a time: an interrupted simulation continues."""


def simulated_people(count: int, seed: int = 0, folder: Path | None = None) -> Trials:
    """Trials of simulated people, both pelvis and trunk and the right leg.

    Args:
      count: number of people.
      seed: seed of the people and of their strides.
      folder: where parts are kept; by default among the prepared data.

    Returns:
      One trial per person and task, of `STRIDES` strides with `POINTS` samples each.
    """
    from jaxdiff.body.walker.people import VERSION

    folder = folder or data_directory() / f"llma_people_{VERSION}_{seed}_{POINTS}"
    examples = []
    for first in range(0, count, PART):
        path = folder / f"{first:05d}.npz"
        if not path.exists():
            _simulate(path, min(PART, count - first), seed, first)
        with np.load(path, allow_pickle=False) as part:
            found = {name: part[name] for name in part.files}
        people = len(found["angles"])
        if people < min(PART, count - first):
            raise FileError(f"{path} holds only {people} people: remove it, and more are simulated")
        examples += [
            _example(found, first, person, task)
            for person in range(min(people, count - first))
            for task in range(len(SPEEDS) * len(SLOPES))
        ]
    return gather(examples)


def _simulate(path: Path, people: int, seed: int, first: int) -> None:
    from jaxdiff.body.walker.batch import constant_tasks, draw_people, simulate

    rng = np.random.default_rng([seed, first])
    traits = draw_people(rng, people, impaired=IMPAIRED)
    traits = traits._replace(angle_offset=np.zeros_like(traits.angle_offset))
    speed, slope = (each.ravel() for each in np.meshgrid(SPEEDS, SLOPES, indexing="ij"))
    tasks = constant_tasks(traits, speed, slope)
    out = simulate(traits, tasks, STRIDES, POINTS, rng=rng, modalities=MODALITIES)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    arrays: dict[str, Any] = {name: out[name] for name in (*MODALITIES, "time")}
    np.savez(partial, **arrays)
    partial.rename(path)


def _example(found: dict[str, np.ndarray], first: int, person: int, task: int) -> dict:
    from jaxdiff.body.walker.batch import CHANNELS, UNITS

    columns = {
        name: [i for i, channel in enumerate(CHANNELS[name]) if not channel.endswith("_l")]
        for name in MODALITIES
    }
    speed, slope = SPEEDS[task // len(SLOPES)], SLOPES[task % len(SLOPES)]
    name = f"person{first + person:05d}"
    return {
        "trial": f"{name}/{task}",
        "subject": name,
        "task": f"{speed:g} m/s, {slope:+g} deg",
        "side": "right",
        "paretic": "",
        "split": "",
        "rate": float("nan"),
        "speed": speed,
        "incline": slope,
        "transition": False,
        "signals": {
            m: found[m][person, task]
            .reshape(STRIDES * POINTS, -1)[:, columns[m]]
            .astype(np.float32)
            for m in MODALITIES
        },
        "channels": {
            m: [CHANNELS[m][i].removesuffix("_r") for i in columns[m]] for m in MODALITIES
        },
        "units": {m: [UNITS[m][i] for i in columns[m]] for m in MODALITIES},
        "time": found["time"][person, task].ravel(),
        "stride": np.repeat(np.arange(STRIDES), POINTS),
        "captions": (),
        "tokens": (),
    }
