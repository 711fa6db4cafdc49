"""The deterministic transformer: the networks of LLMA, given no noise and asked once, trained on the squared error.

    x_hat = f(y),   y_hat = g(x),   L = |x - x_hat|² + |y - y_hat|²

A diffusion model of the same size must be held against it: it has the same capacity and no spread.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxdiff.losses.denoising import denoising
from jaxdiff.methods.llma import Settings, both, fold, init_networks, network_of
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


def direct(settings: Settings) -> Method:
    """The method; batches and conditions are those of `llma`."""

    def init(key: Key, batch: Batch) -> Params:
        return init_networks(settings, key, batch)

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        x, y = batch["x"], batch["y"]

        def roughened(number: int, signal: Array) -> Array:
            if not settings.condition_noise:
                return signal
            noise = jax.vmap(lambda key, a: jax.random.normal(key, a.shape))(
                fold(keys, number), signal
            )
            return signal + settings.condition_noise * noise

        given = roughened(0, x), roughened(1, y)
        nothing = jnp.zeros_like(x), jnp.zeros_like(y)
        t = jnp.zeros(x.shape[0], jnp.int32)
        x_hat, y_hat, _, _ = both(settings, params, nothing, given, t, fold(keys, 2))
        parts = {
            "x": jax.vmap(denoising)(x_hat, x).mean(),
            "y": jax.vmap(denoising)(y_hat, y).mean(),
        }
        return parts["x"] + parts["y"], parts

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        (given,) = condition
        network, channels = network_of(settings, params, given)
        signal = condition[given]
        return network(jnp.zeros((*signal.shape[:2], channels)), jnp.zeros((), jnp.int32), signal)

    return Method(init, loss, generate)
