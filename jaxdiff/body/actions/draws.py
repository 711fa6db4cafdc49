"""What actions have in common: drawing paces, lengths and repetitions, and bringing arms
somewhere.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.actions.pose import LEFT, RIGHT, Pose
from jaxdiff.body.actions.tracks import FPS

Draft = tuple[Pose, dict[str, str]]
"""A pose and the attributes that captions mention."""
PACES = ("slow", "normal", "fast")
TEMPO = {"slow": 1.45, "normal": 1.0, "fast": 0.7}
"""Factor on the durations of a movement."""
SIDES = {"left": (LEFT,), "right": (RIGHT,), "both": (LEFT, RIGHT)}


def pick(rng: np.random.Generator, options):
    """One of the options."""
    return options[rng.integers(len(options))]


def vary(rng: np.random.Generator, value: float, share: float = 0.08) -> float:
    """`value`, up to `share` larger or smaller."""
    return float(value * rng.uniform(1 - share, 1 + share))


LONGEST = 9.8
"""Seconds; 196 steps between frames."""


def frames(seconds: float) -> np.ndarray:
    """Frame times (T,) of a clip of 2 seconds or more, at most LONGEST."""
    return np.arange(int(np.clip(round(seconds * FPS), 41, LONGEST * FPS)) + 1) / FPS


def rounds(rng: np.random.Generator, least: int, most: int, period: float, around: float) -> int:
    """A number of repetitions of `period` seconds that fits into the longest clip beside `around`
    seconds.
    """
    return int(rng.integers(least, min(most, int((LONGEST - around) / period)) + 1))


def repeats(
    rng: np.random.Generator, most: int, period: float, before: float = 0.35, each: int = 1
) -> tuple[list[float], np.ndarray]:
    """Start times of up to `most` times `each` repetitions after a wait, and frame times that leave
    one at the end.
    """
    count = each * rounds(rng, 1, most, each * period, before + 1.2)
    begin = before + 0.4 * rng.random()
    starts = [begin + i * period for i in range(count)]
    return starts, frames(begin + count * period + rng.uniform(0.3, 0.8))


def bring(pose: Pose, limbs: tuple[int, ...], share: np.ndarray, *degrees: float) -> None:
    """Moves arms the given share (T,) of the way to (flexion, abduction, outward rotation,
    elbow).
    """
    for limb in limbs:
        pose.arms[:, limb] += share[:, None] * (np.radians(degrees) - pose.arms[:, limb])
