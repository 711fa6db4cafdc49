"""The protocol with networks that only look: what they are given, and how often a caption is
read.
"""

import numpy as np
import pytest

from jaxdiff.body.humanml3d import LAYOUT_22, names
from jaxdiff.data.builders.example import example
from jaxdiff.data.trials import gather
from jaxdiff.studies.text_to_motion import evaluation, preparation, texts
from jaxdiff.studies.text_to_motion.config import get_config

RNG = np.random.default_rng(0)


def clips(count):
    """Two test clips to each of the other two sides' one."""
    for i in range(count):
        signals = {"motion": RNG.normal(2, 3, (44 + 4 * (i % 5), 263)).astype(np.float32)}
        said = [f"person {i} walks", "someone jumps"]
        trial = example(
            f"c{i}",
            signals,
            20.0,
            f"c{i}",
            split=("test", "test", "val", "train")[i % 4],
            captions=said,
        )
        yield trial | {"channels": {"motion": names(LAYOUT_22)}, "units": {"motion": ["1"] * 263}}


@pytest.fixture
def found(monkeypatch):
    """The rows of the protocol, every caption that was read, and every batch that was generated or
    embedded.
    """
    config, read, made, seen = get_config("tiny"), [], [], []
    config.evaluation.update(repetitions=2, pairs=16, texts=3, repeats=10)

    def reader(config, words):
        def features(captions):
            read.extend(captions)
            return np.array(
                [[len(caption), captions.index(caption)] for caption in captions], np.float32
            )

        return features

    def generate(params, key, condition):
        made.append(condition)
        return np.ones((len(condition["length"]), config.data.length, 263), np.float32)

    def embed(params, key, condition):
        seen.append(condition)
        motion, words = condition["motion"].mean((1, 2)), condition["words"].sum(1)
        return np.stack([np.stack([x, x * x, 1 + 0 * x], -1) for x in (motion, words)], 1)

    monkeypatch.setattr(texts, "reader", reader)
    prepared = preparation.prepare(config, gather(clips(80)))
    rows = evaluation.protocol(config, prepared, generate, None, embed, None)
    return prepared, rows, read, made, seen


def test_every_row_every_figure_and_one_reading_of_each_caption(found):
    prepared, rows, read, made, _ = found
    assert list(rows) == ["real", "generated", "other clip", "frames shuffled", "frozen", "noise"]
    assert all(
        f"{name}_ci95" in row
        for row in rows.values()
        for name in ("r_precision_3", "mm_dist", "fid", "diversity")
    )
    assert "multimodality" in rows["generated"]
    captions = prepared.sides["test"].captions
    assert sorted(read[1:]) == sorted(captions)  # the first once more, to learn its shape
    assert all(len(batch["text"]) == len(batch["length"]) == 64 for batch in made)


def test_generated_motions_reach_the_evaluator_in_its_units_for_multimodality_too(found):
    prepared, _, _, made, seen = found
    ones = prepared.plain(prepared.normaliser.inverse(np.ones(263, np.float32)))
    generated = [x for x in seen if np.allclose(x["motion"][0, 0], ones, atol=1e-4)]
    assert len(generated) == len(made) == 4  # a batch of the test set and one of repeats, twice
    for batch in generated:
        valid = np.arange(batch["motion"].shape[1]) < batch["length"][:, None]
        np.testing.assert_allclose(
            batch["motion"][valid], np.broadcast_to(ones, (valid.sum(), 263)), atol=1e-4
        )
        assert not batch["motion"][~valid].any()
