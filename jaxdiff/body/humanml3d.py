"""HumanML3D motion features and back (Guo et al. 2022), for any skeleton that a `Layout` describes.

    joints (T, J, 3) -> uniform bones -> floor, origin, facing +z -> features (T-1, 12 J - 1): [
    half turn | root velocity x, z | root height | 3(J-1) positions | 6(J-1) rotations | 3J
    velocities | 4 contacts ]

Velocities are per frame and everything local is seen in the heading frame. Rotations follow the
"own bone" convention: along a chain, R <- R q_j turns the bone that *ends* at joint j.

Two variants. `legacy` is the reference, its errors included: the hips are swapped when the heading
is measured, every chain starts from the root's rotation (arms too), the heading of frame 0 is
overwritten by the identity, and the turn changes sign where the heading passes half a revolution.
`fixed` has none of these and the same layout: chains start from the joint they hang on, and
headings are continuous and counted from frame 0, so recovery is exact.

Functions take one clip; vmap over clips of equal length.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rotations
from jaxdiff.body.humanml3d_layout import (
    LAYOUT_21,
    LAYOUT_22,
    Layout,
    joint_count,
    names,
    slices,
)
from jaxdiff.body.rotations import between, conjugate, multiply, normalise, rotate
from jaxdiff.body.skeleton import along_tree, bone_lengths, bones, hang
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.typing import Array

__all__ = [
    "LAYOUT_21",
    "LAYOUT_22",
    "Layout",
    "Variant",
    "canonical",
    "features",
    "features_from_joints",
    "forward_kinematics",
    "heading_frame",
    "inverse_kinematics",
    "joint_count",
    "joints_from_features",
    "joints_from_rotations",
    "names",
    "recover_root",
    "slices",
    "target_offsets",
    "uniform_skeleton",
]

Variant = Literal["legacy", "fixed"]
jitted = partial(jax.jit, static_argnames=("layout", "variant"))


def target_offsets(pose: Array, layout: Layout) -> Array:
    """Rest directions (J, 3) times the bone lengths of one pose (J, 3)."""
    return (
        layout.directions.astype(pose.dtype)
        * bone_lengths(pose, layout.skeleton.parents)[..., None]
    )


@jitted
def uniform_skeleton(
    joints: Array, offsets: Array, layout: Layout, variant: Variant = "legacy"
) -> Array:
    """The motion (T, J, 3) on a figure with the bones `offsets` (J, 3); the root's path scales with
    the legs.
    """
    _check(joints, layout)
    if offsets.shape != joints.shape[1:]:
        raise DataError(f"the bones of this figure are {joints.shape[1:]}; got {offsets.shape}")
    a, b = layout.legs
    reach = lambda bones: jnp.abs(bones[a]).max() + jnp.abs(bones[b]).max()  # noqa: E731
    root = joints[:, 0] * (reach(offsets) / reach(target_offsets(joints[0], layout)))
    quaternions = inverse_kinematics(joints, layout, variant, smooth=False)
    return forward_kinematics(quaternions, offsets, root, layout, variant)


def canonical(joints: Array, layout: Layout) -> tuple[Array, Array]:
    """On the floor, frame 0 at the origin and facing +z; and the quaternion that turned it. Also
    for NumPy arrays.
    """
    xp = rotations.namespace(joints)
    joints = joints - joints[..., 1].min() * np.array([0, 1, 0], joints.dtype)
    joints = joints - joints[0, 0] * np.array([1, 0, 1], joints.dtype)
    ahead = np.array([0, 0, 1], joints.dtype)
    turn = between(xp.asarray(_forward(joints[0], layout.face)), ahead)
    return rotate(turn, joints), turn


@partial(jax.jit, static_argnames=("layout", "variant", "smooth"))
def inverse_kinematics(
    joints: Array, layout: Layout, variant: Variant = "legacy", smooth: bool = True
) -> Array:
    """Joint quaternions (T, J, 4), the heading first; `smooth` filters the heading over about a
    second.
    """
    r_hip, l_hip, r_shoulder, l_shoulder = layout.face
    face = layout.face if variant == "fixed" else (l_hip, r_hip, r_shoulder, l_shoulder)
    forward = _forward(joints, face)
    if smooth:
        forward = _gaussian(forward, sigma=20.0)
    heading = between(forward, jnp.array([0, 0, 1], joints.dtype))
    if variant == "legacy":
        heading = heading.at[0].set(jnp.array([1, 0, 0, 0], joints.dtype))
    else:
        heading = rotations.continuous(heading)
        heading = multiply(heading, conjugate(heading[:1]))

    bone = (
        bones(joints, layout.skeleton.parents).at[:, 0].set(1)
    )  # the root has none; 1 keeps gradients finite
    world = between(jnp.asarray(layout.directions, joints.dtype), bone).at[:, 0].set(heading)
    local = multiply(conjugate(world[:, np.array(_anchors(layout, variant))]), world)
    return local.at[:, 0].set(heading)


@jitted
def forward_kinematics(
    quaternions: Array, offsets: Array, root: Array, layout: Layout, variant: Variant = "legacy"
) -> Array:
    """Joint quaternions (T, J, 4) in the own-bone convention -> joints (T, J, 3)."""
    world = along_tree(_anchors(layout, variant), multiply, quaternions)
    return hang(layout.skeleton.parents, rotate(world, offsets), root)


@jitted
def features(joints: Array, layout: Layout, variant: Variant = "legacy") -> Array:
    """Features (T-1, 12 J - 1) of a canonical motion (T, J, 3)."""
    _check(joints, layout)
    step = joints[1:] - joints[:-1]
    quaternions = inverse_kinematics(joints, layout, variant)
    heading = quaternions[:, 0]
    turn = jnp.arcsin(multiply(heading[1:], conjugate(heading[:-1]))[:, 2:3])
    velocity = rotate(heading[1:], step[:, 0])[:, [0, 2]]
    positions = heading_frame(joints, heading)[:-1, 1:]
    six_d = rotations.six_d_from_matrix(rotations.matrix_from_quaternion(quaternions[:-1, 1:]))
    velocities = rotate(heading[:-1, None], step)
    contacts = (step[:, np.array(layout.feet)] ** 2).sum(-1) < layout.threshold
    parts = [
        turn,
        velocity,
        joints[:-1, 0, 1:2],
        positions,
        six_d,
        velocities,
        contacts.astype(joints.dtype),
    ]
    return jnp.concatenate([part.reshape(len(step), -1) for part in parts], axis=1)


def heading_frame(joints: Array, heading: Array) -> Array:
    """Joints relative to the root's place on the floor, seen in the heading frame (height kept)."""
    ground = jnp.array([1, 0, 1], joints.dtype)
    return rotate(heading[:, None], joints - joints[:, :1] * ground)


@jitted
def features_from_joints(
    joints: Array, layout: Layout, variant: Variant = "legacy", offsets: Array | None = None
) -> Array:
    """The whole way from any joints: uniform bones (where `offsets` are given), canonical
    placement, features.
    """
    if offsets is not None:
        joints = uniform_skeleton(joints, offsets, layout, variant)
    return features(canonical(joints, layout)[0], layout, variant)


@jax.jit
def recover_root(features: Array) -> tuple[Array, Array]:
    """Heading quaternions (T, 4) and root positions (T, 3) from features (T, 12 J - 1)."""
    zero = jnp.zeros_like(features[:1, 0])
    half = jnp.concatenate([zero, jnp.cumsum(features[:-1, 0])])
    none = jnp.zeros_like(half)
    heading = jnp.stack([jnp.cos(half), none, jnp.sin(half), none], axis=-1)
    step = jnp.stack([features[:, 1], none, features[:, 2]], axis=-1)
    step = jnp.concatenate([jnp.zeros_like(step[:1]), step[:-1]])
    path = jnp.cumsum(rotate(conjugate(heading), step), axis=0)
    return heading, path.at[:, 1].set(features[:, 3])


@jax.jit
def joints_from_features(features: Array) -> Array:
    """Joints (T, J, 3) from the root's motion and the local positions: 4 + 3 (J-1) of the
    features.
    """
    count = joint_count(features)
    heading, root = recover_root(features)
    local = features[:, slices(count)["positions"]].reshape(-1, count - 1, 3)
    joints = (
        rotate(conjugate(heading)[:, None], local)
        + (root * jnp.array([1, 0, 1], root.dtype))[:, None]
    )
    return jnp.concatenate([root[:, None], joints], axis=1)


@jitted
def joints_from_rotations(
    features: Array, offsets: Array, layout: Layout, variant: Variant = "legacy"
) -> Array:
    """Joints (T, J, 3) from the root's motion, the local rotations, and bones `offsets` (J, 3):
    exact bone lengths.
    """
    count = joint_count(features)
    heading, root = recover_root(features)
    six_d = features[:, slices(count)["rotations"]].reshape(-1, count - 1, 6)
    local = rotations.quaternion_from_matrix(rotations.matrix_from_six_d(six_d))
    quaternions = jnp.concatenate([heading[:, None], local], axis=1)
    return forward_kinematics(quaternions, offsets, root, layout, variant)


def _forward(joints: Array, face: tuple[int, int, int, int]) -> Array:
    """The horizontal direction that hips and shoulders face, (..., 3); shorter than 1 where they
    are not level.
    """
    r_hip, l_hip, r_shoulder, l_shoulder = face
    across = (
        joints[..., r_hip, :]
        - joints[..., l_hip, :]
        + joints[..., r_shoulder, :]
        - joints[..., l_shoulder, :]
    )
    xp = rotations.namespace(joints)
    return xp.cross(np.array([0, 1, 0], joints.dtype), normalise(across))


def _anchors(layout: Layout, variant: Variant) -> tuple[int, ...]:
    """The joint whose rotation each joint's own is counted from: its parent; the root where a
    legacy chain starts.
    """
    if variant not in get_args(Variant):
        raise ConfigError(f"features have the variants 'legacy' and 'fixed'; got {variant!r}")
    first = {chain[1] for chain in layout.skeleton.chains} if variant == "legacy" else set()
    return tuple(
        0 if joint in first else parent for joint, parent in enumerate(layout.skeleton.parents)
    )


def _gaussian(x: Array, sigma: float) -> Array:
    """A Gaussian filter along time, cut at 4 sigma, edge values repeated."""
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = jnp.pad(x, ((radius, radius), (0, 0)), mode="edge")
    smooth = partial(jnp.convolve, mode="valid", precision=jax.lax.Precision.HIGHEST)
    return jax.vmap(smooth, in_axes=(1, None), out_axes=1)(
        padded, jnp.asarray(weights / weights.sum(), x.dtype)
    )


def _check(joints: Array, layout: Layout) -> None:
    count = len(layout.skeleton.parents)
    if joints.ndim != 3 or joints.shape[1:] != (count, 3) or len(joints) < 2:
        raise DataError(
            f"a motion of this layout has joints (T >= 2, {count}, 3); got {joints.shape}"
        )
