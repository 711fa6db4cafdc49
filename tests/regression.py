"""A method small enough for engine tests: regression with random noise and with negatives across
the batch.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.typing import Method

WIDTH = 5


def init(key, batch):
    return {"w": 0.3 * jax.random.normal(key, (batch["x"].shape[-1], WIDTH)), "b": jnp.zeros(WIDTH)}


def loss(params, batch, keys, gather, weights):
    def example(x, y, key):
        z = jnp.tanh((x + 0.1 * jax.random.normal(key, x.shape)) @ params["w"] + params["b"])
        return jnp.mean((z - y) ** 2), z

    fit, z = jax.vmap(example)(batch["x"], batch["y"], keys)
    z_all, y_all = gather(z), gather(batch["y"])
    logits = z_all @ y_all.T
    contrast = -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(z_all)), jnp.arange(len(z_all))])
    total = jnp.mean(fit) + weights.get("contrast", 0.5) * contrast
    return total, {"fit": jnp.mean(fit), "contrast": contrast}


def generate(params, keys, condition):
    return jax.vmap(lambda key, x: jax.random.normal(key, (WIDTH,)) + x @ params["w"])(
        keys, condition
    )


METHOD = Method(init, loss, generate)


class Batches:
    """Random batches, each drawn from its number alone; `rows` is this host's share."""

    def __init__(self, size=8, seed=0, rows=slice(None), poison=()):
        self.size, self.seed, self.rows, self.poison, self.count = size, seed, rows, poison, 0

    def __next__(self):
        rng = np.random.default_rng([self.seed, self.count])
        x = rng.normal(size=(self.size, 3)).astype(np.float32)
        y = np.tanh(x @ np.ones((3, WIDTH), np.float32)) + 0.1
        if self.count in self.poison:
            x[0, 0] = np.nan
        self.count += 1
        return {"x": x[self.rows], "y": y.astype(np.float32)[self.rows]}

    def get_state(self):
        return {"count": self.count}

    def set_state(self, state):
        self.count = state["count"]


class Stacked:
    """Several data sources side by side, for folds."""

    def __init__(self, *sources):
        self.sources = sources

    def __next__(self):
        return jax.tree.map(lambda *a: np.stack(a), *(next(s) for s in self.sources))

    def get_state(self):
        return [s.get_state() for s in self.sources]

    def set_state(self, state):
        for source, one in zip(self.sources, state, strict=True):
            source.set_state(one)
