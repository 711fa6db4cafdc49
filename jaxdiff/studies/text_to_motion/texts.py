"""What each network reads of a caption: word ids or CLIP features for the model, tagged words for
the evaluator.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.nets import bpe
from jaxdiff.nets.word_text import END, PAD, START, Vocabulary
from jaxdiff.typing import Config

LENGTH = 32
"""Ids of a text of the trainable encoder."""
LONGEST = 20
"""Words of a caption the evaluator reads, between a start and an end."""
CHUNK = 64

SPEECH = (
    *("VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV"),
    *("Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER"),
)
"""Parts of speech of the published evaluator; words that say where, what and how count as their
own.
"""
_IMPORTANT = {
    "Loc_VIP": (
        "left right clockwise counterclockwise anticlockwise forward back backward up down straight"
        " curve"
    ),
    "Body_VIP": "arm chin foot feet face hand mouth leg waist eye knee shoulder thigh",
    "Obj_VIP": "stair dumbbell chair window floor car ball handrail baseball basketball",
    "Act_VIP": (
        "walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift"
        " lower raise wash stand kneel stroll rub bend balance flap jog shuffle lean rotate spin"
        " spread climb"
    ),
    "Desc_VIP": "slowly carefully fast careful slow quickly happy angry sad happily angrily sadly",
}
_KIND = {word: SPEECH.index(kind) for kind, words in _IMPORTANT.items() for word in words.split()}


def parts(caption: str, tokens: str) -> list[tuple[str, int]]:
    """Words of a caption and the numbers of their parts of speech, as the reference's word
    vectoriser has them.

    Words of the lists above have the part of speech of their list, matched exactly; others that of
    their tag.

    Args:
      caption: the sentence, used where there are no tokens; its words then have no tag.
      tokens: the tagged words (`walk/VERB`), separated by spaces; may be empty.
    """
    other = SPEECH.index("OTHER")
    if tokens:
        pairs = [token.rsplit("/", 1) for token in tokens.split()]
        found = [
            (word, SPEECH.index(tag[0]) if tag and tag[0] in SPEECH else other)
            for word, *tag in pairs
        ]
    else:
        found = [(word, other) for word in re.findall(r"\w+", caption.lower())]
    return [(word, _KIND.get(word, speech)) for word, speech in found]


def evaluator_words(captions: Sequence[str], tokens: Sequence[str]) -> Vocabulary:
    """The vocabulary of the evaluator."""
    return Vocabulary.build(word for pair in zip(captions, tokens) for word, _ in parts(*pair))


def evaluator_texts(
    vocabulary: Vocabulary, captions: Sequence[str], tokens: Sequence[str]
) -> dict[str, np.ndarray]:
    """Captions as the evaluator reads them: start, up to 20 words, end, padding.

    A word that the vocabulary lacks is the unknown word, which is padding too, with the part of
    speech OTHER.

    Returns:
      `words` and `speech` `(captions, 22)`, and `count` `(captions,)`.
    """
    table = np.zeros((2, len(captions), LONGEST + 2), np.int32)
    table[1] = SPEECH.index("OTHER")
    count = np.zeros(len(captions), np.int32)
    for row, pair in enumerate(zip(captions, tokens)):
        ids, speech = [START], [SPEECH.index("OTHER")]
        for word, kind in parts(*pair)[:LONGEST]:
            number = vocabulary.number(word)
            ids.append(PAD if number is None else number)
            speech.append(SPEECH.index("OTHER") if number is None else kind)
        ids.append(END)
        count[row] = len(ids)
        table[0, row, : len(ids)] = ids
        table[1, row, : len(speech)] = speech
    return {"words": table[0], "speech": table[1], "count": count}


def unknown_words(words: Sequence[str], actions: Sequence[str], text: str) -> str:
    """What to warn of where a text has words that no training caption had; empty where it has none.

    Args:
      words: the model's vocabulary.
      actions: names of the actions it was trained on.
      text: the sentence.
    """
    known = set(words)
    unknown = [word for word in re.findall(r"[^\W\d_]+", text.lower()) if word not in known]
    if not unknown:
        return ""
    close = [match for word in unknown for match in difflib.get_close_matches(word, words, 2, 0.75)]
    names = {
        action: set(re.findall(r"\w+", action.lower().replace("_", " "))) for action in actions
    }
    said = set(re.findall(r"\w+", text.lower())) | set(close)
    ranked = sorted(names, key=lambda action: -len(names[action] & said))
    hint = (
        f"; similar words in its training captions: {', '.join(dict.fromkeys(close))}"
        if close
        else ""
    )
    if ranked:
        hint += f"; nearest actions in its training data: {', '.join(ranked[:6])}"
    return f"the model never read {', '.join(dict.fromkeys(unknown))} in training{hint}"


def reader(config: Config, words: Sequence[str]) -> Callable[[Sequence[str]], np.ndarray]:
    """Captions to what the model reads: ids `(captions, 32)`, or CLIP features
    `(captions, 77, 512)`.
    """
    if config.model.text == "words":
        vocabulary = Vocabulary(words)
        return lambda captions: vocabulary.batch(captions, LENGTH)
    if config.model.text != "clip":
        raise ConfigError(f"model.text is 'words' or 'clip', not {config.model.text!r}")
    if not config.model.clip or not config.model.bpe:
        raise ConfigError(
            "model.text=clip reads CLIP's weights and vocabulary: set model.clip (made by jaxdiff"
            " weights convert --from clip) and model.bpe, or model.text=words to train a text"
            " encoder"
        )
    from jaxdiff import interop

    weights = interop.load(Path(config.model.clip).expanduser())["clip_text"]
    tokenizer = bpe.read(config.model.bpe)
    encode = jax.jit(lambda ids: weights.network.apply(weights.params, ids))

    def features(captions: Sequence[str]) -> np.ndarray:
        ids = tokenizer.batch(captions)
        parts = [ids[i : i + CHUNK] for i in range(0, len(ids), CHUNK)]
        return np.concatenate(
            [np.asarray(encode(np.resize(x, (CHUNK, ids.shape[1]))))[: len(x)] for x in parts]
        )

    return features


def table(
    read: Callable[[Sequence[str]], np.ndarray], captions: Sequence[str], cache: Path
) -> np.ndarray:
    """What the model reads of every caption, each read once; large tables lie in a file in `cache`,
    not in memory.
    """
    first = read(captions[:1])
    if first.dtype == np.int32:
        return read(captions)
    cache.mkdir(parents=True, exist_ok=True)
    path = (
        cache
        / f"text-{hashlib.sha256(json.dumps([*captions, first.tolist()]).encode()).hexdigest()[:16]}.npy"
    )
    if not path.exists():
        shape = (len(captions), *first.shape[1:])
        rows = np.lib.format.open_memmap(path.with_suffix(".tmp"), "w+", np.float32, shape)
        for i in range(0, len(captions), CHUNK):
            rows[i : i + CHUNK] = read(captions[i : i + CHUNK])
        rows.flush()
        path.with_suffix(".tmp").replace(path)
    return np.load(path, mmap_mode="r", allow_pickle=False)
