"""What pose estimators do to a motion: a benchmark for refinement from any clean one.

    dropped frames   the estimator loses the person for a while and holds the last pose
    skate            the root's path over the floor is too long or too short by a factor that wanders: planted feet slide
    drift            the whole body strays from its place as a random walk
    jitter           each joint trembles, most at the ends of the limbs; part of it lasts for some frames

in this order. Each has a random stream of its own, so one can be changed while the others stay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from jaxdiff.body.skeleton import HUMANML3D, Skeleton
from jaxdiff.errors import DataError


class Corruption(NamedTuple):
    """How much of each, in metres and seconds; the defaults are about a video-based estimator's."""

    jitter: float = 0.015
    """Deviation of a joint per axis, the mean over joints."""
    memory: float = 0.5
    """Share of the jitter's variance that fades with the time constant `fade`; the rest is new at
    every frame.
    """
    fade: float = 0.1
    drift: float = 0.02
    """Deviation per axis after one second, growing with the root of time."""
    dropped: float = 0.03
    """Share of the frames that are lost, in spells of a mean of `spell` seconds."""
    spell: float = 0.15
    skate: float = 0.05
    """Deviation of the relative error of the root's horizontal velocity."""


ESTIMATOR = Corruption()
CLEAN = Corruption(jitter=0.0, drift=0.0, dropped=0.0, skate=0.0)


def corrupt(
    joints: np.ndarray,
    rate: float,
    seed: int,
    corruption: Corruption = ESTIMATOR,
    skeleton: Skeleton = HUMANML3D,
    up: int = 1,
) -> np.ndarray:
    """A corrupted copy of joints `(T, J, 3)` in metres, float32."""
    if joints.ndim != 3 or joints.shape[1:] != (len(skeleton.names), 3):
        raise DataError(
            f"a motion on this skeleton has joints (T, {len(skeleton.names)}, 3); got"
            f" {joints.shape}"
        )
    x, c = np.asarray(joints, np.float64), corruption
    lose, slide, stray, tremble = (np.random.default_rng([seed, stream]) for stream in range(4))
    level = np.delete(np.arange(3), up)

    x = x[_held(lose, len(x), c.dropped, c.spell * rate)]
    step = np.diff(x[:, 0], axis=0, prepend=x[:1, 0])[:, level]
    wrong = c.skate * _fading(slide, (len(x), 1), rate)
    x[:, :, level] += np.cumsum(step * wrong, axis=0)[:, None]
    x += np.cumsum(c.drift * rate**-0.5 * stray.normal(size=(len(x), 1, 3)), axis=0)
    lasting = c.memory**0.5 * _fading(tremble, x.shape, c.fade * rate)
    white = (1 - c.memory) ** 0.5 * tremble.normal(size=x.shape)
    return (x + c.jitter * _looseness(skeleton)[:, None] * (lasting + white)).astype(np.float32)


def _held(rng: np.random.Generator, frames: int, share: float, spell: float) -> np.ndarray:
    """The frame seen last, for every frame: a two-state Markov chain loses frames; the first is
    always seen.
    """
    leave = min(1.0, 1 / max(spell, 1.0))
    enter = min(1.0, leave * share / (1 - share)) if share < 1 else 1.0
    lost, seen, draws = False, np.zeros(frames, np.int64), rng.random(frames)
    for i in range(1, frames):
        lost = draws[i] < (1 - leave if lost else enter)
        seen[i] = seen[i - 1] if lost else i
    return seen


def _fading(rng: np.random.Generator, shape: tuple[int, ...], frames: float) -> np.ndarray:
    """Noise of unit standard deviation along the first axis, with an exponential correlation length
    in frames.
    """
    keep = np.exp(-1 / max(frames, 1e-6))
    noise = rng.normal(size=shape)
    for i in range(1, len(noise)):
        noise[i] = keep * noise[i - 1] + (1 - keep**2) ** 0.5 * noise[i]
    return noise


def _looseness(skeleton: Skeleton) -> np.ndarray:
    """Of each joint, by how many bones it hangs on: mean 1."""
    bones = [0]
    for parent in skeleton.parents[1:]:
        bones.append(bones[parent] + 1)
    return (1.0 + np.array(bones)) / (1.0 + np.mean(bones))
