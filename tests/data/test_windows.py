import tracemalloc
from functools import partial

import numpy as np
import pytest

from jaxdiff.data.windows import break_pairs, cut
from jaxdiff.errors import ConfigError, DataError


def test_two_strides_beginning_with_every_stride(trials):
    windows = cut(trials, "angles", "grf", length=20)
    assert len(windows) == 3 * len(trials)
    batch = windows(np.arange(len(windows)))
    assert batch["x"].shape == (len(windows), 20, 2) and batch["y"].shape == (len(windows), 20, 1)
    first = batch["x"][:, 0, 0]
    np.testing.assert_array_equal(first % 1000 % 10, 0)
    np.testing.assert_array_equal(batch["x"][:, :, 0], first[:, None] + np.arange(20))
    np.testing.assert_array_equal(batch["y"][:, :, 0], -batch["x"][:, :, 0])


def test_windows_stay_in_their_trial_and_know_whose_they_are(trials):
    windows = cut(trials, "angles", "grf", length=20)
    batch = windows(np.arange(len(windows)))
    np.testing.assert_array_equal(batch["x"][:, 0, 0] // 1000, windows.trial)
    np.testing.assert_array_equal(batch["x"][:, -1, 0] // 1000, windows.trial)
    np.testing.assert_array_equal(batch["subject"], trials.codes("subject")[windows.trial])
    np.testing.assert_array_equal(batch["task"], trials.codes("task")[windows.trial])
    assert batch["task"].dtype == np.int32


def test_a_hop_keeps_windows_apart(trials):
    assert len(cut(trials, "angles", "grf", length=20, hop=20)) == 2 * len(trials)
    assert len(cut(trials, "angles", "grf", length=20, hop=11)) == 2 * len(trials)
    assert len(cut(trials, "angles", "grf", length=20, hop=10)) == 3 * len(trials)


def test_a_dropped_stride_breaks_the_windows_over_it(trials):
    trials.stride[:] = np.where(trials.stride >= 2, trials.stride + 1, trials.stride)
    windows = cut(trials, "angles", "grf", length=20)
    starts = windows.start - trials.start[windows.trial]
    assert sorted(set(starts.tolist())) == [0, 20]


def test_unnumbered_trials_are_cut_end_to_end_or_by_the_hop(trials):
    trials.stride[:] = -1
    assert len(cut(trials, "angles", "grf", length=15)) == 2 * len(trials)
    assert len(cut(trials, "angles", "grf", length=15, hop=5)) == 6 * len(trials)
    assert len(cut(trials, "angles", "grf", length=40)) == len(trials)


def test_windows_with_gaps_are_left_out(trials):
    trials.signals["grf"][trials.start[0] + 15] = np.nan
    windows = cut(trials, "angles", "grf", length=20)
    assert len(windows) == 3 * len(trials) - 2
    assert np.isfinite(windows(np.arange(len(windows)))["y"]).all()


def test_too_long_a_window_says_how_long_the_trials_are(trials):
    with pytest.raises(DataError, match="at most 40 frames"):
        cut(trials, "angles", "grf", length=41)
    with pytest.raises(DataError, match="angles"):
        cut(trials, "angle", "grf", length=20)


@pytest.fixture
def wide(make_trials):
    """18 channels, in as many windows as asked for."""

    def made(strides):
        trials = make_trials(subjects=2, strides=strides, samples=30)
        for name, width in (("angles", 15), ("grf", 3)):
            trials.signals[name] = np.zeros((len(trials.time), width), np.float32)
        return cut(trials, "angles", "grf", length=60)

    return made


def test_a_batch_takes_as_many_calls_whatever_its_size_and_the_number_of_windows(wide, calls):
    """Why the loader is fast: windows are gathered together, and nothing is done for each in
    Python.
    """
    few, many = wide(4), wide(30)
    assert len(many) > 5 * len(few)
    assert (
        calls(partial(few, np.arange(4)))
        == calls(partial(many, np.arange(4)))
        == calls(partial(many, np.arange(56)))
    )


def test_a_batch_costs_the_memory_of_its_own_arrays_and_their_index(wide):
    windows, index = wide(30), np.arange(56)
    windows(index)
    tracemalloc.start()
    batch = windows(index)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * sum(array.nbytes for array in batch.values())


def test_broken_pairs_have_the_y_of_another_window_and_the_rest_keeps_its_own(trials):
    """In these trials y is -x, frame by frame."""
    windows = cut(trials, "angles", "grf", length=20)
    batch = break_pairs(windows, 0.5)(np.arange(len(windows)))
    broken = (batch["y"][:, 0, 0] != -batch["x"][:, 0, 0]).sum()
    assert broken == round(0.5 * len(windows))
    assert sorted(batch["y"][:, 0, 0]) == sorted(-batch["x"][:, 0, 0])
    with pytest.raises(ConfigError, match="share of broken pairs"):
        break_pairs(windows, 2.0)
