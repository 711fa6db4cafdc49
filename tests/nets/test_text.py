"""The text networks: CLIP's tower, the head on it, and the small encoder that learns its own
words.
"""

import jax
import jax.numpy as jnp
import numpy as np
from parameters import drawn

from jaxdiff.nets.clip_text import ClipText, pooled
from jaxdiff.nets.text_head import TextHead
from jaxdiff.nets.word_text import BYTES, END, PAD, START, Vocabulary, WordText

CAPTIONS = ["a person walks", "a person runs, slowly", "the person walks a circle"]


def test_clip_looks_backwards_only_and_single_texts_are_rows_of_a_batch():
    network = ClipText(vocabulary=30, length=9, width=16, layers=2, heads=2, ff=32)
    ids = jax.random.randint(jax.random.key(0), (3, 9), 0, 29).at[:, 5].set(29)
    params = drawn(network.init, ids)
    run = jax.jit(lambda ids: network.apply(params, ids))
    y = run(ids)
    np.testing.assert_allclose(run(ids[1]), y[1], atol=1e-5)
    later = run(ids.at[:, 6:].set(3))
    np.testing.assert_allclose(later[:, :6], y[:, :6], atol=1e-5)
    assert np.abs(later[:, 6:] - y[:, 6:]).max() > 1e-3
    np.testing.assert_array_equal(pooled(y, ids), y[:, 5])
    np.testing.assert_array_equal(pooled(y[0], ids[0]), y[0, 5])


def test_the_text_head_has_no_order_of_its_own():
    network = TextHead(width=16, layers=1, heads=2, ff=32)
    x = jax.random.normal(jax.random.key(0), (6, 12))
    params, apply = drawn(network.init, x), jax.jit(network.apply)
    np.testing.assert_allclose(apply(params, x[::-1]), apply(params, x)[::-1], atol=1e-5)


def test_the_vocabulary_is_the_frequent_words_and_spells_the_rest():
    words = Vocabulary.build(CAPTIONS, size=3)
    assert words.words == ["a", "person", "walks"]
    assert len(words) == BYTES + 256 + 3
    assert words.encode("A person") == [START, BYTES + 256, BYTES + 257, END]
    assert words.encode("é") == [START, *(BYTES + b for b in "é".encode()), END]
    assert Vocabulary(words.words).encode(CAPTIONS[1]) == words.encode(CAPTIONS[1])
    batch = words.batch(["a", "person walks a circle"], length=4)
    np.testing.assert_array_equal(batch[0], [START, BYTES + 256, END, PAD])
    assert batch.shape == (2, 4) and batch.dtype == np.int32 and batch.max() < len(words)


def test_word_features_do_not_depend_on_how_much_padding_follows():
    words = Vocabulary.build(CAPTIONS)
    network = WordText(len(words), width=16, layers=2, heads=2, ff=32)
    short, long = words.batch(CAPTIONS, 16), words.batch(CAPTIONS, 24)
    params = drawn(network.init, jnp.asarray(short))
    run = jax.jit(lambda ids: network.apply(params, ids))
    a, b = np.asarray(run(short)), np.asarray(run(long))
    valid = short != PAD
    np.testing.assert_allclose(a[valid], b[:, :16][valid], atol=1e-5)
    np.testing.assert_allclose(run(short[0]), a[0], atol=1e-5)
    assert np.abs(a[0][valid[0]][0] - a[2][valid[2]][0]).max() > 1e-3
