"""Two-bone limbs: knee and elbow solved for where ankle and wrist should be."""

from __future__ import annotations

import numpy as np

BLEND = 4
"""Frames over which a correction fades before the first and after the last contact."""


def bent(
    hip: np.ndarray, knee: np.ndarray, ankle: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Knee and ankle `(T, 3)` of a leg of the same two bones whose ankle is as near to `place` as
    it can be.
    """
    upper, lower = length(knee - hip)[:, None], length(ankle - knee)[:, None]
    line = place - hip
    distance = np.clip(
        length(line)[:, None], np.abs(upper - lower) + 1e-6, (upper + lower) * (1 - 1e-9)
    )
    along = line / np.maximum(length(line)[:, None], 1e-9)
    aside = knee - hip - ((knee - hip) * along).sum(-1, keepdims=True) * along
    width = length(aside)[:, None]
    aside = np.where(width > 1e-6, aside / np.maximum(width, 1e-12), _ahead(along))
    near = (upper**2 - lower**2 + distance**2) / (2 * distance)
    far = np.sqrt(np.maximum(upper**2 - near**2, 0))
    return hip + near * along + far * aside, hip + distance * along


def _ahead(along: np.ndarray) -> np.ndarray:
    forward = np.broadcast_to([0.0, 0.0, 1.0], along.shape)
    normal = forward - (forward * along).sum(-1, keepdims=True) * along
    return normal / np.maximum(length(normal)[:, None], 1e-9)


def length(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors `(..., 3)`."""
    return np.linalg.norm(vectors, axis=-1)


def hangs(parents: tuple[int, ...], joint: int, above: int) -> bool:
    """Whether a joint lies below another in the tree."""
    while joint > 0:
        joint = parents[joint]
        if joint == above:
            return True
    return False


def filled(correction: np.ndarray) -> np.ndarray:
    """Corrections between contacts go linearly from one to the next, and fade at both ends."""
    known = np.flatnonzero(np.isfinite(correction[:, 0]))
    if not len(known):
        return np.zeros_like(correction)
    frames = np.arange(len(correction))
    filled = np.stack([np.interp(frames, known, column[known]) for column in correction.T], -1)
    beyond = np.maximum(known[0] - frames, 0) + np.maximum(frames - known[-1], 0)
    return filled * np.clip(1 - beyond / BLEND, 0, 1)[:, None]
