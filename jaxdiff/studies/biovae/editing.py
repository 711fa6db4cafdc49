"""Editing a motion: its accelerations scaled by a trained network, in whole or joint by joint."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.humanml3d import LAYOUT_22, Variant
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.inversion import invert
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.refinement import levels, refine_joints
from jaxdiff.typing import Array, Denoiser

TRUST = 0.02
"""s²: how far refinement follows stated accelerations; chosen on the validation clips of simulated
motion.
"""
STEPS = 50


def edit(
    network: Callable[..., Denoiser],
    scale: Scale,
    motion: np.ndarray,
    factor: np.ndarray,
    strength: float = 0.7,
    steps: int = STEPS,
    floor: float = 0.0,
    variant: Variant = "fixed",
) -> np.ndarray:
    """Scale the accelerations of a motion by inversion and two ways back.

    What is added to the motion is the difference of sampling with the factors and without: factors
    of 1 change nothing.

    Args:
        network: `network(factor=...)` is the denoiser with these factors of acceleration `[1, J]`;
            `network()` without.
        scale: From normalised features to metres.
        motion: Joints `[T, 22, 3]` in metres.
        factor: One factor per joint `[22]`.
        strength: Noise level from 0 to 1 to which the motion is taken back.
        steps: Steps of inversion and of sampling.
        floor: Noise level at which inversion starts.
        variant: Feature variant of the network.

    Returns:
        Joints `[T, 22, 3]`.
    """
    grid = levels(schedules.linear(), strength, steps, floor)
    if grid is None:
        raise ConfigError(
            f"the strength of an edit lies above the floor of the inversion, {floor}; got"
            f" {strength}"
        )

    @jax.jit
    def run(seen: Array) -> Array:
        x = ((seen - scale.offset) / scale.scale)[None]
        plain = network()
        scaled = network(factor=jnp.asarray(factor)[None])
        z = invert(plain, grid, x)
        ways = (
            sample(None, back, grids.floored(grid), solvers.ddim(), z) for back in (scaled, plain)
        )
        return seen + (next(ways) - next(ways))[0] * scale.scale

    return refine_joints(motion, run, LAYOUT_22, variant)


def factors(factor: float, joints: Sequence[str] | None) -> np.ndarray:
    """One factor per joint `[22]`: `factor` for the named joints (default: all), 1 for the
    others.
    """
    chosen = range(22) if joints is None else [HUMANML3D.index(name) for name in joints]
    made = np.ones(22, np.float32)
    made[list(chosen)] = factor
    return made
