"""Constraints on generated motion: kept frames, keyframes, joints' paths and the root's path.

All are targets for joint positions, `(T, J, 3)` in metres, with weights that are 0 where there is
no constraint. A constrained Denoiser moves each estimate of the clean features x to the nearest
that meets them,

    x' = argmin  Σ w |joints(x') - target|² + strength (|δ|² + stiffness |second difference of δ|²),    δ = x' - x,

by Gauss-Newton steps solved with conjugate gradients. The stiffness spreads a correction over
neighbouring frames, and the network sees the corrected motion at the next noise level, so that the
motion around a constraint follows it. Frames that are kept whole are imputed as features too, and
the correction leaves these alone.

Plain imputation (`impute`) replaces the constrained local positions only: features are relative to
the root, so a path or a place in the world is out of its reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.body.humanml3d import recover_root, slices
from jaxdiff.body.rotations import rotate
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.typing import Array, Denoiser

STRENGTH, STIFFNESS = 1e-4, 20.0
ROUNDS, STEPS = 2, 32
"""Gauss-Newton steps for one estimate, and conjugate gradient steps for each."""


class Constraint(NamedTuple):
    """What a motion has to meet, in clip axes: frame 0 above the origin, facing +z."""

    target: Array
    """Positions `(T, J, 3)` in metres."""
    weight: Array
    """`(T, J, 3)`, between 0 (free) and 1."""
    known: Array
    """Normalised features `(T, F)` of kept frames."""
    kept: Array
    """Which features are known, `(T, F)`."""


def constrain(denoise: Denoiser, constraint: Constraint, scale: Scale) -> Denoiser:
    """The Denoiser whose estimates `(..., T, F)` meet the constraint.

    Args:
      denoise: a Denoiser of normalised motion features.
      constraint: targets, weights and known features of one motion.
      scale: from normalised features to metres.

    Returns:
      A Denoiser.
    """
    free = ~constraint.kept

    def residual(x: Array) -> Array:
        return jnp.sqrt(constraint.weight) * (scale.joints(x) - constraint.target)

    def stiff(delta: Array) -> Array:
        bend = _bend(delta)
        return STRENGTH * (delta + STIFFNESS * _bend_back(bend))

    def improve(x: Array, anchor: Array) -> Array:
        wrong, forward = jax.linearize(residual, x)
        backward = jax.linear_transpose(forward, x)

        def normal(delta: Array) -> Array:
            delta = jnp.where(free, delta, 0)
            return jnp.where(free, backward(forward(delta))[0] + stiff(delta), delta)

        slope = jnp.where(free, backward(wrong)[0] + stiff(x - anchor), 0)
        delta, _ = jax.scipy.sparse.linalg.cg(normal, -slope, maxiter=STEPS, tol=1e-5)
        return x + jnp.where(free, delta, 0)

    def one(x: Array) -> Array:
        x = jnp.where(constraint.kept, constraint.known, x)
        anchor = x
        for _ in range(ROUNDS):
            x = improve(x, anchor)
        return _replaced(_on_path(x, constraint, scale), constraint, scale)

    return _each(denoise, one)


def impute(denoise: Denoiser, constraint: Constraint, scale: Scale) -> Denoiser:
    """Plain imputation: known features, and the local positions of constrained joints, replaced in
    every estimate.
    """

    def one(x: Array) -> Array:
        return _replaced(jnp.where(constraint.kept, constraint.known, x), constraint, scale)

    return _each(denoise, one)


def _on_path(x: Array, constraint: Constraint, scale: Scale) -> Array:
    """Features with the root exactly on its path, where one is given in every frame; corrects what
    the steps left.
    """
    features = scale.features(x)
    heading, _ = recover_root(features)
    step = jnp.diff(constraint.target[:, 0], axis=0) / scale.metres
    velocity = rotate(heading[1:], step)[:, jnp.array([0, 2])]
    at = slices(constraint.target.shape[1])["root_velocity"]
    moved = (features.at[:-1, at].set(velocity) - scale.offset) / scale.scale
    whole = constraint.weight[:, 0, jnp.array([0, 2])].min() > 0.5
    return jnp.where(whole & ~constraint.kept, moved, x)


def _replaced(x: Array, constraint: Constraint, scale: Scale) -> Array:
    """Features `(T, F)` with constrained joints exactly at their targets, as seen from the root's
    place and heading.
    """
    features = scale.features(x)
    heading, root = recover_root(features)
    ground = jnp.array([1, 0, 1], root.dtype)
    local = rotate(heading[:, None], constraint.target / scale.metres - (root * ground)[:, None])
    at = slices(constraint.target.shape[1])["positions"]
    whole = constraint.weight[:, 1:].min(-1, keepdims=True) > 0.5
    place = jnp.where(whole, local[:, 1:], features[:, at].reshape(local[:, 1:].shape))
    features = features.at[:, at].set(place.reshape(len(x), -1))
    return jnp.where(constraint.kept, x, (features - scale.offset) / scale.scale)


def _each(denoise: Denoiser, one: Callable[[Array], Array]) -> Denoiser:
    """The Denoiser whose estimates `(..., T, F)` each went through `one`."""

    def changed(x_t: Array, t: Array) -> Array:
        x0 = denoise(x_t, t)
        return jax.vmap(one)(x0.reshape(-1, *x0.shape[-2:])).reshape(x0.shape)

    return changed


def error(joints: Array, constraint: Constraint) -> Array:
    """Mean distance in metres between constrained joints and their targets,
    `(..., T, J, 3) -> (...)`.
    """
    asked = constraint.weight > 0
    distance = jnp.sqrt(jnp.where(asked, (joints - constraint.target) ** 2, 0).sum(-1))
    any_axis = asked.any(-1)
    return jnp.where(any_axis, distance, 0).sum((-2, -1)) / jnp.maximum(any_axis.sum(), 1)


def _bend(x: Array) -> Array:
    return x[2:] - 2 * x[1:-1] + x[:-2]


def _bend_back(bend: Array) -> Array:
    """The transpose of `_bend`."""
    padded = jnp.pad(bend, ((2, 2), (0, 0)))
    return padded[:-2] - 2 * padded[1:-1] + padded[2:]
