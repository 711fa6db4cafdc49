"""The evaluator of text-to-motion: motions and texts in one space, near each other if they match
(Guo et al. 2022).

    L = mean_i |m_i - w_i|²  +  mean_{i ≠ j} max(0, margin - |m_i - w_j|)²

over the whole batch, all devices together: m are the embeddings of the motions, w of the texts. The
reference shifts a batch by one random place to get its negatives; the mean over all other pairs is
the expectation of that. It trains the movement encoder as an autoencoder first; here all three
encoders learn from the contrast.

Word vectors are learnt with the rest, so that no published ones are needed.
"""

from __future__ import annotations

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdiff.nets.t2m_evaluators import (
    FRAMES_PER_TOKEN,
    MotionEncoder,
    MovementEncoder,
    TextEncoder,
)
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params


class Settings(NamedTuple):
    """Sizes of the published evaluator by default."""

    vocabulary: int
    """Number of word ids."""
    speech: int = 15
    """Parts of speech."""
    word_width: int = 300
    movement: int = 512
    motion_hidden: int = 1024
    text_hidden: int = 512
    embedding: int = 512
    margin: float = 10.0
    movement_hidden: int = 0
    """Of the movement encoder's first layer; 0: as `movement`."""
    disorder: float = 0.0
    """Weight of a caption's own clip in disorder, as a false pair."""


PIECES = (1, 2, 4, 8)
"""Frames of the pieces that `disordered` puts in random order, at most a quarter of the clip; each
clip draws one of them.
"""


def evaluator(settings: Settings) -> Method:
    """The method.

    Batches have `motion (B, T, F)`, normalised, contacts last, `length (B,)`, and the text as
    `words (B, N)` and `speech (B, N)`, ids, of which `count (B,)` are valid. It generates
    `(B, 2, embedding)`: motion, then text.
    """
    movement = MovementEncoder(settings.movement_hidden or settings.movement, settings.movement)
    motion = MotionEncoder(settings.motion_hidden, settings.embedding)
    text = TextEncoder(settings.text_hidden, settings.embedding)
    words = nn.Embed(settings.vocabulary, settings.word_width)

    def init(key: Key, batch: Batch) -> Params:
        k = jax.random.split(key, 4)
        signal, count = batch["motion"][0], jnp.int32(1)
        vectors, speech = jnp.zeros((2, settings.word_width)), jnp.zeros((2, settings.speech))
        return {
            "movement": movement.init(k[0], signal),
            "motion": motion.init(k[1], jnp.zeros((2, settings.movement)), count),
            "words": words.init(k[2], batch["words"][0]),
            "text": text.init(k[3], vectors, speech, count),
        }

    def embed_motion(params: Params, batch: Batch, keys: Key | None = None) -> Array:
        if keys is None:
            tokens = movement.apply(params["movement"], batch["motion"])
        else:

            def forget(signal, key):
                return movement.apply(params["movement"], signal, False, rngs={"dropout": key})

            tokens = jax.vmap(forget)(batch["motion"], keys)
        return motion.apply(params["motion"], tokens, batch["length"] // FRAMES_PER_TOKEN)  # type: ignore[return-value]

    def embed_text(params: Params, batch: Batch) -> Array:
        speech = jax.nn.one_hot(batch["speech"], settings.speech)
        return text.apply(
            params["text"], words.apply(params["words"], batch["words"]), speech, batch["count"]
        )  # type: ignore[return-value]

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        m, w = gather(embed_motion(params, batch, keys)), gather(embed_text(params, batch))
        distance = euclidean(m[:, None], w[None])
        own = jnp.eye(len(m), dtype=bool)
        near = jnp.square(jnp.diagonal(distance)).mean()
        gap = jnp.square(jnp.maximum(settings.margin - distance, 0))
        far = jnp.where(own, 0, gap).sum() / max(len(m) * (len(m) - 1), 1)
        ranks = (distance < jnp.diagonal(distance)[None]).sum(0)
        total, parts = near + far, {"near": near, "far": far, "top_3": (ranks < 3).mean()}
        if settings.disorder:
            wrong = euclidean(gather(embed_motion(params, _disordered(batch, keys), keys)), w)
            parts["disorder"] = jnp.square(jnp.maximum(settings.margin - wrong, 0)).mean()
            total = total + weights.get("disorder", settings.disorder) * parts["disorder"]
        return total, parts

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        return jnp.stack([embed_motion(params, condition), embed_text(params, condition)], axis=1)

    return Method(init, loss, generate)


def _disordered(batch: Batch, keys: Key) -> Batch:
    keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 1)
    return {**batch, "motion": jax.vmap(disordered)(batch["motion"], batch["length"], keys)}


def disordered(motion: Array, length: Array, key: Key) -> Array:
    """A motion `(T, F)` whose first `length` frames are cut into pieces, in random order."""
    frames = jnp.arange(len(motion))
    size, order = jax.random.split(key)
    drawn = jax.random.choice(size, jnp.array(PIECES))
    piece = frames // jnp.clip(drawn, 1, jnp.maximum(length // 4, 1))
    place = jax.random.uniform(order, frames.shape)[piece]
    return motion[jnp.argsort(jnp.where(frames < length, place, 2.0), stable=True)]


def euclidean(a: Array, b: Array) -> Array:
    """The distance along the last axis, with a finite gradient where it vanishes."""
    return jnp.sqrt(jnp.square(a - b).sum(-1) + 1e-12)
