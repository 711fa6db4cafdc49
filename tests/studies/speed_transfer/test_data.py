"""Pairs of speeds as a model is given them, and how cohorts are read."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, SECONDS, cohort, trials

from jaxdiff.data import normalise
from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import data
from jaxdiff.studies.speed_transfer.data import PairSource

GAITS = cohort(3)
TRIALS = trials(GAITS)
SCALE = normalise.fit(TRIALS, "zscore", ["sagittal"])["sagittal"]
PAIRS = PairSource(TRIALS, 600, SCALE, 120)
BATCH = PAIRS(np.arange(120), np.random.default_rng(0).random((120, 4)))


def test_gaits_are_the_first_seconds_of_the_trials():
    found = data.gaits(TRIALS, SECONDS, RATE)
    np.testing.assert_array_equal(found.values, GAITS.values)
    assert data.gaits(TRIALS, 10.0, RATE).values.shape[1] == 200
    with pytest.raises(DataError, match="needs 31 s of every trial; the shortest has 30 s"):
        data.gaits(TRIALS, 31.0, RATE)
    with pytest.raises(DataError, match="works at 100 Hz; these trials have"):
        data.gaits(TRIALS, SECONDS, 100.0)


def test_a_pair_is_what_was_recorded():
    back = SCALE.inverse(BATCH["source"])
    nearest = np.abs(GAITS.values[None] - back[:, None]).max((2, 3)).min(1)
    assert nearest.max() < 1e-3
    assert BATCH["speeds"].shape == (120, 4)


def test_a_pair_is_one_person_and_an_identity_pair_has_no_residual():
    same = BATCH["speeds"][:, 2] == 0
    assert 0.2 < same.mean() < 0.5
    np.testing.assert_array_equal(BATCH["source"][same], BATCH["target"][same])
    counts = np.bincount(BATCH["subject"])
    assert counts.max() - counts.min() <= 1


def test_validation_takes_every_ordered_pair():
    source = PairSource(TRIALS, 600, SCALE)
    assert len(source) == 3 * 4 * 4
    batch = source(np.arange(len(source)), np.zeros((len(source), 4)))
    assert (batch["speeds"][:, 2] == 0).sum() == 12


def test_batches_are_the_same_again():
    one, two = (next(Batches(PAIRS, 8, seed=3, shuffle=False)) for _ in range(2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
