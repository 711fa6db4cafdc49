"""Dependence of an error on source and target speed (speed-transfer paper, III.C, Figs. 5-7).

Every function takes one value per generated trial with its source and target speed in m/s
(`by_source_count`: their table).
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import DataError


class Levels(NamedTuple):
    """Mean and standard deviation of a value at each level, and how many there were."""

    level: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    count: np.ndarray


class Heat(NamedTuple):
    """Mean value of each pair of source (rows) and target speed; NaN where there is no trial."""

    source: np.ndarray
    target: np.ndarray
    mean: np.ndarray


def by_level(level: ArrayLike, value: ArrayLike, width: float = 0.05) -> Levels:
    """Values grouped by a level, such as the source speed or |Δv|, rounded to multiples of `width`;
    NaN left out.
    """
    level, value = _grid(level, width), np.asarray(value, np.float64)
    level, value = level[~np.isnan(value)], value[~np.isnan(value)]
    levels, group = np.unique(level, return_inverse=True)
    members = [value[group == g] for g in range(len(levels))]
    mean, sd, count = (np.array([f(m) for m in members]) for f in (np.mean, np.std, len))
    return Levels(levels, mean, sd, count)


def heat_map(source: ArrayLike, target: ArrayLike, value: ArrayLike, width: float = 0.05) -> Heat:
    """Means over pairs of speeds, each rounded to multiples of `width`, for figures 5 and 6."""
    source, target, value = (
        _grid(source, width),
        _grid(target, width),
        np.asarray(value, np.float64),
    )
    rows, columns = np.unique(source), np.unique(target)
    kept = ~np.isnan(value)
    cells = (np.searchsorted(rows, source[kept]), np.searchsorted(columns, target[kept]))
    total, count = np.zeros((2, len(rows), len(columns)))
    np.add.at(total, cells, value[kept])
    np.add.at(count, cells, 1)
    return Heat(rows, columns, np.where(count > 0, total / np.maximum(count, 1), np.nan))


def identity_split(source: ArrayLike, target: ArrayLike, value: ArrayLike) -> dict[str, float]:
    """Mean over all pairs, over identity pairs, and over the others: an identity pair is nearly a
    copy and flatters.
    """
    value = np.asarray(value, np.float64)
    same = np.isclose(source, target, rtol=0, atol=1e-6)
    parts = {"all": value, "identity": value[same], "off_diagonal": value[~same]}
    return {
        name: float(np.nanmean(part)) if np.isfinite(part).any() else float("nan")
        for name, part in parts.items()
    }


def by_source_count(error: ArrayLike, source: ArrayLike, target: ArrayLike) -> Levels:
    """Mean and sd, over *all* subsets of k source speeds, of the mean error over targets; k = 1 …
    all.

    `error` (sources, targets); in a subset each target takes its nearest source, the slower of two
    equally near (Fig. 7b). Exact without enumerating 2^n subsets: source s serves target t in a
    subset iff s is in it and the rest is drawn from the sources that come after s for t, `F(s, t)`.
    Hence P = C(|F|, k-1) / C(n, k), and likewise for pairs of (s, t).
    """
    error, source, target = (np.asarray(x, np.float64) for x in (error, source, target))
    n = len(source)
    if error.shape != (n, len(target)) or not np.isfinite(error).all():
        raise DataError(
            f"{n} sources and {len(target)} targets need as large a table of finite errors; got"
            f" {error.shape}"
        )
    distance = np.round(np.abs(source[:, None] - target), 6)
    order = np.argsort(
        np.lexsort((np.broadcast_to(source[:, None], distance.shape), distance), axis=0), axis=0
    )
    after = (
        (order[None] > order[:, None]).reshape(n, n, -1).transpose(0, 2, 1).reshape(-1, n)
    )  # (s t, other)
    own = np.repeat(np.arange(n), len(target))
    same = own[:, None] == own
    possible = same | (after[:, own] & after[:, own].T)
    shared = after.astype(int) @ after.T.astype(int)
    flat = error.ravel() / len(target)
    mean, sd = np.zeros((2, n))
    for k in range(1, n + 1):
        once, twice = _choices(n, k - 1), _choices(n, k - 2)
        mean[k - 1] = flat @ once[after.sum(1)] / comb(n, k)
        twice = possible * np.where(same, once[shared], twice[shared])
        sd[k - 1] = np.sqrt(max(flat @ twice @ flat / comb(n, k) - mean[k - 1] ** 2, 0.0))
    return Levels(np.arange(1, n + 1), mean, sd, np.array([comb(n, k) for k in range(1, n + 1)]))


def _choices(n: int, k: int) -> np.ndarray:
    """Ways to choose k of 0 … n things."""
    return np.array([comb(m, k) if k >= 0 else 0 for m in range(n + 1)], np.float64)


def _grid(x: ArrayLike, width: float) -> np.ndarray:
    return np.round(np.round(np.asarray(x, np.float64) / width) * width, 9)
