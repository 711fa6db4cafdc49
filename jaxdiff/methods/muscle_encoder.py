"""Muscles from motion (BioVAE III.B): the pre-training of its motion encoder on activations of
eight muscles.

    L = mean over valid frames and muscles of |u - u_hat(x_t, t)|²,       RMSE = √L at the cleanest level

The encoder will read noisy motion within the diffusion model; `levels` of the schedule, from the
cleanest, may appear in its pre-training already. With `network="transformer"` the pose-to-EMG
transformer of Muscles in Action does the same task on clean motion: the peer the encoder is
measured against.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.diffusion import schedules
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.losses.denoising import denoising
from jaxdiff.nets.mia import MuscleTransformer
from jaxdiff.nets.motion_encoder import MUSCLES, MotionEncoder
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule

NETWORKS = ("encoder", "transformer")
SUBJECT = 0.5
"""Muscles in Action conditions its transformer on the subject, coded as 0.1 … 1.0; here the code is
constant.
"""


class Settings(NamedTuple):
    """Settings; sizes of the other network are ignored."""

    network: str = "encoder"
    """`encoder` or `transformer`."""
    width: int = 128
    blocks: int = 3
    """Residual blocks of the encoder, layers of the transformer."""
    kernel_size: int = 5
    groups: int = 8
    """Of the encoder's norms."""
    heads: int = 16
    ff: int = 2048
    dropout: float = 0.1
    """Of the transformer."""
    levels: int = 1
    """Noise levels met in training; 1 is the cleanest only."""
    dtype: Any = jnp.float32


def muscle_encoder(settings: Settings, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches have `motion (B, T, F)`, normalised, `muscles (B, T, 8)` between 0 and 1, and
    `length (B,)`; conditions have `motion` and `length`. What it generates are activations
    `(B, T, 8)`, zero beyond the length.
    """
    schedule = schedules.linear() if schedule is None else schedule

    def init(key: Key, batch: Batch) -> Params:
        motion = batch["motion"][0]
        second = jnp.int32(0) if settings.network == "encoder" else jnp.float32(SUBJECT)
        return network(settings).init(key, motion, second)

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        def example(motion: Array, muscles: Array, length: Array, key: Key) -> Array:
            k = jax.random.split(key, 3)
            mask = jnp.arange(motion.shape[0]) < length
            t = jax.random.randint(k[0], (), 0, settings.levels)
            x_t = schedules.corrupt(schedule, motion, jax.random.normal(k[1], motion.shape), t)
            return denoising(_activations(settings, params, x_t, t, mask, k[2]), muscles, mask)

        return (
            jax.vmap(example)(batch["motion"], batch["muscles"], batch["length"], keys).mean(),
            {},
        )

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        def one(motion: Array, length: Array) -> Array:
            mask = jnp.arange(motion.shape[0]) < length
            return jnp.where(
                mask[:, None], _activations(settings, params, motion, jnp.int32(0), mask, None), 0
            )

        return jax.vmap(one)(condition["motion"], condition["length"])

    return Method(init, loss, generate)


def network(settings: Settings) -> MotionEncoder | MuscleTransformer:
    """The network that the settings name."""
    if settings.network not in NETWORKS:
        raise ConfigError(
            f"no network {settings.network!r} from motion to muscles;"
            f" {nearest(settings.network, NETWORKS)}"
        )
    s = settings
    if s.network == "encoder":
        return MotionEncoder(s.width, s.blocks, s.kernel_size, s.groups, dtype=s.dtype)
    return MuscleTransformer(
        MUSCLES, s.width, s.blocks, s.heads, s.ff, dropout=s.dropout, dtype=s.dtype
    )


def rmse(u_hat: Array, u: Array, length: Array) -> Array:
    """Root mean squared error of activations `(B, T, 8)` over all valid frames and muscles, in the
    unit of u.
    """
    valid = (jnp.arange(u.shape[1]) < length[:, None])[..., None]
    return jnp.sqrt(jnp.where(valid, jnp.square(u_hat - u), 0).sum() / (valid.sum() * u.shape[-1]))


def _activations(
    settings: Settings, params: Params, x: Array, t: Array, mask: Array, key: Key | None
) -> Array:
    net: Any = network(settings)
    if isinstance(net, MotionEncoder):
        return net.apply(params, x, t, mask).activations  # type: ignore[union-attr]
    rngs = {} if key is None else {"dropout": key}
    x = jnp.where(mask[:, None], x, 0)
    return net.apply(params, x, jnp.float32(SUBJECT), deterministic=key is None, rngs=rngs)  # type: ignore[return-value]
