"""What the simulated motions are called: English sentences that mention whatever was varied."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from jaxdiff.body.actions.words import COMMON, TEXTS, WHO


def phrases(action: str, attribute: str, value: str) -> tuple[str, ...]:
    """All ways in which captions of this action say that an attribute has this value."""
    _, words = TEXTS[action]
    found = [
        words.get(name, COMMON.get(name, {})).get(value, ())
        for name in (attribute, f"{attribute}2")
    ]
    return tuple(phrase for group in found for phrase in group)


def captions(
    rng: np.random.Generator, action: str, attributes: Mapping[str, str], count: int = 4
) -> tuple[str, ...]:
    """Up to `count` different sentences about one motion."""
    templates, words = TEXTS[action]
    sentences = []
    for i in rng.permutation(len(templates))[:count]:
        template = templates[i]
        if "style" in attributes and "{style}" not in template:
            template += " {style}"
        filled = {"who": WHO[rng.integers(len(WHO))]}
        for field in re.findall(r"{(\w+)}", template):
            if field != "who":
                options = words.get(field, COMMON.get(field, {}))[
                    attributes[field.removesuffix("2")]
                ]
                filled[field] = options[rng.integers(len(options))]
        sentences.append(_tidy(template.format(**filled)))
    return tuple(dict.fromkeys(sentences))


def _tidy(sentence: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"\s*,\s*(,\s*)*", ", ", sentence)).strip(" ,")
