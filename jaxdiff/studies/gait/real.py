"""Real people: a walk of OpenSim's example person, predicted without any adaptation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.models.prediction import Prediction
from jaxdiff.report.tables import Table
from jaxdiff.studies.gait.model import GaitModel

FILES = {"angles": "_IK.mot", "moments": "_ID.sto", "forces": "_grf.mot"}
STEM, MASS = "gait10dof18musc_walk", 72.6
CASES = (
    (("angles",), ("moments", "forces")),
    (("forces",), ("angles", "moments")),
    (("angles", "forces"), ("moments",)),
    (("moments",), ("angles", "forces")),
)
"""What is given -> what is predicted."""


class Outcome(NamedTuple):
    """One channel of a prediction against the measurement."""

    rmse: float
    r2: float
    coverage: float


def table_opensim(model: GaitModel, folder: Path, samples: int = 32) -> Table:
    """RMSE, R2 and coverage of every measured channel, by what is given.

    Args:
      model: the model.
      folder: holds `gait10dof18musc_walk_IK.mot`, `_ID.sto` and `_grf.mot` of OpenSim's Pipelines example.
      samples: number of samples.
    """
    files = {name: formats.read_one(folder / f"{STEM}{ending}") for name, ending in FILES.items()}
    table = Table(
        "A real person, zero-shot: OpenSim's walk",
        ("RMSE", "R2", "coverage 90 %"),
        note=f"One person, treadmill, one whole stride; mass {MASS} kg stated, speed not. R² against the channel's own "
        "mean. Intervals calibrated on simulated people.",
    )
    for given, wanted in CASES:
        walk = joined([files[name] for name in given])
        strikes = None if "forces" in given or "angles" in given else right_strikes(files["forces"])
        made = model.generate(
            walk, samples=samples, mass=MASS, outputs=wanted, strikes=strikes, side="right"
        )
        for name in wanted:
            for channel, outcome in compared(made, files[name]).items():
                table.row(
                    f"{'+'.join(given)} → {channel} [{files[name].units[files[name].channels.index(channel)]}]",
                    {
                        "RMSE": f"{outcome.rmse:.3g}",
                        "R2": f"{outcome.r2:.2f}",
                        "coverage 90 %": f"{outcome.coverage:.0%}",
                    },
                )
    return table


def compared(made: Prediction, measured: Recording, level: float = 0.9) -> dict[str, Outcome]:
    """Outcome of every channel that both have, in the measured file's convention."""
    low, high = made.interval(level)
    found = {}
    for name in made.like.channels:
        if name not in measured.channels:
            continue
        truth = np.interp(made.like.time, measured.time, measured[name])
        middle = made.median[name]
        error = np.square(truth - middle).mean()
        inside = (low[name] <= truth) & (truth <= high[name])
        found[name] = Outcome(
            float(np.sqrt(error)), float(1 - error / truth.var()), float(inside.mean())
        )
    return found


def joined(recordings: list[Recording]) -> Recording:
    """Recordings on the first one's clock, as one."""
    first = recordings[0]
    columns = [np.asarray(first.values, float)]
    for other in recordings[1:]:
        columns.append(
            np.stack([np.interp(first.time, other.time, other[c]) for c in other.channels], axis=1)
        )
    return replace(
        first,
        values=np.concatenate(columns, axis=1),
        channels=tuple(c for r in recordings for c in r.channels),
        units=tuple(u for r in recordings for u in r.units),
    )


def right_strikes(forces: Recording) -> list[float]:
    """Foot strikes of the right leg in the force plates' vertical force."""
    from jaxdiff.data.strides import strikes

    return strikes(forces, "right").times.tolist()
