import numpy as np
import pytest

from jaxdiff.data import splits
from jaxdiff.errors import ConfigError, DataError, DataWarning


def apart(split):
    train, validation, test = (set(side.subjects) for side in split[:3])
    return not (train & validation or train & test or validation & test)


def test_leaving_one_out_tests_all_people_once(trials):
    folds = list(splits.leave_one_subject_out(trials))
    assert [fold.test.subjects for fold in folds] == [(name,) for name in trials.subjects]
    assert all(apart(fold) for fold in folds)
    assert all(
        len(fold.train) + len(fold.validation) + len(fold.test) == len(trials) for fold in folds
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_k_fold_holds_subjects_and_tasks_out(trials, seed):
    folds = list(splits.k_fold(trials, 3, seed))
    assert sorted(name for fold in folds for name in fold.test.subjects) == list(trials.subjects)
    assert sorted(name for fold in folds for name in fold.held_out_tasks) == list(
        trials.levels["task"]
    )
    for fold in folds:
        assert apart(fold) and len(fold.validation)
        for side in (fold.train, fold.validation):
            assert not set(side.column("task")) & set(fold.held_out_tasks)
        assert set(fold.test.column("task")) == set(trials.levels["task"])


def test_k_fold_is_reproducible_and_its_seed_matters(trials):
    first, again, other = (
        [fold.test.subjects for fold in splits.k_fold(trials, 5, seed, False)] for seed in (0, 0, 3)
    )
    assert first == again and first != other


def test_counts_add_up(make_trials):
    split = splits.by_counts(make_trials(subjects=22, tasks=1), 13, 4, 5)
    assert [len(side.subjects) for side in split[:3]] == [13, 4, 5] and apart(split)
    with pytest.raises(ConfigError, match="needs 22 subjects and at least one to train"):
        splits.by_counts(make_trials(subjects=5), 13, 4, 5)


def test_a_subject_on_both_sides_is_caught(trials, make_trials):
    with pytest.raises(DataError, match=r"subjects in both train and test: S00"):
        splits.checked(splits.Split(trials, trials.where(subject=[]), trials.where(subject="S00")))
    leaky = make_trials(subjects=2)
    leaky.table["split"][:] = np.where(np.arange(len(leaky)) % 2, "train", "test")
    with pytest.raises(DataError, match="subjects in both"):
        splits.as_published(leaky)


def test_the_published_split_is_the_column(trials):
    split = splits.as_published(trials)
    assert split.train.subjects == ("S00",) and split.validation.subjects == ("S01",)
    assert split.test.subjects == ("S02", "S03", "S04")
    trials.table["split"][:] = ""
    with pytest.raises(DataError, match="without a split"):
        splits.as_published(trials)


def test_wrong_requests_are_answered(trials):
    with pytest.raises(ConfigError, match="S04"):
        splits.by_subject(trials, test=["S4"])
    with pytest.raises(ConfigError, match="t1"):
        splits.by_subject(trials, test=["S04"], held_out_tasks=["t11"])
    with pytest.raises(DataError, match="train set is empty"):
        splits.by_subject(trials, test=trials.subjects)
    with pytest.raises(ConfigError, match="folds"):
        next(splits.k_fold(trials, 6))
    with pytest.raises(ConfigError, match="hold_out_tasks"):
        next(splits.k_fold(trials, 5))
    with pytest.raises(DataError, match="three subjects"):
        next(splits.leave_one_subject_out(trials.where(subject=["S00", "S01"])))


def test_a_laboratory_names_its_people(trials, make_trials):
    split = splits.named(trials, test=["S01", "S03"])
    assert split.test.subjects == ("S01", "S03") and apart(split) and len(split.validation)
    assert splits.named(trials, ["S01"], ["S02"]).validation.subjects == ("S02",)
    assert len(splits.named(trials).test.subjects) == 1 and apart(splits.named(trials))
    all_people = splits.named(trials, ["none"])
    assert all_people.train.subjects == trials.subjects
    assert not len(all_people.test) and not len(all_people.validation)
    with pytest.raises(ConfigError, match="S01 cannot be test and validation"):
        splits.named(trials, ["S01"], ["S01"])
    with pytest.raises(ConfigError, match="no subject 'S9'"):
        splits.named(trials, ["S9"])


def test_one_person_is_tested_on_the_last_trials_with_a_warning(trials):
    alone = trials.where(subject="S00").recoded()
    with pytest.warns(DataWarning, match="one subject .*S00"):
        split = splits.named(alone)
    assert len(split.train) + len(split.test) == len(alone) and len(split.test) >= 1
    with pytest.raises(DataError, match="nothing is left to test on"):
        splits.named(alone.select(np.arange(1)))
