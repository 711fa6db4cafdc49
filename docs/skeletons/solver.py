"""Template of a solver: the second-order Adams-Bashforth method for the noise.

With `y = x / alpha` and `r = sigma / alpha` the probability-flow ODE is `dy/dr = eps`. DDIM treats
`eps` as constant over a step; here it is extrapolated linearly from the previous step,

    x' = DDIM's x' + alpha' (r' - r) ½ (r' - r) / (r - r_before) (eps - eps_before).

Every solver in `solvers.SOLVERS` is tested by `tests/diffusion/test_conformance.py`.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.diffusion.solvers import move
from jaxdiff.typing import Array, Denoiser, Solver, Step

History = tuple[Array, Array]
"""Noise estimated at the previous step, and the change of r over that step."""


def adams_bashforth() -> Solver:
    def init(x_start: Array) -> History:
        # An infinite previous step disables extrapolation in the first step.
        return jnp.zeros_like(x_start), jnp.full((), jnp.inf, jnp.float32)

    def advance(history: History, x: Array, denoise: Denoiser, step: Step) -> tuple[History, Array]:
        eps_before, stride_before = history
        x0 = denoise(x, step.t)
        eps = (x - step.alpha * x0) / step.sigma
        stride = step.sigma_next / step.alpha_next - step.sigma / step.alpha
        change = 0.5 * stride / stride_before * (eps - eps_before)
        ddim = move(x, x0, step, kept=step.sigma_next)
        # As for every solver, the last step returns the estimate x0 itself.
        return (eps, stride), jnp.where(step.last, ddim, ddim + step.alpha_next * stride * change)

    return Solver(init, advance, stochastic=False)  # `step.noise` is None unless stochastic
