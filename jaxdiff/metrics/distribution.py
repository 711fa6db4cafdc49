"""Distances between distributions of samples, and the spread within them.

Fréchet distance of two Gaussians, `|m1 - m2|² + tr(S1) + tr(S2) - 2 tr((S1 S2)^½)` (LLMA eq. 8).
For samples the last trace is the sum of the singular values of `A Bᵀ / sqrt((n1-1)(n2-1))`, A and B
centred: nothing of size d x d is formed, so flattened trajectories (d = 4500, far more than
samples) cost no more than n1 x n2. For means and covariances it is the sum of the square roots of
the eigenvalues of `S1^½ S2 S1^½`. Everything is computed in float64 on the host.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError


def frechet(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance between two sets of samples (n1, ...), (n2, ...); each sample is flattened.
    In squared units.
    """
    a, b = _rows(a), _rows(b)
    if a.shape[1] != b.shape[1]:
        raise DataError(
            f"a Fréchet distance needs equal features; got {a.shape[1]} and {b.shape[1]} per sample"
        )
    one, two = ((x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (a, b))
    total = np.square(a.mean(0) - b.mean(0)).sum() + np.square(one).sum() + np.square(two).sum()
    if one.shape[1] < min(
        len(one), len(two)
    ):  # the triangular factors have the same singular values
        one, two = (np.asarray(np.linalg.qr(x, mode="r")) for x in (one, two))
    return float(max(total - 2 * np.linalg.svd(one @ two.T, compute_uv=False).sum(), 0.0))


def frechet_gaussians(
    mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike
) -> float:
    """Fréchet distance between two Gaussians given by mean (d,) and covariance (d, d), which may be
    singular.
    """
    mean1, cov1, mean2, cov2 = (np.asarray(x, np.float64) for x in (mean1, cov1, mean2, cov2))
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ cov2 @ root), 0)).sum()
    return float(
        max(np.square(mean1 - mean2).sum() + np.trace(cov1) + np.trace(cov2) - 2 * cross, 0.0)
    )


def correlational_score(real: ArrayLike, fake: ArrayLike) -> float:
    """Diffusion-TS: sum over pairs of channels of |correlation in real - correlation in fake|,
    over 10. (n, T, D) each.
    """
    corr = []
    for x in (real, fake):
        x = np.asarray(x, np.float64)
        flat = x.reshape(-1, x.shape[-1])
        if not flat.std(0).all():
            raise DataError(
                f"channel {int(flat.std(0).argmin())} never changes: it has no correlation with"
                " others"
            )
        corr.append(np.corrcoef(flat, rowvar=False).reshape(x.shape[-1], -1))
    return float(np.abs(np.tril(corr[0] - corr[1])).sum() / 10)


def pair_distance(activations: ArrayLike, first: ArrayLike, second: ArrayLike) -> float:
    """Mean distance between the rows `first` and `second` of activations (..., n, d)."""
    activations = np.asarray(activations, np.float64)
    difference = activations[..., np.asarray(first), :] - activations[..., np.asarray(second), :]
    return float(np.linalg.norm(difference, axis=-1).mean())


def diversity(activations: ArrayLike, pairs: int = 300, seed: int = 0) -> float:
    """Mean distance of `pairs` random pairs among activations (n, d): two independent draws without
    replacement.
    """
    return pair_distance(activations, *_draws(np.shape(activations)[-2], pairs, seed))


def multimodality(activations: ArrayLike, pairs: int = 10, seed: int = 0) -> float:
    """Mean distance of `pairs` random pairs of repeats of the same text, activations (texts,
    repeats, d).
    """
    if np.ndim(activations) != 3:
        raise DataError(
            "multimodality needs activations (texts, repeats, d); got shape"
            f" {np.shape(activations)}"
        )
    return pair_distance(activations, *_draws(np.shape(activations)[-2], pairs, seed))


def _draws(count: int, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    if count < pairs:
        raise DataError(f"{pairs} pairs need at least {pairs} samples; got {count}")
    rng = np.random.default_rng(seed)
    return rng.choice(count, pairs, replace=False), rng.choice(count, pairs, replace=False)


def _rows(x: ArrayLike) -> np.ndarray:
    x = np.asarray(x, np.float64)
    x = x.reshape(len(x), -1)
    if len(x) < 2:
        raise DataError(f"a covariance needs at least 2 samples; got {len(x)}")
    if not np.isfinite(x).all():
        raise DataError("the samples contain NaN or infinity")
    return x
