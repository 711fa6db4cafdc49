"""CLIP's byte-pair encoding, from the user's own merge table (`merges.txt`, or
`bpe_simple_vocab_16e6.txt.gz`).

Text is NFC-normalised, white space collapsed, lower-cased, cut into pieces (contractions, runs of
letters, single numerals, runs of anything else), each piece turned into UTF-8 byte symbols with
`</w>` on the last, and the adjacent pair of lowest rank merged until none is left. The vocabulary
follows from the merges: 256 byte symbols, the same with `</w>`, one symbol per merge, the start and
the end token.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from jaxdiff.errors import ConfigError, FileError

START, END = "<|startoftext|>", "<|endoftext|>"
CLIP_MERGES = 49408 - 2 * 256 - 2
_SPECIAL = re.compile(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d")
_RUNS = re.compile(r"L+|N|O+")


class Tokenizer:
    """Text to CLIP token ids, given the merges in order of rank (`"left right"`)."""

    def __init__(self, merges: Iterable[str]):
        pairs = [tuple(merge.split()) for merge in merges]
        symbols = list(byte_symbols().values())
        symbols += [symbol + "</w>" for symbol in symbols]
        names = [*symbols, *("".join(pair) for pair in pairs), START, END]
        self.ids = {name: i for i, name in enumerate(names)}
        self.rank = {pair: i for i, pair in enumerate(pairs)}
        self.start, self.end = self.ids[START], self.ids[END]
        self._merge = lru_cache(maxsize=65536)(self._merge_piece)

    def __len__(self) -> int:
        return len(self.ids)

    def encode(self, text: str) -> list[int]:
        """The ids of `text`, between the start and the end token."""
        text = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).lower()
        return [self.start, *(i for piece in _pieces(text) for i in self._merge(piece)), self.end]

    def batch(self, texts: Sequence[str], length: int = 77, pad: int | None = 0) -> np.ndarray:
        """Ids `(texts, length)`, int32: cut with the end token kept; padded with `pad`, or the end
        token where None.

        CLIP itself (hence StableMoFusion) pads with 0, Hugging Face with the end token; the
        features differ.
        """
        if length < 2:
            raise ConfigError(
                f"a length of {length} leaves no room for the start and the end token: use at"
                " least 2"
            )
        out = np.full((len(texts), length), self.end if pad is None else pad, np.int32)
        for row, text in zip(out, texts):
            ids = self.encode(text)
            ids = ids if len(ids) <= length else [*ids[: length - 1], self.end]
            row[: len(ids)] = ids
        return out

    def _merge_piece(self, piece: str) -> tuple[int, ...]:
        if piece in (START, END):
            return (self.ids[piece],)
        table = byte_symbols()
        word = [table[byte] for byte in piece.encode("utf-8")]
        word[-1] += "</w>"
        while len(word) > 1:
            ranks = [self.rank.get(pair, len(self.rank)) for pair in zip(word, word[1:])]
            lowest = min(ranks)
            if lowest == len(self.rank):
                break
            left, right = word[ranks.index(lowest)], word[ranks.index(lowest) + 1]
            merged, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and word[i] == left and word[i + 1] == right:
                    merged.append(left + right)
                    i += 2
                else:
                    merged.append(word[i])
                    i += 1
            word = merged
        return tuple(self.ids[symbol] for symbol in word)


def read(path: str | Path, merges: int = CLIP_MERGES) -> Tokenizer:
    """The tokenizer of a merge table on disk: `merges.txt`, the same gzipped, or a folder that
    holds one.

    The first `merges` rows are used, as CLIP does. A `vocab.json` beside the table must give the
    same ids.
    """
    path = Path(path)
    if path.is_dir():
        found = [
            path / name
            for name in ("merges.txt", "bpe_simple_vocab_16e6.txt.gz")
            if (path / name).exists()
        ]
        if not found:
            raise FileError(
                f"{path} holds neither merges.txt nor bpe_simple_vocab_16e6.txt.gz, CLIP's merge"
                " tables"
            )
        path = found[0]
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read as a merge table: {error}") from error
    lines = text.split("\n")
    header = 1 if lines[0].startswith(("#version", '"bpe')) else 0
    rows = [line for line in lines[header:] if line.strip()][:merges]
    for number, row in enumerate(rows, start=header + 1):
        if len(row.split()) != 2:
            raise FileError(
                f"{path}, line {number}: a merge is two symbols with a blank between, not"
                f" {row[:40]!r}"
            )
    tokenizer = Tokenizer(rows)
    vocabulary = path.with_name("vocab.json")
    if vocabulary.exists():
        try:
            listed = json.loads(vocabulary.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FileError(f"{vocabulary} is not JSON: {error}") from error
        if listed != tokenizer.ids:
            raise FileError(
                f"{vocabulary} and {path} disagree: the ids do not follow from the merges"
            )
    return tokenizer


@lru_cache(maxsize=1)
def byte_symbols() -> dict[int, str]:
    """A printable symbol for each byte, in the order of their ids."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}


def _pieces(text: str) -> Iterable[str]:
    """Contractions, runs of letters (Unicode L), single numerals (Unicode N), runs of anything but
    white space.
    """
    kinds = "".join(_kind(character) for character in text)
    i = 0
    while i < len(text):
        match = _SPECIAL.match(text, i) or _RUNS.match(kinds, i)
        if match:
            yield text[i : match.end()]
        i = match.end() if match else i + 1


def _kind(character: str) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)[0]
    return category if category in "LN" else "O"
