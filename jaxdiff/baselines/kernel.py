"""Kernel ridge regression with a Gaussian kernel; width, scaling and strength chosen by leaving out
subjects.

`K = exp(-|x - x'|² / (2 w² m))` with m the median squared distance of the training inputs and w the
width. Centring the kernel frees the intercept, and its eigenvectors take the place of the singular
vectors in `ridge`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.baselines.protocol import Predict, check, mean_of, squared_distances
from jaxdiff.baselines.ridge import STRENGTHS, choose_strength, ridge, units

WIDTHS = (0.5, 1.0, 2.0, 4.0)
"""Kernel widths tried, in units of the median distance between training inputs."""
KERNEL_SCALINGS = ("step", "channel")


def kernel_ridge(
    x: ArrayLike,
    y: ArrayLike,
    subjects: ArrayLike,
    widths: Sequence[float] = WIDTHS,
    strengths: ArrayLike = STRENGTHS,
    scaling: str | Sequence[str] = KERNEL_SCALINGS,
    most: int = 2000,
) -> Predict:
    """Gaussian-kernel ridge regression; everything free is chosen by leaving out one training
    subject at a time.

    Args:
        x: Inputs [N, ..., d], flattened.
        y: Targets [N, ...], flattened.
        subjects: Subject of each row [N]; two different ones or more.
        widths: Kernel widths tried, in units of the median distance.
        strengths: Ridge strengths tried, in units of the mean eigenvalue of the centred kernel.
        scaling: One of `ridge.SCALINGS`, or several to choose from.
        most: With more rows than this, an evenly spaced subset of this size is fitted: time grows
            with its cube.

    Returns:
        A predictor [n, ..., d] -> [n, ...].
    """
    x, y, subjects = check(x, y, subjects, least_subjects=2)
    if len(x) > most:
        rows = np.linspace(0, len(x) - 1, most).round().astype(int)
        x, y, subjects = check(x[rows], y[rows], subjects[rows], least_subjects=2)
    targets = y.reshape(len(y), -1)
    centre = targets.mean(0)
    best = None
    for name in (scaling,) if isinstance(scaling, str) else scaling:
        scale = units(x, name)
        known = (x / scale).reshape(len(x), -1)
        distances = squared_distances(known, known)
        median = max(float(np.median(distances[np.triu_indices(len(x), 1)])), 1e-12)
        for width in widths:
            spread = 2.0 * width**2 * median
            kernel = np.exp(-distances / spread)
            mean = kernel.mean(0)
            values, u = np.linalg.eigh(kernel - mean - mean[:, None] + mean.mean())
            values, u = values[1:], u[:, 1:]  # the constant direction has eigenvalue zero
            kept = values > 1e-10 * values[-1]
            values, u = values[kept], u[:, kept]
            shrink, error = choose_strength(u, values, targets - centre, subjects, strengths)
            if best is None or error < best[0]:
                weights = u @ ((shrink / values)[:, None] * (u.T @ (targets - centre)))
                best = error, scale, known, spread, mean, weights
    assert best is not None
    _, scale, known, spread, mean, weights = best
    offset = centre - mean @ weights + mean.mean() * weights.sum(0)

    def predict(x: ArrayLike) -> np.ndarray:
        features = (np.asarray(x, np.float64) / scale).reshape(-1, known.shape[1])
        kernel = np.exp(-squared_distances(features, known) / spread)
        answer = offset + kernel @ weights - kernel.mean(1, keepdims=True) * weights.sum(0)
        return answer.reshape(-1, *y.shape[1:])

    return predict


def _kernel_ridge(scaling: str):
    return lambda x, y, subjects: kernel_ridge(x, y, subjects, scaling=scaling)


def _ridge(scaling: str):
    return lambda x, y, subjects: ridge(x, y, subjects, scaling=scaling)


mean_of_kernels = mean_of(
    [_ridge("step"), _ridge("channel"), _kernel_ridge("step"), _kernel_ridge("channel")]
)
"""The mean of four kernel ridges: linear and Gaussian, inputs scaled by time step and by channel.
"""
