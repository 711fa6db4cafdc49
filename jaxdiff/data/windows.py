"""Windows: pieces of equal length of two modalities, for LLMA (L = 300: two strides of 150 samples,
paper IV.A).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jaxdiff.data.pipeline import rows
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError


@dataclass(frozen=True)
class Windows:
    """A source of `{"x": (B, L, dx), "y": (B, L, dy), "task": (B,), "subject": (B,)}`.

    Window i begins at frame `start[i]` and lies in trial `trial[i]` of `trials`, whose table
    describes it.
    """

    trials: Trials
    x: str
    y: str
    length: int
    start: np.ndarray
    trial: np.ndarray
    task: np.ndarray
    subject: np.ndarray
    start_y: np.ndarray | None = None
    """Where y begins, in place of `start`, in windows whose pairs are broken."""

    def __len__(self) -> int:
        return len(self.start)

    def __call__(self, index: np.ndarray, u: np.ndarray | None = None) -> dict[str, np.ndarray]:
        return self.gather(self.arrays, self.plan(index, u))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The signals of both modalities, all frames."""
        return {"x": self.trials.signals[self.x], "y": self.trials.signals[self.y]}

    def plan(self, index: np.ndarray, u: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """First frames, task and subject of some windows."""
        start_y = self.start if self.start_y is None else self.start_y
        return {
            "x": self.start[index].astype(np.int32),
            "y": start_y[index].astype(np.int32),
            "task": self.task[index],
            "subject": self.subject[index],
        }

    def gather(self, arrays: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
        """The windows of a plan."""
        frames = np.arange(self.length, dtype=np.int32)
        return {**plan, **{name: rows(arrays[name], plan[name], frames) for name in ("x", "y")}}


def cut(trials: Trials, x: str, y: str, length: int = 300, hop: int | None = None) -> Windows:
    """All windows of `length` frames, `hop` frames or more apart, that have no gap in either
    modality.

    Where strides are numbered, a window begins with a stride and holds consecutive strides only (a
    dropped outlier stride breaks it); every stride begins one unless `hop` is given. Elsewhere
    windows begin at a trial's first frame and follow each other every `hop` frames, by default end
    to end.
    """
    if length < 1 or (hop is not None and hop < 1):
        raise ConfigError(
            f"windows are one frame long or more, and one or more apart; got length {length}, hop"
            f" {hop}"
        )
    whole = np.isfinite(trials.modality(x)).all(axis=1) & np.isfinite(trials.modality(y)).all(
        axis=1
    )
    gaps = np.concatenate([[0], np.cumsum(~whole)])
    starts, rows = [], []
    for row, (first, frames) in enumerate(zip(trials.start, trials.length)):
        for start in first + _onsets(trials.stride[first : first + frames], length, hop):
            if gaps[start + length] == gaps[start]:
                starts.append(start)
                rows.append(row)
    if not starts:
        raise DataError(
            f"no window of {length} frames without gaps in {x!r} and {y!r}: "
            f"the {len(trials)} trials have at most {trials.length.max(initial=0)} frames"
        )
    trial = np.asarray(rows, np.int32)
    task, subject = trials.codes("task")[trial], trials.codes("subject")[trial]
    return Windows(trials, x, y, length, np.asarray(starts, np.int64), trial, task, subject)


def _onsets(stride: np.ndarray, length: int, hop: int | None) -> np.ndarray:
    """First frames of the windows of one trial, counted from its start."""
    last = len(stride) - length
    if last < 0:
        return np.zeros(0, np.int64)
    if (stride < 0).any():
        return np.arange(0, last + 1, hop or length)
    change = np.diff(stride, prepend=stride[0] - 1)
    breaks = np.cumsum(change > 1)
    onset = np.flatnonzero(change != 0)
    onset = onset[onset <= last]
    onset = onset[breaks[onset + length - 1] == breaks[onset]]
    if hop:
        kept = []
        for start in onset:
            if not kept or start - kept[-1] >= hop:
                kept.append(start)
        onset = np.asarray(kept, np.int64)
    return onset


def break_pairs(windows: Windows, share: float, seed: int = 0) -> Windows:
    """Windows of which a share has the y of another window of that share, drawn at random.

    Args:
      windows: paired windows.
      share: share of the windows whose pairs are broken, in [0, 1].
      seed: seed of the draw.

    Returns:
      The same windows with `start_y` set.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"the share of broken pairs is in [0, 1]; got {share}")
    rng = np.random.default_rng(seed)
    broken = rng.permutation(len(windows))[: round(share * len(windows))]
    start_y = windows.start.copy()
    start_y[broken] = np.roll(windows.start[broken], 1)
    return replace(windows, start_y=start_y)
