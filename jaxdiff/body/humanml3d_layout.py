"""What HumanML3D's features need to know of a skeleton, and where each group of features lies.

features (T-1, 12 J - 1): half turn | root velocity x, z | root height | 3(J-1) positions |
6(J-1) rotations | 3J velocities | 4 contacts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxdiff.body import skeleton
from jaxdiff.body.skeleton import Skeleton
from jaxdiff.errors import DataError
from jaxdiff.typing import Array


@dataclass(frozen=True, eq=False)
class Layout:
    """What the features need to know of a skeleton. Compared by identity, so it can be a static
    argument.
    """

    skeleton: Skeleton
    directions: np.ndarray
    """(J, 3) unit rest direction of the bone that ends at each joint."""
    face: tuple[int, int, int, int]
    """right hip, left hip, right shoulder, left shoulder."""
    legs: tuple[int, int]
    """The two joints whose bones set the scale between figures."""
    feet: tuple[int, int, int, int]
    """Left pair, right pair."""
    threshold: float
    """Squared displacement per frame below which a foot is in contact, in squared units of the
    data.
    """
    fps: float


def slices(joints: int) -> dict[str, slice]:
    """Where each group of features lies, for `joints` joints."""
    sizes = {
        "turn": 1,
        "root_velocity": 2,
        "root_height": 1,
        "positions": 3 * (joints - 1),
        "rotations": 6 * (joints - 1),
        "velocities": 3 * joints,
        "contacts": 4,
    }
    ends = np.cumsum(list(sizes.values())).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends)}


def names(layout: Layout) -> tuple[str, ...]:
    """One name a feature, such as "left_knee/position/y"."""
    joints = layout.skeleton.names
    result = ["root/turn", "root/velocity/x", "root/velocity/z", "root/height"]
    result += [f"{joint}/position/{axis}" for joint in joints[1:] for axis in "xyz"]
    result += [
        f"{joint}/rotation/{axis}{column}"
        for joint in joints[1:]
        for column in "12"
        for axis in "xyz"
    ]
    result += [f"{joint}/velocity/{axis}" for joint in joints for axis in "xyz"]
    return (*result, *(f"{joints[foot]}/contact" for foot in layout.feet))


def joint_count(features: Array) -> int:
    """J, from the 12 J - 1 features of the last axis."""
    count, rest = divmod(features.shape[-1] + 1, 12)
    if rest or count < 2:
        raise DataError(
            "motion features number 12 J - 1 (263 for J = 22, 251 for J = 21); got"
            f" {features.shape[-1]}"
        )
    return count


def _directions(**joints: tuple[int, ...]) -> np.ndarray:
    """Unit axes: which joints point along each of left (+x), right, up, down, ahead (+z) at
    rest.
    """
    axes = {
        "left": (1, 0, 0),
        "right": (-1, 0, 0),
        "up": (0, 1, 0),
        "down": (0, -1, 0),
        "ahead": (0, 0, 1),
    }
    result = np.zeros((1 + sum(map(len, joints.values())), 3))
    for axis, numbers in joints.items():
        result[list(numbers)] = axes[axis]
    return result


LAYOUT_22 = Layout(
    skeleton=skeleton.HUMANML3D,
    directions=_directions(
        left=(1, 13),
        right=(2, 14),
        up=(3, 6, 9, 12),
        down=(4, 5, 7, 8, *range(16, 22)),
        ahead=(10, 11, 15),
    ),
    face=(2, 1, 17, 16),
    legs=(5, 8),
    feet=(7, 10, 8, 11),
    threshold=0.002,
    fps=20.0,
)
"""HumanML3D: 22 joints, metres, 263 features."""
LAYOUT_21 = Layout(
    skeleton=skeleton.KIT,
    directions=_directions(
        left=(5, 11),
        right=(8, 16),
        up=(1, 2, 3, 4),
        down=(6, 7, 9, 10, 12, 13, 17, 18),
        ahead=(14, 15, 19, 20),
    ),
    face=(11, 16, 5, 8),
    legs=(17, 18),
    feet=(19, 20, 14, 15),
    threshold=0.05,
    fps=12.5,
)
"""KIT-ML: 21 joints, millimetres, 251 features; as in the reference, hips and shoulders rest on the
other side.
"""
