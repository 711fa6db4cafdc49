"""What is particular to text to motion and to its evaluator."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdiff.methods import evaluator as ev
from jaxdiff.methods.text_to_motion import (
    Settings,
    denoiser,
    text_to_motion,
    timeline,
    unet,
)

RNG = np.random.default_rng(0)
SETTINGS = Settings("tiny", 40, 16, 1, 32, frames=20, steps=3)
LENGTH = np.array([20, 12, 7], np.int32)
MOTION = RNG.normal(size=(3, 20, 11)).astype(np.float32)
TEXT = RNG.integers(1, 40, (3, 6)).astype(np.int32)
BATCH = {"motion": MOTION, "length": LENGTH, "text": TEXT}
KEYS = jax.random.split(jax.random.key(1), 3)


def moved(fresh, size=0.04):
    """Parameters off the zeros a fresh U-Net starts from."""
    rng = np.random.default_rng(7)
    return jax.tree.map(lambda a: a + size * rng.normal(size=a.shape).astype(np.float32), fresh)


@cache
def params():
    return moved(jax.jit(text_to_motion(SETTINGS).init)(jax.random.key(0), BATCH))


def loss(settings, **changes):
    method = text_to_motion(settings)
    return jax.jit(lambda p, b: method.loss(p, b, KEYS, lambda z: z, {})[0])(
        params(), BATCH | changes
    )


def generated(settings, frames=20, **changes):
    method = text_to_motion(settings._replace(frames=frames))
    condition = {"text": TEXT, "length": LENGTH, **changes}
    return np.asarray(jax.jit(method.generate)(params(), KEYS, condition))


def test_a_clip_alone_and_in_a_padded_batch_gives_the_same_output():
    network = unet(SETTINGS, 11)
    tokens = RNG.normal(size=(3, 6, 16)).astype(np.float32)
    padded = np.pad(MOTION, ((0, 0), (0, 30), (0, 0)), constant_values=3.0)
    mask = np.arange(50) < LENGTH[:, None]
    together = jax.jit(network.apply)(params()["unet"], padded, jnp.int32(400), tokens, None, mask)
    for i, frames in enumerate(LENGTH):
        alone: Any = network.apply(params()["unet"], MOTION[i, :frames], jnp.int32(400), tokens[i])
        assert np.abs(alone).max() > 0.1
        np.testing.assert_allclose(together[i, :frames], alone, atol=1e-5, rtol=1e-5)


def test_a_motion_generated_alone_and_in_a_padded_batch_is_the_same_and_ends_at_its_length():
    together, short = generated(SETTINGS), generated(SETTINGS, frames=12)
    np.testing.assert_allclose(together[1, :12], short[1], atol=2e-5)
    assert all(
        not motion[frames:].any() and motion[:frames].all()
        for motion, frames in zip(together, LENGTH)
    )


def test_the_loss_does_not_see_what_lies_beyond_a_clip():
    beyond = np.where(np.arange(20)[:, None] < LENGTH[:, None, None], MOTION, 9.0)
    assert (beyond != MOTION).any()
    np.testing.assert_allclose(loss(SETTINGS, motion=beyond), loss(SETTINGS), rtol=1e-6)


def test_the_loss_is_that_of_the_text_unless_the_text_is_dropped():
    other = TEXT[::-1].copy()
    always, never = SETTINGS._replace(drop_text=1.0), SETTINGS._replace(drop_text=0.0)
    assert loss(always, text=other) == loss(always)
    assert loss(never, text=other) != loss(never)


def test_guidance_of_scale_zero_does_not_know_the_text():
    other = TEXT[::-1].copy()
    blind = SETTINGS._replace(scale=0.0)
    # c - (c - u) is u up to the rounding of c, over three steps.
    np.testing.assert_allclose(generated(blind, text=other), generated(blind), atol=1e-5)
    assert np.abs(generated(SETTINGS, text=other) - generated(SETTINGS)).max() > 1e-3


def test_features_of_a_frozen_encoder_are_read_by_the_trained_head():
    features = RNG.normal(size=(3, 77, 24)).astype(np.float32)
    method = text_to_motion(SETTINGS._replace(vocabulary=0))
    shapes = jax.eval_shape(method.init, jax.random.key(0), BATCH | {"text": features})
    assert shapes["text"]["params"]["embed"]["kernel"].shape == (24, 16)
    total, _ = jax.eval_shape(
        lambda p, b, k: method.loss(p, b, k, lambda z: z, {}),
        shapes,
        BATCH | {"text": features},
        KEYS,
    )
    motion = jax.eval_shape(method.generate, shapes, KEYS, {"text": features, "length": LENGTH})
    assert (total.shape, motion.shape, motion.dtype) == ((), (3, 20, 11), jnp.float32)


JUDGE = ev.Settings(30, 4, 8, 16, 12, 12, 8)
CAPTIONED = {
    "motion": RNG.normal(size=(5, 24, 11)).astype(np.float32),
    "length": np.array([24, 12, 16, 20, 8], np.int32),
    "words": RNG.integers(3, 30, (5, 6)).astype(np.int32),
    "speech": RNG.integers(0, 4, (5, 6)).astype(np.int32),
    "count": np.array([6, 2, 3, 4, 5], np.int32),
}


@cache
def judge():
    return jax.jit(ev.evaluator(JUDGE).init)(jax.random.key(0), CAPTIONED)


def embedded(batch):
    generate = jax.jit(ev.evaluator(JUDGE).generate)
    return np.asarray(generate(judge(), jax.random.split(jax.random.key(0), 5), batch))


def test_the_evaluator_embeds_a_clip_and_a_caption_whatever_they_are_padded_to():
    """Given a token of padding at least: at the very end of an array its second convolution does
    not meet a first.
    """
    length = np.minimum(CAPTIONED["length"], 20)
    motion = np.where(
        np.arange(24)[:, None] < length[:, None, None], CAPTIONED["motion"], 0
    ).astype(np.float32)
    batch = CAPTIONED | {"motion": motion, "length": length}
    longer = batch | {
        "motion": np.pad(batch["motion"], ((0, 0), (0, 12), (0, 0))),
        "words": np.pad(batch["words"], ((0, 0), (0, 3)), constant_values=7),
        "speech": np.pad(batch["speech"], ((0, 0), (0, 3)), constant_values=1),
    }
    np.testing.assert_allclose(embedded(longer), embedded(batch), atol=1e-5)


def test_the_contrast_is_the_distance_of_pairs_and_the_missing_margin_of_the_others():
    """On embeddings known in advance, without dropout: the gather step replaces what the networks
    say.
    """
    method = ev.evaluator(JUDGE)
    m, w = RNG.normal(size=(2, 5, 8)).astype(np.float32) * 3
    known = iter([m, w])
    total, parts = method.loss(
        judge(), CAPTIONED, jax.random.split(jax.random.key(0), 5), lambda z: next(known), {}
    )
    distance = np.linalg.norm(m[:, None] - w[None], axis=-1)
    gaps = [max(0, 10 - distance[i, j]) ** 2 for i in range(5) for j in range(5) if i != j]
    ranks = [sorted(distance[:, j]).index(distance[j, j]) for j in range(5)]
    np.testing.assert_allclose(total, np.mean(np.diag(distance) ** 2) + np.mean(gaps), rtol=1e-5)
    np.testing.assert_allclose(parts["top_3"], np.mean([rank < 3 for rank in ranks]))


def test_disorder_keeps_the_frames_of_a_clip_and_of_each_piece():
    """Whether a frame is followed by its own next one tells the pieces: of 26 frames in pieces of 1,
    2, 4 and 6 these are none to 21 of 25, and all where the order is the clip's own by chance.
    """
    motion = np.arange(32 * 3, dtype=np.float32).reshape(32, 3) + 1
    motion[26:] = 0
    keys = jax.random.split(jax.random.key(0), 40)
    made = np.asarray(jax.vmap(lambda key: ev.disordered(jnp.asarray(motion), 26, key))(keys))
    assert (made[:, 26:] == 0).all()
    np.testing.assert_array_equal(np.sort(made[:, :26], axis=1), np.tile(motion[:26], (40, 1, 1)))
    follows = (np.diff(made[:, :26, 0], axis=1) == 3).sum(1)
    assert (follows < 25).mean() > 0.9 and follows.min() < 5 and follows.max() > 17
    assert len(np.unique(made, axis=0)) > 35


def test_a_clip_in_disorder_is_one_more_false_pair_of_its_caption():
    method = ev.evaluator(JUDGE._replace(disorder=0.5))
    m, w, wrong = RNG.normal(size=(3, 5, 8)).astype(np.float32) * 3
    known, keys = iter([m, w, wrong]), jax.random.split(jax.random.key(0), 5)
    total, parts = method.loss(judge(), CAPTIONED, keys, lambda z: next(known), {})
    gaps = np.maximum(10 - np.linalg.norm(wrong - w, axis=-1), 0) ** 2
    np.testing.assert_allclose(parts["disorder"], gaps.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        total, parts["near"] + parts["far"] + 0.5 * parts["disorder"], rtol=1e-5
    )


@pytest.mark.slow
def test_only_false_pairs_in_disorder_teach_the_order_of_frames():
    """Captions differ in the pose, so that other clips are no reason to look at the order."""
    rng, count = np.random.default_rng(1), 16
    phase = 0.4 * np.arange(24) + rng.uniform(0, 6, (count, 1))
    motion = 0.3 * rng.normal(size=(count, 24, 11)).astype(np.float32)
    motion[..., 0], motion[..., 1] = np.sin(phase), np.cos(phase)
    motion[..., 2:6] += np.eye(4, dtype=np.float32).repeat(4, axis=0)[:, None]
    words = np.full((count, 3), 3) + np.arange(4).repeat(4)[:, None]
    batch = {
        "motion": motion,
        "length": np.full(count, 24, np.int32),
        "words": words.astype(np.int32),
        "speech": np.zeros((count, 3), np.int32),
        "count": np.full(count, 3, np.int32),
    }

    method, rate = ev.evaluator(JUDGE._replace(disorder=1.0)), optax.adam(5e-3)
    slope = jax.grad(method.loss, has_aux=True)
    mixed = np.stack([row[rng.permutation(24)] for row in motion])

    @jax.jit
    def farther(weight):
        """How much farther each clip is from its caption in disorder than as it is."""

        def step(carry, key):
            params, state = carry
            each = jax.random.split(key, count)
            grads, _ = slope(params, batch, each, lambda z: z, {"disorder": weight})
            updates, state = rate.update(grads, state)
            return (optax.apply_updates(params, updates), state), None

        params = method.init(jax.random.key(0), batch)
        keys = jax.random.split(jax.random.key(1), 80)
        (params, _), _ = jax.lax.scan(step, (params, rate.init(params)), keys)
        both = {name: jnp.concatenate([a, a]) for name, a in batch.items()}
        both["motion"] = jnp.concatenate([motion, mixed])
        m, w = jnp.moveaxis(method.generate(params, keys[:1], both), 1, 0)
        own, wrong = jnp.linalg.norm(m - w, axis=-1).reshape(2, count)
        return wrong / own

    without, taught = (np.asarray(farther(jnp.float32(weight))) for weight in (0, 1))
    assert np.median(taught) > 2 * np.median(without)
    assert (taught > 1).mean() > 0.9


def test_a_timeline_of_one_text_is_that_text_and_of_two_has_each_in_its_own_frames():
    x = jnp.asarray(MOTION[:2])

    @jax.jit
    def answers(params):
        def alone(i, frames):
            text = jnp.repeat(TEXT[i : i + 1], 2, axis=0)
            return denoiser(SETTINGS, params, text)(x[:, frames], jnp.float32(30))

        one = timeline(SETTINGS, params, TEXT[:1], [20])(x, jnp.float32(30))
        two = timeline(SETTINGS, params, TEXT[:2], [10, 10], 4)(x, jnp.float32(30))
        return one, two, alone(0, slice(None)), alone(0, slice(0, 14)), alone(1, slice(6, 20))

    one, two, whole, first, second = answers(params())
    np.testing.assert_allclose(one, whole, atol=1e-5)
    np.testing.assert_allclose(two[:, :7], first[:, :7], atol=1e-4)
    np.testing.assert_allclose(two[:, 13:], second[:, 7:], atol=1e-4)
    between = np.asarray(two[:, 8:12])
    low, high = (f(first[:, 8:12], second[:, 2:6]) for f in (np.minimum, np.maximum))
    assert (between >= low - 1e-4).all() and (between <= high + 1e-4).all()
