"""Text to motion: StableMoFusion (Huang et al. 2024), the ground BioVAE stands on.

    x_t = alpha_t x0 + sigma_t eps,    L = mean over valid frames of |x0 - x0_hat(x_t, t, text)|²

The network predicts the clean features. In one of ten training examples it does not see its text, by skipping the
attention to it; a sample is drawn with SDE-DPM-Solver++(2) on ten Karras levels and guided, `u + scale (c - u)`, the
conditional and the unconditional half in one doubled batch. What depends on the text alone is computed once a sample.

Text comes as word ids `(L,)`, read by an encoder trained with the model, or as features `(N, D)` of a frozen one
(CLIP), read by StableMoFusion's trainable head.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.losses.denoising import denoising
from jaxdiff.nets.text_head import TextHead
from jaxdiff.nets.unet import PRESETS, CondUnet1D
from jaxdiff.nets.word_text import WordText
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule


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
    """Share of training examples whose text is not seen."""
    frames: int = 196
    """Frames of a generated motion, of which `length` are valid."""
    steps: int = 10
    scale: float = 2.5
    """Of the guidance; 1 is none."""
    dtype: Any = jnp.float32


def text_to_motion(settings: Settings, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches have `motion (B, T, F)`, normalised, `length (B,)`, its valid frames, and `text (B, ...)`; conditions have
    `text` and `length`. Samples are `(B, frames, F)`, zero beyond their length.
    """
    schedule = schedules.linear() if schedule is None else schedule

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

        def example(motion: Array, length: Array, text: Array, key: Key) -> Array:
            k = jax.random.split(key, 5)
            mask = valid(length, motion.shape[0])
            t = jax.random.randint(k[0], (), 0, schedule.alpha.size)
            x_t = schedules.corrupt(schedule, motion, jax.random.normal(k[1], motion.shape), t)
            tokens = encoder.apply(
                params["text"], text, deterministic=False, rngs={"dropout": k[2]}
            )
            seen = jax.random.uniform(k[3]) >= settings.drop_text
            told = {
                "conditioned": seen,
                "mask": mask,
                "deterministic": False,
                "rngs": {"dropout": k[4]},
            }
            x_hat: Any = network.apply(params["unet"], x_t, t, tokens, **told)
            return denoising(x_hat, motion, mask)

        return jax.vmap(example)(batch["motion"], batch["length"], batch["text"], keys).mean(), {}

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        features = params["unet"]["params"]["final"]["bias"].shape[0]
        network, mask = unet(settings, features), valid(condition["length"], settings.frames)
        tokens = text_network(settings).apply(params["text"], condition["text"])
        context = network.apply(params["unet"], tokens, method="context")

        def guided(x_t: Array, t: Array) -> Any:
            return network.apply(
                params["unet"], x_t, t, context, settings.scale, mask, method="guided"
            )

        start = jax.vmap(lambda key: jax.random.normal(key, (settings.frames, features)))(
            fold(keys, 0)
        )
        solver = solvers.dpm_solver_pp(order=2, stochastic=True)
        x0 = sample(
            fold(keys, 1), from_x0(guided), grids.karras(schedule, settings.steps), solver, start
        )
        return jnp.where(mask[..., None], x0, 0)

    return Method(init, loss, generate)


def unet(settings: Settings, features: int) -> CondUnet1D:
    """The denoiser for so many motion features."""
    if settings.size not in PRESETS:
        raise ConfigError(
            f"no size {settings.size!r} of the U-Net; {nearest(settings.size, PRESETS)}"
        )
    shared: dict[str, Any] = {
        "linear": settings.linear_attention,
        "dropout": settings.dropout,
        "dtype": settings.dtype,
    }
    return CondUnet1D(features, **PRESETS[settings.size], **shared)


def text_network(settings: Settings) -> WordText | TextHead:
    """What turns a text, as word ids or as frozen features, into the tokens the U-Net attends to."""
    size: dict[str, Any] = {
        "width": settings.text_width,
        "layers": settings.text_layers,
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
