"""Real people: OpenSim's example person without any adaptation, and cohorts before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.report.tables import Table
from jaxdiff.studies.gait import adaptation, cohorts, evaluation, subsets
from jaxdiff.studies.gait.model import GaitModel
from jaxdiff.studies.gait.strides import Strides

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
      folder: holds `gait10dof18musc_walk_IK.mot`, `_ID.sto` and `_grf.mot` of OpenSim's Pipelines
        example.
      samples: number of samples.
    """
    table = Table(
        "A real person, zero-shot: OpenSim's walk",
        ("RMSE", "R2", "coverage 90 %"),
        note=(
            f"One person, treadmill, one whole stride; mass {MASS} kg stated, speed not. R² against"
            " the channel's own mean. Intervals calibrated on simulated people."
        ),
    )
    for (given, channel, unit), outcome in outcomes(model, folder, samples).items():
        cells = {
            "RMSE": f"{outcome.rmse:.3g}",
            "R2": f"{outcome.r2:.2f}",
            "coverage 90 %": f"{outcome.coverage:.0%}",
        }
        table.row(f"{given} → {channel} [{unit}]", cells)
    return table


def outcomes(
    model: GaitModel, folder: Path, samples: int = 32, cases: Sequence[Any] = CASES
) -> dict[tuple[str, str, str], Outcome]:
    """Outcome by what is given, channel and unit, for OpenSim's walk; arguments as for
    `table_opensim`.
    """
    files = {name: formats.read_one(folder / f"{STEM}{ending}") for name, ending in FILES.items()}
    found = {}
    for given, wanted in cases:
        walk = joined([files[name] for name in given])
        strikes = None if "forces" in given or "angles" in given else right_strikes(files["forces"])
        made = model.generate(
            walk, samples=samples, mass=MASS, outputs=wanted, strikes=strikes, side="right"
        )
        for name in wanted:
            for channel, outcome in compared(made, files[name]).items():
                unit = files[name].units[files[name].channels.index(channel)]
                found["+".join(given), channel, unit] = outcome
    return found


def measured(trained: Trained, folder: Path, samples: int = 32) -> Trained:
    """The model whose metadata and card state its scores for moments and forces from the angles of
    OpenSim's walk.
    """
    return stated(trained, list(outcomes(GaitModel(trained), folder, samples, CASES[:1]).values()))


def stated(trained: Trained, found: Sequence[Outcome]) -> Trained:
    """The model with the range of some outcomes on a real person in its metadata and on its
    card.
    """
    shares, fits = [o.coverage for o in found], [o.r2 for o in found]
    text = (
        f"R2 {min(fits):.2f} to {max(fits):.2f}, 90 % interval covers {min(shares):.0%} to "
        f"{max(shares):.0%}, by channel"
    )
    card = dict(trained.metadata.get("card", {}))
    card["scores"] = {
        **card.get("scores", {}),
        "moments, forces from angles, one real person": text,
    }
    real = {"who": "one real person", "coverage": [min(shares), max(shares)]}
    return replace(trained, metadata={**trained.metadata, "card": card, "real": real})


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


def table_hood(model: GaitModel, path: Path) -> Table:
    """Ankle moments of nine amputees from their ankle angles, speed, mass and stature."""
    strides = cohorts.hood(path, model.layout)
    task = ("moments", ("angles/*", *subsets.SCALARS))
    table = _before_and_after(model, strides, task, "Real amputees: ankle moment from ankle angle")
    table.note += (
        " `r`: the leg with the prosthesis. Hood et al. 2020, group K3, mean strides at five"
        " speeds."
    )
    return table


def table_verheul(model: GaitModel, path: Path) -> Table:
    """Sagittal moments of braking from a sprint, from angles and from the force."""
    strides = cohorts.verheul(path, model.layout)
    table = _columns("Braking from a sprint (Verheul et al. 2024)")
    for given in ("angles", "grf"):
        part = _before_and_after(model, strides, ("moments", (f"{given}/*",)), "")
        table.note = part.note
        for row in part.rows:
            table.row(f"{given}: {row.label}", row.cells)
    table.note += (
        " Stance phases only; the model is of walking, so zero-shot predictions are outside of its"
        " purpose."
    )
    return table


def table_cmu(model: GaitModel, path: Path, samples: int = 32) -> Table:
    """Angles of the left leg of CMU's walks from those of the right one."""
    strides = cohorts.cmu(path, model.layout)
    masks = subsets.masks(model.layout, [f"angles/{n}_r" for n in cohorts.SAGITTAL])
    masks["scalars"][0, model_scalar(model, "stride_time")] = True
    drawn = model.imputer.draw(strides.values, masks, samples, 0, 0, ("angles",))["angles"]
    names = strides.channels["angles"]
    calibration = model.calibrations[evaluation.nearest_subset(model.layout, masks)]
    people, count = len(np.unique(strides.subject)), len(strides)
    table = Table(
        "Real walks: left leg from right leg",
        ("RMSE", "R2", "coverage 90 %", "RMSE of half a stride later"),
        note=(
            f"CMU motion capture, {count} strides of {people} people, 20 Hz, zero-shot; R² against"
            " the channel's mean. Last column: the right leg's curve moved by half a stride."
        ),
    )
    for name in cohorts.SAGITTAL:
        i, other = names.index(f"{name}_l"), names.index(f"{name}_r")
        truth = strides.values["angles"][..., i]
        key = f"angles/{names[i]}"
        kept = calibration if key in calibration.channels else Calibration.identity([key])
        low, high = (x[..., 0] for x in kept.interval(drawn[..., [i]], 0.9, [key]))
        middle = np.median(drawn[..., i], axis=0)
        error = np.square(middle - truth).mean()
        copied = np.roll(strides.values["angles"][..., other], 50, axis=1)
        cells = {
            "RMSE": f"{np.sqrt(error):.3g}",
            "R2": f"{1 - error / np.square(truth - truth.mean()).mean():.2f}",
            "coverage 90 %": f"{((low <= truth) & (truth <= high)).mean():.0%}",
            "RMSE of half a stride later": f"{np.sqrt(np.square(copied - truth).mean()):.3g}",
        }
        table.row(f"{names[i]} [deg]", cells)
    return table


def model_scalar(model: GaitModel, name: str) -> int:
    """Place of a scalar among the model's."""
    return next(p for p in model.layout if p.name == "scalars").channels.index(name)


def _columns(title: str) -> Table:
    columns = ("zero-shot RMSE", "zero-shot R2", "zero-shot coverage 90 %")
    columns += ("adapted RMSE", "adapted R2", "adapted coverage 90 %", "mean of the others, RMSE")
    return Table(title, columns)


def _before_and_after(
    model: GaitModel, strides: Strides, task: adaptation.Task, title: str
) -> Table:
    """A row per channel of the target: the shipped model, and the one adapted to all people but
    one.
    """
    target, table = task[0], _columns(title)
    scored = {
        strength: adaptation.left_out(model.imputer, strides, [task], strength, 0)[0][1]
        for strength in adaptation.STRENGTHS
    }
    truth = strides.values[target]
    best = min(scored, key=lambda s: adaptation.score(scored[s], strides, task, model.imputer.law))
    masks = subsets.masks(model.layout, task[1])
    shipped = model.calibrations[evaluation.nearest_subset(model.layout, masks)]
    for i, channel in enumerate(strides.channels[target]):
        seen = np.isfinite(truth[..., i])
        if not seen.any():
            continue
        cells, key = {}, [f"{target}/{channel}"]
        for name, strength in (("zero-shot", np.inf), ("adapted", best)):
            drawn = scored[strength][..., [i]]
            inside = np.zeros(seen.shape, bool)
            for person in np.unique(strides.subject):
                rows = strides.subject == person
                kept = shipped if key[0] in shipped.channels else Calibration.identity(key)
                if name == "adapted":
                    kept = Calibration.fit(
                        drawn[:, ~rows], truth[~rows][..., [i]], strides.subject[~rows], key
                    )
                low, high = kept.interval(drawn[:, rows], 0.9, key)
                inside[rows] = ((low <= truth[rows][..., [i]]) & (truth[rows][..., [i]] <= high))[
                    ..., 0
                ]
            middle = np.median(drawn[..., 0], axis=0)
            error = np.square(middle - truth[..., i])[seen].mean()
            total = np.square(truth[..., i][seen] - truth[..., i][seen].mean()).mean()
            cells[f"{name} RMSE"] = f"{np.sqrt(error):.3g}"
            cells[f"{name} R2"] = f"{1 - error / total:.2f}"
            cells[f"{name} coverage 90 %"] = f"{inside[seen].mean():.0%}"
        cells["mean of the others, RMSE"] = f"{_mean_of_others(strides, target, i):.3g}"
        table.row(f"{channel} [{strides.units[target][i]}]", cells)
    if not table.rows:
        raise DataError(f"none of the strides has {target}")
    people = len(np.unique(strides.subject))
    table.note = (
        f"{people} people, {len(strides)} strides. Adapted: to all people but the one predicted,"
        f" strength {best}, chosen by the same scores; intervals recalibrated on the others. Last"
        " column: the mean curve of the other people."
    )
    return table


def _mean_of_others(strides: Strides, target: str, channel: int) -> float:
    """RMSE of the mean curve of all other people."""
    truth = strides.values[target][..., channel]
    errors = []
    for person in np.unique(strides.subject):
        rows = strides.subject == person
        others = truth[~rows]
        mean = np.array(
            [
                column[np.isfinite(column)].mean() if np.isfinite(column).any() else np.nan
                for column in others.T
            ]
        )
        errors.append(np.square(truth[rows] - mean)[np.isfinite(truth[rows])])
    return float(np.sqrt(np.concatenate(errors).mean()))
