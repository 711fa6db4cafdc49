"""Adapting a gait model to a laboratory: its mean, its correlations and its intervals, from a few
people.

The posterior means of a laboratory's strides re-estimate centre and correlations of the law (one EM
step), weighed against the shipped law as `strength` people who walk as simulated. The strength is
chosen by leaving out people, with the unadapted model among the candidates: on left-out people the
adapted model is never worse than it. The intervals are then recalibrated on the predictions for
left-out people.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.data.trials import Trials
from jaxdiff.errors import DataError, DataWarning
from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait_fit import factored
from jaxdiff.methods.gait_law import Law
from jaxdiff.metrics.uncertainty import crps
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.trained import Trained
from jaxdiff.studies.gait import subsets
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.recordings import read_strides
from jaxdiff.studies.gait.strides import Strides

STRENGTHS = (math.inf, 30.0, 10.0, 3.0, 1.0)
"""Candidates: how many people the shipped law counts for; infinitely many: unadapted."""
SAMPLES = 24
Task = tuple[str, tuple[str, ...]]
"""A modality to predict and the patterns of what is given."""


def adapted(trained: Trained, source: str | Path | Strides, seed: int = 0) -> Trained:
    """A model adapted to a laboratory's people.

    Args:
      trained: a gait model.
      source: the recipe (YAML) of the laboratory's recordings, or strides.
      seed: of the samples.

    Returns:
      The adapted model; its metadata say which strength was chosen and what each candidate scored.

    Raises:
      DataError: fewer than three people, or fewer than two modalities.
    """
    model = Imputer.of(trained.params, trained.metadata)
    strides = source if isinstance(source, Strides) else read_laboratory(source, model.law)
    people = np.unique(strides.subject)
    tasks = tasks_of(strides)
    if len(people) < 3 or not tasks:
        raise DataError(
            f"adapting needs three people or more and two modalities or more; got {len(people)}"
            f" people and {', '.join(measured(strides)) or 'no known modality'}"
        )
    scores, kept = {}, {}
    for strength in STRENGTHS:
        samples = left_out(model, strides, tasks, strength, seed)
        scores[strength] = float(np.mean([score(s, strides, t, model.law) for t, s in samples]))
        kept[strength] = samples
    best = min(scores, key=lambda strength: scores[strength])
    law = refit(model.law, strides, best)
    calibrations, patterns = {}, {}
    for (target, given), samples in kept[best]:
        name = f"adapted: {target} from {', '.join(p.split('/')[0] for p in given)}"
        patterns[name] = list(given)
        calibrations[name] = _calibrated(samples, strides, target).to_json()
    params = {**trained.params, "fixed": law.to_params()}
    adaptation = {
        "people": len(people),
        "strides": len(strides),
        "strength": str(best),
        "crps": {str(strength): score for strength, score in scores.items()},
    }
    metadata = {
        **trained.metadata,
        "calibrations": {**trained.metadata.get("calibrations", {}), **calibrations},
        "subsets": patterns,
        "adaptation": adaptation,
    }
    return replace(trained, params=params, metadata=metadata)


def refit(law: Law, strides: Strides, strength: float) -> Law:
    """The law with centre, correlations and residuals re-estimated, every person counting once."""
    if math.isinf(strength):
        return law
    _, person, size = np.unique(strides.subject, return_inverse=True, return_counts=True)
    weight = 1 / size[person]
    mean, within = np.zeros((len(strides), len(law.centre))), np.zeros(law.factor.shape)
    for rows, masks in _by_mask(strides, law):
        posterior = law.condition(masks)
        part = {name: np.nan_to_num(values[rows]) for name, values in strides.values.items()}
        mean[rows] = posterior.mean(posterior.evidence(part))
        within += weight[rows].sum() * posterior.root @ posterior.root
    total = strength + weight.sum()
    centre = (strength * law.centre + weight @ mean) / total
    apart, moved = mean - centre, law.centre - centre
    prior = np.linalg.inv(law.precision) + np.outer(moved, moved)
    covariance = (strength * prior + (apart * weight[:, None]).T @ apart + within) / total
    means, noises = {}, {}
    for part in law.layout:
        x = law.standardise(part.name, strides.values[part.name])
        left = x - np.tensordot(mean[:, law.slices[part.name]], law.basis[part.name], (1, 2))
        seen = np.isfinite(left)
        share = weight[:, None, None] * seen
        people = strength + share.sum(0)
        offset = (share * np.where(seen, left, 0.0)).sum(0) / people
        own = left - offset
        own = np.where(seen, own - _deviations(law, part.name, own), 0.0)
        spread = (share * np.square(own)).sum(0)
        variance = (strength * np.square(law.noise[part.name]) + spread) / people
        means[part.name] = (law.mean[part.name] + offset).astype(np.float32)
        noises[part.name] = np.sqrt(variance).astype(np.float32)
    return replace(
        law,
        centre=centre.astype(np.float32),
        factor=factored(covariance - law.shrinkage * np.eye(len(centre))),
        mean=means,
        noise=noises,
    )


def _deviations(law: Law, name: str, left: np.ndarray) -> np.ndarray:
    """The discrepancy that the law finds in standardised residuals [N, steps, C], zero in channels
    with gaps.
    """
    found = np.zeros_like(left)
    for channel in range(left.shape[-1] if name in law.discrepancy else 0):
        rows = np.isfinite(left[..., channel]).all(1)
        d, noise = law.directions[name][:, channel], law.noise[name][:, channel]
        xi, _ = gait_discrepancy.posterior(d, noise, left[rows, :, channel])
        found[rows, :, channel] = xi @ d.T
    return found


def tasks_of(strides: Strides) -> list[Task]:
    """Every measured modality from all other measured ones."""
    names = measured(strides)
    return [
        (target, tuple(f"{other}/*" for other in names if other != target) + subsets.SCALARS)
        for target in names
        if len(names) > 1
    ]


def measured(strides: Strides) -> list[str]:
    """Modalities of which something was measured, scalars aside."""
    return [
        name
        for name, values in strides.values.items()
        if values.shape[1] > 1 and np.isfinite(values).any()
    ]


def _by_mask(strides: Strides, law: Law) -> list[tuple[np.ndarray, subsets.Masks]]:
    """Rows of strides with the same samples measured, and these as masks."""
    flat = [np.isfinite(strides.values[p.name]).reshape(len(strides), -1) for p in law.layout]
    _, kind = np.unique(np.concatenate(flat, axis=1), axis=0, return_inverse=True)
    groups = [np.flatnonzero(kind.ravel() == number) for number in range(kind.max() + 1)]
    return [
        (rows, {p.name: np.isfinite(strides.values[p.name][rows[0]]) for p in law.layout})
        for rows in groups
    ]


def left_out(
    model: Imputer, strides: Strides, tasks: Sequence[Task], strength: float, seed: int
) -> list[tuple[Task, np.ndarray]]:
    """Per task, samples [S, N, steps, C] of the target for every person, the law refitted without
    them.
    """
    found = [
        (task, np.zeros((SAMPLES, *strides.values[task[0]].shape), np.float32)) for task in tasks
    ]
    for person in np.unique(strides.subject):
        inside = strides.subject == person
        law = refit(model.law, strides[np.flatnonzero(~inside)], strength)
        own = model.with_law(law)
        for rows, masks in _by_mask(strides[np.flatnonzero(inside)], law):
            rows = np.flatnonzero(inside)[rows]
            values = {name: x[rows] for name, x in strides.values.items()}
            for (target, given), samples in found:
                chosen = subsets.masks(law.layout, given)
                both = {name: chosen[name] & masks[name] for name in masks}
                samples[:, rows] = own.draw(values, both, SAMPLES, seed, 0, (target,))[target]
    return found


def score(samples: np.ndarray, strides: Strides, task: Task, law: Law) -> float:
    """CRPS of the target in deviations of its channels, every person counting once."""
    target = task[0]
    truth, scale = strides.values[target], law.scale[target]
    each = []
    for person in np.unique(strides.subject):
        rows = np.flatnonzero(strides.subject == person)
        known = np.isfinite(truth[rows])
        x = (samples[:, rows] / scale)[:, known]
        each.append(crps(x, (truth[rows] / scale)[known], antithetic=True))
    return float(np.mean(each))


def _calibrated(samples: np.ndarray, strides: Strides, target: str) -> Calibration:
    truth = strides.values[target]
    channels = [f"{target}/{channel}" for channel in strides.channels[target]]
    seen = [i for i in range(len(channels)) if np.isfinite(truth[..., i]).any()]
    return Calibration.fit(
        samples[..., seen], truth[..., seen], strides.subject, [channels[i] for i in seen]
    )


def read_laboratory(recipe: str | Path, law: Law) -> Strides:
    """Strides of the recordings that a recipe describes."""
    from jaxdiff.data import catalogue

    return strides_of(catalogue.load("folder", recipe=str(recipe)), law)


def strides_of(trials: Trials, law: Law) -> Strides:
    """Strides of trials; each modality of a trial is matched by itself, all are cut at the same
    foot strikes.
    """
    parts: list[Mapping[str, Any]] = []
    unused: dict[tuple[str, str], int] = {}
    for row in range(len(trials)):
        recordings = {name: trials.recording(row, name) for name in trials.signals}
        found, why = _merged(recordings, law)
        for reason in why.items():
            unused[reason] = unused.get(reason, 0) + 1
        if found:
            count = len(next(iter(found.values())))
            parts.append({**found, "subject": np.repeat(trials.column("subject")[row], count)})
    for (modality, reason), count in unused.items():
        text = f"{modality} of {count} of {len(trials)} trials cannot be used: {reason}"
        if "rename" in reason:
            theirs = trials.channels[modality][0]
            ours = next((p.channels[0] for p in law.layout if p.name == modality), "grf_normal_r")
            text += f" (in the recipe: channels: {{{ours}: {theirs}, ...}})"
        warnings.warn(text, DataWarning, stacklevel=2)
    if not parts:
        raise DataError("no trial holds a whole stride with channels of the model")
    values = {p.name: np.concatenate([part[p.name] for part in parts]) for p in law.layout}
    return Strides(
        values,
        np.concatenate([part["subject"] for part in parts]),
        {p.name: p.channels for p in law.layout},
        {p.name: p.units for p in law.layout},
    )


def _merged(
    recordings: Mapping[str, Recording], law: Law
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Values of one trial's modalities, NaN where nothing was measured, and why a modality cannot
    be used.
    """
    times, side, found, why = None, "", {}, {}
    for modality in sorted(recordings, key=lambda name: "deg" not in recordings[name].units):
        try:
            given = read_strides(recordings[modality], law.layout, times=times, side=side)
        except DataError as error:
            why[modality] = str(error)
            continue
        if times is None:
            times, side = given.times, given.side
        for name, values in given.values.items():
            x = np.where(given.masks[name], values, np.nan)
            found[name] = np.where(np.isnan(found[name]), x, found[name]) if name in found else x
    return found, why
