"""Accuracy and calibration of predictions on people that were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.methods.gait_law import Modality
from jaxdiff.metrics.uncertainty import crps
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.trained import Trained
from jaxdiff.studies.gait import subsets
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.strides import Strides

LEVEL = 0.9
CHUNK = 120
"""Strides whose samples are held in memory at a time."""
Draw = Callable[[Strides, subsets.Masks], Mapping[str, np.ndarray]]
"""`(strides, masks) -> samples [S, N, steps, C] per modality`; S = 1 for a point prediction."""


class Quantity(NamedTuple):
    """Channels that are scored together: of one modality and unit."""

    name: str
    modality: str
    unit: str


QUANTITIES = (
    Quantity("angles", "angles", "deg"),
    Quantity("moments", "moments", "N m/kg"),
    Quantity("forces", "grf", "N/kg"),
    Quantity("centre of pressure", "grf", "m"),
    Quantity("emg", "emg", "1"),
    Quantity("accelerations", "imu", "m/s²"),
    Quantity("angular rates", "imu", "rad/s"),
)


class Score(NamedTuple):
    """Scores of one quantity under one subset."""

    rmse: float
    r2: float
    """1 - SSE / SSE of the training people's mean curve."""
    crps: float
    coverage: float
    """Share of the truth in the calibrated 90 % interval; nan without samples."""


def assessed(
    trained: Trained, calibration: Strides, test: Strides, samples: int = 32, steps: int = 0
) -> Trained:
    """The model with intervals calibrated on some people and its card scored on others."""
    model = Imputer.of(trained.params, trained.metadata)
    found = calibrations(model, calibration, samples, steps)
    kept = {name: value.to_json() for name, value in found.items()}
    trained = replace(trained, metadata={**trained.metadata, "calibrations": kept})
    table = score_table(model, found, test, samples, steps)
    scores = {
        f"{quantity} from {subset}": f"R2 {score.r2:.2f}, 90 % interval covers {score.coverage:.0%}"
        for (subset, quantity), score in table.items()
        if subset in ("angles", "imu", "grf") and quantity in ("angles", "moments", "forces")
    }
    return replace(
        trained, metadata={**trained.metadata, "card": {**card(trained), "scores": scores}}
    )


def card(trained: Trained) -> dict[str, Any]:
    """The model card without scores."""
    config, cohort = trained.metadata["config"], trained.metadata["cohort"]
    return {
        "summary": (
            "Any subset of a walking stride's signals in, all others out, with calibrated"
            " intervals."
        ),
        "data": (
            f"{cohort['strides']} simulated strides of {cohort['people']} simulated people"
            f" (jaxdiff.body.walker), {config['training']['steps']} steps of batch"
            f" {config['batch_size']}; recordings deviate from them as laboratories' do"
        ),
        "people": (
            f"Simulated adults, able-bodied and {config['data']['impaired']:.0%} impaired"
            " (hemiparesis, crouch, prostheses, foot, one side); no real person."
        ),
        "licence": "Apache-2.0",
        "limits": (
            "Walking only. Trained on simulation: intervals hold for simulated people and are not"
            " guaranteed for real ones; recalibrate with `jaxdiff adapt`. Not for clinical"
            " decisions."
        ),
        "source": f"jaxdiff train gait:ship, seed {config['training']['seed']}",
    }


def spread(strides: Strides, most: int) -> Strides:
    """At most that many strides, evenly over people and tasks."""
    return strides[np.unique(np.linspace(0, len(strides) - 1, min(most, len(strides))).astype(int))]


def calibrations(
    model: Imputer, strides: Strides, samples: int = 32, steps: int = 0
) -> dict[str, Calibration]:
    """Conformal factors per channel for every typical subset."""
    found = {}
    for name in subsets.TYPICAL:
        masks = subsets.typical(model.law.layout, name)
        a = model.coefficients(strides.values, masks, samples, 1, steps)
        parts = []
        for part in model.law.layout:
            if part.steps == 1 or masks[part.name].all():
                continue
            drawn = model.decode(a, strides.values, masks, 1, (part.name,))[part.name]
            free = np.flatnonzero(~masks[part.name].any(0))
            points = slice(None, None, 4)  # neighbouring samples say the same
            names = [f"{part.name}/{part.channels[i]}" for i in free]
            truth = strides.values[part.name][:, points][..., free]
            parts.append(
                Calibration.fit(drawn[:, :, points][..., free], truth, strides.subject, names)
            )
        found[name] = _joined(parts)
    return found


def _joined(parts: Sequence[Calibration]) -> Calibration:
    channels = tuple(name for part in parts for name in part.channels)
    scales = np.concatenate([part.scales for part in parts], axis=1)
    return Calibration(channels, parts[0].levels, scales, parts[0].subjects)


def nearest_subset(
    layout: Sequence[Modality],
    given: subsets.Masks,
    known: Mapping[str, Sequence[str]] = subsets.TYPICAL,
) -> str:
    """The subset (name -> patterns) most like the given signals, by the share of samples in
    common.
    """
    waves = [part.name for part in layout if part.steps > 1]

    def alike(name: str) -> float:
        other = subsets.masks(layout, known[name])
        both = sum((given[w] & other[w]).mean() for w in waves)
        either = sum((given[w] | other[w]).mean() for w in waves)
        return both / max(either, 1e-9)

    return max(known, key=alike)


def score_table(
    model: Imputer,
    calibration: Mapping[str, Calibration],
    strides: Strides,
    samples: int = 32,
    steps: int = 0,
    names: Sequence[str] = tuple(subsets.TYPICAL),
) -> dict[tuple[str, str], Score]:
    """Scores by (subset, quantity) for the quantities that the subset leaves open."""

    def draw(part: Strides, masks: subsets.Masks) -> Mapping[str, np.ndarray]:
        return model.draw(part.values, masks, samples, 2, steps)

    return scored(draw, model, calibration, strides, names)


def errors(
    model: Imputer, strides: Strides, masks: subsets.Masks, samples: int = 32, steps: int = 0
) -> dict[str, float]:
    """RMSE of the median by quantity, for any masks."""

    def draw(part: Strides, masks: subsets.Masks) -> Mapping[str, np.ndarray]:
        return model.draw(part.values, masks, samples, 2, steps)

    return {name: score.rmse for name, score in _scores(draw, model, None, strides, masks).items()}


def scored(
    draw: Draw,
    model: Imputer,
    calibration: Mapping[str, Calibration],
    strides: Strides,
    names: Sequence[str] = tuple(subsets.TYPICAL),
) -> dict[tuple[str, str], Score]:
    """Scores of any predictor; `model` says which channels there are and what their training mean
    is.
    """
    table = {}
    for subset in names:
        masks = subsets.typical(model.law.layout, subset)
        found = _scores(draw, model, calibration.get(subset), strides, masks)
        table |= {(subset, quantity): score for quantity, score in found.items()}
    return table


def _scores(
    draw: Draw,
    model: Imputer,
    calibration: Calibration | None,
    strides: Strides,
    masks: subsets.Masks,
) -> dict[str, Score]:
    """Scores by quantity under one subset."""
    sums: dict[str, list[list[float]]] = {}
    for start in range(0, len(strides), CHUNK):
        part = strides[np.arange(start, min(start + CHUNK, len(strides)))]
        drawn = draw(part, masks)
        for quantity in QUANTITIES:
            _add(sums, quantity, drawn, part, model, masks, calibration)
    found = {}
    for name, rows in sums.items():
        columns = np.array(rows)
        error, total, sharp, inside = np.average(columns[:, 1:], axis=0, weights=columns[:, 0])
        found[name] = Score(
            float(np.sqrt(error)), float(1 - error / total), float(sharp), float(inside)
        )
    return found


def _add(
    sums: dict[str, list[list[float]]],
    quantity: Quantity,
    drawn: Mapping[str, np.ndarray],
    part: Strides,
    model: Imputer,
    masks: subsets.Masks,
    calibration: Calibration | None,
) -> None:
    """Append the row of one chunk: strides, squared error, that of the training mean, CRPS,
    coverage.
    """
    units = part.units.get(quantity.modality, ())
    free = [
        i
        for i, unit in enumerate(units)
        if unit == quantity.unit and not masks[quantity.modality][:, i].any()
    ]
    if not free:
        return
    samples = drawn[quantity.modality][..., free]
    truth = part.values[quantity.modality][..., free]
    law = model.law
    mean = (law.mean[quantity.modality] * law.scale[quantity.modality])[..., free]
    middle = np.median(samples, axis=0)
    error = np.square(middle - truth).mean()
    total = np.square(mean - truth).mean()
    sharp, inside = float(np.abs(middle - truth).mean()), float("nan")
    if len(samples) > 1:
        sharp = crps(samples, truth, antithetic=True)
        names = [f"{quantity.modality}/{part.channels[quantity.modality][i]}" for i in free]
        kept = calibration or Calibration.identity(names)
        low, high = kept.interval(samples, LEVEL, names)
        inside = float(((low <= truth) & (truth <= high)).mean())
    sums.setdefault(quantity.name, []).append([len(truth), error, total, sharp, inside])
