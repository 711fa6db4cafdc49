"""Tables of docs/results/gait: simulated new people, real people, numbers of sampling steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from jaxdiff.baselines import BASELINES
from jaxdiff.errors import ConfigError, MissingExtra, nearest
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.gait import data, evaluation, figures, real, subsets
from jaxdiff.studies.gait.imputation import Imputer
from jaxdiff.studies.gait.model import GaitModel
from jaxdiff.studies.gait.strides import Strides, recorded
from jaxdiff.studies.loading import load
from jaxdiff.typing import Config

SHOWN = (
    "angles",
    "moments",
    "forces",
    "centre of pressure",
    "emg",
    "accelerations",
    "angular rates",
)
STEPS = (1, 2, 3, 6, 10, 100)
SIMULATED = ("subsets", "clean", "steps", "together", "baselines")
REAL = ("opensim", "hood", "verheul", "cmu")
NAMES = SIMULATED + REAL
"""Tables; those of real people need the folder of recordings `evaluation.real`."""
THIN = 4
"""Baselines regress on every fourth sample of the given signals; their targets are the law's
coefficients.
"""
MOST = 1500
"""Strides that baselines are fitted to, one of each of as many people: more would take hours on two
cores.
"""


def run_tables(config: Config, out: Path) -> dict[str, Table]:
    """The tables named in `evaluation.tables`, published in `out`; see `NAMES`."""
    started = time.perf_counter()
    model = load(config.evaluation.model)
    assert isinstance(model, GaitModel)
    names = [name.strip() for name in config.evaluation.tables.split(",") if name.strip()]
    for name in names:
        if name not in NAMES:
            raise ConfigError(f"no table {name!r}; {nearest(name, NAMES)}")
    folder, samples = Path(config.evaluation.data or Path(out) / "data"), config.evaluation.samples
    shared, law = Path(config.evaluation.real), model.imputer.law

    def plain() -> Strides:
        """Strides of the test people as they were simulated."""
        return evaluation.spread(data.kept(config.data, "test", folder), config.evaluation.strides)

    def test() -> Strides:
        """The same as laboratories record them."""
        return recorded(plain(), law, config.data.seed + 1)

    def baselines() -> Table:
        people = evaluation.spread(data.kept(config.data, "train", folder), MOST)
        train = recorded(people, law, config.data.seed + 2)
        other = load(config.evaluation.deterministic) if config.evaluation.deterministic else None
        assert other is None or isinstance(other, GaitModel)
        return table_baselines(model, train, test(), samples, other)

    makers: dict[str, Callable[[], Table]] = {
        "subsets": lambda: table_subsets(model, test(), samples),
        "clean": lambda: table_clean(model, plain(), samples),
        "steps": lambda: table_steps(model, test(), samples),
        "together": lambda: table_together(model, test(), samples),
        "baselines": baselines,
        "opensim": lambda: real.table_opensim(model, shared / "opensim_walk", samples),
        "hood": lambda: real.table_hood(model, shared / "hood2020_k3.npz"),
        "verheul": lambda: real.table_verheul(model, shared / "verheul2024.npz"),
        "cmu": lambda: real.table_cmu(model, shared / "cmu_mocap.npz", samples),
    }
    tables = {name: makers[name]() for name in names}
    report = Report(
        "Gait: any signals in, all others out",
        provenance(
            "real people" if set(names) <= set(REAL) else "simulated people",
            config.data.seed,
            time.perf_counter() - started,
        ),
    )
    report.add(Page.figures, (figures.picture(name, table) for name, table in tables.items()))
    for name, table in tables.items():
        report.table(table, name)
        with suppress(MissingExtra):
            figures.save(name, table, Path(out))
    publish(report, out)
    return tables


def _text(score: evaluation.Score) -> str:
    covered = "" if np.isnan(score.coverage) else f" · {score.coverage:.0%}"
    return f"{score.rmse:.4g} · {score.r2:.2f} · {score.crps:.4g}{covered}"


def _units(shown: Sequence[str] = SHOWN) -> dict[str, str]:
    """Column heading of each quantity."""
    return {q.name: f"{q.name} [{q.unit}]" for q in evaluation.QUANTITIES if q.name in shown}


def table_subsets(model: GaitModel, test: Strides, samples: int) -> Table:
    """RMSE, R2 and coverage for every typical subset."""
    heads = _units()
    scores = evaluation.score_table(model.imputer, model.calibrations, test, samples)
    people = len(np.unique(test.subject))
    table = Table(
        "Typical subsets given, simulated new people as laboratories record them",
        tuple(heads.values()),
        note=(
            "RMSE · R² against the training people's mean curve · CRPS · share inside the"
            f" calibrated 90 % interval; {people} people, {len(test)} strides, {samples} samples."
            " Given and predicted signals carry each person's discrepancy."
        ),
    )
    for subset in subsets.TYPICAL:
        cells = {heads[q]: _text(s) for (name, q), s in scores.items() if name == subset}
        table.row(subset, cells)
    return table


def table_clean(model: GaitModel, plain: Strides, samples: int) -> Table:
    """The same scores for strides as they were simulated, without discrepancies."""
    names, heads = ("angles", "imu", "grf", "angles+grf"), _units()
    scores = evaluation.score_table(model.imputer, model.calibrations, plain, samples, 0, names)
    table = Table(
        "Strides as simulated, without discrepancies",
        tuple(heads.values()),
        note=(
            "RMSE · R² · CRPS · share inside the 90 % interval, which is calibrated on people with"
            " discrepancies and so too wide."
        ),
    )
    for subset in names:
        table.row(subset, {heads[q]: _text(s) for (n, q), s in scores.items() if n == subset})
    return table


def table_together(model: GaitModel, test: Strides, samples: int) -> Table:
    """RMSE with two modalities given and with each of the two alone."""
    table = Table(
        "Two modalities against one: RMSE",
        ("given", "quantity", "first alone", "second alone", "both"),
        note="Simulated new people.",
    )
    pairs = (("angles", "grf"), ("angles", "emg"), ("imu", "emg"), ("imu", "grf"), ("grf", "emg"))
    names = {name: (f"{name}/*",) for pair in pairs for name in pair}
    names |= {f"{a}+{b}": (f"{a}/*", f"{b}/*") for a, b in pairs}
    rmse = {}
    for name, patterns in names.items():
        masks = subsets.masks(model.layout, patterns + subsets.SCALARS)
        rmse[name] = evaluation.errors(model.imputer, test, masks, samples)
    for a, b in pairs:
        for quantity, both in rmse[f"{a}+{b}"].items():
            cells = {
                "given": f"{a}+{b}",
                "quantity": quantity,
                "first alone": f"{rmse[a][quantity]:.4g}",
                "second alone": f"{rmse[b][quantity]:.4g}",
                "both": f"{both:.4g}",
            }
            table.row(f"{a}+{b}: {quantity}", cells)
    return table


def table_steps(model: GaitModel, test: Strides, samples: int) -> Table:
    """CRPS and coverage by the number of sampling steps."""
    names = ("angles", "grf")
    few = test[np.arange(0, len(test), max(1, len(test) // 60))]
    columns = tuple(f"{subset}, {what}" for subset in names for what in ("CRPS", "coverage 90 %"))
    table = Table(
        "Steps of the sampler: moments [N m/kg]", columns, note=f"{len(few)} strides of new people."
    )
    for steps in STEPS:
        found = evaluation.score_table(
            model.imputer, model.calibrations, few, samples, steps, names
        )
        cells = {}
        for subset in names:
            score = found[subset, "moments"]
            cells[f"{subset}, CRPS"] = f"{score.crps:.4f}"
            cells[f"{subset}, coverage 90 %"] = f"{score.coverage:.1%}"
        table.row(str(steps), cells)
    return table


def table_baselines(
    model: GaitModel,
    train: Strides,
    test: Strides,
    samples: int,
    deterministic: GaitModel | None = None,
) -> Table:
    """Scores of the model, its law alone, and regressions fitted for each subset by itself."""
    names = tuple(subsets.TYPICAL)
    heads = _units(("angles", "moments", "forces", "emg"))
    table = Table(
        "Against regressions fitted for each subset",
        tuple(heads.values()),
        note=(
            "RMSE · R² against the training people's mean curve · CRPS · share inside the 90 %"
            " interval, calibrated for the model alone. A point prediction has no interval, and its"
            f" CRPS is its mean absolute error. Ridge and kernels are fitted to {len(train)}"
            " training strides of as many people and choose their strength by leaving out people."
        ),
    )
    law = Imputer(model.imputer.law, None, model.imputer.settings)
    for subset in names:
        rows: dict[str, Mapping[tuple[str, str], evaluation.Score]] = {
            "model": evaluation.score_table(
                model.imputer, model.calibrations, test, samples, 0, (subset,)
            ),
            "law alone": evaluation.score_table(law, {}, test, samples, 0, (subset,)),
        }
        for name in ("ridge", "kernel_ridge"):
            draw = regression(name, model, train, subset)
            rows[name] = evaluation.scored(draw, model.imputer, {}, test, (subset,))
        if deterministic:
            draw = point(deterministic.imputer)
            rows["deterministic network"] = evaluation.scored(
                draw, model.imputer, {}, test, (subset,)
            )
        for name, scores in rows.items():
            cells = {heads[q]: _text(s) for (_, q), s in scores.items() if q in heads}
            table.row(f"{subset}: {name}", cells)
    return table


def point(imputer: Imputer) -> evaluation.Draw:
    """The prediction of a network trained without noise."""

    def draw(strides: Strides, masks: subsets.Masks) -> Mapping[str, np.ndarray]:
        return imputer.law.decode(imputer.coefficients(strides.values, masks, 1))

    return draw


def regression(
    name: str, model: GaitModel, train: Strides, subset: str
) -> Callable[[Strides, subsets.Masks], Mapping[str, np.ndarray]]:
    """A baseline from the given samples of a subset to the law's coefficients of the whole
    stride.
    """
    law = model.imputer.law
    masks = subsets.typical(law.layout, subset)

    def inputs(strides: Strides) -> np.ndarray:
        parts = []
        for part in law.layout:
            x = law.standardise(part.name, strides.values[part.name])
            x = x[:, :: THIN if part.steps > 1 else 1]
            keep = masks[part.name][:: THIN if part.steps > 1 else 1]
            parts.append(x[:, keep])
        return np.concatenate(parts, axis=1).astype(np.float32)

    predict = BASELINES[name](inputs(train), law.project(train.values), train.subject)

    def draw(strides: Strides, _: subsets.Masks) -> Mapping[str, np.ndarray]:
        return law.decode(np.asarray(predict(inputs(strides)))[None])

    return draw
