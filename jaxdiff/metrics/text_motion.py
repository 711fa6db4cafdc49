"""The text-to-motion protocol (Guo et al. 2022) on embeddings of texts and motions by one
evaluator.

R-precision: in batches of 32, how often a text's own motion is among the 1, 2, 3 motions nearest to
it; MM-Dist: the mean distance of a text to its own motion; FID: Fréchet distance of all motion
embeddings to those of real motions; Diversity: mean distance of 300 random pairs; MultiModality:
the same within repeats of one text (100 texts, 30 repeats, 10 pairs). Everything is repeated 20
times and reported as mean ± 1.96 sd / √20 (population sd). Distances are Euclidean.

The numbers depend on the batch of 32 (chance is k/32), so other batches are refused; incomplete
ones are dropped by `scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError
from jaxdiff.metrics.distribution import diversity, frechet, multimodality

BATCH = 32


def distances(text: ArrayLike, motion: ArrayLike) -> np.ndarray:
    """Euclidean distances of every text (B, d) to every motion (B, d) of a batch, (B, B)."""
    text, motion = np.asarray(text, np.float64), np.asarray(motion, np.float64)
    return np.linalg.norm(text[:, None] - motion[None], axis=-1)


def hits(distance: np.ndarray, top: int = 3) -> np.ndarray:
    """Whether each text's own motion is among its k+1 nearest, (B, top). Ties go to the earlier
    motion: no gain in collapse.
    """
    order = np.argsort(distance, axis=1, kind="stable")
    own = order[:, :top] == np.arange(len(distance))[:, None]
    return np.cumsum(own, axis=1).astype(bool)


def r_precision(text: ArrayLike, motion: ArrayLike, top: int = 3) -> dict[str, float]:
    """`r_precision_1` … and `mm_dist` of paired embeddings (n, d), consecutive batches of 32."""
    text, motion = np.asarray(text), np.asarray(motion)
    if text.shape != motion.shape or len(text) == 0 or len(text) % BATCH:
        raise DataError(
            f"R-precision is defined over whole batches of {BATCH} paired embeddings; got"
            f" {text.shape} texts and {motion.shape} motions"
        )
    tables = [
        distances(text[i : i + BATCH], motion[i : i + BATCH]) for i in range(0, len(text), BATCH)
    ]
    shares = np.concatenate([hits(table, top) for table in tables]).mean(0)
    result = {f"r_precision_{k}": float(share) for k, share in enumerate(shares, 1)}
    return result | {"mm_dist": float(np.mean([np.diagonal(table).mean() for table in tables]))}


def scores(
    text: ArrayLike,
    motion: ArrayLike,
    real: ArrayLike,
    repeats: ArrayLike | None = None,
    *,
    seed: int = 0,
    pairs: int = 300,
) -> dict[str, float]:
    """One repetition: R-precision and MM-Dist over a random order in batches of 32, FID against
    `real`, Diversity.

    `repeats` (texts, repeats, d) are embeddings of several motions for the same texts, for
    MultiModality.
    """
    text, motion, real = np.asarray(text), np.asarray(motion), np.asarray(real)
    order = np.random.default_rng(seed).permutation(len(text))[: len(text) // BATCH * BATCH]
    result = r_precision(text[order], motion[order])
    result |= {"fid": frechet(motion, real), "diversity": diversity(motion, pairs, seed)}
    return (
        result if repeats is None else result | {"multimodality": multimodality(repeats, seed=seed)}
    )


def repeated(
    score: Callable[[int], dict[str, float]], seeds: Sequence[int] = range(20)
) -> dict[str, float]:
    """Mean of `score(seed)` over the seeds, and `<name>_ci95`, the half width 1.96 sd / √n of its
    interval.
    """
    rows = [score(seed) for seed in seeds]
    result = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        result[name] = float(values.mean())
        result[f"{name}_ci95"] = float(1.96 * values.std() / np.sqrt(len(values)))
    return result
