"""The hierarchical model of a laboratory's people, with a simulated population as its prior.

`update` chooses by leaving people out what to take from the simulation: nothing, its correlations,
or everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxdiff.studies.speed_transfer import hierarchy
from jaxdiff.studies.speed_transfer.hierarchy import POWERS, Law, Weights
from jaxdiff.studies.speed_transfer.strides import Gait


def blended(gaits: Sequence[Gait], prior: Law, share: float) -> Law:
    """A prior with the variances of these people and, by a `share` in [0, 1], the correlations of
    another law.

    What a simulation knows of a laboratory's people is which changes go together, rather than how
    large they are.
    """
    own = hierarchy.vague(gaits, prior.logarithmic)
    size = own.mean.shape[1]
    mine, theirs = (law.person.reshape(POWERS * size, -1) for law in (own, prior))
    person = _correlated(mine, theirs, share).reshape(own.person.shape)
    return own._replace(
        person=person,
        recording=_correlated(own.recording, prior.recording, share),
    )


class Choice(NamedTuple):
    """One way to fit a population, and its error on people left out."""

    share: float
    """Of the simulation's correlations; NaN: the simulation's law as the prior."""
    weights: Weights
    error: float


CHOICES = (
    *((0.0, Weights(people, 30.0)) for people in (8.0, 60.0)),
    *((share, Weights(people, 30.0)) for share in (0.2, 0.5) for people in (20.0, 60.0)),
    *((np.nan, Weights(people, 60.0, 1.0)) for people in (30.0, 200.0)),
)


def update(
    gaits: Sequence[Gait], prior: Law, folds: int = 10, choices: Sequence = CHOICES
) -> tuple[Law, list[Choice]]:
    """Fit the population of real people, with as much of a simulated prior as helps on people left
    out.

    Args:
      gaits: recordings of the training people.
      prior: the law of simulated people, of the same entries.
      folds: groups of people left out in turn.

    Returns:
      The law fitted to all, and every choice with its mean absolute error of states, the best
      first.
    """
    people = hierarchy.group(gaits)
    parts = [people[i::folds] for i in range(min(folds, len(people)))]
    found = []
    for share, weights in choices:
        errors = []
        for part in parts:
            held = {g.subject for each in part for g in each}
            rest = [g for g in gaits if g.subject not in held]
            law = chosen(rest, prior, share, weights)
            errors += [transfer_error(law, each) for each in part]
        found.append(Choice(share, weights, float(np.mean(errors))))
    found.sort(key=lambda each: each.error)
    return chosen(gaits, prior, found[0].share, found[0].weights), found


def transfer_error(law: Law, gaits: Sequence[Gait]) -> float:
    """Root mean squared error of a person's states over all ordered pairs of speeds, each from one
    source.
    """
    errors = [
        np.sqrt(np.mean(np.square(law.predict([a], b.speed)[0] - b.mean)))
        for a in gaits
        for b in gaits
        if a is not b
    ]
    return float(np.mean(errors)) if errors else 0.0


def chosen(gaits: Sequence[Gait], prior: Law, share: float, weights: Weights) -> Law:
    """The law of some people with what one `Choice` takes from the prior."""
    if not np.isnan(share):
        return hierarchy.fit(gaits, blended(gaits, prior, share), weights)
    low, high = prior.speeds
    every = [g.speed for g in gaits]
    return hierarchy.fit(
        gaits, prior._replace(speeds=(min(low, *every), max(high, *every))), weights
    )


def _correlated(own: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """A covariance with the variances of one and, by a share, the correlations of another."""
    deviation, theirs = np.sqrt(np.diag(own)), np.sqrt(np.maximum(np.diag(other), 1e-12))
    correlation = share * other / np.outer(theirs, theirs)
    np.fill_diagonal(correlation, 1.0)
    return np.outer(deviation, deviation) * correlation
