"""Training loop of metrics that fit a small network, as one compiled scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import optax

from jaxdiff.typing import Array, Key


def fit(
    key: Key,
    loss: Callable[[Any, Array, Key], Array],
    params: Any,
    count: int,
    *,
    steps: int,
    batch: int,
    optimiser: optax.GradientTransformation,
) -> tuple[Any, Array]:
    """Minimises `loss(params, index, key)` over random batches of `index` below `count`; final
    params and losses (steps,).

    Call it inside one jitted function per metric, so that equal shapes compile once.
    """

    def step(carry, key):
        params, state = carry
        draw, noise = jax.random.split(key)
        index = jax.random.randint(draw, (batch,), 0, count)
        value, gradient = jax.value_and_grad(loss)(params, index, noise)
        updates, state = optimiser.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    (params, _), losses = jax.lax.scan(
        step, (params, optimiser.init(params)), jax.random.split(key, steps)
    )
    return params, losses
