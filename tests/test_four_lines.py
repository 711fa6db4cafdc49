"""Any network becomes a sampler in four lines, whatever it is written in."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from jaxdiff import grids, predictions, sample, schedules, solvers


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x, t):
        return nn.Dense(x.shape[-1])(x) / (1.0 + t)


class Nnx(nnx.Module):
    def __init__(self, width, rngs):
        self.dense = nnx.Linear(width, width, rngs=rngs)

    def __call__(self, x, t):
        return self.dense(x) / (1.0 + t)


def networks():
    x = jnp.ones((4, 3))
    linen = Linen()
    params = linen.init(jax.random.key(0), x, 0)
    return {
        "linen": lambda x, t: linen.apply(params, x, t),
        "nnx": Nnx(3, nnx.Rngs(0)),
        "function": lambda x, t: 0.5 * x / (1.0 + t),
    }


@pytest.mark.parametrize("kind", ["linen", "nnx", "function"])
def test_four_lines(kind):
    network, x_start = networks()[kind], jax.random.normal(jax.random.key(1), (4, 3))

    @jax.jit
    def four_lines(x_start):
        schedule = schedules.linear(1000, 1e-4, 0.02)
        grid = grids.karras(schedule, 10)
        denoise = predictions.from_epsilon(schedule, network)
        return sample(
            jax.random.key(0),
            denoise,
            grid,
            solvers.dpm_solver_pp(order=2, stochastic=True),
            x_start,
        )

    drawn = four_lines(x_start)
    assert drawn.shape == (4, 3) and np.isfinite(drawn).all()
