"""Solvers: the update from one noise level to the next, all derived from a single identity.

Let `e = (sigma' / sigma) (alpha / alpha')` be the decay of the noise-to-signal ratio over a step
from `(alpha, sigma)` to `(alpha', sigma')`. Given the estimate x0 of the clean sample and the
implied noise `eps = (x - alpha x0) / sigma`,

    x' = alpha' x0 + kept eps + fresh z,    z ~ N(0, 1)

with `kept² + fresh² = sigma'²` is a sample at the next level if x0 is exact. The choice of `kept`
defines the solver:

    ddim, euler     kept = sigma'                 the probability-flow ODE (Song et al. 2021, eq. 12)
    ddpm            kept = sigma' e               the posterior of the Markov chain (Ho et al. 2020, eq. 7)
    ddim(eta)       fresh = eta sigma' √(1 - e²)  between the two
    consistency     fresh = sigma', kept = 0      x0 noised anew (Song et al. 2023, Algorithm 1)
    dpm_solver_pp   either of the two, x0 extrapolated from the last two estimates (Lu et al. 2022, Algorithm 2)
    heun            ddim, then corrected by a second estimate at its end (Karras et al. 2022, Algorithm 1)

At the clean end `e = 0` and `x' = x0`. There is no division by `sigma'`, so values and gradients
are finite there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import jax.numpy as jnp
from jax import lax

from jaxdiff.errors import ConfigError
from jaxdiff.typing import Array, Denoiser, Solver, Step


def ddpm(variance: Literal["fixed_small", "fixed_large"] = "fixed_small") -> Solver:
    """Ancestral sampling of Ho et al. (2020).

    Args:
      variance: `fixed_small`, the variance of the posterior, or `fixed_large`, the beta of the
        forward step.

    Returns:
      A stochastic solver.
    """
    if variance not in ("fixed_small", "fixed_large"):
        raise ConfigError(f"variance must be 'fixed_small' or 'fixed_large', not {variance!r}")

    def advance(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
        e = decay(step)
        scale = (
            step.sigma_next if variance == "fixed_small" else jnp.where(step.last, 0.0, step.sigma)
        )
        x0 = denoise(x, step.t)
        return history, move(
            x, x0, step, kept=step.sigma_next * e, fresh=scale * jnp.sqrt((1 - e) * (1 + e))
        )

    return Solver(_no_history, advance, stochastic=True)


def ddim(eta: float = 0.0) -> Solver:
    """DDIM of Song et al. (2021).

    Args:
      eta: stochasticity in [0, 1]; deterministic at 0, equal to `ddpm()` at 1.

    Returns:
      A solver, stochastic if `eta > 0`.

    Examples:
      >>> import jaxdiff
      >>> jaxdiff.solvers.ddim(0.0).stochastic, jaxdiff.solvers.ddim(1.0).stochastic
      (False, True)
    """
    if not 0 <= eta <= 1:
        raise ConfigError(f"eta must be in [0, 1]; got {eta}")

    def advance(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
        e = decay(step)
        # Factored, because 1 - eta² (1 - e²) loses a small e to cancellation.
        kept = step.sigma_next * jnp.sqrt((1 - eta) * (1 + eta) + (eta * e) ** 2)
        fresh = step.sigma_next * eta * jnp.sqrt((1 - e) * (1 + e))
        return history, move(x, denoise(x, step.t), step, kept, fresh)

    return Solver(_no_history, advance, stochastic=eta > 0)


def euler() -> Solver:
    """Euler's method for `dy/dr = eps` with `y = x / alpha`, `r = sigma / alpha`; identical to
    `ddim(0)`.

    Returns:
      A deterministic solver.
    """
    return ddim(0.0)


def dpm_solver_pp(order: Literal[1, 2] = 2, stochastic: bool = False) -> Solver:
    """Multistep DPM-Solver++ of Lu et al. (2022), midpoint variant.

    The first step and the step to the clean sample are of first order.

    Args:
      order: 1 or 2.
      stochastic: use the SDE variant.

    Returns:
      The solver.
    """
    if order not in (1, 2):
        raise ConfigError(f"order must be 1 or 2, not {order}")

    def init(x_start: Array) -> tuple[Array, Array]:
        # An infinite previous step size disables extrapolation in the first step.
        return jnp.zeros_like(x_start), jnp.full((), jnp.inf, jnp.float32)

    def advance(
        history: tuple[Array, Array], x: Array, denoise: Denoiser, step: Step
    ) -> tuple[tuple, Array]:
        x0_before, h_before = history
        e = decay(step)
        h = -jnp.log(jnp.where(step.last, 1.0, e))
        x0 = denoise(x, step.t)
        ahead = x0 + 0.5 * (h / h_before) * (x0 - x0_before) if order == 2 else x0
        if stochastic:
            x_next = move(
                x,
                ahead,
                step,
                kept=step.sigma_next * e,
                fresh=step.sigma_next * jnp.sqrt((1 - e) * (1 + e)),
            )
        else:
            x_next = move(x, ahead, step, kept=step.sigma_next)
        return (x0, h), x_next

    return Solver(init, advance, stochastic)


def consistency() -> Solver:
    """Multistep consistency sampling of Song et al. (2023): each estimate is noised anew to the
    next level.

    For networks whose estimate at any level is a sample (`methods.distillation`). It is not a
    discretisation of the diffusion process: with the estimates of an ordinary denoiser it does not
    converge to the data as steps are added.

    Returns:
      A stochastic solver.

    Examples:
      >>> from jaxdiff import solvers
      >>> solvers.consistency().stochastic
      True
    """

    def advance(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
        x0 = denoise(x, step.t)
        return history, move(x, x0, step, kept=jnp.zeros_like(step.sigma), fresh=step.sigma_next)

    return Solver(_no_history, advance, stochastic=True)


def heun() -> Solver:
    """Heun's method of Karras et al. (2022): two evaluations per step; the step to the clean sample
    is Euler's.

    Returns:
      A deterministic solver.
    """

    def advance(history: tuple, x: Array, denoise: Denoiser, step: Step) -> tuple[tuple, Array]:
        x0 = denoise(x, step.t)
        x_euler = move(x, x0, step, kept=step.sigma_next)
        x0_end = lax.cond(step.last, lambda: x0, lambda: denoise(x_euler, step.t_next))
        growth = 1 / jnp.where(step.last, 1.0, decay(step)) - 1
        return history, x_euler + 0.5 * step.alpha_next * growth * (x0_end - x0)

    return Solver(_no_history, advance)


SOLVERS: dict[str, Callable[[], Solver]] = {
    "ddpm": ddpm,
    "ddpm_large": partial(ddpm, "fixed_large"),
    "ddim": ddim,
    "ddim_half": partial(ddim, 0.5),
    "euler": euler,
    "heun": heun,
    "dpm_solver_pp_1": partial(dpm_solver_pp, 1),
    "dpm_solver_pp_2": partial(dpm_solver_pp, 2),
    "sde_dpm_solver_pp_1": partial(dpm_solver_pp, 1, stochastic=True),
    "sde_dpm_solver_pp_2": partial(dpm_solver_pp, 2, stochastic=True),
}
"""Solvers by name, for configurations and the conformance suite: every solver listed here is
tested.
"""


def decay(step: Step) -> Array:
    """`e = (sigma' / sigma) (alpha / alpha')`, 0 at the clean end; `-log e` is half the increase in
    log-SNR.

    Args:
      step: a step of the grid.

    Returns:
      `e`, between 0 and 1.
    """
    return (step.sigma_next / step.sigma) * (step.alpha / step.alpha_next)


def move(x: Array, x0: Array, step: Step, kept: Array, fresh: Array | None = None) -> Array:
    """Apply the update `x' = alpha' x0 + kept eps + fresh z`.

    Args:
      x: the sample at the noisier level.
      x0: estimate of the clean sample.
      step: a step of the grid.
      kept: factor of the implied noise.
      fresh: factor of new noise; None for a deterministic step.

    Returns:
      The sample at the next level.
    """
    x_next = step.alpha_next * x0 + kept * ((x - step.alpha * x0) / step.sigma)
    return x_next if fresh is None or step.noise is None else x_next + fresh * step.noise


def _no_history(x_start: Array) -> tuple[Any, ...]:
    return ()
