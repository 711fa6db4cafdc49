"""The experiments: train evaluator and model, evaluate, and leave tables and a report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.metrics.probing import picture
from jaxdiff.nets.word_text import Vocabulary
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Cell, Table, provenance
from jaxdiff.studies.generation import evenly, in_chunks
from jaxdiff.studies.text_to_motion import bodies, card, evaluation, preparation, start, texts
from jaxdiff.studies.text_to_motion.preparation import Prepared, joints_of
from jaxdiff.studies.text_to_motion.training import EVALUATOR, MODEL, train_evaluator
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Params

COLUMNS = {
    "r_precision_1": "R@1",
    "r_precision_2": "R@2",
    "r_precision_3": "R@3",
    "fid": "FID",
    "mm_dist": "MM-Dist",
    "diversity": "Diversity",
    "multimodality": "MultiModality",
    "dynamics": "Dynamics",
}
PUBLISHED = {
    "real": (0.512, 0.702, 0.797, 0.002, 2.97, 9.50, None),
    "MDM, corrected": (0.418, 0.604, 0.707, 0.489, 3.63, 9.45, 2.87),
    "MDM, 50 steps": (0.455, 0.645, 0.749, None, None, None, None),
}
"""HumanML3D, by the published evaluator, whose space is not that of one trained here."""


SHOWN = 64
"""Test clips for which motions are drawn for the page."""


class Interval(Cell):
    """A mean over repetitions that prints with its 95 % interval, as the protocol has it; the CSV
    keeps the deviation.
    """

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {1.96 * self.sd / self.n**0.5:.3f}"


def run_train(config: Config, out: Path) -> None:
    """Train evaluator and model, compare the model's motions with real ones and with controls, and
    write its file.
    """
    begin = time.perf_counter()
    config, prepared, params, embed, judge = start.judged(config, out)
    generate = make_generate(
        text_to_motion(preparation.model_settings(config, len(prepared.words))).generate
    )
    rows = evaluation.protocol(config, prepared, generate, params, embed, judge)

    made = drawn(config, prepared, generate, params)
    report = Report(f"Text to motion: {config.data.name}", _facts(config, begin))
    report.table(results(config, rows, len(prepared.sides["test"])), "evaluation")
    feet = bodies.table(prepared, made.real, {"generated": made.generated}, made.length)
    report.table(feet, "bodies")
    if config.data.name != "humanml3d":
        note = (
            "Of other motions, and in the space of another evaluator: comparable in order of"
            " magnitude only."
        )
        beside = Table("Published results on HumanML3D", tuple(COLUMNS.values()), note=note)
        beside.quote(PUBLISHED, tuple(COLUMNS.values()), "published")
        report.table(beside)
    report.add(
        Page.motion,
        "Test captions, real beside generated",
        examples(prepared, made, config.evaluation.examples),
        prepared.layout.skeleton,
        prepared.rate,
    )
    report.add(
        Page.scatter,
        "Map of the motions",
        latent_map(prepared, made, embed, judge),
        "Two principal components of the evaluator's embeddings of real and generated motions",
    )
    report.curves("Training of the model", out / MODEL)
    report.curves("Training of the evaluator", out / EVALUATOR)
    publish(report, out)
    card.save(config, prepared, params, rows, feet, out)


def run_evaluator(config: Config, out: Path) -> None:
    """Train the evaluator alone, for other runs to use (`evaluator.run`)."""
    begin = time.perf_counter()
    train_evaluator(config, preparation.prepare(config), out)
    report = Report(f"Evaluator of text and motion: {config.data.name}", _facts(config, begin))
    report.curves("Training of the evaluator", out / EVALUATOR)
    publish(report, out)


def _facts(config: Config, begin: float) -> dict[str, str]:
    return provenance(config.data.name, config.training.seed, time.perf_counter() - begin)


def results(config: Config, rows: dict[str, dict[str, float]], clips: int) -> Table:
    """The table of the protocol, the published rows beside ours where the data are the same."""
    note = (
        f"{clips} test clips, {config.evaluation.repetitions} repetitions, mean ± 95 % interval;"
        " batches of 32 (R@k of chance: 0.031, 0.062, 0.094). Diversity is best where the real row"
        " is. Dynamics: distance from the real motion of the caption in how it moves, in"
        " deviations. Controls are worse than the generated motions in: "
        + "; ".join(f"{row}: {_listed(names)}" for row, names in evaluation.failing(rows).items())
    )
    table = Table(f"Text to motion on {config.data.name}", tuple(COLUMNS.values()), note=note)
    count = config.evaluation.repetitions
    for row, figures in rows.items():
        deviation = {
            name: figures[f"{name}_ci95"] * count**0.5 / 1.96 for name in COLUMNS if name in figures
        }
        table.row(
            row,
            {COLUMNS[name]: Interval(figures[name], sd, count) for name, sd in deviation.items()},
        )
    if config.data.name == "humanml3d":
        table.quote(PUBLISHED, tuple(COLUMNS.values()), "published")
    return table


def _listed(names: list[str]) -> str:
    return ", ".join(COLUMNS[name] for name in names) or "nothing"


class Drawn(NamedTuple):
    """Test clips and motions generated for their captions, as features in the units of the data."""

    caption: np.ndarray
    length: np.ndarray
    real: np.ndarray
    generated: np.ndarray


def drawn(config: Config, prepared: Prepared, generate: Any, params: Params) -> Drawn:
    """One motion for each of some test clips, spread evenly over them."""
    test, batch = prepared.sides["test"], preparation.everything(prepared.sides["test"], 0)
    chosen = evenly(len(test), SHOWN)
    caption, length = batch["caption"][chosen], batch["length"][chosen]
    condition = {
        "text": texts.reader(config, prepared.words)([test.captions[i] for i in caption]),
        "length": length,
    }
    made = in_chunks(generate, params, jax.random.key(0), condition)
    return Drawn(caption, length, batch["motion"][chosen], prepared.normaliser.inverse(made))


def examples(prepared: Prepared, made: Drawn, most: int) -> dict[str, dict[str, np.ndarray]]:
    """Real and generated joints of some captions."""
    chosen = evenly(len(made.length), most)
    motions = {
        name: joints_of(features[chosen], made.length[chosen], prepared.layout)
        for name, features in {"real": made.real, "generated": made.generated}.items()
    }
    captions = [prepared.sides["test"].captions[i] for i in made.caption[chosen]]
    return {
        f"{number + 1}. {caption}": {name: joints[number] for name, joints in motions.items()}
        for number, caption in enumerate(captions)
    }


def latent_map(
    prepared: Prepared, made: Drawn, embed: Any, judge: Params
) -> dict[str, list[tuple[float, float]]]:
    """Where the evaluator sees real and generated motions, in a plane."""
    test = prepared.sides["test"]
    tables = texts.evaluator_texts(Vocabulary(prepared.evaluator_words), test.captions, test.tokens)
    condition = {
        "length": made.length,
        **{name: table[made.caption] for name, table in tables.items()},
    }
    codes = []
    for motion in (made.real, made.generated):
        seen = preparation.normalised(prepared.plain, {"motion": motion, "length": made.length})
        codes.append(
            in_chunks(embed, judge, jax.random.key(0), {"motion": seen, **condition})[:, 0]
        )
    plane = picture(np.concatenate(codes), "pca").tolist()
    return {"real": plane[: len(made.length)], "generated": plane[len(made.length) :]}
