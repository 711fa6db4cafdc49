"""Scores of a model by corpus, of the network's own motion and of the written one.

jaxdiff train text_to_motion:motion --set experiment=corpora --set start=motion

The rows of `open_motion` are the test clips of its two corpora; those of the motion pack, where it
is at hand, are of other people and other captions than anything that was trained on, the evaluator
included.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.data.text import TextMotion, captioned
from jaxdiff.errors import FileError
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.metrics.text_motion import BATCH, scores
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, cell, provenance
from jaxdiff.studies.generation import evenly, in_chunks
from jaxdiff.studies.text_to_motion import bodies, corpora, preparation, texts
from jaxdiff.studies.text_to_motion.evaluation import embedder
from jaxdiff.studies.text_to_motion.preparation import Prepared, everything, normalised
from jaxdiff.studies.text_to_motion.start import judged
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config, Params

COLUMNS = {
    "r_precision_3": "R@3",
    "fid": "FID",
    "foot_slide": "foot slide [m/s]",
    "bone_stretch": "bone stretch",
}
PACK_CLIPS = 128
BODIES = 48
"""Clips of a corpus whose feet and bones are measured in each repetition."""


def run_corpora(config: Config, out: Path) -> None:
    """The table of `figures` over all corpora."""
    begun = time.perf_counter()
    config, prepared, params, embed, judge = judged(config, out)
    settings = preparation.model_settings(config, len(prepared.words))
    generate = make_generate(text_to_motion(settings).generate)
    table = Table(
        "Scores by corpus",
        ("clips", *COLUMNS.values()),
        note=(
            f"Mean ± deviation over {config.evaluation.repetitions} repetitions. Written: one"
            f" skeleton, feet held while in contact; feet and bones of {BODIES} clips of each"
            " corpus. The pack's people and captions were in no training, the evaluator's included."
        ),
    )
    for name, clips in sides(config, prepared).items():
        of = dataclasses.replace(prepared, sides={**prepared.sides, "test": clips})
        repeats = [
            figures(config, of, generate, params, embed, judge, seed)
            for seed in range(config.evaluation.repetitions)
        ]
        for row in repeats[0]:
            cells = {COLUMNS[key]: cell([each[row][key] for each in repeats]) for key in COLUMNS}
            table.row(f"{name}: {row}", {"clips": str(len(clips)), **cells})
    facts = provenance(config.data.name, config.training.seed, time.perf_counter() - begun)
    report = Report(f"Scores by corpus: {config.data.name}", facts)
    report.table(table, "corpora")
    publish(report, out)


def sides(config: Config, prepared: Prepared) -> dict[str, TextMotion]:
    """Test clips by corpus, those with `BATCH` of them or more."""
    data, test = config.data, prepared.sides["test"].trials
    captured = np.isin(test.column("subject"), list(corpora.CMU_SPLIT))
    parts = {data.name: test}
    if data.name == corpora.OPEN:
        parts = {"simulated": test.select(~captured), "CMU": test.select(captured)}
    try:
        pack = corpora.on_the_figure(corpora.BANDAI, data.size, data.root, PACK_CLIPS)
        parts["pack"] = pack
    except FileError:
        pass  # the pack is not at hand
    return {
        name: captioned(part, corpora.MOTION, data.shortest, data.longest, data.length, crop=True)
        for name, part in parts.items()
        if len(part) >= BATCH
    }


def figures(
    config: Config,
    prepared: Prepared,
    generate: Any,
    params: Params,
    embed: Any,
    judge: Params,
    seed: int,
) -> dict[str, dict[str, float]]:
    """The figures of `COLUMNS` in one repetition, by row: `real`, `generated`,
    `generated, written`.
    """
    test = prepared.sides["test"]
    batch, other = everything(test, 2 * seed), everything(test, 2 * seed + 1)
    length, caption = batch["length"], batch["caption"]
    embedded = embedder(prepared, embed, judge)
    text, _ = embedded(normalised(prepared.plain, batch), length, caption)
    _, reference = embedded(normalised(prepared.plain, other), other["length"], other["caption"])
    read = texts.reader(config, prepared.words)
    condition = {"text": read([test.captions[i] for i in caption]), "length": length}
    made = in_chunks(generate, params, jax.random.key(seed), condition)
    generated = prepared.normaliser.inverse(made)
    some, pairs = evenly(len(test), BODIES), min(config.evaluation.pairs, len(test))
    written, measured = _written(prepared, generated, length, some)
    shown = bodies.cleaned(prepared, batch["motion"][some], length[some])
    real, made, clean = (
        {key: float(np.mean([row[key] for row in rows])) for key in ("foot_slide", "bone_stretch")}
        for rows in ([bodies.figures(prepared, each)[0] for each in shown], *zip(*measured))
    )
    found = {
        "real": (batch["motion"], real),
        "generated": (generated, made),
        "generated, written": (written, clean),
    }
    rows = {}
    for row, (features, body) in found.items():
        seen = normalised(prepared.plain, {"motion": features, "length": length})
        codes = embedded(seen, length, caption)[1]
        rows[row] = body | scores(text, codes, reference, seed=seed, pairs=pairs)
    return rows


def _written(
    prepared: Prepared, features: np.ndarray, length: np.ndarray, some: np.ndarray
) -> tuple[np.ndarray, list[tuple[dict[str, float], dict[str, float]]]]:
    """Features of what is written of motions, and the figures of `some` of them."""
    written, measured = np.zeros_like(features), []
    for i, motion in enumerate(bodies.cleaned(prepared, features, length)):
        joints = motion.written.joints.astype(np.float32)
        written[i, : len(joints)] = corpora.lengthened_features(joints, prepared.variant)
        if i in some:
            measured.append(bodies.figures(prepared, motion))
    return written, measured
