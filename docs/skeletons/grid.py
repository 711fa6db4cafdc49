"""Template of a grid: noise levels evenly spaced in the logarithm of the signal-to-noise ratio.

    log r_i = log r_max + i / (n - 1) (log r_min - log r_max),    r = sigma / alpha

A grid is computed once, in NumPy, from a concrete schedule. Every grid in `grids.GRIDS` is tested
with every solver.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.typing import Grid, Schedule


def log_snr(schedule: Schedule, n: int) -> Grid:
    T = schedule.alpha.size
    if not 1 <= n <= T:
        raise ConfigError(
            f"the number of steps must be between 1 and {T}, the schedule's length; got {n}"
        )
    table = np.log(np.asarray(schedule.sigma, np.float64)) - np.log(
        np.asarray(schedule.alpha, np.float64)
    )
    log_r = np.linspace(table[-1], table[0], n)
    t = np.interp(log_r, table, np.arange(T))  # real-valued: levels lie between training steps
    alpha = 1 / np.sqrt(1 + np.exp(2 * log_r))
    sigma = np.exp(log_r) * alpha
    columns = (t, [*alpha, 1], [*sigma, 0])  # alpha and sigma end with the clean sample
    with jax.ensure_compile_time_eval():  # concrete even inside a jitted function
        return Grid(*(jnp.asarray(np.asarray(column), jnp.float32) for column in columns))
