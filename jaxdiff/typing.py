"""Core types.

A `Schedule` holds the signal and noise level of each training step, a `Grid` the noise levels
visited by a sampler. A `Denoiser` maps a noisy sample to an estimate of the clean sample, a
`Solver` advances a sample along a grid, and a `Method` is one training objective: initialisation,
loss and generation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array
"""A typed key (`jax.random.key`), or an array of them with one key per example."""
Config: TypeAlias = Any
"""An `ml_collections.ConfigDict`, whose fields are unknown to type checkers."""
Device: TypeAlias = Any
"""A `jax.Device`."""
Params: TypeAlias = Any
Batch: TypeAlias = Mapping[str, Any]
Metrics: TypeAlias = dict[str, Array]

Denoiser: TypeAlias = Callable[[Array, Array], Array]
"""`(x_t, t) -> x0_hat`, where `t` is a scalar, real-valued if the grid lies between training steps.
"""

Gather: TypeAlias = Callable[[Array], Array]
"""Concatenates an array `(b, ...)` over devices and micro-batches to `(B, ...)`; the identity where
there is one.

In training its attribute `key` is a key shared by the whole batch, for draws that all examples have
in common.
"""


class Schedule(NamedTuple):
    """Signal and noise level of the training steps `0 … T-1`, float32 [T].

    `alpha² + sigma² = 1`, and noise increases with the step.

    Examples:
        >>> from jaxdiff import schedules
        >>> schedules.linear().alpha.shape
        (1000,)
    """

    alpha: Array
    sigma: Array


class Grid(NamedTuple):
    """Noise levels visited by a sampler, noisiest first.

    `t` [N] is the (real-valued) training step of each level. `alpha` and `sigma` [N + 1] are exact
    at every level and end with the clean sample.

    Examples:
        >>> from jaxdiff import grids, schedules
        >>> grid = grids.karras(schedules.linear(), 10)
        >>> grid.t.shape, grid.sigma.shape
        ((10,), (11,))
    """

    t: Array
    alpha: Array
    sigma: Array


class Step(NamedTuple):
    """Input of a solver for one step: levels `i` and `i + 1` of the grid, and the noise of the
    step.
    """

    t: Array
    t_next: Array
    alpha: Array
    sigma: Array
    alpha_next: Array
    sigma_next: Array
    first: Array
    last: Array
    noise: Array | None


class Solver(NamedTuple):
    """A pair of pure functions, as an optax transformation is; `stochastic` says whether a step
    needs noise.

    Examples:
        >>> from jaxdiff import solvers
        >>> solvers.ddim().stochastic, solvers.ddpm().stochastic
        (False, True)
    """

    init: Callable[[Array], Any]
    """`x_start -> state`: the history a multistep solver carries (an empty tuple where there is
    none).
    """
    step: Callable[[Any, Array, Denoiser, Step], tuple[Any, Array]]
    """`(state, x, denoise, step) -> (state, x_next)`."""
    stochastic: bool = False


class Method(NamedTuple):
    """A training objective as three pure functions; everything else is written once, against this
    triple.

    Examples:
        >>> from jaxdiff import methods
        >>> method, batch, condition, *_ = methods.example("points")
        >>> isinstance(method, Method), batch["x"].shape
        (True, (8, 2))
    """

    init: Callable[[Key, Batch], Params]
    """`(key, batch) -> params`, float32."""
    loss: Callable[..., tuple[Array, Metrics]]
    """`(params, batch, keys, gather, weights) -> (loss, metrics)`.

    `batch` and `keys` are this device's share, one typed key per example. `gather` collects latents
    over the devices for losses that need the whole batch. `weights` is a dict of scalars (loss
    weights), so that folds or ablations with different weights can share one compiled program; `{}`
    means the method's own.
    """
    generate: Callable[..., Any]
    """`(params, keys, condition) -> samples`, one key and one condition per example."""


class Resident(NamedTuple):
    """Training data whose arrays stay on the device: a step is sent a *plan*, a few integers per
    example.

    Examples:
        >>> import numpy as np
        >>> rows = Resident({"x": np.eye(3)}, lambda arrays, plan: {"x": arrays["x"][plan["row"]]}, None)
        >>> rows.gather(rows.arrays, {"row": np.array([2, 0])})["x"].shape
        (2, 3)
    """

    arrays: Mapping[str, Any]
    """What batches are gathered from; with folds, each has a leading axis F."""
    gather: Callable[[Any, Any], Batch]
    """`(arrays, plan) -> batch`, of NumPy arrays and of traced ones."""
    plans: Any
    """The iterator over the plans of the batches, of the same state as the iterator over batches.
    """
