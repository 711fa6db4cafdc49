"""Refinement, editing and pose estimation (BioVAE III.D, eqs. 10 and 11).

    z = invert(motion) up to a noise level,     motion_hat = deterministic DDIM back, with the mechanics on

`strength` is that level as a share of the steps: 0.3 refines, 0.7 leaves room to edit. The paper
prints a single shot `x_t = √ᾱ x0 + √(1-ᾱ) eps(x0, t)`, which evaluates the network at a clean
motion and a noisy level; here the inversion goes step by step, without text. The way back ends
where the inversion began, so that a strength of 0 returns its input, as does any strength where
both directions use the same network and the steps are small.

The part of its input that the network does not reproduce, e = x - x0_hat, counts as noise: the
inversion reads eps = e / sigma where it begins. At the least noisy level, sigma = 0.01, a small
network's e of 0.4 becomes noise forty times too large, and the latent with it. So the inversion
begins at a `floor`, the level whose noise is about as large as e; 0 suits a network that reproduces
what it sees.

`follow` needs no inversion: it stays close to its input and follows the accelerations that the
network states for it,

    x_hat = argmin_x Σ |x_i - y_i|² + trust² Σ |ẍ_i - a_i|²,      ẍ_i = (x_{i+1} - 2 x_i + x_{i-1}) rate²,

a Whittaker smoother that pulls to stated accelerations and not to zero. A trust of 0 returns its
input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from jaxdiff.body import rotations
from jaxdiff.body.humanml3d import (
    LAYOUT_22,
    Layout,
    Variant,
    canonical,
    features,
    joints_from_features,
)
from jaxdiff.diffusion import grids, solvers
from jaxdiff.diffusion.inversion import invert
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.typing import Array, Denoiser, Grid, Schedule


def refine(
    motion: Array,
    inward: Denoiser,
    back: Denoiser,
    schedule: Schedule,
    strength: float = 0.3,
    steps: int = 50,
    floor: float = 0.0,
) -> Array:
    """Motions from the noise level of `floor` through `inward` up to that of `strength` and through
    `back` down again.

    `steps` is the number of steps that a strength of 1 takes each way.
    """
    grid = levels(schedule, strength, steps, floor)
    if grid is None:
        return motion
    return sample(None, back, grids.floored(grid), solvers.ddim(), invert(inward, grid, motion))


def levels(schedule: Schedule, strength: float, steps: int, floor: float = 0.0) -> Grid | None:
    """The levels between two shares of the steps, both included; None where the strength is not
    above the floor.
    """
    if not (0 <= strength <= 1 and 0 <= floor < 1):
        raise ConfigError(
            f"strength and floor lie in [0, 1], 1 being pure noise; got {strength} and {floor}"
        )
    first, last = round(floor * steps), round(strength * steps)
    if last <= first:
        return None
    # `steps` steps have one level more: the cleanest, step 0 of the schedule.
    return grids.explicit(
        schedule, np.arange(last, first - 1, -1) * (schedule.alpha.size // (steps + 1))
    )


def follow(joints: np.ndarray, acceleration: np.ndarray, rate: float, trust: float) -> np.ndarray:
    """Joints `(T, J, 3)` that keep to those given and move by the accelerations `(T, J, 3)` in
    m/s², as far as they agree.

    `trust` is in s²: how many metres off is as bad as an acceleration 1 m/s² off. Accelerations at
        the two ends are not read.
    """
    if joints.shape != acceleration.shape or joints.ndim != 3 or len(joints) < 3:
        raise DataError(
            f"joints (T >= 3, J, 3) follow as many accelerations; got {joints.shape},"
            f" {acceleration.shape}"
        )
    if trust < 0:
        raise ConfigError(f"the trust in accelerations is 0 s² or more; got {trust}")
    second = trust * rate**2 * np.diff(np.eye(len(joints)), 2, axis=0)
    wanted = trust * acceleration[1:-1].reshape(len(joints) - 2, -1)
    y = np.asarray(joints, np.float64).reshape(len(joints), -1)
    followed = np.linalg.solve(np.eye(len(joints)) + second.T @ second, y + second.T @ wanted)
    return followed.reshape(joints.shape).astype(np.float32)


def refine_joints(
    joints: np.ndarray,
    refine_features: Callable[[Array], Array],
    layout: Layout = LAYOUT_22,
    variant: Variant = "legacy",
) -> np.ndarray:
    """Joints `(T, J, 3)` in the unit of `layout`, y up, through anything that refines motion
    features `(T, F)`.

    The motion is refined as the features see it, on the floor and facing ahead, and put back in its
    place; the figure and its bones stay its own.
    """
    if joints.ndim != 3 or joints.shape[1:] != (len(layout.skeleton.names), 3) or len(joints) < 2:
        raise DataError(
            f"a motion of this layout has joints (T >= 2, {len(layout.skeleton.names)}, 3); got"
            f" {joints.shape}"
        )
    joints = np.asarray(joints, np.float32)
    onward: Any = np.concatenate(
        [joints, 2 * joints[-1:] - joints[-2:-1]]
    )  # features have a frame less than joints
    upright, turn = canonical(onward, layout)
    refined = np.asarray(joints_from_features(refine_features(features(upright, layout, variant))))
    place = (
        joints[0, 0] - upright[0, 0]
    )  # turning about the vertical leaves the root of frame 0 where it is
    return (np.asarray(rotations.rotate(rotations.conjugate(turn), refined)) + place).astype(
        np.float32
    )
