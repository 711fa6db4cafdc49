"""Splits into training, validation and test subjects. No subject is in two of them.

LLMA leaves subjects and task profiles out (IV.A); speed transfer splits 22 subjects 13/4/5 (III.E);
HumanML3D and KIT-ML come with lists of clips.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError, DataWarning, nearest


class Split(NamedTuple):
    """Three sets of trials without a common subject; `held_out_tasks` are in the test set only."""

    train: Trials
    validation: Trials
    test: Trials
    held_out_tasks: tuple[str, ...] = ()


NONE = "none"


def named(
    trials: Trials, test: Sequence[str] = (), validation: Sequence[str] = (), seed: int = 0
) -> Split:
    """The split that a laboratory names.

    Args:
        trials: The data set.
        test: Test subjects; `["none"]`: train on all people; empty: one in five, drawn at random,
            at least one.
        validation: Validation subjects; empty: as many as there are test subjects, if three or more
            subjects remain, else none.
        seed: Seed of random choices.

    Returns:
        The split. The validation set is empty where no subject is left for it; the test set with
        `["none"]`.

    Raises:
        ConfigError: If a subject does not exist or is named twice.
        DataError: If there is one subject with a single trial.
    """
    subjects = list(trials.subjects)
    if not subjects:
        raise DataError("the data set has no trials")
    if both := sorted(set(test) & set(validation)):
        raise ConfigError(f"{', '.join(both)} cannot be test and validation subjects at once")
    empty = trials.select(np.zeros(len(trials), bool))
    if tuple(test) == (NONE,):
        split = by_subject(trials, validation, (), complete=False)
        return split._replace(test=empty)
    if len(subjects) == 1 and not test:
        return _one_person(trials)
    drawn = np.random.default_rng(seed).permutation(subjects).tolist()
    test = list(test) or drawn[: max(1, len(subjects) // 5)]
    rest = [name for name in drawn if name not in {*test, *validation}]
    if not validation and len(rest) >= 3:
        validation = rest[: min(len(test), len(rest) // 3)]
    return by_subject(trials, validation, test)


def for_training(
    trials: Trials, test: Sequence[str], validation: Sequence[str], seed: int = 0
) -> Split:
    """The split of `named` in which a part without people is the training set, with a warning if it
    is the test set.
    """
    split = named(trials, list(map(str, test)), list(map(str, validation)), seed)
    if not len(split.test):
        warnings.warn(
            "no test subjects are left: the scores of this run are those of the people it was"
            " trained on",
            DataWarning,
            stacklevel=3,
        )
        split = split._replace(test=split.train)
    return split if len(split.validation) else split._replace(validation=split.train)


def _one_person(trials: Trials) -> Split:
    """The last fifth of the trials of the only subject as the test set, with a warning."""
    count = len(trials)
    if count < 2:
        raise DataError(
            "there is one subject with one trial, so nothing is left to test on; train on it with"
            " test=['none']"
        )
    warnings.warn(
        f"there is one subject ({trials.subjects[0]}): the test set is of the same person, so"
        " scores say nothing about other people",
        DataWarning,
        stacklevel=3,
    )
    last = np.arange(count) >= count - max(1, count // 5)
    return Split(trials.select(~last), trials.select(np.zeros(count, bool)), trials.select(last))


def by_subject(
    trials: Trials,
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
    held_out_tasks: Sequence[str] = (),
    complete: bool = True,
) -> Split:
    """Named subjects for validation and test, all others for training.

    Args:
        trials: The data set.
        validation: Validation subjects.
        test: Test subjects.
        held_out_tasks: Tasks that only the test set has.
        complete: Whether an empty training or test set is an error.
    """
    for name in (*validation, *test):
        if name not in trials.subjects:
            raise ConfigError(
                f"no subject {name!r} in these trials; {nearest(name, trials.subjects)}"
            )
    for name in held_out_tasks:
        if name not in trials.levels["task"]:
            raise ConfigError(
                f"no task {name!r} in these trials; {nearest(name, trials.levels['task'])}"
            )
    subject, known = trials.column("subject"), ~np.isin(trials.column("task"), held_out_tasks)
    in_validation, in_test = np.isin(subject, validation), np.isin(subject, test)
    split = Split(
        trials.select(known & ~in_validation & ~in_test),
        trials.select(known & in_validation),
        trials.select(in_test),
        tuple(held_out_tasks),
    )
    return checked(split) if complete else split


def leave_one_subject_out(trials: Trials) -> Iterator[Split]:
    """Every subject is the test set once; the next one, cyclically, is the validation set."""
    subjects = trials.subjects
    if len(subjects) < 3:
        raise DataError(
            "leaving one subject out needs three subjects or more; these trials have"
            f" {len(subjects)}"
        )
    for i, name in enumerate(subjects):
        yield by_subject(trials, validation=[subjects[(i + 1) % len(subjects)]], test=[name])


def k_fold(
    trials: Trials, folds: int, seed: int = 0, hold_out_tasks: bool = True
) -> Iterator[Split]:
    """Subjects, and with them tasks, divided into `folds` groups: fold k tests on group k and
    validates on group k + 1.

    Training and validation sets lack the tasks of group k; the test set has all tasks of its
    subjects, so that seen and unseen tasks can be reported separately (`held_out_tasks`).
    """
    rng = np.random.default_rng(seed)
    subjects, tasks = (
        rng.permutation(trials.subjects),
        rng.permutation(np.unique(trials.column("task"))),
    )
    if not 3 <= folds <= len(subjects):
        raise ConfigError(
            f"{folds} folds of {len(subjects)} subjects: need at least 3 and at most one per"
            " subject"
        )
    if hold_out_tasks and len(tasks) < folds:
        raise ConfigError(
            f"{folds} folds need {folds} tasks to hold out, not {len(tasks)}; set"
            " hold_out_tasks=False"
        )
    for k in range(folds):
        out = np.sort(tasks[k::folds]).tolist() if hold_out_tasks else []
        validation = subjects[(k + 1) % folds :: folds].tolist()
        yield by_subject(trials, validation, subjects[k::folds].tolist(), out)


def by_counts(
    trials: Trials, train: int = 13, validation: int = 4, test: int = 5, seed: int = 0
) -> Split:
    """Given numbers of subjects in each set, drawn at random.

    Raises:
        ConfigError: If the numbers do not add up to the subjects there are, or leave training or
            test empty.
    """
    subjects = np.random.default_rng(seed).permutation(trials.subjects).tolist()
    if train + validation + test != len(subjects) or min(train, test) < 1 or validation < 0:
        raise ConfigError(
            f"a split into {train} training, {validation} validation and {test} test subjects needs"
            f" {train + validation + test} subjects and at least one to train and to test on; the"
            f" data set has {len(subjects)} (data.split)"
        )
    return by_subject(trials, subjects[train : train + validation], subjects[train + validation :])


def as_published(trials: Trials) -> Split:
    """The split the data set came with (column `split`: train, val, test), as HumanML3D's lists of
    clips.
    """
    names = set(np.unique(trials.column("split")).tolist())
    if not {"train", "test"} <= names:
        raise DataError(
            "this data set was published without a split into train and test (column split:"
            f" {names})"
        )
    train, validation, test = (trials.where(split=name) for name in ("train", "val", "test"))
    return checked(Split(train, validation, test))


def checked(split: Split) -> Split:
    """The split, after a check that no subject is in two sets and that training and test are not
    empty.
    """
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        both = sorted(set(sides[one].subjects) & set(sides[other].subjects))
        if both:
            raise DataError(f"subjects in both {one} and {other}: {', '.join(both[:10])}")
    for name in ("train", "test"):
        if not len(sides[name]):
            raise DataError(
                f"the {name} set is empty; name fewer subjects for the other sets, or train on all"
                " people with test=['none']"
            )
    return split
