"""The smallest method, a skeleton to copy: points of any dimension, noise predicted by a small
network.

    r_t = alpha_t x + sigma_t eps,    L = |eps - eps_hat(r_t, t)|²         (Ho et al. 2020, eq. 14)

Every method has this shape: a function of its settings that returns three pure functions. The
conformance tests in `tests/methods/test_conformance.py` run over all of them; add yours to their
list.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import from_epsilon
from jaxdiff.diffusion.sampling import sample
from jaxdiff.losses.denoising import denoising
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


class Network(nn.Module):
    """Noise of a point `(D,)` at step `t`."""

    width: int

    @nn.compact
    def __call__(self, x: Array, t: Array) -> Array:
        h = nn.silu(nn.Dense(self.width)(x) + nn.Dense(self.width)(sinusoid(t, self.width)))
        return nn.Dense(x.shape[-1])(nn.silu(nn.Dense(self.width)(h)))


def points(width: int = 64, steps: int = 100, sampling_steps: int = 50) -> Method:
    """The method. Batches have `x (B, D)`; a condition is an array of shape `(B, D)`, of which only
    the shape counts.
    """
    schedule = schedules.linear(steps, 1e-3, 0.2)
    network = Network(width)

    def init(key: Key, batch: Batch) -> Params:
        return network.init(key, batch["x"][0], jnp.zeros((), jnp.int32))

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        def example(x: Array, key: Key) -> Array:
            t_key, noise_key = jax.random.split(key)
            t = jax.random.randint(t_key, (), 0, steps)
            eps = jax.random.normal(noise_key, x.shape)
            return denoising(
                network.apply(params, schedules.corrupt(schedule, x, eps, t), t)[None], eps[None]
            )

        return jax.vmap(example)(batch["x"], keys).mean(), {}

    def generate(params: Params, keys: Key, condition: Array) -> Array:
        denoise = from_epsilon(schedule, lambda x, t: network.apply(params, x, t))
        start = jax.vmap(lambda key: jax.random.normal(key, condition.shape[1:]))(keys)
        return jax.vmap(
            lambda x: sample(
                None, denoise, grids.trailing(schedule, sampling_steps), solvers.ddim(0.0), x
            )
        )(start)

    return Method(init, loss, generate)
