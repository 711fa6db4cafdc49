"""From a sample back to the noise it comes from: deterministic DDIM up the grid (Song et al. 2021, section 4.3).

The clean sample has no noise to divide by, so x0 is taken as a sample at the least noisy level of the grid, and no
step is made to get there: inversion is finite for every prediction. Choose a grid that reaches step 0 (`leading`,
`linspace`, `karras`). BioVAE refines, edits and estimates poses this way, `truncate`d to a strength:

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

Asked = Literal["current", "target_sample", "target_epsilon"]


class RoundTrip(NamedTuple):
    """What inversion and the way back change of x0, over all entries."""

    max_abs: Array
    rms: Array


def invert(
    denoise: Denoiser, grid: Grid, x0: Array, *, asked: Asked = "current", return_path: bool = False
) -> Array:
    """The sample at the noisiest level of the grid from which `sample(…, ddim(), …)` returns to x0.

    The network is asked at the level of the sample it sees (`current`), or, as in the usual loop around diffusers'
    inverse scheduler, at the level the step goes to: its answer is then held to be the clean sample
    (`target_sample`) or the noise (`target_epsilon`). The path has one row a level.
    """
    if asked not in _ASKED:
        raise ConfigError(f"an inversion cannot be asked at {asked!r}: {nearest(asked, _ASKED)}")
    told, solver = _ASKED[asked]
    return sample(None, denoise, grids.reversed(grid, told), solver, x0, return_path=return_path)


def round_trip(denoise: Denoiser, grid: Grid, x0: Array, *, asked: Asked = "current") -> RoundTrip:
    """How far x0 is from itself after inversion and deterministic DDIM back to the least noisy level."""
    z = invert(denoise, grid, x0, asked=asked)
    error = sample(None, denoise, grids.floored(grid), solvers.ddim(), z) - x0
    return RoundTrip(jnp.max(jnp.abs(error)), jnp.sqrt(jnp.mean(error**2)))


def _keep_noise(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
    """DDIM that forms the noise with the target level, at which the network was asked, and x0 with the current one."""
    eps = (x - step.alpha_next * denoise(x, step.t)) / step.sigma_next
    return history, solvers.move(x, (x - step.sigma * eps) / step.alpha, step, kept=step.sigma_next)


_ASKED: dict[str, tuple[Literal["current", "target"], Solver]] = {
    "current": ("current", solvers.ddim()),
    "target_sample": ("target", solvers.ddim()),
    "target_epsilon": ("target", Solver(lambda x_start: (), _keep_noise)),
}
