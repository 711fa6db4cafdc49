"""The card of a text-to-motion model, and the file it ships as."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jaxdiff.models import file
from jaxdiff.models.card import Card
from jaxdiff.models.trained import Trained
from jaxdiff.report.tables import Table
from jaxdiff.studies.text_to_motion import bodies, corpora, evaluation, preparation
from jaxdiff.studies.text_to_motion.preparation import Prepared
from jaxdiff.typing import Config, Params

FILE = "motion.safetensors"
CMU = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created"
    " with funding from NSF EIA-0196217."
)
"""The acknowledgement CMU asks for."""
_CMU = (
    "112 clips of the CMU motion capture database and their mirror images (subjects 3, 11, 12 and"
    " 14 are not trained on). " + CMU
)
_SIMULATED = "simulated motion of jaxdiff.body.actions, 26 actions"
DATA = {
    "simulated_motion": _SIMULATED,
    corpora.CMU: _CMU,
    corpora.OPEN: f"{_SIMULATED}, and {_CMU}",
}
FREE = {
    "simulated_motion": "as the library",
    corpora.CMU: (
        "free for research and commercial use (CMU's terms; its motion may not be resold as data)"
    ),
}
FREE[corpora.OPEN] = FREE[corpora.CMU]
FIGURES = {"r_precision_3": "R@3", "fid": "FID", "dynamics": "Dynamics"}


def save(
    config: Config,
    prepared: Prepared,
    params: Params,
    rows: Mapping[str, Mapping[str, float]],
    bodies_table: Table,
    out: Path,
) -> Path:
    """Write the model with its card to one file in float16.

    Args:
      config: the config with the model's own sizes and sampler.
      prepared: the data set with the model's normaliser and vocabulary.
      params: the parameters.
      rows: figures of the protocol by row.
      bodies_table: the table of feet and bones.
      out: directory of the run.
    """
    saved = config.copy_and_resolve_references().unlock()
    saved.start = saved.evaluator.run = saved.data.root = saved.data.manual_dir = None
    metadata = preparation.about("text_to_motion", saved, prepared)
    metadata["card"] = card(config, prepared, rows, bodies_table).to_json()
    return file.save(out / FILE, Trained("text_to_motion", params, metadata), "float16")


def card(
    config: Config,
    prepared: Prepared,
    rows: Mapping[str, Mapping[str, float]],
    bodies_table: Table,
) -> Card:
    """Data, scores and limits of a model."""
    name = config.data.name
    real, made = rows["real"], rows["generated"]
    scores = {
        column: f"{made[key]:.3g} (real motion {real[key]:.2g})" for key, column in FIGURES.items()
    }
    for control, names in evaluation.failing(rows).items():
        scores[f"{control} worse in"] = ", ".join(FIGURES[each] for each in names) or "nothing"
    measured = {row.label: row.cells for row in bodies_table.rows}
    for key in ("foot_slide", "bone_stretch"):
        column = bodies.COLUMNS[key]
        own, written = (measured[row][column] for row in ("generated", "generated, written"))
        scores[column] = f"{own.mean:.2g}, written {max(round(written.mean, 4), 0):g}"
    column = bodies.COLUMNS["nearest"]
    near, reference = (measured[row][column].mean for row in ("generated", "real"))
    scores[column] = f"{near:.0f} (real test clips {reference:.0f})"
    frames = config.data.length
    return Card(
        summary=(
            f"A sentence to {frames / prepared.rate:g} s or less of motion of 22 joints at"
            f" {prepared.rate:g} Hz."
        ),
        data=str(DATA.get(name, name)),
        people=(
            "One simulated figure in 26 actions; clips of other people are retargeted to it."
            if name in FREE
            else ""
        ),
        licence=FREE.get(name, f"that of {name}"),
        scores=scores,
        limits=(
            f"{len(prepared.words)} words and {len(prepared.actions)} actions; other words are a"
            " warning. One sentence of one action; not for people with impairments, objects, or"
            " contact with anything but the floor. Scores are of the same actions and other clips,"
            " by an evaluator trained on the same data."
        ),
        source=(
            f"study text_to_motion, data.name={name}, model.size={config.model.size},"
            f" {config.training.steps} steps of {config.batch_size} clips,"
            f" training.seed={config.training.seed}"
        ),
    )
