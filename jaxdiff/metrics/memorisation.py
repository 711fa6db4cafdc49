"""Does a model repeat its training clips? The distance from each motion to the nearest training
clip.

Motions are compared in windows, joint by joint, as seen from the root and its heading. The same
distance of real motions that were not trained on is the reference: a model that has memorised is
far below it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdiff.errors import DataError

WINDOW, STRIDE, EVERY = 32, 8, 4
"""Frames of a window, frames between windows, and of which frames one is compared."""


def nearest(made: Sequence[np.ndarray], known: Sequence[np.ndarray]) -> np.ndarray:
    """Root mean square distance of joints from each motion's windows to the nearest window of known
    motions.

    Args:
      made: motions `(T, D)` of local joint positions in metres.
      known: motions they may repeat, likewise.

    Returns:
      For each motion of a window or more, the mean over its windows, in metres `(N,)`.

    Raises:
      DataError: if no motion has a whole window.
    """
    table = np.concatenate([_windows(each) for each in known if len(each) >= WINDOW] or [_none()])
    long = [each for each in made if len(each) >= WINDOW]
    if not len(table) or not long:
        raise DataError(f"motions are compared in windows of {WINDOW} frames; none is as long")
    squares = (table**2).sum(-1)
    found = []
    for each in long:
        windows = _windows(each)
        distance = (windows**2).sum(-1)[:, None] + squares - 2 * windows @ table.T
        joints = windows.shape[-1] / 3
        found.append(np.sqrt(np.maximum(distance.min(-1), 0) / joints).mean())
    return np.asarray(found)


def _windows(motion: np.ndarray) -> np.ndarray:
    starts = range(0, len(motion) - WINDOW + 1, STRIDE)
    return np.stack([motion[i : i + WINDOW : EVERY].reshape(-1) for i in starts]).astype(np.float32)


def _none() -> np.ndarray:
    return np.zeros((0, 1), np.float32)
