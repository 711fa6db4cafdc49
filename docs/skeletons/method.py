"""Template of a method: generate a vector conditioned on another.

    x_t = alpha_t x + sigma_t eps,    L = |x - x0_hat(x_t, t, y)|²

Replace the network, the loss and the sampler; keep the three functions. Register it in `METHODS` of
`jaxdiff.methods` with a batch of eight examples and eight conditions, and the conformance suite
runs on it.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.losses.denoising import denoising
from jaxdiff.nets.blocks.embeddings import sinusoid
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


class Network(nn.Module):
    """Predict the clean vector [D] from the noisy one, the step and the condition."""

    width: int

    @nn.compact
    def __call__(self, x: Array, t: Array, y: Array) -> Array:
        inputs = (nn.Dense(self.width)(part) for part in (x, y, sinusoid(t, self.width)))
        h = nn.silu(sum(inputs))
        return nn.Dense(x.shape[-1])(nn.silu(nn.Dense(self.width)(h)))


def conditional(
    dimension: int, width: int = 64, steps: int = 1000, sampling_steps: int = 20
) -> Method:
    """Batches have `x (B, dimension)` and `y (B, K)`; a condition is an array `y (B, K)`."""
    schedule = schedules.linear(steps)
    network = Network(width)

    def init(key: Key, batch: Batch) -> Params:
        return network.init(key, batch["x"][0], jnp.zeros((), jnp.int32), batch["y"][0])

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        def example(x: Array, y: Array, key: Key) -> Array:  # one example with its own key
            t_key, noise_key = jax.random.split(key)
            t = jax.random.randint(t_key, (), 0, steps)
            x_t = schedules.corrupt(schedule, x, jax.random.normal(noise_key, x.shape), t)
            return denoising(network.apply(params, x_t, t, y)[None], x[None])

        # A term over the whole batch (negatives, covariances) uses `gather(latents)`, the rows of all devices.
        return jax.vmap(example)(batch["x"], batch["y"], keys).mean(), {}

    def generate(params: Params, keys: Key, condition: Array) -> Array:
        def one(key: Key, y: Array) -> Array:
            denoise = from_x0(lambda x, t: network.apply(params, x, t, y))
            grid, solver = grids.karras(schedule, sampling_steps), solvers.dpm_solver_pp()
            return sample(None, denoise, grid, solver, jax.random.normal(key, (dimension,)))

        return jax.vmap(one)(keys, condition)

    return Method(init, loss, generate)
