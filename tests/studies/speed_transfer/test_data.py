"""Pairs of speeds as a model is given them: in time, or stride on stride."""

import numpy as np
import pytest
from studies.speed_transfer.walkers import RATE, SECONDS, cohort, trials

from jaxdiff.data import normalise
from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import data
from jaxdiff.studies.speed_transfer.data import Form, PairSource

GAITS = cohort(3)
TRIALS = trials(GAITS)
PEOPLE = GAITS.population()
SCALE = normalise.fit(TRIALS, "zscore", ["sagittal"])["sagittal"]
PHASE, TIME = Form("phase", 300, 30), Form("none", 600, 0)


def pairs(form, rows=None):
    return PairSource(GAITS, rows or data.training_pairs(TRIALS, 120), form, SCALE, PEOPLE)


def draw(form, count=120, seed=0):
    return pairs(form)(np.arange(count), np.random.default_rng(seed).random((count, 4)))


def test_gaits_are_the_first_seconds_of_the_trials():
    found = data.gaits(TRIALS, SECONDS, RATE)
    np.testing.assert_array_equal(found.values, GAITS.values)
    assert data.gaits(TRIALS, 10.0, RATE).values.shape[1] == 200
    with pytest.raises(DataError, match="needs 31 s of every trial; the shortest has 30 s"):
        data.gaits(TRIALS, 31.0, RATE)
    with pytest.raises(DataError, match="works at 100 Hz; these trials have"):
        data.gaits(TRIALS, SECONDS, 100.0)


def test_in_time_a_pair_is_what_was_recorded():
    batch = draw(TIME)
    back = SCALE.inverse(batch["source"])
    nearest = np.abs(GAITS.values[None] - back[:, None]).max((2, 3)).min(1)
    assert nearest.max() < 1e-3
    assert batch["speeds"].shape == (120, 4)


def test_on_the_grid_source_and_target_are_in_phase():
    """The hips of both are lowest at the same frames: the residual knows no drift."""
    batch = draw(PHASE)
    for side in (0, 3):
        lowest = [
            batch[name][..., side].reshape(120, -1, 30).mean(1).argmin(1)
            for name in ("source", "target")
        ]
        apart = np.abs((lowest[0] - lowest[1] + 15) % 30 - 15)
        assert apart.max() <= 1
    drift = draw(TIME)
    assert (
        np.abs(batch["target"] - batch["source"]).mean()
        < 0.5 * np.abs(drift["target"] - drift["source"]).mean()
    )


@pytest.mark.parametrize("form", [PHASE, TIME])
def test_a_pair_is_one_person_and_an_identity_pair_has_no_residual(form):
    batch = draw(form)
    same = batch["speeds"][:, 2] == 0
    assert 0.2 < same.mean() < 0.5
    np.testing.assert_array_equal(batch["source"][same], batch["target"][same])
    counts = np.bincount(batch["subject"])
    assert counts.max() - counts.min() <= 1


def test_the_residual_is_about_what_the_population_would_do():
    """In this cohort all people change alike, so the residual is the error of the fit."""
    batch, plain = draw(PHASE), draw(PHASE._replace(about="source"))
    np.testing.assert_array_equal(plain["base"], plain["source"])
    left, whole = (np.abs(b["target"] - b["base"]).mean() for b in (batch, plain))
    assert left < 0.2 * whole
    np.testing.assert_array_equal(draw(TIME)["base"], draw(TIME)["source"])


def test_the_grid_tells_the_cadence_it_hides():
    batch = draw(PHASE)
    assert batch["speeds"].shape == (120, 5)
    pace = {s: batch["speeds"][batch["subject"] == s, 4] for s in range(3)}
    spread = np.std([p.mean() for p in pace.values()])
    assert max(p.std() for p in pace.values()) < 0.3 * spread


def test_validation_takes_every_ordered_pair_from_the_first_stride_on():
    source = pairs(PHASE, data.all_pairs(TRIALS))
    assert len(source) == 3 * 4 * 4
    batch = source(np.arange(len(source)), np.zeros((len(source), 4)))
    assert (batch["speeds"][:, 2] == 0).sum() == 12


def test_batches_are_the_same_again():
    one, two = (next(Batches(pairs(PHASE), 8, seed=3, shuffle=False)) for _ in range(2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])


def test_a_slow_walker_walks_in_a_circle():
    """Twenty strides asked of a recording that has fewer: they come round again."""
    short = cohort(1, speeds=(0.3,))
    whole = data.prepared(short, PHASE)[0]
    window = data.window(whole, Form("phase", 40 * 30, 30), 0.5)
    first = int(0.5 * len(whole))
    np.testing.assert_array_equal(window[:30], whole[first])
    np.testing.assert_array_equal(window[30 * (len(whole) - first) :][:30], whole[0])
