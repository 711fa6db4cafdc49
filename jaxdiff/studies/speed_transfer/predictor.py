"""The hierarchical model and the diffusion of its residual as one: gaits at some speeds in, states
at another out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import numpy as np

from jaxdiff.methods import stride_transfer as method
from jaxdiff.studies.speed_transfer import examples
from jaxdiff.studies.speed_transfer.examples import SOURCES
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.strides import SIZE, Gait
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Params

BATCH = 256


class Question(NamedTuple):
    """Recordings of one person, and the speed asked for."""

    sources: tuple[Gait, ...]
    target: float


class Prepared(NamedTuple):
    """Questions answered by the hierarchical model."""

    mean: np.ndarray
    """[N, SIZE]."""
    root: np.ndarray
    """Square root of the covariance, [N, SIZE, SIZE]."""
    condition: dict[str, np.ndarray]
    """Of the network."""


class Predictor(NamedTuple):
    """Everything that predicts: `params` may be None, which leaves the hierarchical model."""

    law: Law
    params: Params | None
    settings: method.Settings
    trust: float = 1.0
    """Factor on the network's output."""

    def __call__(
        self,
        questions: Sequence[Question],
        samples: int = 32,
        seed: int = 0,
        seen: Sequence[Question] | None = None,
    ) -> np.ndarray:
        """Samples of the state of a mean stride at each target: [S, N, SIZE].

        `seen`, if given, are the questions the network sees in place of those the hierarchical
        model answers: a control.
        """
        asked = self.prepare(questions)
        condition = (asked if seen is None else self.prepare(seen)).condition
        residual = self._residual(condition, samples, seed)
        return asked.mean + np.einsum("nab,snb->sna", asked.root, residual)

    def point(
        self, questions: Sequence[Question], seen: Sequence[Question] | None = None
    ) -> np.ndarray:
        """Expected states [N, SIZE]: the hierarchical model's, corrected by the network as far as
        it is trusted.

        `seen`, if given, are the questions the network sees in place of those the hierarchical
        model answers: a control.
        """
        if self.params is None or not self.trust:
            return self.linear(questions)
        return self.expected(self.prepare(questions), None if seen is None else self.prepare(seen))

    def expected(self, asked: Prepared, seen: Prepared | None = None) -> np.ndarray:
        """The same for questions that were prepared before, by this predictor or another one with
        the same law.
        """
        if self.params is None or not self.trust:
            return asked.mean
        condition = (seen or asked).condition
        trust = np.full(len(asked.mean), self.trust, np.float32)
        residual = self._expected(condition | {"trust": trust})
        return asked.mean + np.einsum("nab,nb->na", asked.root, residual)

    def linear(self, questions: Sequence[Question]) -> np.ndarray:
        """The hierarchical model's mean states [N, SIZE]."""
        mean = np.zeros((len(questions), SIZE))
        for rows, chosen, known, counts in self._groups(questions):
            first = chosen[0]
            speeds = [g.speed for g in first.sources]
            gain = self.law.gain(speeds, first.target, counts, examples.expand(known))
            states = np.stack([[g.mean for g in q.sources] for q in chosen])
            mean[rows] = examples.mean_state(self.law, gain, speeds, known, states)
        return mean

    def _groups(
        self, questions: Sequence[Question]
    ) -> Iterator[tuple[list[int], list[Question], np.ndarray, list[int]]]:
        """Questions that share one prediction: their numbers, themselves, what is known, strides of
        the sources.
        """
        known: dict[tuple, list[int]] = {}
        chosen = [nearest(q) for q in questions]
        for i, q in enumerate(chosen):
            key = tuple(
                (g.speed, rounded(g.strides), examples.measured(g).tobytes()) for g in q.sources
            )
            known.setdefault((q.target, *key), []).append(i)
        for rows in known.values():
            sources = chosen[rows[0]].sources
            masks = np.stack([examples.measured(g) for g in sources])
            yield rows, [chosen[i] for i in rows], masks, [rounded(g.strides) for g in sources]

    def prepare(self, questions: Sequence[Question]) -> Prepared:
        """What the law alone says of the questions, and the condition of the network."""
        mean, root = np.zeros((len(questions), SIZE)), np.zeros((len(questions), SIZE, SIZE))
        condition: dict[str, np.ndarray] = {}
        for rows, chosen, masks, counts in self._groups(questions):
            speeds = [g.speed for g in chosen[0].sources]
            made = examples.prepare(self.law, speeds, chosen[0].target, counts, masks)
            states = np.stack([[g.mean for g in q.sources] for q in chosen])
            wide = np.stack(
                [[examples.stride_variability(self.law, g) for g in q.sources] for q in chosen]
            )
            mean[rows], root[rows] = examples.predict(self.law, made, states), made.root
            for name, value in examples.features(self.law, made, states, mean[rows], wide).items():
                condition.setdefault(
                    name, np.zeros((len(questions), *value.shape[1:]), np.float32)
                )[rows] = value
        return Prepared(mean, root, condition)

    def _residual(self, condition: dict[str, np.ndarray], samples: int, seed: int) -> np.ndarray:
        """Samples of the whitened residual [S, N, SIZE]."""
        count = len(condition["present"])
        if self.params is None or self.trust == 0:
            return np.random.default_rng(seed).standard_normal((samples, count, SIZE))
        condition = condition | {"trust": np.full(count, self.trust, np.float32)}
        rows, run = np.tile(np.arange(count), samples), _generate(self.settings)
        found = [
            run(self.params, jax.random.fold_in(jax.random.key(seed), begin), part)
            for begin, part in _batches(condition, rows)
        ]
        states = np.concatenate(found)[: len(rows)]
        return states.reshape(samples, count, SIZE).astype(np.float64)

    def _expected(self, condition: dict[str, np.ndarray]) -> np.ndarray:
        """Expectation of the whitened residual [N, SIZE]."""
        rows, run = np.arange(len(condition["present"])), _expectation(self.settings)
        found = [run(self.params, part) for _, part in _batches(condition, rows)]
        return np.concatenate(found)[: len(rows)].astype(np.float64)


def _batches(
    condition: dict[str, np.ndarray], rows: np.ndarray
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Rows of a condition, `BATCH` at a time, the last batch filled up by repetition; with the
    number of the first.
    """
    for begin in range(0, len(rows), BATCH):
        chosen = np.resize(np.arange(begin, min(begin + BATCH, len(rows))), BATCH)
        yield begin, {name: value[rows[chosen]] for name, value in condition.items()}


def rounded(strides: int) -> int:
    """A number of strides, coarse enough for predictions to be shared: 1 to 4, then multiples of
    five.
    """
    return strides if strides < 5 else 5 * round(strides / 5)


def nearest(question: Question) -> Question:
    """The question with its recordings nearest to the target's speed, at most `SOURCES` of them."""
    order = np.argsort([abs(g.speed - question.target) for g in question.sources], kind="stable")
    return question._replace(sources=tuple(question.sources[i] for i in order[:SOURCES]))


@lru_cache(maxsize=4)
def _generate(settings: method.Settings):
    return make_generate(method.stride_transfer(settings).generate)


@lru_cache(maxsize=4)
def _expectation(settings: method.Settings):
    return jax.jit(partial(method.expectation, settings))
