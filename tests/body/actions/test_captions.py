"""Captions mention what was varied, differ from one another, and read like sentences."""

import re

import pytest

from jaxdiff.body.actions import ACTIONS, simulate_motions
from jaxdiff.body.actions.captions import phrases
from jaxdiff.body.actions.words import TEXTS


@pytest.fixture(scope="module")
def clips():
    return list(simulate_motions(12 * len(ACTIONS), seed=11))


@pytest.mark.parametrize("action", ACTIONS)
def test_every_caption_mentions_whatever_varies(action, clips):
    for clip in (clip for clip in clips if clip.action == action):
        for attribute, value in clip.attributes.items():
            known = phrases(action, attribute, value)
            assert known, f"no words for {attribute} = {value}"
            if "" in known:
                continue
            for caption in clip.captions:
                assert any(re.search(rf"\b{re.escape(phrase)}\b", caption) for phrase in known), (
                    attribute,
                    value,
                    caption,
                )


def test_captions_are_several_distinct_clean_sentences(clips):
    for clip in clips:
        assert len(clip.captions) == len(set(clip.captions)) >= 3
        for caption in clip.captions:
            assert re.fullmatch(r"[a-z0-9][a-z0-9,' -]*[a-z]", caption), caption
            assert "  " not in caption and " ," not in caption and 3 <= len(caption.split()) <= 30


def test_paraphrases_vary_between_clips(clips):
    walks = [caption for clip in clips if clip.action == "walk" for caption in clip.captions]
    assert len(set(walks)) > 0.9 * len(walks)
    assert set(TEXTS) == set(ACTIONS)
