"""The report of a trained stride model: people left out, simulated and real, and one picture."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jaxdiff.report import legs
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import provenance
from jaxdiff.studies.loading import load
from jaxdiff.studies.speed_transfer import stride_figures, stride_tables, stride_training
from jaxdiff.studies.speed_transfer.config import get_config
from jaxdiff.typing import Config

if TYPE_CHECKING:
    from jaxdiff.studies.speed_transfer.model import StrideTransferModel


def quick(config: Config, out: Path) -> None:
    """Train a model, and its tables."""
    stride_training.run(config, out)
    report([out / "speed.safetensors"], "", out)


def run(config: Config, out: Path) -> None:
    """Tables of the model that `config.model` names, with those of `config.seeds` if there are
    any.
    """
    report([config.model, *config.seeds], config.hood, out)


def report(which: Sequence[str | Path], hood: str, out: Path) -> None:
    """Tables on people left out: simulated ones, and those in the file `hood`.

    Args:
        which: Models of one cohort that differ in the seed of the training; the first one is shown.
        hood: File of real people; empty: a shared one.
        out: Directory of the report.
    """
    begin = time.perf_counter()
    models = [cast("StrideTransferModel", load(each)) for each in which]
    model = models[0]
    own = get_config("ship")
    with own.unlocked():
        own.data.update(model.trained.metadata["config"]["data"])
        own.training.seed = model.trained.metadata["config"]["training"]["seed"]
    gaits = stride_training.people(own, out)
    predictor, bands = model.predictor, model.calibrations
    made = Report("Speed transfer: people left out")
    person = stride_figures.typical(predictor, gaits.test)
    made.add(
        Page.motion,
        "A person left out, generated and real",
        stride_figures.walks(predictor, person),
        legs.skeleton(),
        stride_figures.RATE,
        "Mean strides, repeated; drawn from the six sagittal angles.",
    )
    figure, words = stride_figures.picture(predictor, bands, person)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "strides.png", dpi=110)
    made.add(Page.figures, [("Strides, real and generated", figure, words)])
    predictors = [each.predictor for each in models]
    found = stride_tables.answered(predictors, gaits.train, gaits.test)
    made.table(stride_tables.simulated(found), "people-simulated")
    if predictor.trust:
        made.table(stride_tables.network(found), "people-network")
    made.table(stride_tables.gain(found), "people-gain")
    made.table(stride_tables.coverage(predictor, bands, gaits.test), "people-coverage")
    made.table(stride_tables.inputs(predictors, gaits.test), "people-inputs")
    path = hood or _shared("hood2020_k3.npz")
    if path:
        made.table(stride_tables.amputees(predictor, path), "people-amputees")
    seconds = time.perf_counter() - begin
    made.facts |= provenance(f"model {which[0]}", own.training.seed, seconds)
    publish(made, out)


def _shared(name: str) -> str:
    """A shared data file, if there is one."""
    path = Path(os.environ.get("JAXDIFF_SHARED", "")) / "data" / name
    return str(path) if os.environ.get("JAXDIFF_SHARED") and path.is_file() else ""
