"""Which steps and guidance a model is sampled with: figures of the protocol on validation clips.

jaxdiff train text_to_motion:motion --set experiment=sampling --set start=motion
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.text_to_motion import evaluation, preparation
from jaxdiff.studies.text_to_motion.experiments import COLUMNS
from jaxdiff.studies.text_to_motion.few_steps import SHOWN, cells
from jaxdiff.studies.text_to_motion.start import judged
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config


def run_sampling(config: Config, out: Path) -> None:
    """The table of `sampling_table.grid`; test clips are not seen."""
    begun = time.perf_counter()
    config, prepared, params, embed, judge = judged(config, out)
    unseen = dataclasses.replace(
        prepared, sides={**prepared.sides, "test": prepared.sides["validation"]}
    )
    own = preparation.model_settings(config, len(prepared.words))
    count = config.evaluation.repetitions
    table = Table(
        f"Steps and guidance on validation clips of {config.data.name}",
        tuple(COLUMNS[name] for name in SHOWN),
        note=(
            f"{len(unseen.sides['test'])} validation clips, {count} repetitions, mean ± 95 %"
            " interval."
        ),
    )
    for steps in config.evaluation.sampling_steps:
        for scale in config.evaluation.sampling_scales:
            generate = make_generate(
                text_to_motion(own._replace(steps=steps, scale=scale)).generate
            )
            found = evaluation.protocol(
                config, unseen, generate, params, embed, judge, controls=not table.rows
            )
            if not table.rows:
                for name in ("real", "other clip"):
                    table.row(name, cells(found[name], count))
            guidance = "none" if scale == 1 else f"{scale:g}"
            table.row(f"{steps} steps, guidance {guidance}", cells(found["generated"], count))
    facts = provenance(config.data.name, config.training.seed, time.perf_counter() - begun)
    report = Report(f"Steps and guidance: {config.data.name}", facts)
    report.table(table, "sampling")
    publish(report, out)
