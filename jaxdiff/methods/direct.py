"""The deterministic transformer: the networks of LLMA, evaluated once without a noisy signal,
trained on squared error.

    x_hat = f(y),   y_hat = g(x),   L = |x - x_hat|² + |y - y_hat|²

It has the capacity of the diffusion model and no spread, so a diffusion model is compared with it.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jaxdiff.losses.denoising import denoising
from jaxdiff.methods.cross_modal import OTHER, fold
from jaxdiff.methods.llma import Settings, make_networks, roughness
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


def direct(settings: Settings) -> Method:
    """The method; batches and conditions are those of `llma`. The networks see no signal at the
    noisiest level.
    """
    networks = make_networks(settings)
    last = networks.schedule.alpha.size - 1.0

    def guesses(params: Params, batch: Batch, own: str, subject: Array) -> Array:
        if f"guess_{own}" in batch:
            return batch[f"guess_{own}"]
        return jax.vmap(lambda c, s: networks.guess(params, own, c, s))(batch[OTHER[own]], subject)

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        rows = len(batch["x"])
        subject = batch["subject"] if settings.linear else jnp.zeros(rows, jnp.int32)
        conditions, m = {}, {}
        for number, (own, given) in enumerate(OTHER.items()):
            noise = jax.vmap(lambda key, a: jax.random.normal(key, a.shape))(
                fold(keys, number), batch[given]
            )
            conditions[own] = batch[given] + roughness(settings, params, own) * noise
            m[own] = guesses(params, batch, own, subject)
        nothing = {own: jnp.zeros_like(batch[own]) for own in OTHER}
        t = jnp.full(rows, last)
        estimates, _ = networks.both(params, nothing, conditions, m, t, fold(keys, 2))
        parts = {own: jax.vmap(denoising)(estimates[own], batch[own]).mean() for own in OTHER}
        return parts["x"] + parts["y"], parts

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        (given,) = (name for name in condition if name in OTHER)
        own, signal = OTHER[given], condition[given]
        shape = (signal.shape[1], networks.channels(params, own))

        def one(c: Array) -> Array:
            m = networks.guess(params, own, c, -1)
            return networks.estimate(params, own, jnp.zeros(shape), jnp.float32(last), c, m)

        return jax.vmap(one)(signal)

    return Method(networks.init, loss, generate)
