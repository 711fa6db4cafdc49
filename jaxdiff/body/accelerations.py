"""Accelerations of motion features, in axes that the features themselves define.

Motion features do not contain a heading: a motion and the same motion turned about the vertical are one row of numbers.
An acceleration in the axes of the clip's first frame is therefore no function of the features of a frame, and no network
that reads a window of them can state it. Two kinds are:

    heading   (x[i+1] - 2 x[i] + x[i-1]) rate² of every joint, in m/s², turned by the heading of frame i
    joint     (w[i] - w[i-1]) rate of every joint's rotation from its parent, w[i] = log(R[i]⁻¹ R[i+1]) rate, in rad/s²

`heading` is the default; `joint` are the local rotational accelerations of Fig. 2 of BioVAE, whose root turns about the
vertical alone. Both are `(T - 2, J, 3)` at the inner frames 1 … T-2 of features `(T, 12 J - 1)`.
"""

from __future__ import annotations

from typing import Literal, get_args

import jax.numpy as jnp

from jaxdiff.body import rotations
from jaxdiff.body.humanml3d import joint_count, joints_from_features, recover_root, slices
from jaxdiff.errors import ConfigError
from jaxdiff.typing import Array

Axes = Literal["heading", "joint"]


def accelerations(
    features: Array, rate: float, axes: Axes = "heading", metres: float = 1.0
) -> Array:
    """Accelerations of motion features in their own axes.

    Args:
      features: motion features `(T, 12 J - 1)` in the units of the data, at least three frames.
      rate: frames per second.
      axes: `heading` for joints' positions, `joint` for their rotations.
      metres: metres per unit of length of the data.

    Returns:
      `(T - 2, J, 3)` in m/s² (`heading`) or rad/s² (`joint`).
    """
    if axes == "heading":
        joints = joints_from_features(features) * metres
        second = (joints[2:] - 2 * joints[1:-1] + joints[:-2]) * rate**2
        return to_heading(second, features)
    if axes != "joint":
        raise ConfigError(f"accelerations have the axes {get_args(Axes)}; got {axes!r}")
    count = joint_count(features)
    six_d = features[:, slices(count)["rotations"]].reshape(-1, count - 1, 6)
    turned = rotations.matrix_from_six_d(six_d)
    step = jnp.swapaxes(turned[:-1], -1, -2) @ turned[1:]
    velocity = _logarithm(step) * rate
    turn = 2 * features[:-1, 0] * rate
    root = jnp.stack([jnp.zeros_like(turn), turn, jnp.zeros_like(turn)], -1)[:, None]
    velocity = jnp.concatenate([root, velocity], 1)
    return (velocity[1:] - velocity[:-1]) * rate


def to_heading(vectors: Array, features: Array) -> Array:
    """Vectors `(T - 2, J, 3)` of a clip, at its inner frames, from clip axes to heading axes."""
    heading, _ = recover_root(features)
    return rotations.rotate(heading[1:-1, None], vectors)


def from_heading(vectors: Array, features: Array) -> Array:
    """Vectors `(T - 2, J, 3)` at the inner frames of a clip from heading axes back to clip axes."""
    heading, _ = recover_root(features)
    return rotations.rotate(rotations.conjugate(heading)[1:-1, None], vectors)


def _logarithm(matrix: Array) -> Array:
    """The rotation vector of a rotation matrix, with finite gradients at the identity."""
    parts = [
        matrix[..., 2, 1] - matrix[..., 1, 2],
        matrix[..., 0, 2] - matrix[..., 2, 0],
        matrix[..., 1, 0] - matrix[..., 0, 1],
    ]
    doubled = jnp.stack(parts, -1)  # 2 sin(angle) axis
    cosine = jnp.clip((jnp.trace(matrix, axis1=-2, axis2=-1) - 1) / 2, -1 + 1e-6, 1.0)[..., None]
    sine = jnp.sqrt(jnp.maximum(1 - cosine**2, 1e-12))
    small = cosine > 1 - 1e-5
    angle = jnp.arctan2(sine, cosine)
    return doubled * jnp.where(small, 0.5, angle / (2 * sine))
