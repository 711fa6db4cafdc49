"""The model updated by a laboratory's own people: their law, how far the network is trusted, bands
that hold for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.models.calibration import LEVELS, Calibration, predictive_interval
from jaxdiff.models.trained import Trained
from jaxdiff.studies.speed_transfer import bands, held_out, priors, recorded
from jaxdiff.studies.speed_transfer.hierarchy import Law, group
from jaxdiff.studies.speed_transfer.predictor import Predictor
from jaxdiff.studies.speed_transfer.priors import Choice
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.stored import from_metadata, packed
from jaxdiff.studies.speed_transfer.strides import CHANNELS, SIZE, TERMS, Gait

TRUSTS = (0.0, 0.5, 1.0)
"""Factors on the network's output that are tried, up to that of the model."""
HARMONICS = 4
"""Harmonics on which the choice is judged."""
FEWEST = 4
"""People at two speeds or more, below which nothing can be left out."""


class Adapted(NamedTuple):
    """A predictor for a laboratory's people, and what was learned by leaving them out."""

    predictor: Predictor
    bands: dict[str, Calibration]
    errors: dict[str, np.ndarray]
    """Mean absolute error in degrees of each left-out person, by predictor."""
    coverage: dict[str, np.ndarray]
    """Share of each left-out person inside the 90 % band, by kind of band, with factors of the
    others."""
    people: list[str]


def adapted(
    trained: Trained,
    data: str | Path,
    *,
    modality: str = "",
    folds: int = 10,
    samples: int = 32,
    seed: int = 0,
) -> Trained:
    """A trained model updated by the recordings of a recipe.

    Args:
      trained: the model to start from.
      data: the YAML recipe; every recording needs `subject` and `speed`.
      modality: the recipe's name for the angles, if it has several.
      folds: groups of people left out in turn.
      samples: samples per prediction of the left-out people.
      seed: seed of the samples.

    Raises:
      DataError: fewer than four people at two speeds.
    """
    from jaxdiff.data import catalogue

    trials = catalogue.load("folder", recipe=str(data))
    names = list(trials.signals)
    if not modality and len(names) > 1:
        raise ConfigError(
            "the recipe has several modalities; name the one with the angles (modality=,"
            f" --modality): {', '.join(names)}"
        )
    if modality and modality not in names:
        raise ConfigError(f"the recipe has no modality {modality!r}; {nearest(modality, names)}")
    gaits = recorded.gaits(trials, modality or names[0])
    made = adapt(from_metadata(trained), gaits, folds, samples, seed)
    errors = ", ".join(f"{name} {each.mean():.2f}" for name, each in made.errors.items())
    card = dict(trained.metadata.get("card") or {})
    card["people"] = (
        f"{card.get('people', '')}; adapted to {len(made.people)} people of a laboratory"
    )
    covered = ", ".join(f"{band} {each.mean():.2f}" for band, each in made.coverage.items())
    card["scores"] = {
        "MAE of left-out people of the laboratory, one source, deg": errors,
        "Share of left-out people inside the 90 % band": covered,
    }
    metadata = {
        **trained.metadata,
        "card": card,
        "trust": made.predictor.trust,
        "bands": {name: each.to_json() for name, each in made.bands.items()},
        "adapted": {"people": len(made.people), "recordings": len(gaits)},
    }
    params = {**trained.params, "fixed": packed(made.predictor.law)}
    return Trained(trained.study, params, metadata, None)


def adapt(
    predictor: Predictor,
    gaits: Sequence[Gait],
    folds: int = 10,
    samples: int = 32,
    seed: int = 0,
    nested: bool = False,
) -> Adapted:
    """Update a predictor by the gaits of some people, and measure it on each of them left out.

    The law, the trust in the network and the bands' factors are all chosen on people left out. What
    no recording has measured (a joint, stature) keeps the simulated law. With `nested`, what to
    take from the prior is chosen anew without each left-out person, as a report needs it; else once
    for all.
    """
    people = [each for each in group(gaits) if len({g.speed for g in each}) > 1]
    if len(people) < FEWEST:
        raise DataError(f"adapting needs {FEWEST} people at two speeds or more; got {len(people)}")
    gaits = [g for each in people for g in each]
    rows = common(gaits)
    parts = [people[i::folds] for i in range(min(folds, len(people)))]
    choice = None if nested else choose(predictor.law, gaits, rows)
    trusts = [t for t in TRUSTS if t <= predictor.trust]
    found: dict[str, list[np.ndarray]] = {}
    drawn: dict[str, list[np.ndarray]] = {"stride": [], "mean": []}
    truth: dict[str, list[np.ndarray]] = {"stride": [], "mean": []}
    names: list[str] = []
    for part in parts:
        held = {g.subject for each in part for g in each}
        law = updated(predictor.law, [g for g in gaits if g.subject not in held], rows, choice)
        asked = held_out.tasks([g for each in part for g in each])
        names += asked.subjects.tolist()
        rivals = {
            "copy": held_out.copied(asked.questions),
            "population change, updated": held_out.added(law, asked.questions),
        }
        for trust in trusts:
            tried = predictor._replace(law=law, trust=trust)
            rivals[f"model, trust {trust:g}"] = tried.point(asked.questions)
        for name, states in rivals.items():
            found.setdefault(name, []).append(held_out.errors(states, asked.truth))
        for band in drawn:
            fold = predictor._replace(law=law, trust=0.0)
            drawn[band].append(held_out.drawn(fold, asked, band, samples, seed))
            truth[band].append(held_out.measured(asked, band, seed))
    subjects = np.array(names)
    errors = {
        name: held_out.by_person(np.concatenate(each), subjects) for name, each in found.items()
    }
    trust = min(trusts, key=lambda t: errors[f"model, trust {t:g}"].mean())
    kept = {
        band: bands.fit(
            np.concatenate(drawn[band], axis=1),
            np.concatenate(truth[band]),
            subjects,
            ANGLES,
            LEVELS,
        )
        for band in drawn
    }
    covered = {
        band: _coverage(
            np.concatenate(drawn[band], axis=1), np.concatenate(truth[band]), subjects, folds
        )
        for band in drawn
    }
    final = predictor._replace(law=updated(predictor.law, gaits, rows, choice), trust=trust)
    return Adapted(final, kept, errors, covered, np.unique(subjects).tolist())


def _coverage(
    samples: np.ndarray, truth: np.ndarray, subjects: np.ndarray, folds: int, p: float = 0.9
) -> np.ndarray:
    """Share of each person's strides [N, P, C] inside the band of samples [S, N, P, C] at
    probability `p`, with the factors of the people in the other folds.
    """
    names = np.unique(subjects)
    inside = np.full(truth.shape, np.nan)
    for first in range(min(folds, len(names))):
        own = np.isin(subjects, names[first::folds])
        kept = bands.fit(samples[:, ~own], truth[~own], subjects[~own], ANGLES, (p,))
        phase = np.arange(held_out.POINTS) / held_out.POINTS
        scale = bands.at(kept, phase, range(len(ANGLES))).scale(p)
        low, high = predictive_interval(samples[:, own], p, scale)
        within = (truth[own] >= low) & (truth[own] <= high)
        inside[own] = np.where(np.isfinite(truth[own]), within, np.nan)
    return held_out.by_person(np.nanmean(inside, axis=(1, 2)), subjects)


def common(gaits: Sequence[Gait]) -> np.ndarray:
    """Numbers of the state's entries that every gait has measured."""
    rows = np.flatnonzero(np.all([g.measured for g in gaits], axis=0))
    if not len(rows):
        raise DataError("the recordings have no angle in common")
    return rows


def choose(law: Law, gaits: Sequence[Gait], rows: np.ndarray, folds: int = 5) -> Choice:
    """What to take from a simulated law, by leaving people out; judged on the lower harmonics."""
    legs = len(CHANNELS) * TERMS
    rows = rows[(rows >= legs) | (rows % TERMS <= 2 * HARMONICS)]
    return priors.update([g.select(rows) for g in gaits], law.select(rows), folds)[1][0]


def updated(law: Law, gaits: Sequence[Gait], rows: np.ndarray, choice: Choice | None = None) -> Law:
    """The law of some people: updated where they were measured, simulated elsewhere and in between.

    The law of the measured entries y replaces the simulated one; the rest x keeps its regression on
    y, so that its mean follows: `E[x | y]` and `Cov[x | y]` are the simulated ones.
    """
    choice = choice or choose(law, gaits, rows)
    own = [g.select(rows) for g in gaits]
    mine = priors.chosen(own, law.select(rows), choice.share, choice.weights)
    if len(rows) == SIZE:
        return mine
    others = np.setdiff1d(np.arange(SIZE), rows)
    powers = law.mean.shape[0]
    flat = np.arange(powers * SIZE).reshape(powers, SIZE)
    y, x = flat[:, rows].ravel(), flat[:, others].ravel()
    person = law.person.reshape(powers * SIZE, -1)
    mean, joint = _conditioned(
        law.mean.ravel(), person, y, x, mine.mean.ravel(), mine.person.reshape(len(y), -1)
    )
    blocks = {}
    for name in ("recording", "stride"):
        ours = getattr(mine, name)
        full = getattr(law, name)
        ours = ours if np.any(ours) else full[np.ix_(rows, rows)]
        blocks[name] = _conditioned(np.zeros(SIZE), full, rows, others, np.zeros(len(rows)), ours)[
            1
        ]
    return Law(
        mean.reshape(powers, SIZE),
        joint.reshape(powers, SIZE, powers, SIZE),
        blocks["recording"],
        blocks["stride"],
        mine.speeds,
        law.logarithmic,
    )


def _conditioned(
    mean: np.ndarray,
    covariance: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    mean_y: np.ndarray,
    covariance_y: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """A joint law whose part y has another mean and covariance, with the same law of x given y."""
    old = covariance[np.ix_(y, y)]
    slope = np.linalg.solve(old + np.diag(1e-6 * np.diag(old) + 1e-9), covariance[np.ix_(y, x)]).T
    left = covariance[np.ix_(x, x)] - slope @ covariance[np.ix_(y, x)]
    made, joint = mean.copy(), np.empty_like(covariance)
    made[y], made[x] = mean_y, mean[x] + slope @ (mean_y - mean[y])
    cross = slope @ covariance_y
    joint[np.ix_(y, y)], joint[np.ix_(x, y)], joint[np.ix_(y, x)] = covariance_y, cross, cross.T
    joint[np.ix_(x, x)] = left + cross @ slope.T
    return made, (joint + joint.T) / 2
