import numpy as np
import pytest

from jaxdiff.data.trials import gather
from jaxdiff.errors import DataError


def test_a_subset_knows_its_own_trials_and_shares_the_frames(trials):
    part = trials.where(subject="S02", side=["left"])
    assert part.subjects == ("S02",) and len(part) == 3
    assert part.signals["angles"] is trials.signals["angles"]
    expected = np.flatnonzero(
        (trials.column("subject") == "S02") & (trials.column("side") == "left")
    )
    np.testing.assert_array_equal(np.unique(part.frames("angles")[:, 0] // 1000), expected)


def test_a_compact_subset_has_the_same_trials_and_no_others(trials):
    part = trials.select(np.array([7, 2, 20]))
    small = part.compact()
    assert (
        len(small.time) == 120
        and trials.compact() is trials
        and len(trials.select(np.array([], int)).compact()) == 0
    )
    for i in range(3):
        for name in ("angles", "grf"):
            np.testing.assert_array_equal(
                small.recording(i, name).values, part.recording(i, name).values
            )
    np.testing.assert_array_equal(small.stride, np.tile(np.repeat(np.arange(4), 10), 3))


def test_codes_mean_the_same_in_every_subset(trials):
    part = trials.where(task=["t2"])
    assert set(part.codes("task")) == {2}
    assert [trials.levels["subject"][code] for code in part.codes("subject")] == part.column(
        "subject"
    ).tolist()


def test_a_trial_as_a_recording_has_names_units_and_times(trials):
    recording = trials.select(np.array([7])).recording(0, "angles")
    assert (
        recording.channels == ("hip", "knee")
        and recording.units == ("deg", "deg")
        and recording.rate == 10
    )
    assert recording.meta["subject"] == trials.column("subject")[7]
    np.testing.assert_array_equal(recording.values[:, 0], 7000 + np.arange(40))


def test_captions_follow_the_selection(trials):
    rows = np.array([5, 2])
    assert trials.select(rows).captions == (trials.captions[5], trials.captions[2])


def test_wrong_names_are_answered_with_the_nearest(trials):
    with pytest.raises(DataError, match="subject"):
        trials.column("subjekt")
    with pytest.raises(DataError, match="angles"):
        trials.modality("angle")


def test_trials_with_other_units_do_not_mix(make_examples):
    examples = make_examples(subjects=1)
    examples[1] = {**examples[1], "units": {"angles": ["rad", "rad"], "grf": ["BW"]}}
    with pytest.raises(DataError, match="units"):
        gather(examples)
    with pytest.raises(DataError, match="empty"):
        gather([])
