"""Accelerations of motion features, in axes that the features themselves define.

Motion features do not contain a heading: a motion and the same motion turned about the vertical are
one row of numbers. An acceleration in the axes of the clip's first frame is therefore no function
of the features of a frame, and no network that reads a window of them can state it. Two kinds are:

    heading   (x[i+1] - 2 x[i] + x[i-1]) rate² of every joint, in m/s², turned by the heading of frame i
    bone      (u[i+1] - 2 u[i] + u[i-1]) rate² of the direction u of every bone, in the heading frame, in 1/s²

`heading` is the default; `bone` stands for the local rotational accelerations of Fig. 2 of BioVAE:
the part of ü across the bone is its angular acceleration, the part along it the square of its
angular velocity; the root turns about the vertical alone. (Accelerations of the features' own
rotations cannot be used: these flip where a bone passes the opposite of its rest direction, as arms
overhead do.) Both are `(T - 2, J, 3)` at the inner frames 1 … T-2 of features `(T, 12 J - 1)`.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rotations, skeleton
from jaxdiff.body.humanml3d import joint_count, joints_from_features, recover_root, slices
from jaxdiff.errors import ConfigError
from jaxdiff.typing import Array

SKELETONS = {22: skeleton.HUMANML3D, 21: skeleton.KIT}
Axes = Literal["heading", "bone"]


def accelerations(
    features: Array, rate: float, axes: Axes = "heading", metres: float = 1.0
) -> Array:
    """Accelerations of motion features in their own axes.

    Args:
      features: motion features `(T, 12 J - 1)` in the units of the data, at least three frames.
      rate: frames per second.
      axes: `heading` for positions of joints, `bone` for directions of bones.
      metres: metres per unit of length of the data.

    Returns:
      `(T - 2, J, 3)` in m/s² (`heading`) or 1/s² (`bone`).
    """
    if axes == "heading":
        joints = joints_from_features(features) * metres
        return to_heading(_second(joints) * rate**2, features)
    if axes != "bone":
        raise ConfigError(f"accelerations have the axes {get_args(Axes)}; got {axes!r}")
    count = joint_count(features)
    places = features[:, slices(count)["positions"]].reshape(-1, count - 1, 3)
    height = features[:, slices(count)["root_height"]][:, None]
    root = jnp.concatenate([jnp.zeros_like(height), height, jnp.zeros_like(height)], -1)
    joints = jnp.concatenate([root, places], 1)
    parents = (
        np.maximum(SKELETONS[count].parents, 0) if count in SKELETONS else np.zeros(count, int)
    )
    bones = (joints - joints[:, parents])[:, 1:]
    length = jnp.sqrt((bones * bones).sum(-1, keepdims=True) + 1e-12)
    turn = 2 * (features[1:-1, 0] - features[:-2, 0]) * rate**2
    turning = jnp.stack([jnp.zeros_like(turn), turn, jnp.zeros_like(turn)], -1)[:, None]
    return jnp.concatenate([turning, _second(bones / length) * rate**2], 1)


def to_heading(vectors: Array, features: Array) -> Array:
    """Vectors `(T - 2, J, 3)` of a clip, at its inner frames, from clip axes to heading axes."""
    heading, _ = recover_root(features)
    return rotations.rotate(heading[1:-1, None], vectors)


def from_heading(vectors: Array, features: Array) -> Array:
    """Vectors `(T - 2, J, 3)` at the inner frames of a clip from heading axes back to clip axes."""
    heading, _ = recover_root(features)
    return rotations.rotate(rotations.conjugate(heading)[1:-1, None], vectors)


def _second(x: Array) -> Array:
    return x[2:] - 2 * x[1:-1] + x[:-2]
