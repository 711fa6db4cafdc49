"""The price of speed: error against the number of steps for each solver, from 2 to 1000.

    python -m benchmarks.quality --out=quality.json [--tiny]

LLMA's quick model (moments from angles, simulated subjects, those of testing never seen) is trained
once, into `runs/benchmark-quality`, and its test windows are generated with every solver and number
of steps. CRPS is what LLMA is judged by: it punishes a wrong mean and a wrong spread alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report, timing
from jaxdiff.diffusion import grids, solvers
from jaxdiff.methods import llma
from jaxdiff.metrics import uncertainty
from jaxdiff.studies.llma import evaluation
from jaxdiff.studies.llma.config import get_config
from jaxdiff.studies.llma.preparation import folds, load_trials, method_settings
from jaxdiff.studies.llma.starts import start
from jaxdiff.studies.llma.training import train
from jaxdiff.training.step import make_generate

REFERENCE = ("ddpm", 1000)
SOLVERS = {
    "ddpm": (grids.trailing, solvers.ddpm),
    "ddim": (grids.trailing, solvers.ddim),
    "dpm++ 2, Karras": (grids.karras, lambda: solvers.dpm_solver_pp(order=2)),
    "sde-dpm++ 2, Karras": (grids.karras, lambda: solvers.dpm_solver_pp(order=2, stochastic=True)),
    "heun, Karras": (grids.karras, solvers.heun),
}
STEPS = (10, 2, 5, 20, 50, 200)
"""In the order in which they are measured, should the time be short."""


def main(options: report.Options) -> dict[str, Any]:
    config = get_config("quick")
    config.unlock()
    if options.tiny:
        config.data.size, config.data.folds = "tiny", 3
        config.model.size = "tiny"
        config.training.update(steps=2, evaluate_every=0, save_every=2, score="")
        config.training.optimizer.warmup_steps = 1
    name = "tiny" if options.tiny else "quality"
    out = Path(options.runs) / f"benchmark-{name}"
    fold = folds(config, load_trials(config))[0]
    first = start(config, fold)
    params = train(config, fold, first, out)
    side = fold.side("test", 4 if options.tiny else 32)
    samples = 2 if options.tiny else 8

    def measure(word: str, steps: int) -> dict[str, Any]:
        llma.SOLVERS["benchmark"] = SOLVERS[word]
        settings = method_settings(config)._replace(solver="benchmark", steps=steps)
        generate = make_generate(llma.llma(settings).generate)
        drawn = []
        seconds = timing.once(
            lambda: drawn.append(
                evaluation.draw(generate, params, first.condition("x", side["x"]), samples)
            )
        )
        truth = side["y"]
        calibration = uncertainty.spread_skill(drawn[0], truth)["spread_skill"]
        return {
            "solver": word, "steps": steps, "crps": uncertainty.crps(drawn[0], truth), "spread_skill": calibration,
            "mse": float(np.square(drawn[0] - truth).mean()), "seconds": seconds,
        }  # fmt: skip

    words = ("ddim", "heun, Karras") if options.tiny else tuple(SOLVERS)
    jobs = [(word, steps) for steps in ((2,) if options.tiny else STEPS) for word in words]
    rows = []
    for word, steps in [REFERENCE if not options.tiny else ("ddpm", 6), *jobs]:
        if rows and options.over():
            break
        rows.append(measure(word, steps))
        print(f"{word}, {steps} steps: CRPS {rows[-1]['crps']:.5f}", flush=True)
    del llma.SOLVERS["benchmark"]
    return {"data": config.data.name, "rows": rows, "windows": len(side["x"]), "samples": samples}


def tables(result: dict[str, Any]) -> list[report.Table]:
    rows = result["rows"]
    numbers = sorted({row["steps"] for row in rows})
    made = report.Table("CRPS over that of DDPM with 1000 steps", [str(n) for n in numbers])
    best = rows[0]["crps"]
    for word in dict.fromkeys(row["solver"] for row in rows):
        cells = {str(r["steps"]): f"{r['crps'] / best:.3f}" for r in rows if r["solver"] == word}
        made.row(word, cells)
    made.note = (
        f"LLMA quick, {result['windows']} test windows, {result['samples']} samples each; the"
        f" reference has CRPS {best:.4f}. Heun evaluates the network twice per step."
    )
    spread = report.Table(
        "Spread over error of the mean (1: calibrated)", [str(n) for n in numbers]
    )
    for word in dict.fromkeys(row["solver"] for row in rows):
        cells = {str(r["steps"]): f"{r['spread_skill']:.2f}" for r in rows if r["solver"] == word}
        spread.row(word, cells)
    return [made, spread]


if __name__ == "__main__":
    report.run("quality", main, tables)
