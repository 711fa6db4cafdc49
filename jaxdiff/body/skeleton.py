"""Skeletons as data: a tree of joints with rest offsets, and what follows from the tree alone.

Forward kinematics turns each joint's children, as BVH and SMPL do:

    Q_j = Q_parent(j) q_j,     x_j = x_parent(j) + rotate(Q_parent(j), offset_j).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import add
from typing import NamedTuple

import numpy as np

from jaxdiff.body.rotations import Array, multiply, namespace, rotate
from jaxdiff.errors import DataError, nearest


class Skeleton(NamedTuple):
    """A tree of joints. Parents come before children; the root's parent is -1; offsets in metres, y
    up.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray

    @property
    def chains(self) -> tuple[tuple[int, ...], ...]:
        """Paths that cover every bone once: the root's children each start one; elsewhere the first
        child goes on.
        """
        children = [
            [j for j, parent in enumerate(self.parents) if parent == i]
            for i in range(len(self.parents))
        ]
        starts = [(0, child) for child in children[0]]
        starts += [(i, child) for i in range(1, len(children)) for child in children[i][1:]]
        chains = []
        for chain in starts:
            while children[chain[-1]]:
                chain = (*chain, children[chain[-1]][0])
            chains.append(chain)
        return tuple(chains)

    @property
    def mirror_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) joints whose names differ only in left/right, or in L/R set off by an
        underscore or a dot.
        """
        sides = {"left": "right", "Left": "Right", "L": "R", "l": "r"}
        word = re.compile(r"left|Left|(?:(?<=^)|(?<=[_.]))[Ll](?=$|[_.])")
        swapped = [word.sub(lambda match: sides[match[0]], name) for name in self.names]
        return tuple(
            (i, self.names.index(other))
            for i, (name, other) in enumerate(zip(self.names, swapped))
            if other != name and other in self.names
        )

    def index(self, name: str) -> int:
        """The number of a joint."""
        if name not in self.names:
            raise DataError(f"no joint {name!r} in this skeleton; {nearest(name, self.names)}")
        return self.names.index(name)


def along_tree(
    parents: tuple[int, ...], combine: Callable[[Array, Array], Array], values: Array
) -> Array:
    """From the root outwards, out_j = combine(out_parent(j), value_j), for values (..., J, n); one
    level at a time.
    """
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    levels = [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]
    out = [values[..., :1, :]]
    for above, joints in zip(levels, levels[1:]):
        start = out[-1][..., np.array([above.index(parents[j]) for j in joints]), :]
        out.append(combine(start, values[..., np.array(joints), :]))
    return namespace(values).concatenate(out, axis=-2)[..., np.argsort(sum(levels, [])), :]


def forward_kinematics(skeleton: Skeleton, quaternions: Array, root: Array) -> Array:
    """Local rotations (..., J, 4) and root positions (..., 3) -> joint positions (..., J, 3)."""
    world = along_tree(skeleton.parents, multiply, quaternions)
    offsets = skeleton.offsets.astype(quaternions.dtype)
    return hang(skeleton.parents, rotate(world[..., np.array(skeleton.parents), :], offsets), root)


def hang(parents: tuple[int, ...], bones: Array, root: Array) -> Array:
    """Bone vectors (..., J, 3) in the world and root positions (..., 3) -> joint positions (..., J,
    3).
    """
    bones = namespace(bones, root).concatenate([root[..., None, :], bones[..., 1:, :]], axis=-2)
    return along_tree(parents, add, bones)


def bones(joints: Array, parents: tuple[int, ...]) -> Array:
    """Vectors from parent to child, (..., J, 3); zero for the root."""
    parent = np.array([max(p, 0) for p in parents])
    return joints - joints[..., parent, :]


def bone_lengths(joints: Array, parents: tuple[int, ...]) -> Array:
    """(..., J); zero for the root."""
    vectors = bones(joints, parents)
    return namespace(joints).sqrt((vectors * vectors).sum(-1))


def mirror(joints: Array, skeleton: Skeleton) -> Array:
    """The motion seen in a mirror that swaps left and right (x -> -x)."""
    order = np.arange(len(skeleton.parents))
    for left, right in skeleton.mirror_pairs:
        order[[left, right]] = right, left
    return joints[..., order, :] * np.array([-1, 1, 1], joints.dtype)


def _tree(*joints: tuple[str, str, tuple[float, float, float]]) -> Skeleton:
    """A skeleton from (name, parent's name, offset) rows, the root first."""
    names = tuple(name for name, _, _ in joints)
    parents = tuple(names.index(parent) if parent else -1 for _, parent, _ in joints)
    return Skeleton(names, parents, np.array([offset for _, _, offset in joints], np.float32))


HUMANML3D = _tree(
    ("pelvis", "", (0, 0, 0)),
    ("left_hip", "pelvis", (0.085, -0.075, 0)),
    ("right_hip", "pelvis", (-0.085, -0.075, 0)),
    ("spine1", "pelvis", (0, 0.11, -0.01)),
    ("left_knee", "left_hip", (0, -0.405, 0)),
    ("right_knee", "right_hip", (0, -0.405, 0)),
    ("spine2", "spine1", (0, 0.135, 0)),
    ("left_ankle", "left_knee", (0, -0.405, 0)),
    ("right_ankle", "right_knee", (0, -0.405, 0)),
    ("spine3", "spine2", (0, 0.06, 0)),
    ("left_foot", "left_ankle", (0.015, -0.065, 0.125)),
    ("right_foot", "right_ankle", (-0.015, -0.065, 0.125)),
    ("neck", "spine3", (0, 0.205, -0.01)),
    ("left_collar", "spine3", (0.075, 0.115, -0.01)),
    ("right_collar", "spine3", (-0.075, 0.115, -0.01)),
    ("head", "neck", (0, 0.085, 0.03)),
    ("left_shoulder", "left_collar", (0.105, 0.025, 0)),
    ("right_shoulder", "right_collar", (-0.105, 0.025, 0)),
    ("left_elbow", "left_shoulder", (0, -0.265, 0)),
    ("right_elbow", "right_shoulder", (0, -0.265, 0)),
    ("left_wrist", "left_elbow", (0, -0.25, 0)),
    ("right_wrist", "right_elbow", (0, -0.25, 0)),
)
"""The 22 joints of HumanML3D at rest: upright, facing +z, left = +x, arms hanging; an adult of 1.70
m.
"""

KIT = _tree(
    ("pelvis", "", (0, 0, 0)),
    ("spine1", "pelvis", (0, 0.08, 0)),
    ("spine2", "spine1", (0, 0.14, 0)),
    ("neck", "spine2", (0, 0.23, 0)),
    ("head", "neck", (0, 0.12, 0)),
    ("right_shoulder", "neck", (-0.17, -0.05, 0)),
    ("right_elbow", "right_shoulder", (0, -0.29, 0)),
    ("right_wrist", "right_elbow", (0, -0.24, 0)),
    ("left_shoulder", "neck", (0.17, -0.05, 0)),
    ("left_elbow", "left_shoulder", (0, -0.29, 0)),
    ("left_wrist", "left_elbow", (0, -0.24, 0)),
    ("right_hip", "pelvis", (-0.09, -0.04, 0)),
    ("right_knee", "right_hip", (0, -0.42, 0)),
    ("right_ankle", "right_knee", (0, -0.42, 0)),
    ("right_midfoot", "right_ankle", (0, -0.05, 0.09)),
    ("right_foot", "right_midfoot", (0, -0.01, 0.08)),
    ("left_hip", "pelvis", (0.09, -0.04, 0)),
    ("left_knee", "left_hip", (0, -0.42, 0)),
    ("left_ankle", "left_knee", (0, -0.42, 0)),
    ("left_midfoot", "left_ankle", (0, -0.05, 0.09)),
    ("left_foot", "left_midfoot", (0, -0.01, 0.08)),
)
"""The 21 joints of KIT-ML, sides as the feature code of HumanML3D assigns them; the data are in
millimetres.
"""
