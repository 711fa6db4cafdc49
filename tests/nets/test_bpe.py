"""CLIP's byte-pair encoding against the reference, and what holds for any text."""

import gzip
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import arrays, meta

from jaxdiff.errors import ConfigError, FileError
from jaxdiff.nets.bpe import END, START, Tokenizer, byte_symbols, read


def tokenizer():
    return Tokenizer(arrays("clip_bpe_tiny")["merges"].tolist())


def test_golden_vocabulary_follows_from_the_merges():
    tokens = arrays("clip_bpe_tiny")["tokens"].tolist()
    assert tokenizer().ids == {token: i for i, token in enumerate(tokens)}


def test_golden_ids():
    golden, bpe = arrays("clip_bpe_tiny"), tokenizer()
    for text, ids, length in zip(golden["texts"].tolist(), golden["input_ids"], golden["lengths"]):
        assert bpe.encode(text) == ids[:length].tolist(), text


def test_golden_batch_is_cut_with_the_end_token_kept_and_padded():
    golden, settings = arrays("clip_bpe_tiny"), meta("clip_bpe_tiny")
    length, bpe = settings["max_length"], tokenizer()
    texts = golden["texts"].tolist()
    np.testing.assert_array_equal(
        bpe.batch(texts, length, pad=None), golden[f"input_ids_max{length}"]
    )
    zeros = bpe.batch(texts, length)
    mask = golden[f"attention_mask_max{length}"].astype(bool)
    np.testing.assert_array_equal(zeros, np.where(mask, golden[f"input_ids_max{length}"], 0))
    assert zeros.dtype == np.int32


@given(st.text(max_size=40))
def test_every_text_becomes_ids_that_spell_it(text):
    bpe = tokenizer()
    ids = bpe.encode(text)
    assert ids[0] == bpe.start and ids[-1] == bpe.end
    names, back = list(bpe.ids), {symbol: byte for byte, symbol in byte_symbols().items()}
    inner = "".join(names[i] for i in ids[1:-1]).replace("</w>", "")
    spelt = bytes(back[c] for c in inner.replace(START, "").replace(END, "")).decode("utf-8")
    clean = "".join(unicodedata.normalize("NFC", text).lower().split())
    assert spelt == clean.replace(START, "").replace(END, "")


def test_case_and_white_space_do_not_matter_and_specials_are_single_tokens():
    bpe = tokenizer()
    assert bpe.encode("A  Person\n walks ") == bpe.encode("a person walks")
    assert bpe.encode(f"{START}a{END}") == [
        bpe.start,
        bpe.start,
        *bpe.encode("a")[1:-1],
        bpe.end,
        bpe.end,
    ]
    assert len(bpe) == len(bpe.ids)


def test_tables_on_disk(tmp_path):
    merges = arrays("clip_bpe_tiny")["merges"].tolist()
    text = "#version: 0.2\n" + "\n".join(merges) + "\n"
    (tmp_path / "merges.txt").write_text(text, encoding="utf-8")
    (tmp_path / "vocab.json").write_text(json.dumps(tokenizer().ids))
    (tmp_path / "table.txt.gz").write_bytes(gzip.compress(text.encode()))
    for path in (tmp_path, tmp_path / "merges.txt"):
        assert read(path).ids == tokenizer().ids
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0}))
    with pytest.raises(FileError, match="disagree"):
        read(tmp_path)
    (tmp_path / "vocab.json").unlink()
    assert read(tmp_path / "table.txt.gz").ids == tokenizer().ids
    assert read(tmp_path, merges=5).rank.keys() == {tuple(m.split()) for m in merges[:5]}


def test_bad_tables_and_lengths_are_named(tmp_path):
    with pytest.raises(FileError, match=r"merges\.txt"):
        read(tmp_path)
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path / "absent.txt")
    (tmp_path / "bad.txt").write_text("#version\na b\nonlyone\n")
    with pytest.raises(FileError, match="line 3"):
        read(tmp_path / "bad.txt")
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8bgarbage")
    with pytest.raises(FileError, match=r"bad\.gz"):
        read(tmp_path / "bad.gz")
    with pytest.raises(ConfigError, match="at least 2"):
        tokenizer().batch(["a"], 1)


@pytest.mark.parametrize("at", [15, 30, 45, -6])
def test_a_damaged_compressed_table_is_named(tmp_path, at):
    whole = bytearray(gzip.compress("\n".join(f"a{i} b{i * i}" for i in range(500)).encode()))
    whole[at] ^= 0x5A
    (tmp_path / "merges.gz").write_bytes(whole)
    with pytest.raises(FileError, match="cannot be read"):
        read(tmp_path / "merges.gz")
