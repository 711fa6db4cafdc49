"""A hierarchical linear model of how gait changes with speed: population, person, recording,
stride.

    z = Σ_j ψ_j(v) β_j + ε + η / √n,   β ~ N(β_0, Σ),   ε ~ N(0, R),   η ~ N(0, R_stride)

z is the state of a mean stride over n strides at speed v (`strides`), ψ the powers 1, s, s² of s =
(v − 1.1) / 0.5, and β a person's own response to speed. For the stride time, which follows a power
law of speed, s = log(v / 1.1) / 0.5. Recordings of a person at any number of speeds give a Gaussian
prediction at any other: mean and covariance. The model is fitted by expectation maximisation, to
the maximum a posteriori: β_0 ~ N(β_0', κ Σ'), and Σ, R have inverse-Wishart priors whose weights
are numbers of persons and recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.errors import DataError
from jaxdiff.studies.speed_transfer.strides import SIZE, STRIDE_TIME, Gait

POWERS = 3
CENTRE, UNIT = 1.1, 0.5


class Weights(NamedTuple):
    """How strongly a prior holds."""

    people: float = 8.0
    """Weight of the prior's covariance of persons, as a number of persons."""
    recordings: float = 8.0
    """Weight of the prior's covariance of recordings, as a number of recordings."""
    population: float = 100.0
    """κ: variance of a population's mean response in units of the variance between persons."""


class Law(NamedTuple):
    """The joint Gaussian law of a person's states at all speeds; K is the length of a state."""

    mean: np.ndarray
    """β_0 [q, K]."""
    person: np.ndarray
    """Σ [q, K, q, K]."""
    recording: np.ndarray
    """R [K, K]."""
    stride: np.ndarray
    """R_stride [K, K]."""
    speeds: tuple[float, float]
    """Slowest and fastest speed it was fitted to, m/s."""
    logarithmic: np.ndarray
    """Mask [K] of entries that are a polynomial of log v rather than of v."""

    def at(self, speed: float) -> np.ndarray:
        """The population's mean state at a speed, [K]."""
        return (basis(speed, self.logarithmic) * self.mean).sum(0)

    def covariance(self, first: float, second: float) -> np.ndarray:
        """Covariance between persons of their states at two speeds, [K, K]."""
        one, two = (basis(v, self.logarithmic) for v in (first, second))
        return np.einsum("ia,iajb,jb->ab", one, self.person, two)

    def spread(self, speed: float) -> np.ndarray:
        """Standard deviation of states between persons at a speed, [K]."""
        return np.sqrt(np.diag(self.covariance(speed, speed)))

    def select(self, rows: np.ndarray) -> Law:
        """The law of some entries of the state."""
        return self._replace(
            mean=self.mean[:, rows],
            person=self.person[:, rows][:, :, :, rows],
            recording=self.recording[np.ix_(rows, rows)],
            stride=self.stride[np.ix_(rows, rows)],
            logarithmic=self.logarithmic[rows],
        )

    def gain(
        self, sources: Sequence[float], target: float, counts: Sequence[int], known: np.ndarray
    ) -> Gain:
        """How to predict a person's state at `target` from mean strides at the speeds `sources`.

        Args:
          counts: strides each source is the mean of.
          known: mask [S, K] of what each source has measured.
        """
        size = self.mean.shape[1]
        blocks = [[self.covariance(v, w) for w in sources] for v in sources]
        joint = np.block(blocks)
        for i, n in enumerate(counts):
            part = slice(i * size, (i + 1) * size)
            joint[part, part] += self.recording + self.stride / n
        rows = np.flatnonzero(np.asarray(known).reshape(-1))
        cross = np.concatenate([self.covariance(target, v) for v in sources], axis=1)[:, rows]
        matrix = joint[np.ix_(rows, rows)]
        factor = np.linalg.solve(_regular(matrix), cross.T).T
        left = self.covariance(target, target) - factor @ cross.T
        full = np.zeros((size, len(sources) * size))
        full[:, rows] = factor
        return Gain(
            full.reshape(size, len(sources), size), (left + left.T) / 2 + self.recording, target
        )

    def predict(self, sources: Sequence[Gait], target: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean [K] and covariance [K, K] of a person's mean stride in a recording at `target`."""
        known = np.stack([each.measured for each in sources])
        speeds = [each.speed for each in sources]
        gain = self.gain(speeds, target, [each.strides for each in sources], known)
        states = np.stack([np.nan_to_num(each.mean) for each in sources])
        expected = np.stack([self.at(v) for v in speeds])
        away = np.where(known, states - expected, 0.0)
        return self.at(target) + np.einsum("asb,sb->a", gain.factor, away), gain.covariance


class Gain(NamedTuple):
    """A prediction before the recordings are known:
    `mean = at(target) + factor · (states − expected)`.
    """

    factor: np.ndarray
    """[K, S, K]."""
    covariance: np.ndarray
    """[K, K], of the mean stride in a recording at the target speed."""
    target: float


def powers(speed: Any, logarithmic: bool = False) -> np.ndarray:
    """ψ(v), [..., q]."""
    v = np.asarray(speed, np.float64)
    s = np.log(v / CENTRE) / UNIT if logarithmic else (v - CENTRE) / UNIT
    return np.stack([s**j for j in range(POWERS)], axis=-1)


def basis(speed: Any, logarithmic: np.ndarray) -> np.ndarray:
    """ψ(v) of every entry of a state, [..., q, K]."""
    linear, log = powers(speed)[..., None], powers(speed, True)[..., None]
    return np.where(logarithmic, log, linear)


def fit(
    gaits: Sequence[Gait],
    prior: Law | None = None,
    weights: Weights | None = None,
    iterations: int = 6,
) -> Law:
    """Fit the model to the gaits of some people; all must have measured the same entries of the
    state.

    Args:
      gaits: recordings; those with the same `subject` are one person's.
      prior: what is known before; none for a vague prior whose covariances are diagonal.
      weights: how strongly the prior holds.

    Raises:
      DataError: gaits that measured different things, or fewer than two people.
    """
    people = group(gaits)
    if len(people) < 2:
        raise DataError(f"a population needs two people or more; got {len(people)}")
    if not all(np.isfinite(g.mean).all() for g in gaits):
        raise DataError("fit takes gaits that measured every entry; select the common ones first")
    states = [np.stack([g.mean for g in each]) for each in people]
    prior = vague(gaits) if prior is None else prior
    designs = [basis([g.speed for g in each], prior.logarithmic) for each in people]
    weights = weights or Weights()
    count = 1 / float(np.mean([1 / g.strides for g in gaits]))
    law = prior._replace(recording=prior.recording + prior.stride / count)
    start = law
    size = law.mean.size
    tight = _inverse(weights.population * prior.person.reshape(size, size))
    for _ in range(iterations):
        law = _iterate(law, start, weights, designs, states, tight)
    return law._replace(recording=_remainder(law.recording, law.stride / count))


def vague(gaits: Sequence[Gait], logarithmic: np.ndarray | None = None) -> Law:
    """What is assumed of a population without a prior: the mean of these people, and independent
    entries.

    Variances are those of a ridge regression on the speed, person by person. `logarithmic` is that
    of the law; by default the stride time of whole states.
    """
    people, size = group(gaits), len(gaits[0].mean)
    usual = (np.arange(size) == STRIDE_TIME) & (size == SIZE)
    mask: np.ndarray = usual if logarithmic is None else logarithmic
    mean, variance = np.zeros((POWERS, size)), np.zeros((POWERS, size))
    left = np.zeros(size)
    for log in (False, True):
        rows = np.flatnonzero(mask == log)
        designs = [powers([g.speed for g in each], log) for each in people]
        states = [np.stack([g.mean[rows] for g in each]) for each in people]
        mean[:, rows] = np.linalg.lstsq(
            np.concatenate(designs), np.concatenate(states), rcond=None
        )[0]
        own = np.stack(
            [
                np.linalg.solve(d.T @ d + 0.1 * np.eye(POWERS), d.T @ (x - d @ mean[:, rows]))
                for d, x in zip(designs, states)
            ]
        )
        error = [x - d @ (mean[:, rows] + b) for d, x, b in zip(designs, states, own)]
        variance[:, rows], left[rows] = own.var(0), np.concatenate(error).var(0)
    variance += 1e-4 + 1e-3 * variance.max(0)
    person = np.diag(variance.reshape(-1)).reshape(POWERS, size, POWERS, size)
    speeds = [g.speed for g in gaits]
    return Law(
        mean,
        person,
        np.diag(left + 1e-4),
        stride_covariance(gaits),
        (min(speeds), max(speeds)),
        mask,
    )


def group(gaits: Sequence[Gait]) -> list[list[Gait]]:
    """The gaits person by person, in order of appearance."""
    found: dict[str, list[Gait]] = {}
    for each in gaits:
        found.setdefault(each.subject, []).append(each)
    return list(found.values())


def stride_covariance(gaits: Sequence[Gait]) -> np.ndarray:
    """Covariance of single strides about their mean, [K, K], shrunk towards its diagonal where
    strides are few.
    """
    size = len(gaits[0].mean)
    rows = [g.deviations for g in gaits if len(g.deviations) > 1]
    count = sum(len(each) - 1 for each in rows)
    if not count:
        return np.zeros((size, size))
    total = sum((each.T @ each for each in rows), np.zeros((size, size))) / count
    share = count / (count + size)
    return share * total + (1 - share) * np.diag(np.diag(total))


def _iterate(
    law: Law, prior: Law, weights: Weights, designs: list, states: list, tight: np.ndarray
) -> Law:
    """One step of expectation maximisation; `tight` is the prior's precision of the population's
    mean response.
    """
    q, size = law.mean.shape
    precision = _inverse(law.person.reshape(q * size, q * size))
    noise = _inverse(law.recording)
    centre, pull = law.mean.reshape(-1), precision @ law.mean.reshape(-1)
    means, spread, error = [], np.zeros((q * size, q * size)), np.zeros((size, size))
    known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
    for design, z in zip(designs, states):
        key = design.tobytes()
        if key not in known:
            flat = design.reshape(len(design), -1)
            square = flat.T @ flat
            inverse = _inverse(precision + square * np.tile(noise, (q, q)))
            known[key] = inverse, (square * inverse).reshape(q, size, q, size).sum((0, 2))
        inverse, doubt = known[key]
        beta = inverse @ (pull + np.einsum("nia,na->ia", design, z @ noise).reshape(-1))
        means.append(beta)
        spread += inverse
        left = z - np.einsum("nia,ia->na", design, beta.reshape(q, size))
        error += left.T @ left + doubt
    found = np.stack(means)
    wide = prior.person.reshape(q * size, q * size)
    centre = np.linalg.solve(
        len(found) * precision + tight,
        precision @ found.sum(0) + tight @ prior.mean.reshape(-1),
    )
    away = found - centre
    person = (weights.people * wide + spread + away.T @ away) / (weights.people + len(found))
    count = sum(len(z) for z in states)
    recording = (weights.recordings * prior.recording + error) / (weights.recordings + count)
    return law._replace(
        mean=centre.reshape(q, size),
        person=person.reshape(q, size, q, size),
        recording=(recording + recording.T) / 2,
    )


def _remainder(total: np.ndarray, part: np.ndarray, least: float = 0.1) -> np.ndarray:
    """`total - part`, with every eigenvalue at least a share of what it was relative to `total`."""
    values, vectors = np.linalg.eigh(_regular(total))
    root = vectors * np.sqrt(values)
    inverse = vectors / np.sqrt(values)
    relative, axes = np.linalg.eigh(np.eye(len(total)) - inverse.T @ part @ inverse)
    turned = root @ axes
    return (turned * np.maximum(relative, least)) @ turned.T


def _inverse(matrix: np.ndarray) -> np.ndarray:
    found = np.linalg.inv(_regular(matrix))
    return (found + found.T) / 2


def _regular(matrix: np.ndarray) -> np.ndarray:
    """The matrix with a diagonal that keeps it positive definite in floating point."""
    diagonal = np.diag(matrix)
    return matrix + np.diag(1e-7 * diagonal + 1e-9 * diagonal.max())
