import numpy as np
import pytest

from jaxdiff.data.pairs import balanced, exhaustive
from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import DataError


@pytest.fixture
def walks(make_trials):
    """Five subjects at the speeds 0.5, 0.7, 0.9 and 1.1 m/s."""
    return make_trials(tasks=4, sides=("both",))


def gathered(source, draws):
    batches = Batches(source, draws, shuffle=False)
    return next(batches)


def test_all_ordered_pairs_of_every_subject_and_of_nobody_else(walks):
    pairs = exhaustive(walks, "angles", 40)
    assert len(pairs) == 5 * 16
    batch = pairs(np.arange(len(pairs)))
    source, target = batch["source"][:, 0, 0] // 1000, batch["target"][:, 0, 0] // 1000
    assert len(set(zip(source, target))) == 80
    np.testing.assert_array_equal(source // 4, batch["subject"])
    np.testing.assert_array_equal(target // 4, batch["subject"])


def test_speeds_and_sequences_belong_together(walks):
    batch = gathered(balanced(walks, "angles", 40), 300)
    for end in ("source", "target"):
        row = (batch[end][:, 0, 0] // 1000).astype(int)
        np.testing.assert_allclose(batch[f"{end}_speed"], walks.column("speed")[row], rtol=1e-6)
        np.testing.assert_array_equal(batch[end][:, :, 0], 1000 * row[:, None] + np.arange(40))


@pytest.mark.parametrize("subjects", [3, 4, 5])
def test_an_epoch_is_balanced_exactly_over_subjects_and_kinds(make_trials, subjects):
    walks = make_trials(subjects=subjects, tasks=4, sides=("both",))
    draws = 30 * subjects
    batch = gathered(balanced(walks, "angles", 40, draws), draws)
    apart = np.abs(batch["source_speed"] - batch["target_speed"])
    same = batch["source"][:, 0, 0] == batch["target"][:, 0, 0]
    kind = np.where(same, 0, np.where(apart <= 0.3 + 1e-6, 1, 2))
    for subject in range(subjects):
        np.testing.assert_array_equal(
            np.bincount(kind[batch["subject"] == subject], minlength=3), 10
        )


def test_unshuffled_batches_have_as_many_subjects_as_they_can(walks):
    batches = Batches(balanced(walks, "angles", 40), 5, shuffle=False)
    for _ in range(10):
        assert set(next(batches)["subject"]) == set(range(5))


def test_the_next_epoch_draws_other_pairs_and_in_time_all(walks):
    source = balanced(walks, "angles", 40, draws=60)
    batches = Batches(source, 60, shuffle=False)
    first, second = (next(batches) for _ in range(2))
    assert not np.array_equal(first["target"], second["target"])
    seen = set()
    for _ in range(40):
        batch = next(batches)
        seen |= set(zip(batch["source"][:, 0, 0].tolist(), batch["target"][:, 0, 0].tolist()))
    assert len(seen) == 80


def test_a_subject_with_one_speed_gives_identity_pairs_only(walks):
    keep = (walks.column("subject") != "S00") | (walks.column("task") == "t0")
    source = balanced(walks.select(keep), "angles", 40)
    batch = gathered(source, 60)
    own = batch["subject"] == 0
    assert own.sum() == 12
    np.testing.assert_array_equal(batch["source"][own], batch["target"][own])


def test_what_cannot_be_paired_is_named(walks):
    with pytest.raises(DataError, match="shorter than 41"):
        exhaustive(walks, "angles", 41)
    walks.table["speed"][3] = np.nan
    with pytest.raises(DataError, match="speed of every trial"):
        balanced(walks, "angles", 40)
    walks.table["speed"][3] = 1
    walks.signals["angles"][5] = np.nan
    with pytest.raises(DataError, match="gaps"):
        balanced(walks, "angles", 40)
