"""Sampling of nearly standard-normal data in one or a few steps, along the circle of (alpha,
sigma).

With `alpha = cos(theta)`, `sigma = sin(theta)` and `F = (x0_hat - alpha x) / sigma`, the
probability-flow ODE is

    dx / dtheta = -F,    theta from pi/2 (noise) to 0 (data).

For standard normal data F vanishes: the noise itself is the sample, whatever the number of steps.
For whitened data F is small, and so is the error of large steps, where solvers that hold x0 fixed
over a step shrink the spread by `cos(h)`. `rotation` is no member of `solvers.SOLVERS`, whose last
step returns x0 for any denoiser.
"""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.typing import Array, Denoiser, Grid, Solver, Step


def circle(steps: int) -> Grid:
    """Equal angles from pure noise to the clean sample; `t` of the grid is the angle.

    Args:
      steps: number of steps, at least 1.

    Raises:
      ConfigError: fewer steps than one.
    """
    if steps < 1:
        raise ConfigError(f"a sampler takes one step or more; got {steps}")
    theta = np.pi / 2 * (1 - np.arange(steps + 1) / steps)
    theta[0] -= 1e-4  # alpha is positive in every row of a Grid
    alpha, sigma = np.cos(theta), np.sin(theta)
    alpha[-1], sigma[-1] = 1.0, 0.0
    return Grid(*(jnp.asarray(row, jnp.float32) for row in (theta[:-1], alpha, sigma)))


def rotation(order: Literal[1, 2] = 2) -> Solver:
    """Euler (1) or Adams-Bashforth (2) in the angle; for grids of `alpha² + sigma² = 1`.

    Raises:
      ConfigError: another order.
    """
    if order not in (1, 2):
        raise ConfigError(f"rotation has order 1 or 2, not {order}")

    def init(x_start: Array) -> tuple[Array, Array]:
        return jnp.zeros_like(x_start), jnp.full((), jnp.inf, jnp.float32)

    def advance(
        history: tuple[Array, Array], x: Array, denoise: Denoiser, step: Step
    ) -> tuple[tuple, Array]:
        before, h_before = history
        h = jnp.arctan2(step.sigma, step.alpha) - jnp.arctan2(step.sigma_next, step.alpha_next)
        slope = (denoise(x, step.t) - step.alpha * x) / step.sigma
        ahead = slope + 0.5 * (h / h_before) * (slope - before) if order == 2 else slope
        return (slope, h), x + h * ahead

    return Solver(init, advance)
