"""Errors of motion under path and keyframe constraints: GMD (Karunratanakul et al. 2023) and OmniControl (Xie et al. 2024).

`error` is the distance in metres between a controlled joint and its target at each keyframe, (motions, keyframes).
A motion fails at a threshold if any keyframe is off by more (`strict`), or if its mean is; a keyframe fails by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

THRESHOLDS = (0.2, 0.5)


def keyframe_errors(
    error: ArrayLike, mask: ArrayLike | None = None, strict: bool = True
) -> dict[str, float]:
    """GMD's five numbers: shares of failed motions and keyframes beyond 20 and 50 cm, mean error [m]; `mask` 1 = counts."""
    error = np.asarray(error, np.float64)
    counts = np.ones_like(error) if mask is None else np.asarray(mask, np.float64)
    count, total = np.maximum(counts.sum(1), 1), max(counts.sum(), 1)
    row = (error * counts).max(1) if strict else (error * counts).sum(1) / count
    scores = {f"trajectory_fail_{100 * t:.0f}cm": float((row > t).mean()) for t in THRESHOLDS}
    scores |= {
        f"keyframe_fail_{100 * t:.0f}cm": float((error * counts > t).sum() / total)
        for t in THRESHOLDS
    }
    return scores | {"keyframe_error": float((error * counts).sum() / total)}


def keyframe_errors_per_motion(error: ArrayLike, mask: ArrayLike) -> np.ndarray:
    """OmniControl's (motions, 5): fails beyond 20 and 50 cm, shares of keyframes beyond both, mean error; 0 without keys."""
    error, mask = np.asarray(error, np.float64), np.asarray(mask, np.float64)
    error, count = error * mask, np.maximum(mask.sum(1), 1)
    fails = [(error > t).any(1) for t in THRESHOLDS] + [
        (error > t).sum(1) / count for t in THRESHOLDS
    ]
    return np.stack([*fails, error.sum(1) / count], axis=1).astype(np.float64)


def trajectory_diversity(points: ArrayLike, lengths: ArrayLike) -> float:
    """Rms distance of repeated paths to their mean path, points (motions, repeats, T, 2), averaged over motions [m]."""
    points = np.asarray(points, np.float64)
    spread = [
        np.square(p - p.mean(0)).sum(-1).mean() ** 0.5
        for p in (q[:, :n] for q, n in zip(points, np.ravel(lengths)))
    ]
    return float(np.mean(spread))
