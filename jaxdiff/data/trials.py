"""A data set in memory: trials end to end in one array per modality, and a table of their
properties.

Frame `f` of trial `i` of modality `m` is `signals[m][start[i] + f]`. A subset shares the frames of
the whole, so a split costs nothing, and a window is a row number. Channel names and units travel
with the signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, nearest

TEXTS = ("trial", "subject", "task", "side", "paretic", "split")
NUMBERS = ("rate", "speed", "incline")


@dataclass(frozen=True)
class Trials:
    """`signals[modality]` is (frames, channels) float32; `time` in seconds and `stride` (-1:
    unknown) are per frame.

    `table` has one row per trial: the texts `trial subject task side paretic split`, the numbers
        `rate` (Hz; NaN:
    samples are uniform in the stride), `speed` (m/s) and `incline` (degrees; NaN: unknown), and the
    flag `transition`. `levels` lists the subjects and tasks of the whole data set, so that their
    codes mean the same in every subset.
    """

    signals: Mapping[str, np.ndarray]
    channels: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[str, ...]]
    start: np.ndarray
    length: np.ndarray
    time: np.ndarray
    stride: np.ndarray
    table: Mapping[str, np.ndarray]
    captions: tuple[tuple[str, ...], ...]
    tokens: tuple[tuple[str, ...], ...]
    levels: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.start)

    def select(self, which: np.ndarray) -> Trials:
        """The trials of a boolean mask or an index array."""
        rows = np.arange(len(self))[which]
        return replace(
            self,
            start=self.start[rows],
            length=self.length[rows],
            table={name: column[rows] for name, column in self.table.items()},
            captions=tuple(self.captions[i] for i in rows),
            tokens=tuple(self.tokens[i] for i in rows),
        )

    def where(self, **wanted: Any) -> Trials:
        """The trials whose columns have one of the given values:
        `where(subject=["S01", "S02"], side="left")`.
        """
        keep = np.ones(len(self), bool)
        for name, value in wanted.items():
            keep &= np.isin(self.column(name), np.asarray(value))
        return self.select(keep)

    def column(self, name: str) -> np.ndarray:
        """One column of the table."""
        if name not in self.table:
            raise DataError(f"trials have no column {name!r}; {nearest(name, self.table)}")
        return self.table[name]

    def codes(self, name: str) -> np.ndarray:
        """The column `subject` or `task` as integers into `levels[name]`."""
        return np.searchsorted(np.asarray(self.levels[name]), self.column(name)).astype(np.int32)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of these trials, sorted."""
        return tuple(np.unique(self.table["subject"]).tolist())

    def modality(self, name: str) -> np.ndarray:
        """All frames of a modality [frames, channels] of the whole data set, even for a subset."""
        if name not in self.signals:
            raise DataError(f"no modality {name!r} in these trials; {nearest(name, self.signals)}")
        return self.signals[name]

    def frames(self, name: str) -> np.ndarray:
        """The frames of a modality that belong to these trials [sum of lengths, channels]."""
        values = self.modality(name)
        keep = np.zeros(len(values), bool)
        for start, length in zip(self.start, self.length):
            keep[start : start + length] = True
        return values if keep.all() else values[keep]

    def compact(self) -> Trials:
        """The same trials without the frames of others, for computations on all frames and for
        copies.
        """
        if self.length.sum() == len(self.time):
            return self
        rows = np.concatenate(
            [np.arange(a, a + n) for a, n in zip(self.start, self.length)]
            or [np.zeros(0, np.int64)]
        )
        return replace(
            self,
            signals={name: values[rows] for name, values in self.signals.items()},
            start=np.cumsum(self.length) - self.length,
            time=self.time[rows],
            stride=self.stride[rows],
        )

    def recording(self, i: int, name: str) -> Recording:
        """One modality of one trial as a recording.

        Samples that are uniform in the stride and not in time (rate NaN) are interpolated to their
        mean rate.
        """
        frames = slice(int(self.start[i]), int(self.start[i] + self.length[i]))
        meta = {text: str(self.table[text][i]) for text in TEXTS if str(self.table[text][i])}
        values, time, rate = (
            self.modality(name)[frames],
            self.time[frames],
            float(self.table["rate"][i]),
        )
        if np.isnan(rate):
            rate = (len(time) - 1) / (time[-1] - time[0])
            return Recording.from_times(
                time, values, self.channels[name], self.units[name], rate, meta
            )
        return Recording(values, self.channels[name], self.units[name], rate, float(time[0]), meta)

    def recoded(self) -> Trials:
        """The same trials with `levels` of their own subjects and tasks, so that codes count from 0
        without gaps.
        """
        return replace(self, levels=levels(self.table))


def gather(examples: Iterable[Mapping[str, Any]]) -> Trials:
    """Trials from examples in the form of `builders/base.py`, all with the same channels and units.

    Raises:
        DataError: If there are none, or channels or units differ.
    """
    examples = list(examples)
    if not examples:
        raise DataError("the data set is empty: no trial was found")
    first = examples[0]
    for example in examples:
        if example["channels"] != first["channels"] or example["units"] != first["units"]:
            raise DataError(
                f"trial {example['trial']!r} has other channels or units than {first['trial']!r}"
            )
    length = np.array([len(example["time"]) for example in examples], np.int64)
    table: dict[str, np.ndarray] = {
        name: np.array([str(e[name]) for e in examples]) for name in TEXTS
    }
    table |= {name: np.array([e[name] for e in examples], np.float64) for name in NUMBERS}
    table["transition"] = np.array([e["transition"] for e in examples], bool)
    return Trials(
        signals={m: np.concatenate([e["signals"][m] for e in examples]) for m in first["signals"]},
        channels={m: tuple(names) for m, names in first["channels"].items()},
        units={m: tuple(names) for m, names in first["units"].items()},
        start=np.concatenate([[0], np.cumsum(length)[:-1]]),
        length=length,
        time=np.concatenate([e["time"] for e in examples]),
        stride=np.concatenate([e["stride"] for e in examples]),
        table=table,
        captions=tuple(tuple(e["captions"]) for e in examples),
        tokens=tuple(tuple(e["tokens"]) for e in examples),
        levels=levels(table),
    )


def levels(table: Mapping[str, np.ndarray]) -> dict[str, tuple[str, ...]]:
    """The subjects and tasks in a table, sorted."""
    return {name: tuple(np.unique(table[name]).tolist()) for name in ("subject", "task")}
