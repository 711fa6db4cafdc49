"""Text to motion: StableMoFusion (Huang et al. 2024), the backbone of BioVAE.

    x_t = alpha_t x0 + sigma_t eps,    L = mean over valid frames of |x0 - x0_hat(x_t, t, text)|²

The network predicts the clean features. In one of ten training examples it is not conditioned on
its text: attention to it is skipped. A sample is drawn with SDE-DPM-Solver++(2) on ten Karras
levels and guided, `u + scale (c - u)`, the conditional and the unconditional half in one doubled
batch. What depends on the text alone is computed once a sample.

Text comes as word ids `(L,)`, read by an encoder trained with the model, or as features `(N, D)` of
a frozen one (CLIP), read by StableMoFusion's trainable head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.diffusion import grids, guidance, schedules, solvers
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.losses.denoising import denoising
from jaxdiff.nets.blocks import dropout
from jaxdiff.nets.mdm import MDM, Pooled
from jaxdiff.nets.text_head import TextHead
from jaxdiff.nets.unet import PRESETS, CondUnet1D
from jaxdiff.nets.word_text import WordText
from jaxdiff.typing import Array, Batch, Denoiser, Gather, Key, Method, Metrics, Params, Schedule

SAMPLERS = {
    "sde": (solvers.dpm_solver_pp(order=2, stochastic=True), grids.karras),
    "consistency": (solvers.consistency(), grids.trailing),
    "ddpm": (solvers.ddpm(), grids.trailing),
}
"""Solver and noise levels: StableMoFusion's, that of a distilled network (`methods.distillation`),
and MDM's.
"""


class Settings(NamedTuple):
    """What distinguishes one model from another."""

    size: str = "full"
    """A preset of `nets.unet`."""
    vocabulary: int = 0
    """Ids of the trainable word encoder; 0: texts are features of a frozen encoder."""
    text_width: int = 256
    text_layers: int = 4
    text_ff: int = 2048
    linear_attention: bool = True
    dropout: float = 0.1
    drop_text: float = 0.1
    """Share of training examples that are not conditioned on their text."""
    frames: int = 196
    """Frames of a generated motion, of which `length` are valid."""
    steps: int = 10
    scale: float = 2.5
    """Of the guidance; 1 is none."""
    sampler: str = "sde"
    """A key of `SAMPLERS`."""
    masked: bool = True
    """Frames beyond the length have no influence. The reference denoises them too and crops:
    `masked=False`.
    """
    text_heads: int = 4
    fields: tuple[tuple[str, Any], ...] = ()
    """Sizes of the network in place of a preset's, for converted weights."""
    network: str = "unet"
    """`unet`, StableMoFusion's; `mdm`, the transformer of MDM, whose texts are pooled features
    `(1, D)`.
    """
    schedule: str = "linear"
    """A key of `schedules.SCHEDULES` ..."""
    noise_levels: int = 1000
    """... and its length, where no schedule is given."""
    dtype: Any = jnp.float32


def text_to_motion(settings: Settings, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches have `motion (B, T, F)`, normalised, `length (B,)`, its valid frames, and
    `text (B, ...)`; conditions have `text` and `length`. Samples are `(B, frames, F)`, zero beyond
    their length.

    Args:
      settings: sizes and switches.
      schedule: the noise schedule; by default that of the settings.

    Returns:
      The Method.
    """
    schedule = schedule_of(settings) if schedule is None else schedule

    def init(key: Key, batch: Batch) -> Params:
        keys, motion = jax.random.split(key), batch["motion"][0]
        text = text_network(settings).init(keys[0], batch["text"][0])
        tokens = jnp.zeros((1, settings.text_width))
        return {
            "text": text,
            "unet": unet(settings, motion.shape[-1]).init(keys[1], motion, jnp.int32(0), tokens),
        }

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        network, encoder = unet(settings, batch["motion"].shape[-1]), text_network(settings)

        def noised(motion: Array, key: Key) -> tuple[Array, Array, Array, Key, Key]:
            k = jax.random.split(key, 5)
            t = jax.random.randint(k[0], (), 0, schedule.alpha.size)
            x_t = schedules.corrupt(schedule, motion, jax.random.normal(k[1], motion.shape), t)
            return x_t, t, jax.random.uniform(k[3]) >= settings.drop_text, k[2], k[4]

        x_t, t, conditioned, *own = jax.vmap(noised)(batch["motion"], keys)
        mask = valid(batch["length"], batch["motion"].shape[1])
        tokens = dropped(encoder, params["text"], own[0], batch["text"])
        x_hat = dropped(
            network, params["unet"], own[1], x_t, t, tokens, conditioned=conditioned, mask=mask
        )
        return jax.vmap(denoising)(x_hat, batch["motion"], mask).mean(), {}

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        mask = valid(condition["length"], settings.frames)
        denoise = denoiser(settings, params, condition["text"], mask if settings.masked else None)
        return jnp.where(mask[..., None], draw(settings, params, keys, denoise, schedule), 0)

    return Method(init, loss, generate)


def dropped(network: Any, params: Params, keys: Key, *inputs: Any, **options: Any) -> Any:
    """A network on a batch in training: every example's dropout has a key of its own.

    The network is not mapped over the examples: mapped, each product and sum would carry an axis
    more, and half as many operations again would only move it.
    """
    rngs = {"dropout": keys[0]}
    with dropout.examples(keys):
        return network.apply(params, *inputs, deterministic=False, rngs=rngs, **options)


def denoiser(
    settings: Settings, params: Params, text: Array, mask: Array | None = None
) -> Denoiser:
    """The guided Denoiser of a batch `(B, T, F)` of normalised motions.

    Args:
      settings: those of the method.
      params: its parameters.
      text: word ids or features, `(B, ...)`.
      mask: valid frames `(B, T)`; None for all.
    """
    network = unet(settings, feature_count(params))
    tokens = text_network(settings).apply(params.get("text", {}), text)
    context = network.apply(params["unet"], tokens, method="context")

    return from_x0(lambda x_t, t: guided(settings, params, network, x_t, t, context, mask))


def draw(
    settings: Settings,
    params: Params,
    keys: Key,
    denoise: Denoiser,
    schedule: Schedule | None = None,
    frames: int = 0,
) -> Array:
    """Samples `(B, frames, F)` of a Denoiser by the method's own solver, one for each key.

    Args:
      settings: those of the method; `steps` are the network's evaluations.
      params: its parameters.
      keys: one for each sample.
      denoise: a Denoiser of `(B, frames, F)`, such as `denoiser` or one that wraps it.
      schedule: the noise schedule.
      frames: the length; by default that of the settings.
    """
    schedule = schedule_of(settings) if schedule is None else schedule
    shape = (frames or settings.frames, feature_count(params))
    start = jax.vmap(lambda key: jax.random.normal(key, shape))(fold(keys, 0))
    solver, levels = SAMPLERS[settings.sampler]
    return sample(fold(keys, 1), denoise, levels(schedule, settings.steps), solver, start)


def timeline(
    settings: Settings, params: Params, texts: Array, lengths: Sequence[int], overlap: int = 10
) -> Denoiser:
    """The Denoiser of several texts in a row, each for its own frames, whose motions flow into each
    other.

    Every text is denoised in a window of its frames and half the overlap on either side. Where
    windows overlap their estimates are blended, so that at the next noise level both texts continue
    from one motion.

    Args:
      settings: those of the method.
      params: its parameters.
      texts: word ids or features of K texts, `(K, ...)`.
      lengths: frames of each text; their sum is the length of the motion.
      overlap: frames over which a text fades into the next.

    Returns:
      A Denoiser of `(B, sum of lengths, F)`.
    """
    network = unet(settings, feature_count(params))
    ends = np.cumsum(lengths)
    total = int(ends[-1])
    half = overlap // 2
    window = min(max(lengths) + 2 * half, total)
    first = np.clip(ends - lengths - half, 0, total - window)
    frames = (first[:, None] + np.arange(window)).astype(np.int64)
    begin, end = (ends - lengths)[:, None], ends[:, None]
    inside = np.minimum(frames + 0.5 - begin, end - frames - 0.5)
    weights = np.clip(inside / max(overlap, 1) + 0.5, 1e-6, 1)
    share = weights / np.asarray(np.bincount(frames.ravel(), weights.ravel(), total))[frames]
    tokens = text_network(settings).apply(params.get("text", {}), texts)
    contexts = network.apply(params["unet"], tokens, method="context")

    def blended(x_t: Array, t: Array) -> Array:
        def one(x: Array, context: Any) -> Array:
            return guided(settings, params, network, x, t, context)

        parts = jax.vmap(one, in_axes=(1, 0), out_axes=1)(x_t[:, frames], contexts)
        weighted = parts * jnp.asarray(share, parts.dtype)[None, ..., None]
        return jnp.zeros_like(x_t).at[:, frames].add(weighted)

    return from_x0(blended)


def guided(
    settings: Settings,
    params: Params,
    network: CondUnet1D | MDM,
    x: Array,
    t: Array,
    context: Any,
    mask: Array | None = None,
) -> Any:
    """The guided estimate; without guidance the unconditional half is not evaluated."""
    if settings.scale == 1:
        return network.apply(params["unet"], x, t, context, mask=mask, method="denoise")
    both: Any = network.apply(params["unet"], x, t, context, mask, method="both")
    return guidance.combine(both[0], both[1], settings.scale)


def feature_count(params: Params) -> int:
    """Features of the motions that these parameters generate."""
    return params["unet"]["params"]["final"]["bias"].shape[0]


def schedule_of(settings: Settings) -> Schedule:
    """The noise schedule of the settings."""
    return schedules.SCHEDULES[settings.schedule](settings.noise_levels)


def unet(settings: Settings, features: int) -> Any:
    """The denoiser for motions of this many features."""
    if settings.network == "mdm":
        return MDM(
            features, **dict(settings.fields), dropout=settings.dropout, dtype=settings.dtype
        )
    if settings.size not in PRESETS:
        raise ConfigError(
            f"no size {settings.size!r} of the U-Net; {nearest(settings.size, PRESETS)}"
        )
    shared: dict[str, Any] = {
        "linear": settings.linear_attention,
        "dropout": settings.dropout,
        "dtype": settings.dtype,
    }
    sizes = dict(settings.fields) or PRESETS[settings.size]
    return CondUnet1D(features, **sizes, **shared)


def text_network(settings: Settings) -> WordText | TextHead | Pooled:
    """The network from a text, as word ids or as frozen features, to the tokens the denoiser
    reads.
    """
    if settings.network == "mdm":
        return Pooled()
    size: dict[str, Any] = {
        "width": settings.text_width,
        "layers": settings.text_layers,
        "heads": settings.text_heads,
        "ff": settings.text_ff,
    }
    if settings.vocabulary:
        return WordText(settings.vocabulary, **size, dropout=settings.dropout, dtype=settings.dtype)
    return TextHead(**size, dropout=settings.dropout, dtype=settings.dtype)


def valid(length: Array, frames: int) -> Array:
    """Which of `frames` frames are within the length: `(..., frames)`, true or false."""
    return jnp.arange(frames) < jnp.asarray(length)[..., None]


def fold(keys: Key, number: int) -> Key:
    """One more key per example."""
    return jax.vmap(jax.random.fold_in, (0, None))(keys, number)
