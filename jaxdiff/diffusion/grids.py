"""The noise levels a sampler visits: from the noisiest down, one row a step, and the clean sample as the last row.

A grid is computed once, in NumPy, from a concrete schedule. `leading`, `trailing` and `linspace` choose training steps
(Lin et al. 2024, Table 2, name them); `karras` chooses noise levels (Karras et al. 2022, eq. 5, on r = sigma / alpha),

    r_i = (r_max^(1/rho) + i / (n - 1) (r_min^(1/rho) - r_max^(1/rho)))^rho,

which lie between the training steps: its `t` is real-valued, its `alpha` and `sigma` exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdiff.errors import ConfigError
from jaxdiff.typing import Grid, Schedule


def explicit(schedule: Schedule, steps: ArrayLike) -> Grid:
    """Exactly these training steps, noisiest first, and then the clean sample."""
    rows, last = np.asarray(steps), schedule.alpha.size - 1
    whole = np.round(rows).astype(np.int64)
    if (
        rows.ndim != 1
        or not rows.size
        or np.any(whole != rows)
        or not np.all(np.diff([last + 1, *whole, -1]) < 0)
    ):
        got = np.array2string(rows, threshold=8)
        raise ConfigError(
            f"a grid has one step or more, whole ones that fall within {last} … 0, each only once; got {got}"
        )
    alpha, sigma = np.asarray(schedule.alpha)[whole], np.asarray(schedule.sigma)[whole]
    return _grid(whole, [*alpha, 1], [*sigma, 0])


def leading(schedule: Schedule, n: int) -> Grid:
    """Every `T // n`-th step, from 0 upwards: reaches step 0, but not the noisiest (DDIM's default)."""
    T = _steps(schedule, n)
    return explicit(schedule, np.arange(n)[::-1] * (T // n))


def trailing(schedule: Schedule, n: int) -> Grid:
    """Every `T / n`-th step, from the noisiest downwards: reaches step `T - 1`, but not step 0."""
    T = _steps(schedule, n)
    return explicit(schedule, np.round(np.arange(T, 0, -T / n))[:n] - 1)


def linspace(schedule: Schedule, n: int, clean: Literal[None, 0, -1] = None) -> Grid:
    """Even strides from step `T - 1` down to step 0 and then to the clean sample.

    With `clean`, the last stride is as long as the others, and the clean sample stands where step 0 would be (as in
    DPM-Solver++) or one below it, at -1 (as in GaitDynamics, which also rounds down).
    """
    T = _steps(schedule, n)
    if clean is None:
        return explicit(schedule, np.round(np.linspace(0, T - 1, n))[::-1])
    if clean == 0:
        return explicit(schedule, np.round(np.linspace(0, T - 1, n + 1))[:0:-1])
    if clean == -1:
        return explicit(schedule, np.arange(n, 0, -1) * T // n - 1)
    raise ConfigError(
        f"the clean sample stands at step 0, at -1, or (None) beyond the strides; got {clean!r}"
    )


def karras(schedule: Schedule, n: int, rho: float = 7.0) -> Grid:
    """`n` levels between the ends of the schedule, close together where there is little noise."""
    T = _steps(schedule, n)
    if not rho > 0:
        raise ConfigError(f"the rho of a Karras grid is positive; got {rho}")
    table = np.asarray(schedule.sigma, np.float64) / np.asarray(schedule.alpha, np.float64)
    high, low = table[-1] ** (1 / rho), table[0] ** (1 / rho)
    ratio = (high + np.linspace(0, 1, n) * (low - high)) ** rho
    t = np.interp(np.log(ratio), np.log(table), np.arange(T))
    alpha = 1 / np.sqrt(1 + ratio**2)
    return _grid(t, [*alpha, 1], [*ratio * alpha, 0])


GRIDS: dict[str, Callable[[Schedule, int], Grid]] = {
    "leading": leading,
    "trailing": trailing,
    "linspace": linspace,
    "dpm_solver": partial(linspace, clean=0),
    "gaitdynamics": partial(linspace, clean=-1),
    "karras": karras,
}
"""Every spacing by name, for configurations and for the conformance suite: what is listed here is tested."""


def truncate(grid: Grid, strength: float) -> Grid:
    """The last part of a grid, a share `strength` of its steps: as far as an inversion goes and a sampler returns."""
    if not 0 < strength <= 1:
        raise ConfigError(
            f"the strength of an inversion lies in (0, 1], 1 being pure noise; got {strength}"
        )
    n = grid.t.size
    begin = n - math.ceil(round(strength * n, 6))  # 0.07 * 100 is 7.000000000000001
    return Grid(*(column[begin:] for column in grid))


def floored(grid: Grid) -> Grid:
    """Without the step to the clean sample: the grid ends at its least noisy level, where an inversion starts."""
    return Grid(*(column[:-1] for column in grid))


def reversed(grid: Grid, told: Literal["current", "target"] = "current") -> Grid:
    """From the least noisy level up to the noisiest: `n - 1` steps, the clean row being left out.

    The network is told the step of the level it stands on, or of the level it goes to (the usual loop around
    diffusers' inverse scheduler).
    """
    t, alpha, sigma = (column[::-1] for column in (grid.t, *floored(grid)[1:]))
    return Grid(t[:-1] if told == "current" else t[1:], alpha, sigma)


def _steps(schedule: Schedule, n: int) -> int:
    T = schedule.alpha.size
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= T:
        raise ConfigError(
            f"a grid on a schedule of {T} steps has between 1 and {T} of them; got {n}"
        )
    return T


def _grid(t: ArrayLike, alpha: ArrayLike, sigma: ArrayLike) -> Grid:
    with jax.ensure_compile_time_eval():
        return Grid(*(jnp.asarray(np.asarray(column), jnp.float32) for column in (t, alpha, sigma)))
