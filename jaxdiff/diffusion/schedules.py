"""Noise schedules: the signal and noise level of each training step.

    x_t = alpha_t x0 + sigma_t eps,    alpha_t² + sigma_t² = 1,    alpha_t² = alpha_bar_t = Π_{s ≤ t} (1 - beta_s)

(Ho et al. 2020, eq. 4; LLMA Algorithm 1, whose beta_t is our alpha_bar_t; speed transfer and BioVAE
use the linear schedule.) The tables equal those of the reference implementations: betas in float32,
their product accumulated in float64, and each entry rounded to float32. A product accumulated in
float32, or betas in float64, would change the smallest noise levels by a relative 1e-4, and with
them every Karras grid.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from numpy.typing import DTypeLike

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.typing import Array, Schedule


def linear(T: int = 1000, first: float = 1e-4, last: float = 0.02) -> Schedule:
    """Linear schedule of betas (Ho et al. 2020).

    Args:
      T: number of training steps.
      first: beta of the first step.
      last: beta of the last step.

    Returns:
      The schedule, `alpha` and `sigma` of shape [T].

    Examples:
      >>> import jaxdiff
      >>> jaxdiff.schedules.linear(1000).alpha.shape
      (1000,)
    """
    return from_alpha_bar(cumulative(linear_betas(T, first, last)))


def scaled_linear(T: int = 1000, first: float = 1e-4, last: float = 0.02) -> Schedule:
    """Linear schedule of the square roots of the betas, called "linear" by GaitDynamics and Stable
    Diffusion.

    Args:
      T: number of training steps.
      first: beta of the first step.
      last: beta of the last step.

    Returns:
      The schedule.
    """
    return from_alpha_bar(cumulative(scaled_linear_betas(T, first, last)))


def cosine(T: int = 1000) -> Schedule:
    """Squared-cosine schedule of `alpha_bar` (Nichol & Dhariwal 2021, eq. 17).

    Args:
      T: number of training steps.

    Returns:
      The schedule.
    """
    return from_alpha_bar(cumulative(cosine_betas(T)))


def from_alpha_bar(alpha_bar: ArrayLike) -> Schedule:
    """Schedule with the given `alpha_bar` table.

    Args:
      alpha_bar: concrete, strictly decreasing values in (0, 1) [T].

    Returns:
      The schedule.

    Raises:
      ConfigError: if the table is empty, not 1-D or not strictly decreasing within (0, 1).
    """
    table = np.asarray(alpha_bar, np.float64)
    if table.ndim != 1 or not table.size:
        raise ConfigError(f"alpha_bar must be a non-empty 1-D array; got shape {table.shape}")
    falls = np.diff(table, prepend=1.0, append=0.0) < 0
    if not falls.all():
        raise ConfigError(
            f"alpha_bar must decrease strictly within (0, 1); it does not at step {falls.argmin()}"
        )
    # Concrete even inside a jitted function, because grids are computed from it in NumPy.
    with jax.ensure_compile_time_eval():
        return Schedule(
            jnp.asarray(np.sqrt(table), jnp.float32), jnp.asarray(np.sqrt(1 - table), jnp.float32)
        )


SCHEDULES = {"linear": linear, "scaled_linear": scaled_linear, "cosine": cosine}


def linear_betas(T: int, first: float, last: float, dtype: DTypeLike = np.float32) -> np.ndarray:
    """`T` evenly spaced values, rounded as by `torch.linspace`: counted from the nearer end, each
    rounded once.

    Args:
      T: number of training steps.
      first: beta of the first step.
      last: beta of the last step.
      dtype: of the betas.

    Returns:
      The betas [T].
    """
    low, high = np.asarray([first, last], dtype)
    stride = (high - low) / np.asarray(max(T - 1, 1), dtype)
    index = np.arange(T, dtype=np.float64)
    up, down = low + np.float64(stride) * index, high - np.float64(stride) * (T - 1 - index)
    return np.where(index < max(T // 2, 1), up, down).astype(dtype)


def scaled_linear_betas(
    T: int, first: float, last: float, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Betas whose square roots are evenly spaced.

    Args:
      T: number of training steps.
      first: beta of the first step.
      last: beta of the last step.
      dtype: of the betas.

    Returns:
      The betas [T].
    """
    return linear_betas(T, first**0.5, last**0.5, dtype) ** 2


def cosine_betas(T: int, dtype: DTypeLike = np.float32) -> np.ndarray:
    """`beta_i = min(1 - f((i + 1) / T) / f(i / T), 0.999)`, `f` the squared cosine.

    Args:
      T: number of training steps.
      dtype: of the betas.

    Returns:
      The betas [T].
    """
    f = np.cos((np.arange(T + 1) / T + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - f[1:] / f[:-1], 0.999).astype(dtype)


def cumulative(betas: np.ndarray) -> np.ndarray:
    """`alpha_bar` of the betas in their dtype, accumulated in float64.

    Args:
      betas: variance added by each step [T].

    Returns:
      `alpha_bar` [T].
    """
    return np.cumprod(1 - betas, dtype=np.float64).astype(betas.dtype)


def at(schedule: Schedule, t: ArrayLike, like: Array | None = None) -> tuple[Array, Array]:
    """Signal and noise level at step `t`.

    Integer steps read the table. Between steps `log(sigma / alpha)` is interpolated linearly,
    consistent with Karras grids.

    Args:
      schedule: the schedule.
      t: step, a scalar or one value per example.
      like: array whose leading axes are the axes of `t`; the result then broadcasts against it.

    Returns:
      `(alpha, sigma)`.

    Raises:
      DataError: if `t` does not match the leading axes of `like`.
    """
    t = jnp.asarray(t)
    if like is not None:
        if t.ndim > like.ndim or any(a not in (1, b) for a, b in zip(t.shape, like.shape)):
            raise DataError(
                f"t must be a scalar or have one value per example of a batch {like.shape}; got"
                f" shape {t.shape}"
            )
        t = jnp.reshape(t, t.shape + (1,) * (like.ndim - t.ndim))
    last = schedule.alpha.size - 1
    t = jnp.clip(t, 0, last)
    below = jnp.floor(t).astype(jnp.int32)
    alpha, sigma = schedule.alpha[below], schedule.sigma[below]
    if jnp.issubdtype(t.dtype, jnp.integer):
        return alpha, sigma
    above = jnp.minimum(below + 1, last)
    between = (t - below).astype(jnp.float32)
    log_ratio = jnp.log(sigma) - jnp.log(alpha)
    log_ratio_above = jnp.log(schedule.sigma[above]) - jnp.log(schedule.alpha[above])
    ratio = jnp.exp((1 - between) * log_ratio + between * log_ratio_above)
    signal = 1 / jnp.sqrt(1 + ratio**2)
    on_table = between == 0
    return jnp.where(on_table, alpha, signal), jnp.where(on_table, sigma, ratio * signal)


def corrupt(schedule: Schedule, x0: Array, eps: Array, t: ArrayLike) -> Array:
    """Add noise, `x_t = alpha_t x0 + sigma_t eps`, in float32 or wider.

    Args:
      schedule: the schedule.
      x0: clean samples.
      eps: standard normal noise of the same shape.
      t: step, a scalar or one value per example.

    Returns:
      The noisy samples.

    Raises:
      DataError: if the shapes do not match.
    """
    if jnp.shape(eps) != jnp.shape(x0):
        raise DataError(
            f"noise of shape {jnp.shape(eps)} does not match samples of shape {jnp.shape(x0)}"
        )
    alpha, sigma = at(schedule, t, like=x0)
    return alpha * x0 + sigma * eps


def alpha_bar(schedule: Schedule, t: ArrayLike) -> Array:
    """`alpha_t²`, the fraction of the variance that is signal.

    Args:
      schedule: the schedule.
      t: step, a scalar or one value per example.

    Returns:
      `alpha²` at the steps.
    """
    return at(schedule, t)[0] ** 2


def log_snr(schedule: Schedule, t: ArrayLike) -> Array:
    """`log(alpha_t² / sigma_t²)`.

    Args:
      schedule: the schedule.
      t: step, a scalar or one value per example.

    Returns:
      `log(alpha² / sigma²)` at the steps.
    """
    alpha, sigma = at(schedule, t)
    return 2 * (jnp.log(alpha) - jnp.log(sigma))


def t_of_log_snr(schedule: Schedule, value: ArrayLike) -> Array:
    """Inverse of `log_snr`: the real-valued step of a log-SNR, clamped to the ends of the schedule.

    Args:
      schedule: the schedule.
      value: log signal-to-noise ratios.

    Returns:
      The real-valued steps.
    """
    steps = jnp.arange(schedule.alpha.size)
    return jnp.interp(
        -jnp.asarray(value, jnp.float32), -log_snr(schedule, steps), steps.astype(jnp.float32)
    )
