"""Sampling: a single `lax.scan` that runs any solver on any grid.

Memory does not depend on the number of steps: noise is generated where it is used, and intermediate
samples are stored only on request. Call `sample` inside `jax.jit`, where it is traced once per
shape.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from jaxdiff.errors import DataError
from jaxdiff.typing import Array, Denoiser, Grid, Key, Solver, Step


def sample(
    key: Key | None,
    denoise: Denoiser,
    grid: Grid,
    solver: Solver,
    x_start: Array,
    *,
    noise: Array | None = None,
    return_path: bool = False,
) -> Array:
    """Integrate from the first level of a grid to its last, in float32 or wider.

    Args:
      key: a typed key, or an array of keys with one per example, so that an example depends neither
        on the batch nor on the number of devices. May be None for deterministic solvers.
      denoise: `(x_t, t) -> x0_hat`.
      grid: noise levels, N steps.
      solver: the update rule.
      x_start: sample at the first level of the grid [...].
      noise: noise of a stochastic solver [N, ...], used instead of `key`.
      return_path: also return intermediate samples.

    Returns:
      The sample at the last level [...], or the path [N + 1, ...] including the start.

    Raises:
      DataError: if shapes do not match, or a stochastic solver has neither key nor noise.

    Examples:
      >>> import jax, jaxdiff
      >>> grid = jaxdiff.grids.karras(jaxdiff.schedules.linear(1000), 20)
      >>> noise = jax.random.normal(jax.random.key(0), (4, 2))
      >>> denoise = lambda x_t, t: 0 * x_t + 3.0
      >>> jaxdiff.sample(None, denoise, grid, jaxdiff.solvers.ddim(), noise)[0].tolist()
      [3.0, 3.0]
    """
    x_start = jnp.asarray(x_start)
    x_start = x_start.astype(jnp.promote_types(x_start.dtype, jnp.float32))
    n = grid.t.size
    if noise is not None and noise.shape != (n, *x_start.shape):
        raise DataError(
            f"noise for {n} steps from {x_start.shape} has shape {(n, *x_start.shape)}, not"
            f" {noise.shape}"
        )
    if solver.stochastic and noise is None:
        _check_key(key, x_start.shape)

    def estimate(x: Array, t: Array) -> Array:
        x0 = jnp.asarray(denoise(x, t), x.dtype)
        if x0.ndim > x.ndim or any(a not in (1, b) for a, b in zip(x0.shape[::-1], x.shape[::-1])):
            raise DataError(
                f"the output of the denoiser, {x0.shape}, does not broadcast to its input,"
                f" {x.shape}"
            )
        return jnp.broadcast_to(x0, x.shape)

    def advance(carry, row):
        (history, x), (i, step, z) = carry, row
        if solver.stochastic:
            z = _normal(key, i, x.shape, x.dtype) if z is None else z.astype(x.dtype)
            step = step._replace(noise=z)
        history, x = solver.step(history, x, estimate, step)
        return (history, x), x if return_path else None

    rows = (jnp.arange(n), steps(grid), noise if solver.stochastic else None)
    (_, x_end), path = lax.scan(advance, (solver.init(x_start), x_start), rows)
    return jnp.concatenate([x_start[None], path]) if return_path else x_end


def steps(grid: Grid) -> Step:
    """Stack the steps of a grid for `lax.scan`; `last` marks the step to the clean sample.

    Args:
      grid: the noise levels.

    Returns:
      One `Step` whose leaves have a leading axis of the steps, for `lax.scan`.
    """
    n = grid.t.size
    return Step(
        t=grid.t,
        t_next=jnp.append(grid.t[1:], grid.t[-1:]),
        alpha=grid.alpha[:-1],
        sigma=grid.sigma[:-1],
        alpha_next=grid.alpha[1:],
        sigma_next=grid.sigma[1:],
        first=jnp.arange(n) == 0,
        last=grid.sigma[1:] == 0,
        noise=None,
    )


def _normal(key: Key, i: Array, shape: tuple[int, ...], dtype) -> Array:
    """Noise of step `i`, from one key for the whole batch or from one key per example."""
    if key.ndim:
        return jax.vmap(lambda one: _normal(one, i, shape[1:], dtype))(key)
    return jax.random.normal(jax.random.fold_in(key, i), shape, dtype)


def _check_key(key: Key | None, shape: tuple[int, ...]) -> None:
    if key is None or not jnp.issubdtype(getattr(key, "dtype", jnp.float32), jax.dtypes.prng_key):
        raise DataError(
            "a stochastic solver needs a typed key (jax.random.key) or noise=; got"
            f" {type(key).__name__}"
        )
    if key.shape != shape[: key.ndim]:
        raise DataError(
            f"keys of shape {key.shape} do not match a batch of shape {shape}: pass one key, or one"
            " per example"
        )
