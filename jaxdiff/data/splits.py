"""Splits: who is trained on, who chooses the checkpoint, who is reported. No subject ever stands on two sides.

LLMA leaves subjects and task profiles out (IV.A); speed transfer splits 22 subjects 13/4/5 (III.E);
HumanML3D and KIT-ML come with lists of clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError, nearest


class Split(NamedTuple):
    """Three sets of trials without a common subject; `held_out_tasks` are in the test set but not in the other two."""

    train: Trials
    validation: Trials
    test: Trials
    held_out_tasks: tuple[str, ...] = ()


def by_subject(
    trials: Trials,
    validation: Sequence[str] = (),
    test: Sequence[str] = (),
    held_out_tasks: Sequence[str] = (),
) -> Split:
    """Named subjects to validation and test, everybody else to training."""
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
    return checked(split)


def leave_one_subject_out(trials: Trials) -> Iterator[Split]:
    """Every subject is the test set once; the next one, in a circle, is the validation set."""
    subjects = trials.subjects
    if len(subjects) < 3:
        raise DataError(
            f"leaving one subject out needs three subjects or more; these trials have {len(subjects)}"
        )
    for i, name in enumerate(subjects):
        yield by_subject(trials, validation=[subjects[(i + 1) % len(subjects)]], test=[name])


def k_fold(
    trials: Trials, folds: int, seed: int = 0, hold_out_tasks: bool = True
) -> Iterator[Split]:
    """Subjects, and with them tasks, dealt into `folds` groups: fold k tests on group k and validates on group k + 1.

    Training and validation never see the tasks of group k; the test set has all tasks of its subjects, so that seen and
    unseen tasks can be reported apart (`held_out_tasks`).
    """
    rng = np.random.default_rng(seed)
    subjects, tasks = (
        rng.permutation(trials.subjects),
        rng.permutation(np.unique(trials.column("task"))),
    )
    if not 3 <= folds <= len(subjects):
        raise ConfigError(
            f"{folds} folds of {len(subjects)} subjects: need at least 3 and at most one per subject"
        )
    if hold_out_tasks and len(tasks) < folds:
        raise ConfigError(
            f"{folds} folds need {folds} tasks to hold out, not {len(tasks)}; set hold_out_tasks=False"
        )
    for k in range(folds):
        out = np.sort(tasks[k::folds]).tolist() if hold_out_tasks else []
        validation = subjects[(k + 1) % folds :: folds].tolist()
        yield by_subject(trials, validation, subjects[k::folds].tolist(), out)


def by_counts(
    trials: Trials, train: int = 13, validation: int = 4, test: int = 5, seed: int = 0
) -> Split:
    """So many subjects to each side, drawn at random."""
    subjects = np.random.default_rng(seed).permutation(trials.subjects).tolist()
    if train + validation + test != len(subjects) or min(train, test) < 1 or validation < 0:
        raise ConfigError(
            f"a {train}/{validation}/{test} split of {len(subjects)} subjects does not add up"
        )
    return by_subject(trials, subjects[train : train + validation], subjects[train + validation :])


def as_published(trials: Trials) -> Split:
    """The split the data set came with (column `split`: train, val, test), as HumanML3D's lists of clips."""
    names = set(np.unique(trials.column("split")).tolist())
    if not {"train", "test"} <= names:
        raise DataError(
            f"this data set was published without a split into train and test (column split: {names})"
        )
    train, validation, test = (trials.where(split=name) for name in ("train", "val", "test"))
    return checked(Split(train, validation, test))


def checked(split: Split) -> Split:
    """The split itself, unless a subject stands on two sides or a side that must not be empty is."""
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        both = sorted(set(sides[one].subjects) & set(sides[other].subjects))
        if both:
            raise DataError(f"subjects on both sides, {one} and {other}: {', '.join(both[:10])}")
    for name in ("train", "test"):
        if not len(sides[name]):
            raise DataError(f"the {name} set is empty")
    return split
