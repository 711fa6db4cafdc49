"""SmoothNet as a method (Zeng et al. 2022): learned smoothing of pose estimates, a baseline of
refinement.

    L = mean |y - gt| + mean |Δ²y - Δ²gt|       on windows of W frames, y = f(estimate)

Channels, such as root-relative coordinates of joints, pass one by one. Motions are smoothed in
windows a frame apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.nets.smoothnet import SmoothNet, smooth, smoothing_loss
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


class Settings(NamedTuple):
    """Sizes, and the weights of the losses; the defaults are the released ones at a window of 32."""

    window: int = 32
    hidden: int = 512
    residual_hidden: int = 256
    blocks: int = 3
    dropout: float = 0.5
    position: float = 1.0
    acceleration: float = 1.0
    dtype: Any = jnp.float32


def smoothing(settings: Settings) -> Method:
    """Batches have `estimate` and `truth` (B, W, C); a condition is estimates `(B, T, C)` of T >= W
    frames.
    """
    s = settings
    net = SmoothNet(s.window, s.hidden, s.residual_hidden, s.blocks, s.dropout, s.dtype)

    def init(key: Key, batch: Batch) -> Params:
        return net.init(key, batch["estimate"][0])

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        def example(estimate: Array, truth: Array, key: Key) -> Array:
            y: Any = net.apply(params, estimate, deterministic=False, rngs={"dropout": key})
            parts: Any = {
                name: weights.get(name, getattr(settings, name))
                for name in ("position", "acceleration")
            }
            return smoothing_loss(y, truth, **parts)

        return jax.vmap(example)(batch["estimate"], batch["truth"], keys).mean(), {}

    def generate(params: Params, keys: Key, condition: Array) -> Array:
        """The smoothed motions; there is nothing to draw."""
        apply: Any = lambda x: net.apply(params, x)  # noqa: E731
        return jax.vmap(lambda x: smooth(apply, x, settings.window))(condition)

    return Method(init, loss, generate)
