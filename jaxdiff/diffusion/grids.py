"""Grids: the sequence of noise levels visited by a sampler, noisiest first, ending with the clean
sample.

A grid is computed once, in NumPy, from a concrete schedule. `leading`, `trailing` and `linspace`
select training steps (named as in Lin et al. 2024, Table 2). `karras` selects noise levels (Karras
et al. 2022, eq. 5, r = sigma / alpha),

    r_i = (r_max^(1/rho) + i / (n - 1) (r_min^(1/rho) - r_max^(1/rho)))^rho,

which lie between training steps: its `t` is real-valued, while `alpha` and `sigma` are exact.
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
    """Grid with the given training steps, followed by the clean sample.

    Args:
      schedule: the noise schedule.
      steps: distinct integer training steps [N], in decreasing order.

    Returns:
      A grid of N steps.

    Raises:
      ConfigError: if `steps` is empty, not integer-valued, not decreasing or outside the schedule.

    Examples:
      >>> import jaxdiff
      >>> grid = jaxdiff.grids.explicit(jaxdiff.schedules.linear(1000), [999, 500, 0])
      >>> grid.t.tolist()
      [999.0, 500.0, 0.0]
    """
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
            f"steps must be distinct integers in decreasing order between {last} and 0; got {got}"
        )
    alpha, sigma = np.asarray(schedule.alpha)[whole], np.asarray(schedule.sigma)[whole]
    return _grid(whole, [*alpha, 1], [*sigma, 0])


def leading(schedule: Schedule, n: int) -> Grid:
    """Multiples of `T // n`, starting at step 0 (the default of DDIM); does not include step
    `T - 1`.

    Args:
      schedule: the noise schedule, with T training steps.
      n: number of steps, between 1 and T.

    Returns:
      A grid of n steps.
    """
    T = _steps(schedule, n)
    return explicit(schedule, np.arange(n)[::-1] * (T // n))


def trailing(schedule: Schedule, n: int) -> Grid:
    """Steps at distance `T / n`, starting at the noisiest step `T - 1`; does not include step 0.

    Args:
      schedule: the noise schedule, with T training steps.
      n: number of steps, between 1 and T.

    Returns:
      A grid of n steps.
    """
    T = _steps(schedule, n)
    return explicit(schedule, np.round(np.arange(T, 0, -T / n))[:n] - 1)


def linspace(schedule: Schedule, n: int, clean: Literal[None, 0, -1] = None) -> Grid:
    """Evenly spaced steps from `T - 1` down to 0, followed by the clean sample.

    Args:
      schedule: the noise schedule, with T training steps.
      n: number of steps, between 1 and T.
      clean: position of the clean sample on the step axis. None: after step 0. With 0 (as in
        DPM-Solver++) or -1 (as in GaitDynamics, which also rounds down) the last interval is as
        long as the others.

    Returns:
      A grid of n steps.
    """
    T = _steps(schedule, n)
    if clean is None:
        return explicit(schedule, np.round(np.linspace(0, T - 1, n))[::-1])
    if clean == 0:
        return explicit(schedule, np.round(np.linspace(0, T - 1, n + 1))[:0:-1])
    if clean == -1:
        return explicit(schedule, np.arange(n, 0, -1) * T // n - 1)
    raise ConfigError(f"clean must be None, 0 or -1; got {clean!r}")


def karras(schedule: Schedule, n: int, rho: float = 7.0) -> Grid:
    """Noise levels of Karras et al. (2022), between the ends of the schedule and denser at low
    noise.

    Args:
      schedule: the noise schedule, with T training steps.
      n: number of steps, between 1 and T.
      rho: exponent of the spacing, positive; larger values place more levels at low noise.

    Returns:
      A grid of n steps whose `t` is real-valued.

    Examples:
      >>> import jaxdiff
      >>> jaxdiff.grids.karras(jaxdiff.schedules.linear(1000), 10).alpha.shape
      (11,)
    """
    T = _steps(schedule, n)
    if not rho > 0:
        raise ConfigError(f"rho must be positive; got {rho}")
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
"""Grids by name, for configurations and the conformance suite: every grid listed here is tested."""


def truncate(grid: Grid, strength: float) -> Grid:
    """The least noisy part of a grid, used to invert a sample partially and to regenerate it.

    Args:
      grid: the full grid.
      strength: fraction of the steps to keep, in (0, 1]; 1 keeps the whole grid.

    Returns:
      The truncated grid.
    """
    if not 0 < strength <= 1:
        raise ConfigError(f"strength must be in (0, 1], where 1 is pure noise; got {strength}")
    n = grid.t.size
    begin = n - math.ceil(round(strength * n, 6))  # 0.07 * 100 is 7.000000000000001
    return Grid(*(column[begin:] for column in grid))


def floored(grid: Grid) -> Grid:
    """Drop the step to the clean sample: the grid ends at its least noisy level, where an inversion
    starts.

    Args:
      grid: a grid.

    Returns:
      The grid without its last row.
    """
    return Grid(*(column[:-1] for column in grid))


def reversed(grid: Grid, t_at: Literal["current", "target"] = "current") -> Grid:
    """The grid in increasing order of noise, without the clean row.

    Args:
      grid: a grid of n steps.
      t_at: `t` passed to the network is that of the current level, or of the level reached by the
        step (`target`, as in the loop commonly written around `DDIMInverseScheduler` of diffusers).

    Returns:
      A grid of n - 1 steps, least noisy first.
    """
    t, alpha, sigma = (column[::-1] for column in (grid.t, *floored(grid)[1:]))
    return Grid(t[:-1] if t_at == "current" else t[1:], alpha, sigma)


def _steps(schedule: Schedule, n: int) -> int:
    T = schedule.alpha.size
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= T:
        raise ConfigError(
            f"the number of steps must be an integer between 1 and {T}, the schedule's length;"
            f" got {n}"
        )
    return T


def _grid(t: ArrayLike, alpha: ArrayLike, sigma: ArrayLike) -> Grid:
    with jax.ensure_compile_time_eval():
        return Grid(*(jnp.asarray(np.asarray(column), jnp.float32) for column in (t, alpha, sigma)))
