"""Train the stride transfer on a large simulated cohort, calibrate it on people left out, write it
to a file.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.data import splits
from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import DataError
from jaxdiff.methods import stride_transfer as method
from jaxdiff.models import file
from jaxdiff.models.card import Card
from jaxdiff.models.trained import Trained
from jaxdiff.nets.speed_set import size
from jaxdiff.report.tables import provenance
from jaxdiff.studies.fitting import fit_once
from jaxdiff.studies.run import Run
from jaxdiff.studies.speed_transfer import cohort, held_out, hierarchy, recorded
from jaxdiff.studies.speed_transfer.bands import KINDS
from jaxdiff.studies.speed_transfer.examples import Examples
from jaxdiff.studies.speed_transfer.predictor import Predictor
from jaxdiff.studies.speed_transfer.stored import from_metadata, packed
from jaxdiff.studies.speed_transfer.strides import SCALE, STRIDE_TIME, Gait
from jaxdiff.training import settings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Config

FEWEST = 12
"""People below which a laboratory cannot train the model whole."""
USUAL = np.concatenate([np.zeros(STRIDE_TIME + 1), [1.7, np.log(70.0)]]) / SCALE
"""Stature and mass where they are unknown for all people."""
BATCH = 256
"""Validation examples at once."""


class People(NamedTuple):
    """A cohort, divided by person."""

    train: list[Gait]
    validation: list[Gait]
    calibration: list[Gait]
    test: list[Gait]


def people(config: Config, out: Path) -> People:
    """The people of a config: a laboratory's, or simulated ones, which are kept in `out`; the last
    ones are held out.
    """
    d, kept = config.data, out / "cohort.npz"
    if d.name == "folder":
        return laboratory(d.recipe, d.test, d.validation, config.training.seed)
    if kept.is_file():
        everyone = cohort.load(kept)
    else:
        count = d.people + 3 * d.held + d.further
        everyone = cohort.simulated(count, d.speeds, d.strides, d.impaired)
        out.mkdir(parents=True, exist_ok=True)
        cohort.save(kept, everyone)
    edges = [d.people + i * d.held for i in range(4)]
    validation, calibration, test = (
        cohort.people(everyone, a, b) for a, b in zip(edges[:-1], edges[1:])
    )
    calibration += cohort.people(everyone, edges[-1], edges[-1] + d.further)
    return People(cohort.people(everyone, 0, d.people), validation, calibration, test)


def laboratory(
    recipe: str | None, test: Sequence[str] = (), validation: Sequence[str] = (), seed: int = 0
) -> People:
    """A laboratory's gaits at speeds rounded to 0.1 m/s; unknown stature and mass are those of the
    others, or usual ones.

    Args:
      recipe: the YAML of its recordings.
      test: test people by name; `["none"]`: no one; empty: one in five, drawn at random.
      validation: people to choose the checkpoint by; empty: as many as there are test people.
      seed: seed of random choices. A fifth of the other people is kept for the calibration of the
        bands.

    Raises:
      ConfigError: a name that does not exist.
      DataError: an angle is missing, or there are too few people.
    """
    from jaxdiff.data import catalogue

    trials = catalogue.load("folder", recipe=recipe)
    split = splits.named(trials, list(map(str, test)), list(map(str, validation)), seed)
    rest = list(split.train.subjects)
    if len(trials.subjects) < FEWEST or len(rest) < 5:
        raise DataError(
            f"training needs {FEWEST} people or more, five of them to train on; got"
            f" {len(trials.subjects)} and {len(rest)}; `jaxdiff adapt` takes four"
        )
    calibration = rest[-max(1, len(rest) // 5) :]
    gaits = recorded.gaits(trials, next(iter(trials.signals)))
    legs = slice(0, STRIDE_TIME + 1)
    if not all(np.isfinite(g.mean[legs]).all() for g in gaits):
        raise DataError(
            "training needs hip, knee and ankle of both legs of everyone; `jaxdiff adapt` takes"
            " fewer angles"
        )
    states = np.stack([g.mean for g in gaits])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        usual = np.nanmean(states, axis=0)
    usual = np.where(np.isfinite(usual), usual, USUAL)
    whole = [
        g._replace(
            speed=round(g.speed, 1),
            mean=np.where(np.isfinite(g.mean), g.mean, usual),
            deviations=np.nan_to_num(g.deviations),
        )
        for g in gaits
    ]

    def of(names: Sequence[str]) -> list[Gait]:
        return [g for g in whole if g.subject in set(names)]

    watched = split.validation.subjects or tuple(calibration)
    return People(
        of([name for name in rest if name not in calibration]),
        of(watched),
        of(calibration),
        of(split.test.subjects),
    )


class Halves:
    """Examples of both halves of the people, each about the law that was fitted to the other half.

    The residuals of people to whom a law was fitted are smaller than those of new people; these are
    not.
    """

    def __init__(self, gaits: Sequence[Gait], combinations: int, seed: int):
        names = list(dict.fromkeys(g.subject for g in gaits))
        halves = [[g for g in gaits if g.subject in set(names[i::2])] for i in (0, 1)]
        laws = [hierarchy.fit(half + cohort.mirrored(half)) for half in halves]
        self.parts = [
            Examples(half, law, combinations // 2, seed=seed + i)
            for i, (half, law) in enumerate(zip(halves, reversed(laws)))
        ]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        middle = len(index) // 2
        rows = slice(0, middle), slice(middle, None)
        found = [part(index[r], u[r]) for part, r in zip(self.parts, rows) if len(index[r])]
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}


def train(config: Config, out: Path, gaits: People) -> Predictor:
    """Train one network; the checkpoint with the least error on the validation people is kept as
    the best.
    """
    m, seed = config.model, config.training.seed
    law = hierarchy.fit(gaits.train + cohort.mirrored(gaits.train))
    chosen = method.Settings(size=size(m.size), steps=config.sampling.steps)
    count = min(64, m.combinations)
    watched = Examples(gaits.validation, law, count, seed=seed + 2, mirror=False, complete=True)
    u = np.random.default_rng(seed).random((8, BATCH, 4))
    batches = [watched(np.zeros(BATCH, int), each) for each in u]
    keys = jax.random.split(jax.random.key(seed), (8, BATCH))
    error = jax.jit(lambda params, batch, keys: method.error(chosen, params, batch, keys).mean())

    def evaluate(state: TrainState) -> dict[str, float]:
        found = [error(state.ema, batch, key) for batch, key in zip(batches, keys)]
        return {"validation_loss": float(np.mean(found))}

    fit_once(
        method.stride_transfer(chosen),
        lambda: Batches(
            Halves(gaits.train, m.combinations, seed), config.batch_size, seed, shuffle=False
        ),
        settings.from_config(config.training),
        out,
        metadata(config, chosen),
        evaluate,
        known={"fixed": packed(law)},
    )
    return from_metadata(Run.open(out).trained())


def untrained(config: Config, gaits: People) -> Trained:
    """The hierarchical model with a fresh network that is not trusted."""
    law = hierarchy.fit(gaits.train + cohort.mirrored(gaits.train))
    chosen = method.Settings(size=size(config.model.size), steps=config.sampling.steps)
    u = np.random.default_rng(0).random((2, 4))
    batch = Examples(gaits.validation, law, 2, complete=True, mirror=False)(np.zeros(2, int), u)
    params = method.stride_transfer(chosen).init(jax.random.key(config.training.seed), batch)
    known = {**metadata(config, chosen), "trust": 0.0}
    return Trained("speed_transfer", {**params, "fixed": packed(law)}, known)


def metadata(config: Config, chosen: method.Settings) -> dict[str, Any]:
    """What a checkpoint says, so that `StrideTransferModel` can be made of it."""
    kept = chosen._asdict() | {"size": chosen.size._asdict()}
    kept.pop("dtype")
    return {
        "study": "speed_transfer",
        "method": "stride_transfer",
        "settings_of_method": kept,
        "config": config.to_dict(),
        "trust": 1.0,
    }


def run(config: Config, out: Path) -> None:
    """Train, calibrate, score on test people, and write `speed.safetensors` into `out`."""
    gaits = people(config, out)
    if config.model.network:
        train(config, out, gaits)
        trained = Run.open(out).trained()
    else:
        trained = untrained(config, gaits)
    trained = finished(trained, from_metadata(trained), gaits, config)
    path = file.save(out / "speed.safetensors", trained)
    print(Card.from_json(trained.metadata["card"]))
    print(f"{path}: {os.path.getsize(path) / 1e6:.1f} MB")


def finished(trained: Trained, predictor: Predictor, gaits: People, config: Config) -> Trained:
    """The trained network with calibrated bands and a card."""
    asked = held_out.tasks(gaits.calibration, most=3, seed=1)
    kept = held_out.calibrate(predictor, asked)
    found = {**trained.metadata, "bands": {name: c.to_json() for name, c in kept.items()}}
    scores = score(predictor, gaits, kept)
    data, kinds = origin(config)
    summary = (
        "Hip, knee and ankle angles of a person at one walking speed or more to the same at another"
        " speed"
    )
    how = (
        "hierarchical model with diffusion of its residual"
        if config.model.network
        else ("hierarchical model alone, its network untrained")
    )
    card = Card(
        summary=f"{summary}: {how}.",
        data=data,
        people=kinds,
        licence="Apache-2.0",
        scores=scores,
        limits=(
            "Real people differ from simulated ones: adapt the model to a laboratory's people"
            " (jaxdiff adapt) before relying on its intervals. Level, steady walking only."
        ),
        source=(
            "jaxdiff train"
            f" speed_transfer:ship{'' if config.model.network else ' --set model.network=False'};"
            f" commit {provenance('', 0, 0.0)['commit']}; seed {config.training.seed}"
        ),
    )
    found["card"] = card.to_json()
    return Trained(trained.study, trained.params, found, trained.path)


def origin(config: Config) -> tuple[str, str]:
    """Data and people of the card."""
    d = config.data
    if d.name == "folder":
        return f"recordings of {Path(d.recipe).name}", "real people of one laboratory"
    data = (
        f"{d.people} simulated people (jaxdiff.body.walker.batch), level walking at 0.3 to 2.2 m/s"
    )
    return (
        data,
        (
            f"simulated; {d.impaired:.0%} with an impairment (hemiparesis, crouch, drop foot,"
            " equinus, prosthesis); no real person"
        ),
    )


def score(predictor: Predictor, gaits: People, kept: dict[str, Any]) -> dict[str, str]:
    """Errors and coverage on the test people, for the card."""
    found: dict[str, str] = {}
    slope = held_out.linear(gaits.train)
    for name, group in held_out.kinds(gaits.test).items():
        asked = held_out.tasks(group, most=6, seed=2)
        states = predictor.point(asked.questions)
        moved = (
            held_out.copied(asked.questions)
            + np.array([[q.target - q.sources[0].speed] for q in asked.questions]) * slope
        )
        rows = {
            "this model": states,
            "hierarchical model": predictor.linear(asked.questions),
            "population change": held_out.added(predictor.law, asked.questions),
            "linear change": moved,
            "copy": held_out.copied(asked.questions),
        }
        text = []
        for label, values in rows.items():
            each = held_out.by_person(held_out.errors(values, asked.truth), asked.subjects)
            text.append(f"{label} {each.mean():.2f}")
        found[f"MAE of test people, {name}, one source, deg"] = ", ".join(text)
    if not found:
        return {"none": "trained on all people: there are no test people"}
    asked = held_out.tasks(gaits.test, most=5, seed=4)
    for band in KINDS:
        inside = held_out.coverage(predictor, asked, band, kept, seed=5)
        found[f"90 % interval of a {band}, test people"] = f"holds {inside.mean():.1%}"
    return found
