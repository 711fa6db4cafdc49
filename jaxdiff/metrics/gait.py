"""Agreement of generated and measured gait cycles (speed-transfer paper, II.F).

Cycle-normalised MAE: cycles of measured and generated trajectories (start and end samples, from
`body.gait`) are matched greedily, each measured cycle to the unused generated cycle of nearest
centre and length, and resampled to 101 points. The error per channel is that of the two *mean*
curves (form `mean`, as in the paper; matching then only selects cycles), or the mean over matched
pairs (form `cycle`), which is larger. Cycles detected at the hip also apply to the knee and ankle
of the same side.

Trajectories are [T, C] at a common rate, errors in their unit. A side without cycles yields NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.metrics.pointwise import pearson


class Curves(NamedTuple):
    """Matched cycles of one side, (cycles, points, channels) each."""

    real: np.ndarray
    generated: np.ndarray


def cycles_between(events: ArrayLike) -> np.ndarray:
    """Consecutive events as cycles, (N + 1,) -> (N, 2)."""
    events = np.asarray(events, np.float64)
    return np.stack([events[:-1], events[1:]], axis=1)


def match_cycles(real: ArrayLike, generated: ArrayLike) -> np.ndarray:
    """Pairs (i, j) of real cycle i and the unused generated cycle j with the least |centre| +
    |length| difference.
    """
    real, generated = (np.asarray(c, np.float64).reshape(-1, 2) for c in (real, generated))
    centre = np.abs(real.mean(1)[:, None] - generated.mean(1))
    length = np.abs((real[:, 1] - real[:, 0])[:, None] - (generated[:, 1] - generated[:, 0]))
    cost = centre + length
    pairs = []
    for i in range(min(cost.shape)):
        j = int(cost[i].argmin())
        cost[:, j] = np.inf
        pairs.append((i, j))
    return np.array(pairs, np.int64).reshape(-1, 2)


def matched_curves(
    real: ArrayLike,
    generated: ArrayLike,
    real_cycles: ArrayLike,
    generated_cycles: ArrayLike,
    points: int = 101,
) -> Curves:
    """The matched cycles of two trajectories (T, C), time-normalised."""
    pairs = match_cycles(real_cycles, generated_cycles)
    return Curves(
        normalise_cycles(real, np.reshape(real_cycles, (-1, 2))[pairs[:, 0]], points),
        normalise_cycles(generated, np.reshape(generated_cycles, (-1, 2))[pairs[:, 1]], points),
    )


def normalise_cycles(values: ArrayLike, cycles: np.ndarray, points: int = 101) -> np.ndarray:
    """Any cycles (N, 2) of a trajectory (T, C), in samples, each on equidistant points, (N, points,
    C).
    """
    values, cycles = np.asarray(values, np.float64), np.asarray(cycles, np.float64)
    if len(cycles) and not (
        cycles.min() >= 0
        and cycles.max() <= len(values) - 1
        and (cycles[:, 0] < cycles[:, 1]).all()
    ):
        raise DataError(
            f"cycles must start before they end, within samples 0 to {len(values) - 1}; got"
            f" {cycles.tolist()}"
        )
    time = cycles[:, :1] + np.linspace(0, 1, points) * (cycles[:, 1:] - cycles[:, :1])
    left = np.minimum(time.astype(int), len(values) - 2)
    weight = (time - left)[..., None]
    return values[left] * (1 - weight) + values[left + 1] * weight


def cycle_mae(curves: Curves, form: str = "mean") -> np.ndarray:
    """Mean absolute error of every channel, (C,), of the mean curves or over matched cycles."""
    if form not in ("mean", "cycle"):
        raise ConfigError(
            f"no form {form!r} of the cycle-normalised MAE; {nearest(form, ('mean', 'cycle'))}"
        )
    if not len(curves.real):
        return np.full(curves.real.shape[-1], np.nan)
    if form == "cycle":
        return np.abs(curves.real - curves.generated).mean((0, 1))
    return np.abs(curves.real.mean(0) - curves.generated.mean(0)).mean(0)


def cycle_correlation(curves: Curves) -> np.ndarray:
    """Pearson's r of the mean curves of every channel, (C,)."""
    if not len(curves.real):
        return np.full(curves.real.shape[-1], np.nan)
    real, generated = curves.real.mean(0), curves.generated.mean(0)
    return np.array([pearson(real[:, c], generated[:, c]) for c in range(real.shape[1])])


class GaitErrors(NamedTuple):
    """Errors of one generated trajectory, (sides, joints) each."""

    mae: np.ndarray
    mae_per_cycle: np.ndarray
    correlation: np.ndarray


def gait_errors(
    real: ArrayLike,
    generated: ArrayLike,
    real_cycles: Sequence[ArrayLike],
    generated_cycles: Sequence[ArrayLike],
    channels: Sequence[Sequence[int]] = ((0, 1, 2), (3, 4, 5)),
) -> GaitErrors:
    """Both forms of MAE and r; `channels` are hip, knee, ankle of each side, and the cycles come
    one list per side.
    """
    rows = []
    for columns, ours, theirs in zip(channels, real_cycles, generated_cycles, strict=True):
        side, made = (np.asarray(x)[:, list(columns)] for x in (real, generated))
        curves = matched_curves(side, made, ours, theirs)
        rows.append((cycle_mae(curves), cycle_mae(curves, "cycle"), cycle_correlation(curves)))
    return GaitErrors(*(np.stack(values) for values in zip(*rows)))


def summary(
    errors: Sequence[GaitErrors], joints: Sequence[str] = ("hip", "knee", "ankle")
) -> dict[str, float]:
    """Means over trajectories: `mae`, `mae_per_cycle`, `pearson`, each per joint too; `failed`,
    share without cycles.
    """
    stacked = GaitErrors(*(np.stack(values) for values in zip(*errors)))
    scores = {}
    for name, values in zip(("mae", "mae_per_cycle", "pearson"), stacked):
        scores[name] = _mean(values.mean((1, 2)))
        scores |= {
            f"{name}/{joint}": _mean(values[:, :, j].mean(1)) for j, joint in enumerate(joints)
        }
    return scores | {"failed": float(np.isnan(stacked.mae).any((1, 2)).mean())}


def by_side(
    values: ArrayLike, paretic: ArrayLike, joints: Sequence[str] = ("hip", "knee", "ankle")
) -> dict[str, float]:
    """The paretic / non-paretic table of any error (N, 2 sides, joints); `paretic` (N,) is the
    number of that side.
    """
    values, paretic = np.asarray(values, np.float64), np.asarray(paretic)
    if not np.isin(paretic, (0, 1)).all():
        raise DataError(
            f"the paretic side is 0 or 1, as the sides of the errors; got {np.unique(paretic)}"
        )
    scores = {}
    for name, side in (("paretic", paretic), ("non_paretic", 1 - paretic)):
        chosen = values[np.arange(len(values)), side]
        scores |= {f"{name}/{joint}": _mean(chosen[:, j]) for j, joint in enumerate(joints)}
        scores[f"{name}/overall"] = _mean(chosen.mean(1))
    return scores


def rank(errors: ArrayLike, own: int) -> float:
    """Rank of a subject's own error among all subjects [S]; 1 is best, ties share the mean rank,
    NaN is missing.
    """
    errors = np.asarray(errors, np.float64)
    if np.isnan(errors[own]):
        return float("nan")
    return float(1 + (errors < errors[own]).sum() + ((errors == errors[own]).sum() - 1) / 2)


def personalisation(errors: ArrayLike, own: ArrayLike) -> dict[str, float]:
    """Errors of N generated gaits against S subjects at the same speed -> mean and worst `rank`,
    `first`, `available`.

    `available` is the mean number of subjects with that speed, the largest rank there is; a gait
    drawn blindly ranks at `(available + 1) / 2`.
    """
    errors, own = np.asarray(errors, np.float64), np.asarray(own)
    ranks = np.array([rank(row, int(i)) for row, i in zip(errors, own, strict=True)])
    return {
        "rank": _mean(ranks),
        "worst_rank": float(np.nanmax(ranks)),
        "first": _mean(np.where(np.isnan(ranks), np.nan, ranks == 1)),
        "available": float((~np.isnan(errors)).sum(1).mean()),
    }


def other_subjects(subject: ArrayLike, speed: ArrayLike, seed: int = 0) -> np.ndarray:
    """For the randomised control: for each trial, the index of a random trial of another subject,
    at the nearest speed.
    """
    subject, speed = np.asarray(subject), np.asarray(speed, np.float64)
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(subject), np.int64)
    for i in range(len(subject)):
        others = np.flatnonzero(subject != subject[i])
        if not len(others):
            raise DataError("a randomised subject needs a second subject")
        partner = rng.choice(np.unique(subject[others]))
        trials = np.flatnonzero(subject == partner)
        chosen[i] = trials[np.abs(speed[trials] - speed[i]).argmin()]
    return chosen


def cadence_errors(real: ArrayLike, generated: ArrayLike) -> dict[str, float]:
    """Mean absolute error of cadences (N,) in steps/min and in percent; `failed` is the share
    without a cadence.
    """
    real, generated = np.asarray(real, np.float64), np.asarray(generated, np.float64)
    error = np.abs(generated - real)
    return {
        "cadence_mae": _mean(error),
        "cadence_percent": _mean(100 * error / real),
        "failed": float(np.isnan(error).mean()),
    }


def _mean(values: np.ndarray) -> float:
    """The mean of what is not NaN; NaN if nothing is left."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float("nan")
