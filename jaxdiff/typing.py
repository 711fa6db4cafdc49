"""The nouns of the library as types.

Every file reads in these words: a `Schedule` says how much signal and noise there is at each training step, a `Grid`
lists the noise levels a sampler visits, a `Denoiser` maps a noisy sample to an estimate of the clean one, a `Solver`
moves along a grid, and a `Method` is one paper: how to initialise, what to minimise, how to generate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array
"""A typed key (`jax.random.key`), or an array of them with one key per example."""
Config: TypeAlias = Any
"""An `ml_collections.ConfigDict`, whose fields no type checker can follow."""
Device: TypeAlias = Any
"""A `jax.Device` (whose stub is no type)."""
Params: TypeAlias = Any
Batch: TypeAlias = Mapping[str, Any]
Metrics: TypeAlias = dict[str, Array]

Denoiser: TypeAlias = Callable[[Array, Array], Array]
"""`(x_t, t) -> x0_hat`. `t` is a scalar, real-valued where a grid lies between the training steps."""

Gather: TypeAlias = Callable[[Array], Array]
"""Concatenates an array `(b, ...)` over devices and micro-batches to `(B, ...)`; the identity where there is one.

In training its attribute `key` is a key shared by the whole batch, for draws that all examples have in common.
"""


class Schedule(NamedTuple):
    """Signal and noise at the training steps `0 … T-1`: `alpha² + sigma² = 1`, float32, noisier with every step."""

    alpha: Array
    sigma: Array


class Grid(NamedTuple):
    """The noise levels a sampler visits, noisiest first; `alpha` and `sigma` have one row more than `t`: the end.

    `t` is the (real-valued) training step of each row; `alpha` and `sigma` are exact at every row.
    """

    t: Array
    alpha: Array
    sigma: Array


class Step(NamedTuple):
    """What a solver may know of one step: rows `i` and `i + 1` of the grid, and the noise drawn for it."""

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
    """A pair of pure functions, as an optax transformation is; `stochastic` says whether a step needs noise."""

    init: Callable[[Array], Any]
    """`x_start -> state`: the history a multistep solver carries (an empty tuple where there is none)."""
    step: Callable[[Any, Array, Denoiser, Step], tuple[Any, Array]]
    """`(state, x, denoise, step) -> (state, x_next)`."""
    stochastic: bool = False


class Method(NamedTuple):
    """One paper: three pure functions. Everything else is written once, against this triple."""

    init: Callable[[Key, Batch], Params]
    """`(key, batch) -> params`, float32."""
    loss: Callable[..., tuple[Array, Metrics]]
    """`(params, batch, keys, gather, weights) -> (loss, metrics)`.

    `batch` and `keys` are this device's share, one typed key per example. `gather` collects latents over the devices
    for losses that need the whole batch. `weights` is a dict of scalars (loss weights), so that folds or ablations
    with different weights can share one compiled program; `{}` means the method's own.
    """
    generate: Callable[..., Any]
    """`(params, keys, condition) -> samples`, one key and one condition per example."""
