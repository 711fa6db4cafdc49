"""How a whole-body motion moves, as a few numbers of a clip, and how far two motions of one caption
are apart in them.

The embedding of a trained evaluator hardly notices the order of frames: shuffled frames keep their
poses. These numbers do, and they need no training: for the root, the head, both hands and both feet
the logarithms of mean speed, of root mean square acceleration and of the ratio of the two; the path
and the displacement of the root, and how far it turns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxdiff.body.humanml3d import Layout
from jaxdiff.errors import DataError

FLOOR = 0.02
"""m/s, and m/s² over a frame: what is slower counts as still."""
ENDS = ("pelvis", "head", "left_wrist", "right_wrist", "left_ankle", "right_ankle")


def names() -> tuple[str, ...]:
    """One name for each number of `dynamics`."""
    each = [f"{end}/{what}" for what in ("speed", "acceleration", "frequency") for end in ENDS]
    return (*each, "root/path", "root/displacement", "root/turn", "root/height range")


def dynamics(joints: np.ndarray, layout: Layout, rate: float) -> np.ndarray:
    """The numbers of one motion.

    Args:
      joints: positions `(T, J, 3)` in metres, y up.
      layout: the skeleton.
      rate: frames per second.

    Returns:
      `(len(names()),)`.
    """
    if len(joints) < 3:
        raise DataError(f"dynamics are those of three frames or more; got {len(joints)}")
    joints = np.asarray(joints, np.float64)
    ends = joints[:, [layout.skeleton.names.index(name) for name in ENDS]]
    speed = np.linalg.norm(np.diff(ends, axis=0), axis=-1).mean(0) * rate
    acceleration = np.sqrt((np.diff(ends, 2, axis=0) ** 2).sum(-1).mean(0)) * rate**2
    frequency = (acceleration + FLOOR * rate) / (speed + FLOOR)
    root = joints[:, 0, [0, 2]]
    steps = np.linalg.norm(np.diff(root, axis=0), axis=-1)
    right, left = layout.face[:2]
    across = (joints[:, left] - joints[:, right])[:, [0, 2]]
    heading = np.unwrap(np.arctan2(across[:, 1], across[:, 0]))
    whole = [
        steps.sum(),
        np.linalg.norm(root[-1] - root[0]),
        heading[-1] - heading[0],
        np.ptp(joints[:, 0, 1]),
    ]
    logs = [np.log(speed + FLOOR), np.log(acceleration + FLOOR * rate), np.log(frequency)]
    return np.concatenate([*logs, whole])


def scale(rows: np.ndarray) -> np.ndarray:
    """Deviation of every number over real motions `(N, D)`."""
    return np.asarray(rows).std(0) + 1e-3


def distance(made: np.ndarray, real: np.ndarray, deviation: np.ndarray) -> float:
    """Mean distance between motions and the real ones of the same captions, in deviations; lower is
    better.

    Args:
      made: numbers `(N, D)` of motions.
      real: those of the real motions in the same order.
      deviation: `scale` of real motions.
    """
    return float(np.abs((made - real) / deviation).mean())


def rows_of(clips: Sequence[np.ndarray], layout: Layout, rate: float) -> np.ndarray:
    """`dynamics` of every clip, `(N, D)`."""
    return np.stack([dynamics(clip, layout, rate) for clip in clips])
