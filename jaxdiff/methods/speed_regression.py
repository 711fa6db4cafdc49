"""Speed transfer by regression: `min E |f_m(x_src, v_tgt) - x_tgt|²`, many networks f_m side by
side (paper, II.G).

The MLP baseline is one network per pair of speeds, the TCN one per source speed. The members of
such a bank share one architecture and are trained together: parameters have a leading axis of M,
and an example of a batch holds one pair of gaits for every member.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


def speed_regression(net: nn.Module) -> Method:
    """Batches have `source`, `target` (B, M, T, C) and `speed` (B, M); conditions `source`,
    `speed`, `member` (B,).
    """

    def init(key: Key, batch: Batch) -> Params:
        members = batch["source"].shape[1]
        example = batch["source"][0, 0], batch["speed"][0, 0]
        return jax.vmap(lambda k: net.init(k, *example))(jax.random.split(key, members))

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        bank = jax.vmap(net.apply, in_axes=(0, 1, 1), out_axes=1)
        error = bank(params, batch["source"], batch["speed"]) - batch["target"]
        return jnp.square(error).mean(), {}

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        """(B, T, C); a regression is deterministic."""
        one = lambda x, v, m: net.apply(jax.tree.map(lambda a: a[m], params), x, v)  # noqa: E731
        return jax.vmap(one)(condition["source"], condition["speed"], condition["member"])  # type: ignore[return-value]

    return Method(init, loss, generate)
