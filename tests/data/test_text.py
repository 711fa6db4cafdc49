import numpy as np
import pytest

from jaxdiff.data.pipeline import Batches
from jaxdiff.data.text import captioned
from jaxdiff.data.trials import gather
from jaxdiff.errors import DataError


@pytest.fixture
def clips(make_examples):
    """Clips of 10, 20, 30, 40, 50 frames, one per subject, with one to three captions."""
    examples = [
        make_examples(subjects=1, tasks=1, strides=1 + n, sides=("both",))[0] for n in range(5)
    ]
    for n, example in enumerate(examples):
        example.update(
            subject=f"S{n}",
            trial=f"clip{n}",
            captions=[f"caption {n} {k}" for k in range(1 + n % 3)],
        )
        example["signals"]["angles"] = example["signals"]["angles"] + np.float32(1 + 1000 * n)
    examples[3]["captions"] = examples[1]["captions"][:1]
    return gather(examples)


def drawn(source, count=400):
    return next(Batches(source, count, seed=0))


def test_motions_are_padded_with_zeros_after_their_length(clips):
    batch = drawn(captioned(clips, "angles", 10, 60, 64, extra=("grf",)))
    assert batch["motion"].shape == (400, 64, 2) and batch["grf"].shape == (400, 64, 1)
    inside = np.arange(64) < batch["length"][:, None]
    assert (batch["motion"][~inside] == 0).all() and (batch["motion"][inside] != 0).all()
    np.testing.assert_array_equal(batch["length"], 10 * (1 + batch["motion"][:, 0, 0] // 1000))


def test_every_caption_of_a_clip_is_drawn_and_no_other(clips):
    source = captioned(clips, "angles", 10, 60, 64)
    batch = drawn(source)
    seen = [set() for _ in range(5)]
    for motion, caption in zip(batch["motion"], batch["caption"]):
        seen[int(motion[0, 0] // 1000)].add(source.captions[caption])
    assert seen == [set(texts) for texts in clips.captions]


def test_equal_captions_have_one_number(clips):
    source = captioned(clips, "angles", 10, 60, 64)
    assert len(source.captions) == len(set(source.captions)) == 1 + 2 + 3 + 2
    assert len(source.tokens) == len(source.captions)


def test_cropped_clips_have_multiples_of_four_and_are_pieces_of_the_clip(clips):
    batch = drawn(captioned(clips, "angles", 10, 60, 64, crop=True))
    clip, begin = np.divmod(batch["motion"][:, 0, 0] - 1, 1000)
    whole = 10 * (1 + clip)
    assert (
        (batch["length"] % 4 == 0).all()
        and (begin + batch["length"] <= whole).all()
        and (begin >= 0).all()
    )
    fewer = whole // 4 * 4 - batch["length"]
    assert set(fewer) == {0, 4}
    assert 0.25 < (fewer == 4).mean() < 0.42
    for motion, start, length, n in zip(batch["motion"], begin, batch["length"], clip):
        np.testing.assert_array_equal(motion[:length, 0], 1 + 1000 * n + start + np.arange(length))
    assert len(set(begin[clip == 4])) > 3


def test_clips_of_the_wrong_length_or_without_captions_are_left_out(clips):
    source = captioned(clips, "angles", 20, 50, 64)
    assert source.trials.length.tolist() == [20, 30, 40]
    silent = clips.select(np.arange(5))
    object.__setattr__(silent, "captions", ((), *clips.captions[1:]))
    assert len(captioned(silent, "angles", 10, 60, 64)) == 4
    with pytest.raises(DataError, match="no captioned clip"):
        captioned(clips, "angles", 51, 60)


def test_longer_clips_than_the_batch_are_cut(clips):
    batch = drawn(captioned(clips, "angles", 10, 60, 24))
    assert batch["motion"].shape[1] == 24 and batch["length"].max() == 24
