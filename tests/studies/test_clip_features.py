"""Texts as CLIP features: any number of captions, each read once, the same in any company."""

from pathlib import Path

import numpy as np
import pytest
from oracles import arrays, meta, under

from jaxdiff.errors import FileError
from jaxdiff.interop import convert_tree
from jaxdiff.interop.store import Converted, save
from jaxdiff.nets import bpe
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.config import get_config


class Tokenizer:
    """Numbers as texts."""

    def __init__(self, length, vocabulary):
        self.length, self.vocabulary = length, vocabulary

    def batch(self, captions):
        return np.array(
            [[int(c) * (k + 1) % self.vocabulary for k in range(self.length)] for c in captions],
            np.int32,
        )


@pytest.fixture
def configured(tmp_path, monkeypatch):
    golden, sizes = arrays("clip_text_tiny"), meta("clip_text_tiny")
    fields = {"clip_text": {"heads": sizes["num_attention_heads"]}}
    clip = convert_tree("clip", under(golden, "w"), fields)
    network = clip["clip_text"].network
    monkeypatch.setattr(bpe, "read", lambda path: Tokenizer(network.length, network.vocabulary))
    save(clip, tmp_path / "clip")
    config = get_config("paper")
    config.model.clip, config.model.bpe = str(tmp_path / "clip"), "merges.txt"
    return config


def test_more_captions_than_one_batch_of_the_encoder(configured, tmp_path):
    read = texts.reader(configured, ())
    captions = [str(i) for i in range(texts.CHUNK + 6)]
    together = read(captions)
    assert len(together) == len(captions)
    for i in (0, texts.CHUNK - 1, texts.CHUNK, len(captions) - 1):
        np.testing.assert_allclose(together[i], read([captions[i]])[0], atol=1e-5)
    np.testing.assert_array_equal(texts.table(read, captions, tmp_path / "cache"), together)


def test_weights_without_a_text_tower_are_named(configured):
    save(Converted("smoothnet", {}), Path(configured.model.clip))
    with pytest.raises(FileError, match="hold no 'clip_text'"):
        texts.reader(configured, ())
