"""Source → target speed pairs of one person, for speed transfer (paper III.B, III.E).

Training draws pairs with replacement, balanced over subjects and over three kinds: *identity* (a
trial with itself), *near* (speeds at most `near` m/s apart) and *far*. Validation and test take
every ordered pair within a subject.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, DataError

KINDS = ("identity", "near", "far")


class Sequences(NamedTuple):
    """The data that batches of pairs are gathered from: the first `length` frames of every trial,
    its speed and subject.
    """

    signal: np.ndarray
    start: np.ndarray
    length: int
    speed: np.ndarray
    subject: np.ndarray

    def pair(self, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
        """`{"source", "target": (B, T, C), "source_speed", "target_speed", "subject": (B,)}` of
        pairs of trials.
        """
        frames = np.arange(self.length)
        return {
            "source": self.signal.take(self.start[source][:, None] + frames, axis=0),
            "target": self.signal.take(self.start[target][:, None] + frames, axis=0),
            "source_speed": self.speed[source],
            "target_speed": self.speed[target],
            "subject": self.subject[source],
        }


@dataclass(frozen=True)
class Pairs:
    """A source of fixed pairs, as row numbers of trials."""

    sequences: Sequences
    source: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.source)

    def __call__(self, index: np.ndarray, u: np.ndarray | None = None) -> dict[str, np.ndarray]:
        return self.sequences.pair(self.source[index], self.target[index])


@dataclass(frozen=True)
class BalancedPairs:
    """A source of `draws` random pairs per epoch, different in every epoch.

    Draw i is of subject `i mod S` and its kind runs through all three, so an epoch is balanced
    exactly; with `Batches(shuffle=False)` every batch is balanced over subjects too. `strata[s][k]`
    are the pairs of that subject and kind, [n, 2]; a uniform number selects one of them.
    """

    sequences: Sequences
    strata: tuple[tuple[np.ndarray, ...], ...]
    draws: int

    def __len__(self) -> int:
        return self.draws

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        count = len(self.strata)
        kind = (index + index // math.lcm(count, len(KINDS))) % len(KINDS)
        pairs = [self.strata[s][k] for s, k in zip(index % count, kind)]
        chosen = np.array(
            [pair[int(draw * len(pair))] for pair, draw in zip(pairs, u[:, 0])]
        ).reshape(-1, 2)
        return self.sequences.pair(chosen[:, 0], chosen[:, 1])


def balanced(
    trials: Trials,
    modality: str = "sagittal",
    length: int = 600,
    draws: int = 100_000,
    near: float = 0.3,
) -> BalancedPairs:
    """Balanced random pairs for training.

    A subject without near or far pairs contributes other cross-speed pairs instead.

    Args:
        trials: The training trials.
        modality: The modality to pair.
        length: Frames of each sequence.
        draws: Pairs per epoch.
        near: Largest difference in speed of a near pair, m/s.

    Raises:
        ConfigError: If `draws` or `length` is not positive.
        DataError: If trials are missing, too short, without speed, or have gaps.
    """
    if draws < 1:
        raise ConfigError(f"draws must be 1 or more; got {draws}")
    sequences, strata = _sequences(trials, modality, length), []
    for name in trials.subjects:
        pairs = _within(trials, name)
        apart = np.abs(np.diff(trials.column("speed")[pairs], axis=1)[:, 0])
        same = pairs[:, 0] == pairs[:, 1]
        kinds = [
            pairs[same],
            pairs[~same & (apart <= near + 1e-6)],
            pairs[~same & (apart > near + 1e-6)],
        ]
        cross = pairs[~same] if (~same).any() else pairs
        strata.append(tuple(kind if len(kind) else cross for kind in kinds))
    return BalancedPairs(sequences, tuple(strata), draws)


def exhaustive(trials: Trials, modality: str = "sagittal", length: int = 600) -> Pairs:
    """Every ordered pair of trials within every subject, identity pairs included."""
    sequences = _sequences(trials, modality, length)
    pairs = np.concatenate([_within(trials, name) for name in trials.subjects])
    return Pairs(sequences, pairs[:, 0], pairs[:, 1])


def _within(trials: Trials, subject: str) -> np.ndarray:
    rows = np.flatnonzero(trials.column("subject") == subject)
    return np.stack(np.meshgrid(rows, rows, indexing="ij"), axis=-1).reshape(-1, 2)


def _sequences(trials: Trials, modality: str, length: int) -> Sequences:
    if not len(trials):
        raise DataError("no trials to pair")
    if length < 1:
        raise ConfigError(f"length must be 1 frame or more; got {length}")
    short = trials.length < length
    if short.any():
        row = int(np.flatnonzero(short)[0])
        raise DataError(
            f"{short.sum()} trials are shorter than {length} frames, for instance"
            f" {str(trials.column('trial')[row])!r} with {trials.length[row]}; choose a smaller"
            " length or leave them out"
        )
    speed = trials.column("speed")
    if not np.isfinite(speed).all():
        raise DataError("speed pairs need the speed of every trial; fill the field `speed` (m/s)")
    if not np.isfinite(trials.frames(modality)).all():
        raise DataError(f"{modality!r} has gaps (NaN); interpolate them or leave the trials out")
    signal = trials.modality(modality)
    return Sequences(
        signal, trials.start, length, speed.astype(np.float32), trials.codes("subject")
    )
