"""Training examples of stride transfer: which speed to predict from which recordings.

A *combination* is a set of source speeds, a target speed, how many strides each source is the mean
of, and what was measured. Its prediction (`hierarchy.Gain`) is the same for all people, so a pool
of combinations is prepared once, and a batch asks a few of them about many people each. Sources
range from one stride of one leg to several recordings of both legs with stature and mass.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer import strides
from jaxdiff.studies.speed_transfer.hierarchy import Gain, Law, group, powers
from jaxdiff.studies.speed_transfer.strides import CHANNELS, EXTRAS, Gait

SOURCES = 3
"""Most recordings of a person that are used at once."""
GROUPS = len(CHANNELS) + len(EXTRAS)
"""Channels and extras: what can be measured or not."""
LEAST_SPREAD = 0.05
CLIP = 5.0
COUNTS = (1, 2, 4, 10)
"""Strides that a source may be the mean of."""
VARIANTS = 3


class Root(NamedTuple):
    """A combination's gain with the square root of its covariance and the inverse of that."""

    sources: tuple[float, ...]
    target: float
    counts: tuple[int, ...]
    known: np.ndarray
    """What each source has measured, [S, GROUPS]."""
    gain: Gain
    root: np.ndarray
    inverse: np.ndarray


def expand(known: np.ndarray) -> np.ndarray:
    """Entries of the state [..., SIZE] of channels and extras [..., GROUPS]."""
    lengths = [strides.TERMS] * len(CHANNELS) + [1] * len(EXTRAS)
    return np.repeat(known, lengths, axis=-1)


def measured(gait: Gait) -> np.ndarray:
    """Mask [GROUPS] of the channels and extras that a gait has."""
    first = np.cumsum([0] + [strides.TERMS] * len(CHANNELS) + [1] * (len(EXTRAS) - 1))
    return gait.measured[first]


def prepare(
    law: Law,
    sources: Sequence[float],
    target: float,
    counts: Sequence[int],
    known: np.ndarray,
    strides_asked: int = 0,
) -> Root:
    """The prediction of one combination; `strides_asked`: number of strides the target is the mean
    of (0: infinitely many).
    """
    gain = law.gain(sources, target, counts, expand(known))
    covariance = gain.covariance + (law.stride / strides_asked if strides_asked else 0.0)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-6 * values.max())
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse = (vectors / np.sqrt(values)) @ vectors.T
    return Root(tuple(sources), float(target), tuple(counts), known, gain, root, inverse)


def predict(law: Law, root: Root, states: np.ndarray) -> np.ndarray:
    """Mean state [N, SIZE] at the target, from the sources' states [N, S, SIZE] (NaN or anything
    where not known).
    """
    return mean_state(law, root.gain, root.sources, root.known, states)


def mean_state(
    law: Law, gain: Gain, sources: Sequence[float], known: np.ndarray, states: np.ndarray
) -> np.ndarray:
    """The same for a gain alone; `known` is [S, GROUPS]."""
    expected = np.stack([law.at(v) for v in sources])
    away = np.where(expand(known), states - expected, 0.0)
    count, size = len(states), gain.factor.shape[0]
    return law.at(gain.target) + away.reshape(count, -1) @ gain.factor.reshape(size, -1).T


def features(
    law: Law, root: Root, states: np.ndarray, mean: np.ndarray, variability: np.ndarray
) -> dict[str, np.ndarray]:
    """What the network is conditioned on.

    Args:
      states: the sources' states [N, S, SIZE].
      mean: the linear prediction [N, SIZE].
      variability: logarithm of the deviation of strides relative to the population's [N, S,
        GROUPS]; 0 where unknown.

    Returns:
      `recordings` [N, SOURCES, D], `present` [N, SOURCES] and `question` [N, Q], float32.
    """
    count, used = len(states), len(root.sources)
    known = expand(root.known)
    rows = np.zeros((count, SOURCES, recording_size()), np.float32)
    for i, v in enumerate(root.sources):
        away = np.where(known[i], states[:, i] - law.at(v), 0.0)
        away = np.clip(away / (law.spread(v) + LEAST_SPREAD), -CLIP, CLIP)
        fixed = np.concatenate(
            [root.known[i], _speed(v), _speed(root.target) - _speed(v), [1 / root.counts[i]]]
        )
        rows[:, i] = np.concatenate(
            [away, variability[:, i], np.broadcast_to(fixed, (count, len(fixed)))], axis=1
        )
    scale = law.spread(root.target) + LEAST_SPREAD
    asked = np.clip((mean - law.at(root.target)) / scale, -CLIP, CLIP)
    doubt = np.log(np.sqrt(np.diag(root.gain.covariance)) / scale + 1e-3)
    fixed = np.concatenate([_pooled(doubt), _speed(root.target), [used / SOURCES]])
    present = np.zeros((count, SOURCES), np.float32)
    present[:, :used] = 1.0
    return {
        "recordings": rows,
        "present": present,
        "question": np.concatenate(
            [asked, np.broadcast_to(fixed, (count, len(fixed)))], axis=1
        ).astype(np.float32),
    }


def recording_size() -> int:
    """D: features of one recording."""
    return strides.SIZE + 2 * GROUPS + 4 + 1


def stride_variability(law: Law, gait: Gait, prior: float = 5.0) -> np.ndarray:
    """Logarithm of the deviation of a person's strides relative to the population's, [GROUPS],
    shrunk towards 0.
    """
    count = len(gait.deviations)
    if count < 2:
        return np.zeros(GROUPS)
    usual = _pooled(np.diag(law.stride))
    own = _pooled(np.nan_to_num(np.square(gait.deviations).sum(0) / (count - 1)))
    ratio = np.where((own > 0) & (usual > 0), own / np.maximum(usual, 1e-9), 1.0)
    return 0.5 * np.log((prior + count * ratio) / (prior + count))


def _pooled(entries: np.ndarray) -> np.ndarray:
    """Mean over the coefficients of each channel; extras as they are: [GROUPS]."""
    legs = len(CHANNELS) * strides.TERMS
    return np.concatenate([entries[:legs].reshape(len(CHANNELS), -1).mean(1), entries[legs:]])


def _speed(speed: float) -> np.ndarray:
    return powers(speed)[1:]


class Examples:
    """An endless source of batches: `examples(index, u)` as `data.pipeline.Batches` asks for.

    Args:
      gaits: recordings of the training people, who share speeds on a grid.
      law: the hierarchical model of these people.
      combinations: how many of them are prepared.
      block: examples in a row that ask one combination.
      mirror: exchange the legs of half of the examples.
    """

    def __init__(
        self,
        gaits: Sequence[Gait],
        law: Law,
        combinations: int = 400,
        block: int = 32,
        seed: int = 0,
        mirror: bool = True,
        complete: bool = False,
    ):
        self.law, self.block, self.seed, self.mirror = law, block, seed, mirror
        self.people = group(gaits)
        self.complete, self.combinations = complete, combinations
        speeds = np.unique([g.speed for g in gaits])
        self.table = np.full((len(self.people), len(speeds)), -1)
        self.gaits, self.speeds = [g for each in self.people for g in each], speeds
        row = 0
        for i, each in enumerate(self.people):
            for g in each:
                self.table[i, np.searchsorted(speeds, g.speed)] = row
                row += 1
        if len(speeds) < 2:
            raise DataError("speed transfer needs people at two speeds or more")

    def __len__(self) -> int:
        return self.combinations * len(self.people)

    @cached_property
    def pool(self) -> list[Root]:
        """The combinations, prepared."""
        rng = np.random.default_rng([self.seed, 7])
        return [self._draw(rng) for _ in range(self.combinations)]

    @cached_property
    def _means(self) -> np.ndarray:
        """Means of random strides of every recording, [gaits, COUNTS, VARIANTS, SIZE], float32."""
        rng = np.random.default_rng([self.seed, 11])
        found = np.empty((len(self.gaits), len(COUNTS), VARIANTS, strides.SIZE), np.float32)
        for i, g in enumerate(self.gaits):
            for j, count in enumerate(COUNTS):
                rows = [rng.permutation(len(g.deviations))[:count] for _ in range(VARIANTS)]
                shift = [g.deviations[each].mean(0) if len(each) else 0.0 for each in rows]
                found[i, j] = g.mean + np.stack(np.broadcast_arrays(*shift, g.mean)[:-1])
        return found

    @cached_property
    def _targets(self) -> np.ndarray:
        return np.stack([g.mean for g in self.gaits])

    @cached_property
    def _variability(self) -> np.ndarray:
        return np.stack([stride_variability(self.law, g) for g in self.gaits])

    def _draw(self, rng: np.random.Generator) -> Root:
        while True:
            used = 1 if self.complete else int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
            chosen = rng.choice(len(self.speeds), used + 1, replace=False)
            if (self.table[:, chosen] >= 0).all(1).sum() >= max(2, len(self.people) // 20):
                break
        sources = [float(self.speeds[i]) for i in chosen[:-1]]
        counts = [COUNTS[-1] if self.complete else int(rng.choice(COUNTS)) for _ in sources]
        known = np.repeat(self._known(rng)[None], used, axis=0)
        return prepare(
            self.law, sources, float(self.speeds[chosen[-1]]), counts, known, self._usual
        )

    @cached_property
    def _usual(self) -> int:
        """Strides of the targets."""
        return int(np.median([g.strides for g in self.gaits]))

    def _known(self, rng: np.random.Generator) -> np.ndarray:
        channels, extras = np.ones(len(CHANNELS), bool), np.ones(len(EXTRAS), bool)
        if not self.complete:
            kind = rng.choice(["all", "leg", "joints", "joint"], p=[0.65, 0.15, 0.1, 0.1])
            if kind == "leg":
                channels[:3] = False
                channels = np.roll(channels, 3 * int(rng.integers(2)))
            elif kind == "joints":
                channels[rng.choice(3) + np.array([0, 3])] = False
            elif kind == "joint":
                channels[:] = False
                channels[rng.choice(3) + np.array([0, 3])] = True
            extras = np.array([rng.random() < 0.85, *[rng.random() < 0.5] * 2])
        return np.concatenate([channels, extras])

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        for start in range(0, len(index), self.block):
            rows = slice(start, start + self.block)
            rng = np.random.default_rng([self.seed, *np.frombuffer(u[start].tobytes(), np.uint32)])
            parts.append(self._block(len(index[rows]), rng))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _block(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        root = self.pool[rng.integers(len(self.pool))]
        columns = [int(np.searchsorted(self.speeds, v)) for v in (*root.sources, root.target)]
        able = np.flatnonzero((self.table[:, columns] >= 0).all(1))
        rows = self.table[rng.choice(able, count)][:, columns]
        counts = [COUNTS.index(n) for n in root.counts]
        variant = rng.integers(VARIANTS, size=(count, len(counts)))
        states = self._means[rows[:, :-1], counts, variant].astype(np.float64)
        target = self._targets[rows[:, -1]]
        variability = self._variability[rows[:, :-1]]
        variability = np.where(np.array(root.counts)[:, None] > 1, variability, 0.0)
        if self.mirror:
            turned = rng.random(count) < 0.5
            states[turned], target[turned] = (
                strides.mirrored(states[turned]),
                strides.mirrored(target[turned]),
            )
            legs = np.array([3, 4, 5, 0, 1, 2, *range(len(CHANNELS), GROUPS)])
            variability[turned] = variability[turned][..., legs]
        mean = predict(self.law, root, states)
        residual = (target - mean) @ root.inverse
        return {
            "residual": np.clip(residual, -8, 8).astype(np.float32),
            **features(self.law, root, states, mean, variability),
        }
