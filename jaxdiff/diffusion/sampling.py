"""One `lax.scan` drives every solver down every grid.

The memory of a sampler does not depend on its number of steps: noise is drawn where it is used, and the path is kept
only on request. Call `sample` inside `jax.jit`, where it is traced once for each shape.
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
    """From `x_start`, a sample at the first row of the grid, to its last row; in float32 or wider.

    A stochastic solver draws its noise from `key`: one typed key, or an array of them with one per example, so that
    an example comes out the same in any batch and on any number of devices. `noise`, of shape `(N, *x_start.shape)`,
    takes the place of drawing. With `return_path` the result has `N + 1` rows: the start and the end of each step.
    """
    x_start = jnp.asarray(x_start)
    x_start = x_start.astype(jnp.promote_types(x_start.dtype, jnp.float32))
    n = grid.t.size
    if noise is not None and noise.shape != (n, *x_start.shape):
        raise DataError(
            f"noise for {n} steps from {x_start.shape} has shape {(n, *x_start.shape)}, not {noise.shape}"
        )
    if solver.stochastic and noise is None:
        _check_key(key, x_start.shape)

    def estimate(x: Array, t: Array) -> Array:
        x0 = jnp.asarray(denoise(x, t), x.dtype)
        if x0.ndim > x.ndim or any(a not in (1, b) for a, b in zip(x0.shape[::-1], x.shape[::-1])):
            raise DataError(
                f"a denoiser answers in the shape of what it is asked, {x.shape}; this one gave {x0.shape}"
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
    """The steps of a grid, stacked and without noise; `last` marks the one that lands on the clean sample."""
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
    """The noise of step `i`: drawn at once from one key, or example by example from an array of keys."""
    if key.ndim:
        return jax.vmap(lambda one: _normal(one, i, shape[1:], dtype))(key)
    return jax.random.normal(jax.random.fold_in(key, i), shape, dtype)


def _check_key(key: Key | None, shape: tuple[int, ...]) -> None:
    if key is None or not jnp.issubdtype(getattr(key, "dtype", jnp.float32), jax.dtypes.prng_key):
        raise DataError(
            f"a stochastic solver needs a typed key (jax.random.key) or noise=; got {type(key).__name__}"
        )
    if key.shape != shape[: key.ndim]:
        raise DataError(
            f"keys of shape {key.shape} do not lead a batch of shape {shape}: one key, or one per example"
        )
