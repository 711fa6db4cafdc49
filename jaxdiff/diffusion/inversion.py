"""DDIM inversion: from a sample to the noise that generates it (Song et al. 2021, section 4.3).

The noise level of a clean sample is zero, so x0 is treated as a sample at the least noisy level of
the grid without a step to get there; inversion is then finite for every prediction type. Choose a
grid that includes step 0 (`leading`, `linspace`, `karras`). BioVAE uses inversion, `truncate`d to a
strength, for refinement, editing and pose estimation:

    part = grids.truncate(grid, 0.3)
    z    = invert(denoise, part, x0)
    x0_  = sample(None, better, part, solvers.ddim(), z)
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import jax.numpy as jnp

from jaxdiff.diffusion import grids, solvers
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Array, Denoiser, Grid, Solver, Step

EvaluateAt = Literal["current", "target_sample", "target_epsilon"]


class RoundTrip(NamedTuple):
    """Error of x0 after inversion and deterministic sampling, over all entries."""

    max_abs: Array
    rms: Array


def invert(
    denoise: Denoiser,
    grid: Grid,
    x0: Array,
    *,
    evaluate_at: EvaluateAt = "current",
    return_path: bool = False,
) -> Array:
    """Invert deterministic DDIM: the noisiest sample from which `sample(…, ddim(), …)` returns to
    x0.

    Args:
      denoise: the denoiser.
      grid: the grid that will be used for sampling, noisiest level first.
      x0: clean samples.
      evaluate_at: noise level at which the network is evaluated. `current`: that of its input.
        `target_sample` and `target_epsilon`: that of the level reached by the step, as in the loop
        commonly written around `DDIMInverseScheduler` of diffusers, with the output interpreted as
        x0 or as eps.
      return_path: also return the intermediate samples, one row per level.

    Returns:
      The inverted sample, or the path with a leading axis of levels.

    Raises:
      ConfigError: if `evaluate_at` is unknown.

    Examples:
      >>> import jax.numpy as jnp, jaxdiff
      >>> grid = jaxdiff.grids.leading(jaxdiff.schedules.linear(1000), 10)
      >>> jaxdiff.invert(lambda x_t, t: 0 * x_t, grid, jnp.ones((2, 3))).shape
      (2, 3)
    """
    if evaluate_at not in _SOLVERS:
        raise ConfigError(f"unknown evaluate_at={evaluate_at!r}: {nearest(evaluate_at, _SOLVERS)}")
    t_at, solver = _SOLVERS[evaluate_at]
    return sample(None, denoise, grids.reversed(grid, t_at), solver, x0, return_path=return_path)


def round_trip(
    denoise: Denoiser, grid: Grid, x0: Array, *, evaluate_at: EvaluateAt = "current"
) -> RoundTrip:
    """Error of x0 after inversion followed by deterministic DDIM down to the least noisy level.

    Args:
      denoise: the denoiser.
      grid: the grid of both directions.
      x0: clean samples.
      evaluate_at: as in `invert`.

    Returns:
      The maximum absolute and the root-mean-square error.
    """
    z = invert(denoise, grid, x0, evaluate_at=evaluate_at)
    error = sample(None, denoise, grids.floored(grid), solvers.ddim(), z) - x0
    return RoundTrip(jnp.max(jnp.abs(error)), jnp.sqrt(jnp.mean(error**2)))


def _keep_noise(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
    """DDIM step with eps from the target level, where the network was evaluated, and x0 from the
    current level.
    """
    eps = (x - step.alpha_next * denoise(x, step.t)) / step.sigma_next
    return history, solvers.move(x, (x - step.sigma * eps) / step.alpha, step, kept=step.sigma_next)


_SOLVERS: dict[str, tuple[Literal["current", "target"], Solver]] = {
    "current": ("current", solvers.ddim()),
    "target_sample": ("target", solvers.ddim()),
    "target_epsilon": ("target", Solver(lambda x_start: (), _keep_noise)),
}
