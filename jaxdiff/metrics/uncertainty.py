"""Calibration of predictive distributions given by samples: CRPS, coverage, spread and skill.

CRPS (Gneiting & Raftery 2007): `mean |x_s - y| - ½ mean |x_s - x_s'|`, the second mean over the
S(S-1) pairs of different samples (the fair form, unbiased in S); in the unit of the data, the
absolute error when all samples agree. Coverage: how often the central interval at a level holds the
truth. Spread and skill: a calibrated ensemble's mean is off by `sqrt(1 + 1/S)` times its standard
deviation. Samples are (S, ...), the truth (...).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError


def crps(samples: ArrayLike, truth: ArrayLike, antithetic: bool = False) -> float:
    """Continuous ranked probability score, averaged over all entries, in the unit of the data.

    Args:
      samples: [S, ...].
      truth: [...].
      antithetic: samples 2k and 2k + 1 were made from opposite noise. They lie further apart than
        independent ones, so their differences are left out of the spread; S is even and at least 4.
    """
    samples, truth = _ensemble(samples, truth)
    count = len(samples)
    ordered = np.sort(samples, axis=0)
    # Σ_{s<s'} |x_s - x_s'| = Σ_k (2k - S + 1) x_(k), k = 0 … S-1
    weight = (2 * np.arange(count) - count + 1).reshape(-1, *[1] * truth.ndim)
    apart, among = (weight * ordered).sum(0), count * (count - 1)
    if antithetic:
        if count % 2 or count < 4:
            raise DataError(f"antithetic samples are an even number from 4 on; got {count}")
        apart, among = apart - np.abs(samples[1::2] - samples[::2]).sum(0), among - count
    spread = apart / among
    return float((np.abs(samples - truth).mean(0) - spread).mean())


def coverage(
    samples: ArrayLike, truth: ArrayLike, levels: Sequence[float] = (0.5, 0.8, 0.9, 0.95)
) -> dict[str, float]:
    """Share of the truth inside central intervals (`coverage_90`) and their mean width (`width_90`,
    unit of the data).

    Bounds are the order statistics at `p (S + 1)`: for S exchangeable samples the coverage is then
    exact. Levels that S samples cannot resolve (`S < 2 / (1 - level) - 1`) are bounded by the
    smallest and largest sample and cover less.
    """
    samples, truth = _ensemble(samples, truth)
    scores = {}
    for level in levels:
        tail = (1 - level) / 2
        low, high = np.quantile(samples, [tail, 1 - tail], axis=0, method="weibull")
        scores[f"coverage_{100 * level:g}"] = float(((low <= truth) & (truth <= high)).mean())
        scores[f"width_{100 * level:g}"] = float((high - low).mean())
    return scores


def spread_skill(samples: ArrayLike, truth: ArrayLike) -> dict[str, float]:
    """`spread` (rms standard deviation), `rmse` of the mean, and their ratio, 1 if calibrated,
    below 1 if overconfident.
    """
    samples, truth = _ensemble(samples, truth)
    spread = np.sqrt(samples.var(0, ddof=1).mean())
    rmse = np.sqrt(np.square(samples.mean(0) - truth).mean())
    ratio = np.sqrt(1 + 1 / len(samples)) * spread / rmse if rmse > 0 else np.inf
    return {"spread": float(spread), "rmse": float(rmse), "spread_skill": float(ratio)}


def _ensemble(samples: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    samples, truth = np.asarray(samples, np.float64), np.asarray(truth, np.float64)
    if samples.shape[1:] != truth.shape or len(samples) < 2:
        raise DataError(
            f"an ensemble needs two or more samples of the truth's shape; got {samples.shape} for"
            f" {truth.shape}"
        )
    return samples, truth
