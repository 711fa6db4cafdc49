"""Errors of a prediction against the paired truth, per channel in its own unit and pooled in
normalised units.

`R² = 1 - Σ (truth - prediction)² / Σ (truth - baseline)²`, where the baseline is the mean curve of
the truth (each channel at each time step) unless another is given, such as the training mean: a
score of 0 is as good as predicting that curve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError


def pointwise(
    prediction: ArrayLike,
    truth: ArrayLike,
    *,
    channels: Sequence[str] = (),
    units: Sequence[str] = (),
    scale: ArrayLike | None = None,
    baseline: ArrayLike | None = None,
) -> dict[str, float]:
    """MSE, MAE, R² and Pearson's r of (N, T, C) arrays in physical units.

    Without a prefix: pooled over channels, MSE and MAE after division by `scale` (C,), the width of
        one normalised unit of
    each channel. With channel names, `mae/hip [deg]` and so on too, in the unit of the channel (MSE
    in its square).
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    if prediction.shape != truth.shape or truth.ndim != 3:
        raise DataError(
            f"prediction and truth must both be (N, T, C); got {prediction.shape} and {truth.shape}"
        )
    if (channels and len(channels) != truth.shape[-1]) or len(units) not in (0, len(channels)):
        raise DataError(
            f"{truth.shape[-1]} channels need as many names and units; got {len(channels)},"
            f" {len(units)}"
        )
    normal = (prediction - truth) / (1.0 if scale is None else np.asarray(scale, np.float64))
    reference = truth.mean(0) if baseline is None else np.asarray(baseline, np.float64)
    scores = {
        "mse": float(np.square(normal).mean()),
        "mae": float(np.abs(normal).mean()),
        "r2": explained(prediction, truth, reference),
        "pearson": float(
            np.mean([pearson(prediction[..., c], truth[..., c]) for c in range(truth.shape[-1])])
        ),
    }
    for c, name in enumerate(channels):
        error = prediction[..., c] - truth[..., c]
        unit, square = (f" [{units[c]}]", f" [({units[c]})²]") if units else ("", "")
        scores[f"mse/{name}{square}"] = float(np.square(error).mean())
        scores[f"mae/{name}{unit}"] = float(np.abs(error).mean())
        scores[f"r2/{name}"] = explained(
            prediction[..., c], truth[..., c], np.broadcast_to(reference, truth.shape)[..., c]
        )
        scores[f"pearson/{name}"] = pearson(prediction[..., c], truth[..., c])
    return scores


def explained(prediction: ArrayLike, truth: ArrayLike, baseline: ArrayLike) -> float:
    """Share of the squared deviation of `truth` from `baseline` that `prediction` explains; NaN
    where there is none.
    """
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    total = np.square(truth - np.asarray(baseline, np.float64)).sum()
    return float(1 - np.square(truth - prediction).sum() / total) if total > 0 else float("nan")


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson's r of two arrays of one shape, flattened; NaN where one of them is constant."""
    a, b = (np.asarray(z, np.float64).ravel() for z in (x, y))
    a, b = a - a.mean(), b - b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 0 else float("nan")
