"""A small text encoder trained with the model, where no CLIP weights are available.

Words of the training captions are one token each; other words are encoded as bytes, so there is no
unknown token. The encoder is a pre-norm transformer with sinusoidal positions; padding is masked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.blocks.activations import gelu
from jaxdiff.nets.blocks.embeddings import positions
from jaxdiff.nets.blocks.transformer import Encoder

PAD, START, END, BYTES = 0, 1, 2, 3
"""Ids: padding, start and end of the text, then 256 bytes, then the words."""

_WORD = re.compile(r"\w+|[^\w\s]")


class Vocabulary:
    """Caption words, the most frequent first. `words` (a list of strings) is all there is to
    save.
    """

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self._ids = {word: BYTES + 256 + i for i, word in enumerate(self.words)}

    @classmethod
    def build(cls, captions: Iterable[str], size: int = 4096) -> Vocabulary:
        """The at most `size` most frequent words of the captions; ties in alphabetical order."""
        counts = Counter(word for caption in captions for word in _words(caption))
        return cls(
            [
                word
                for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:size]
            ]
        )

    def __len__(self) -> int:
        return BYTES + 256 + len(self.words)

    def number(self, word: str) -> int | None:
        """The id of a word, matched exactly; None where the vocabulary lacks it."""
        return self._ids.get(word)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, between start and end."""
        ids = [START]
        for word in _words(text):
            known = self._ids.get(word)
            ids += [known] if known is not None else [BYTES + byte for byte in word.encode("utf-8")]
        return [*ids, END]

    def batch(self, texts: Sequence[str], length: int = 32) -> np.ndarray:
        """Ids `(texts, length)`, int32, cut or padded."""
        out = np.full((len(texts), length), PAD, np.int32)
        for row, text in zip(out, texts):
            ids = self.encode(text)[:length]
            row[: len(ids)] = ids
        return out


class WordText(nn.Module):
    """Token ids `(..., L)` to tokens `(..., L, width)`, float32; valid ones do not depend on how
    many are padding.
    """

    vocabulary: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    ff: int = 256
    dropout: float = 0.1
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, ids: jax.Array, deterministic: bool = True) -> jax.Array:
        h = nn.Embed(self.vocabulary, self.width, dtype=self.dtype, name="tokens")(ids)
        h = h + positions(ids.shape[-1], self.width).astype(h.dtype)
        encoder = Encoder(
            self.layers, self.heads, self.ff, gelu, norm_first=True, final_norm=True, dropout=self.dropout, dtype=self.dtype,
            name="encoder",
        )  # fmt: skip
        return encoder(h, (ids != PAD)[..., None, None, :], deterministic).astype(jnp.float32)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
