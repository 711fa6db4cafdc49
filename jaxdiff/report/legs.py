"""Walking legs from sagittal joint angles alone, to be shown where a data set holds no positions.

With the thigh at the hip's flexion from the vertical, the shank less by the knee's, the foot more
by the ankle's,

    theta_thigh = hip,    theta_shank = hip - knee,    theta_foot = theta_shank + ankle.

The pelvis is upright and moves forward at the walking speed. It is as high as the lower foot
allows: at every instant where there are two feet, over the whole walk where there is one, which
swings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.errors import DataError

HALF_PELVIS, THIGH, SHANK = 0.09, 0.42, 0.42
HEEL, TOE = (-0.05, -0.07), (0.18, -0.07)
"""Forward and up from the ankle, metres; an adult of 1.70 m."""
PARTS = ("hip", "knee", "ankle", "heel", "toe")


def skeleton(sides: Sequence[str] = ("right", "left")) -> Skeleton:
    """A pelvis with a chain of hip, knee, ankle, heel and toe on each side."""
    names = ("pelvis", *(f"{side}_{part}" for side in sides for part in PARTS))
    parents = (
        -1,
        *(0 if part == 0 else 5 * leg + part for leg in range(len(sides)) for part in range(5)),
    )
    return Skeleton(names, parents, joints(np.zeros((2, 3 * len(sides))), 1.0, 0.0, sides)[0])


def joints(
    angles: np.ndarray, rate: float, speed: float = 0.0, sides: Sequence[str] = ("right", "left")
) -> np.ndarray:
    """Hip, knee and ankle flexion of each side (T, 3 S) in degrees -> joints (T, 1 + 5 S, 3) in
    metres, y up, z forward.
    """
    if angles.ndim != 2 or angles.shape[1] != 3 * len(sides):
        raise DataError(
            f"legs are drawn from (frames, {3 * len(sides)}) angles; got {angles.shape}"
        )
    turn = np.deg2rad(np.asarray(angles, np.float64))
    found = [np.zeros((len(turn), 3))]
    for leg, side in enumerate(sides):
        hip, knee, ankle = turn[:, 3 * leg : 3 * leg + 3].T
        at = np.array([HALF_PELVIS if side == "left" else -HALF_PELVIS, 0, 0]) + found[0]
        found.append(at)
        for length, angle in ((THIGH, hip), (SHANK, hip - knee)):
            at = at + _forward(length * np.sin(angle), -length * np.cos(angle))
            found.append(at)
        foot = hip - knee + ankle
        for ahead, up in (HEEL, TOE):
            found.append(
                at
                + _forward(
                    ahead * np.cos(foot) - up * np.sin(foot),
                    ahead * np.sin(foot) + up * np.cos(foot),
                )
            )
    placed = np.stack(found, axis=1)
    placed[..., 1] -= placed[..., 1].min(axis=1 if len(sides) > 1 else None, keepdims=True)
    placed[..., 2] += speed * np.arange(len(turn))[:, None] / rate
    return placed


def _forward(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([np.zeros_like(z), y, z], axis=-1)
