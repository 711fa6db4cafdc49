"""A solver to copy: Adams and Bashforth's second order in the noise.

With `y = x / alpha` and `r = sigma / alpha` the probability-flow ODE is `dy/dr = eps`. DDIM takes `eps` to be constant
over a step; here it goes on changing as it did over the step before,

    x' = DDIM's x' + alpha' (r' - r) ½ (r' - r) / (r - r_before) (eps - eps_before).

What every solver must keep to is tested: list it in `solvers.SOLVERS` and `tests/diffusion/test_conformance.py` runs.
"""

from __future__ import annotations

import jax.numpy as jnp

from jaxdiff.diffusion.solvers import move
from jaxdiff.typing import Array, Denoiser, Solver, Step

History = tuple[Array, Array]
"""The noise estimated at the step before, and the change of r over it."""


def adams_bashforth() -> Solver:
    def init(x_start: Array) -> History:
        # No step came before: one of infinite length, whose change has no weight.
        return jnp.zeros_like(x_start), jnp.full((), jnp.inf, jnp.float32)

    def advance(history: History, x: Array, denoise: Denoiser, step: Step) -> tuple[History, Array]:
        eps_before, stride_before = history
        x0 = denoise(x, step.t)
        eps = (x - step.alpha * x0) / step.sigma
        stride = step.sigma_next / step.alpha_next - step.sigma / step.alpha
        change = 0.5 * stride / stride_before * (eps - eps_before)
        ddim = move(x, x0, step, kept=step.sigma_next)
        # The last step lands on the estimate itself, as every solver's does: x0 is what a denoiser means.
        return (eps, stride), jnp.where(step.last, ddim, ddim + step.alpha_next * stride * change)

    return Solver(
        init, advance, stochastic=False
    )  # stochastic=True: `step.noise` is drawn, else it is None
