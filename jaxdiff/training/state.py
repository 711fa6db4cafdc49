"""Everything training carries from step to step."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdiff.typing import Array, Batch, Key, Method, Params


class TrainState(NamedTuple):
    """Parameters and their moving average, optimiser state, step count, key and loss weights: one pytree.

    `key` never changes: the randomness of step `n` is `fold_in(key, n)`, so a resumed run draws what it would have
    drawn. `weights` are loss weights that differ between folds or ablations trained side by side, else empty.
    """

    step: Array
    params: Params
    ema: Params
    opt_state: Any
    key: Key
    weights: dict[str, Array]


def init_state(
    method: Method,
    optimizer: optax.GradientTransformation,
    key: Key,
    batch: Batch,
    weights: dict[str, Any] | None = None,
    known: Params | None = None,
) -> TrainState:
    """A fresh state; the moving average starts at the parameters. What is `known` takes the place of what `init` gave."""
    init_key, step_key = jax.random.split(key)
    params = method.init(init_key, batch)
    if known:
        params = {**params, **known}
    weights = {name: jnp.asarray(value, jnp.float32) for name, value in (weights or {}).items()}
    ema = jax.tree.map(jnp.copy, params)
    return TrainState(
        jnp.zeros((), jnp.int32), params, ema, optimizer.init(params), step_key, weights
    )
