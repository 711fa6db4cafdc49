"""The experiments: train what a table needs, measure it, and leave tables and a report."""

from __future__ import annotations

import time
from pathlib import Path

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.errors import ConfigError, FileError, nearest
from jaxdiff.metrics.physical import Scene
from jaxdiff.metrics.text_motion import BATCH
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.biovae import (
    benchmark,
    estimation,
    evaluation,
    examples,
    paper,
    preparation,
    tables,
    training,
    videos,
)
from jaxdiff.studies.biovae.evaluation import Made
from jaxdiff.studies.biovae.preparation import Prepared
from jaxdiff.studies.biovae.training import ARMS, Networks
from jaxdiff.studies.text_to_motion import bodies, corpora
from jaxdiff.studies.text_to_motion import experiments as captioned
from jaxdiff.studies.text_to_motion.training import rehearse_evaluator, train_evaluator
from jaxdiff.typing import Config, Params

NEEDS = {
    "table1": ("backbone", "all"),
    "table2": ("backbone", "all"),
    "table3": tuple(ARMS),
    "table4": tuple(ARMS),
    "table5": ("backbone", "all"),
    "table6": ("all",),
}
"""Which arms a table compares; tables 1 to 4 do without those that `config.arms` leaves out."""
JUDGED = ("table1", "table3", "table6")
"""Tables with figures of the evaluator."""


def run_tables(config: Config, out: Path) -> None:
    """The tables that the config names."""
    begin, arms = time.perf_counter(), arms_of(config)
    prepared = preparation.prepare(config)
    rehearse_tables(config, prepared, out, arms)
    nets = training.train(config, prepared, out, arms, "table5" in config.tables)
    judge, where = None, Path(config.run) if config.run else out
    if config.evaluator.training.steps and any(table in JUDGED for table in config.tables):
        judge = train_evaluator(config, prepared.base, where)
    runs = {
        name: (evaluation.generator(config, prepared, ARMS[name]), p)
        for name, p in nets.arms.items()
    }
    made = made_tables(config, prepared, nets, runs, judge)
    report = Report(f"BioVAE: {config.data.name}", _facts(config, config.training.seed, begin))
    for name, table in made.items():
        report.table(table, name)
    rate, clips = prepared.base.rate, examples.captioned(config, prepared, runs)
    report.add(Page.motion, "Motions for test captions", clips, HUMANML3D, rate)
    if nets.refiner is not None:
        clips = examples.repaired(config, prepared, nets.refiner)
        title = "Estimated poses, refined by accelerations"
        report.add(Page.motion, title, clips, HUMANML3D, rate)
    for name in arms:
        report.curves(f"Training: {name}", out / ARMS[name].directory)
    publish(report, out)


def arms_of(config: Config) -> tuple[str, ...]:
    """The arms that are trained and compared.

    Raises:
      ConfigError: if a table whose rows are not arms lacks one that it needs.
    """
    for names, known in ((config.tables, NEEDS), (config.arms, ARMS)):
        if wrong := [name for name in names if name not in known]:
            raise ConfigError(f"no {wrong[0]!r} in BioVAE's tables; {nearest(wrong[0], known)}")
    for table in ("table5", "table6"):
        if table in config.tables and (missing := set(NEEDS[table]) - set(config.arms)):
            raise ConfigError(f"{table} needs {', '.join(sorted(missing))} too: add it to arms")
    wanted = {arm for table in config.tables for arm in NEEDS[table]}
    return tuple(arm for arm in ARMS if arm in wanted and arm in config.arms)


def rehearse_tables(config: Config, prepared: Prepared, out: Path, arms: tuple[str, ...]) -> None:
    """Refuse a config whose tables cannot be finished, before anything is trained."""
    where = Path(config.run) if config.run else out
    judged = config.evaluator.training.steps and any(table in JUDGED for table in config.tables)
    if judged and len(prepared.base.sides["test"]) < BATCH:
        raise ConfigError(
            f"tables {', '.join(JUDGED)} need {BATCH} test clips; {config.data.name} has "
            f"{len(prepared.base.sides['test'])}. Leave them out of tables, or take more data"
        )
    if judged:
        rehearse_evaluator(config, prepared.base, where)
    if "table5" in config.tables:
        if folders := videos_of(config):
            videos.check(*folders)
        for side in ("validation", "test"):
            estimation.benchmark_clips(config, prepared, side)
    if any(ARMS[name].muscles for name in arms):
        training.rehearse_encoder(config, prepared, where)
    for name in arms:
        training.rehearse_arm(config, prepared, out, ARMS[name], name)
    if "table5" in config.tables:
        training.rehearse_arm(config, prepared, out, training.REFINER, "refiner")


def _facts(config: Config, seed: int, begin: float) -> dict[str, str]:
    return provenance(config.data.name, seed, time.perf_counter() - begin)


def made_tables(
    config: Config, prepared: Prepared, nets: Networks, runs: Made, judge: Params | None
) -> dict[str, Table]:
    """Every wanted table by name; what two of them share is measured once."""
    where, data = config.tables, config.data.name
    made: dict[str, Table] = {}

    def compared(*names: str) -> dict:
        arms = {arm for name in names if name in where for arm in NEEDS[name]}
        return {arm: run for arm, run in runs.items() if arm in arms}

    if physical := compared("table2", "table4"):
        rows = evaluation.plausibility(config, prepared, physical)
        if "table2" in where:
            part = {row: rows[row] for row in ("real", *NEEDS["table2"]) if row in rows}
            title = f"Physical plausibility on {data} (Table II)"
            made["table2"] = tables.plausibility(title, part, paper.TABLE2["humanml3d"])
        if "table4" in where:
            title = f"Ablation, physical plausibility, on {data} (Table IV)"
            made["table4"] = tables.plausibility(title, rows, paper.TABLE4)
            made["bodies"] = moved(config, prepared, physical)
    if judge is not None and (judged := compared("table1", "table3")):
        found = evaluation.protocol(config, prepared, judged, judge)
        if "table1" in where:
            part = {row: found[row] for row in ("real", *NEEDS["table1"]) if row in found}
            made["table1"] = tables.traditional(
                f"Generation on {data} (Table I)", part, paper.TABLE1["humanml3d"]
            )
        if "table3" in where:
            made["table3"] = tables.traditional(
                f"Ablation on {data} (Table III)", found, paper.TABLE3
            )
    if "table5" in where:
        made["table5"] = estimated(config, prepared, nets)
    if "table6" in where:
        generate, params = runs["all"]
        scaled = {f"{f:.1f}": (evaluation.by(f, generate), params) for f in config.editing.factors}
        traditional = (
            evaluation.protocol(config, prepared, scaled, judge) if judge is not None else {}
        )
        made["table6"] = tables.editing(
            evaluation.plausibility(config, prepared, scaled), traditional, paper.TABLE6
        )
    return made


def moved(config: Config, prepared: Prepared, runs: Made) -> Table:
    """Feet, bones and the nearest training clip of each arm's first training, as its network moves
    and as it is written.
    """
    drawn = {
        arm: captioned.drawn(config, prepared.base, generate, trainings[0])
        for arm, (generate, trainings) in runs.items()
    }
    first = next(iter(drawn.values()))
    made = {arm: each.generated for arm, each in drawn.items()}
    return bodies.table(prepared.base, first.real, made, first.length)


def estimated(config: Config, prepared: Prepared, nets: Networks) -> Table:
    """Table V on corrupted test clips, or on the videos that a user names."""
    if folders := videos_of(config):
        table = videos.benchmark(
            *folders,
            estimation.refiners(config, prepared, nets),
            prepared.base.rate,
        )
        return tables.estimation(table, paper.TABLE5)
    clips = estimation.benchmark_clips(config, prepared, "test")
    scene = Scene(rate=prepared.base.rate)
    rows = benchmark.benchmark(
        clips,
        estimation.refiners(config, prepared, nets),
        seeds=range(config.estimation.seeds),
        scene=scene,
    )
    data = corpora.BANDAI if config.estimation.captured else config.data.name
    table = benchmark.table(rows, f"Pose estimation on {data}, corrupted (Table V)", len(clips))
    return tables.estimation(table, paper.TABLE5)


def videos_of(config: Config) -> tuple[Path, Path] | None:
    """The folders of the videos' truth and of their estimates, where a user names them."""
    named = config.estimation.truth, config.estimation.estimates
    if not any(named):
        return None
    if not all(named):
        raise ConfigError("videos need both estimation.truth and estimation.estimates")
    for folder in named:
        if not Path(folder).is_dir():
            raise FileError(f"there is no folder {folder} (estimation.truth, estimation.estimates)")
    return Path(named[0]), Path(named[1])


def run_muscles(config: Config, out: Path) -> None:
    """Pre-trains the motion encoder on muscles, and the transformer of Muscles in Action beside it
    where wanted.
    """
    begin = time.perf_counter()
    prepared = preparation.prepare(config)
    names = ("encoder", "transformer") if config.muscles.transformer else ("encoder",)
    nets = {name: training.train_encoder(config, prepared, out, name) for name in names}
    clips = int((prepared.base.sides["test"].trials.length >= config.finetune.length).sum())
    table = tables.muscles(evaluation.muscles(config, prepared, nets), clips)
    facts = _facts(config, config.muscles.training.seed, begin)
    report = Report(f"Muscles from motion: {config.data.name}", facts)
    report.table(table, "muscles")
    for name in names:
        report.curves(f"Training: {name}", out / name)
    publish(report, out)
