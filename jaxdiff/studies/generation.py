"""Generating for test examples: an even selection of them, in chunks of one shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from jaxdiff.typing import Key, Params


def evenly(count: int, most: int) -> np.ndarray:
    """Indices of at most `most` of `count` examples, evenly spread from the first to the last; 0
    for all.

    Examples:
        >>> evenly(10, 4).tolist()
        [0, 3, 6, 9]
    """
    if not most or most >= count:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def in_chunks(
    run: Callable[[Params, Key, Any], Any],
    params: Params,
    key: Key,
    condition: Mapping[str, np.ndarray],
    size: int = 64,
) -> np.ndarray:
    """Run a compiled generator on any number of conditions in chunks of one size, so that it is
    compiled once.

    Args:
        run: `run(params, key, condition)`, as `training.step.make_generate` returns it.
        params: Parameters.
        key: Chunk i draws from `fold_in(key, i)`.
        condition: Arrays `[N, ...]`.
        size: Examples per chunk; the last chunk is filled by repetition.

    Returns:
        What was generated, `[N, ...]`.
    """
    count = len(next(iter(condition.values())))
    pieces = []
    for number, begin in enumerate(range(0, count, size)):
        part = {
            name: np.resize(values[begin : begin + size], (size, *values.shape[1:]))
            for name, values in condition.items()
        }
        made = run(params, jax.random.fold_in(key, number), part)
        pieces.append(np.asarray(made)[: count - begin])
    return np.concatenate(pieces)
