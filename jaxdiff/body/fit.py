"""Local rotations that turn a rest skeleton into given joint positions.

A joint with one child is turned by the smallest rotation, relative to its parent, that points it at
the child. A joint with several is turned by the rotation closest to all of their directions
(Kabsch; Horn's quaternion form): the eigenvector of the largest eigenvalue of a symmetric 4 x 4
matrix. Its children's rest directions are those of the motion itself, averaged over frames, so that
a rigid motion is reproduced exactly. Leaves do not turn.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body import rotations as rot
from jaxdiff.body.skeleton import Skeleton, bone_lengths, bones
from jaxdiff.errors import DataError

_STILL = 1e-9  # metres; shorter bones have no direction
_ROUNDS = 4  # of alternating between rotations and the rest directions of a joint's children


def fit_rotations(joints: np.ndarray, skeleton: Skeleton) -> tuple[Skeleton, np.ndarray]:
    """The skeleton with the median bone lengths of a motion, and the rotations that come closest to
    it.

    Args:
      joints: Positions `(T, J, 3)`.
      skeleton: The tree; its offsets give the rest directions of bones.

    Returns:
      A skeleton of constant bones, and local rotations `(T, J, 4)`.

    Raises:
      DataError: If the shapes do not fit or positions are not finite.
    """
    parents = skeleton.parents
    if joints.ndim != 3 or joints.shape[1:] != (len(parents), 3) or not len(joints):
        raise DataError(
            f"joints (T, {len(parents)}, 3) are expected for this skeleton; got {joints.shape}"
        )
    if parents[0] != -1 or not all(0 <= parent < j for j, parent in enumerate(parents[1:], 1)):
        raise DataError(
            "the first joint must be the root (parent -1), and parents must come before their"
            " children"
        )
    if not np.isfinite(joints).all():
        raise DataError("the joint positions hold NaN or infinities; fill the gaps first")
    vectors, lengths = bones(joints, parents), np.median(bone_lengths(joints, parents), axis=0)
    rest = np.asarray(skeleton.offsets, np.float64)
    for instead in (
        vectors[0],
        np.array([0.0, 1, 0]),
    ):  # for a rest bone without a direction: the first frame's, or up
        rest = np.where(np.linalg.norm(rest, axis=-1, keepdims=True) > _STILL, rest, instead)
    offsets = rest / np.linalg.norm(rest, axis=-1, keepdims=True) * lengths[:, None]
    offsets[0] = 0

    world = np.zeros((len(joints), len(parents), 4))
    local = np.zeros_like(world)
    for j, parent in enumerate(parents):
        above = world[:, parent] if j else np.broadcast_to([1.0, 0, 0, 0], world[:, 0].shape)
        children = [c for c, p in enumerate(parents) if p == j and lengths[c] > _STILL]
        seen = rot.rotate(rot.conjugate(above)[:, None], vectors[:, children])
        for _ in range(_ROUNDS if len(children) > 1 else 0):
            turned = rot.conjugate(turn(offsets[children], seen))
            shape = rot.rotate(turned[:, None], seen).mean(0)
            length = np.linalg.norm(shape, axis=-1, keepdims=True)
            fits = length > _STILL
            offsets[children] = np.where(
                fits,
                shape / np.maximum(length, _STILL) * lengths[children, None],
                offsets[children],
            )
        local[:, j] = turn(offsets[children], seen)
        world[:, j] = rot.multiply(above, local[:, j])
    return Skeleton(skeleton.names, parents, offsets), local


def turn(rest: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The smallest rotation (T, 4) that takes the vectors `rest` (C, 3) closest to `seen` (T, C,
    3).
    """
    straight = np.broadcast_to([1.0, 0, 0, 0], (len(seen), 4))
    if not len(rest):
        return straight
    if len(rest) == 1:
        there = np.linalg.norm(seen[:, 0], axis=-1, keepdims=True) > _STILL
        target = np.where(there, seen[:, 0], rest[0])
        return rot.between(np.broadcast_to(rest[0], target.shape), target)
    weight = np.linalg.norm(rest, axis=-1)
    rest, seen = (
        rest / weight[:, None],
        seen / np.maximum(np.linalg.norm(seen, axis=-1, keepdims=True), _STILL),
    )
    product = np.einsum("c,ci,tcj->tij", weight / weight.sum(), rest, seen)
    matrix = np.empty((len(seen), 4, 4))
    matrix[:, 0, 0] = np.trace(product, axis1=1, axis2=2)
    for i in range(3):
        k, m = (i + 1) % 3, (i + 2) % 3
        matrix[:, 0, i + 1] = matrix[:, i + 1, 0] = product[:, k, m] - product[:, m, k]
    matrix[:, 1:, 1:] = product + product.transpose(0, 2, 1) - matrix[:, :1, :1] * np.eye(3)
    matrix[:, 0, 0] += 1e-9  # of all turns about a common line of the children, the least
    return np.linalg.eigh(matrix)[1][..., -1]


def depth_first(parents: tuple[int, ...]) -> tuple[int, ...]:
    """The joints in the order in which a BVH file lists them: every joint, then its children."""
    order, pending = [], [0]
    while pending:
        order.append(j := pending.pop())
        pending += [child for child in reversed(range(len(parents))) if parents[child] == j]
    return tuple(order)
