"""How long a training step takes: each method at its batch size, steps per dispatch, and folds side
by side.

    python -m benchmarks.training --out=training.json [--cases=llma,speed] [--tiny]

A step is all that `make_step` does: losses, gradient, clipping, AdamW, moving average, on every
device. Utilisation is the operations of its matrix products over what this machine reaches with
large matrices of that precision. Folds: `make_fold_step` on four trainings, spread over the devices
(on a CPU its cores), against four of `make_step` one after another, in turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import cases, report, timing
from benchmarks.cases import Case
from jaxdiff.nets.backend import backend
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_fold_step, make_step
from jaxdiff.training.update import StepSettings, make_update

OPTIMIZER = OptimizerSettings(1e-4, 1e-2, clip_norm=1.0)
PAPER_STEPS = 10 * 8000
"""Of the paper's LLMA cross-validation: ten folds of 50 epochs of 10 000 strides in batches of 64.
"""


def stepper(case: Case, batch: int, dispatch: int = 1, devices: Any = None) -> timing.Run:
    """One dispatch of training on one batch again and again, as a function without arguments."""
    optimizer, data = make_optimizer(OPTIMIZER, 1000), case.batch(batch)
    state = [init_state(case.method, optimizer, jax.random.key(0), data, known=case.params())]
    step = make_step(
        case.method, optimizer, StepSettings(steps_per_dispatch=dispatch), devices=devices
    )
    many = jax.tree.map(lambda a: np.stack([a] * dispatch), data) if dispatch > 1 else data

    def run() -> Any:
        state[0], metrics = step(state[0], many)
        return metrics

    return run


def one_step(case: Case, batch: int) -> tuple[float, dict[str, float]]:
    """Operations of the matrix products of a step, and the memory it needs."""
    optimizer, data = make_optimizer(OPTIMIZER, 1000), case.batch(batch)
    update = make_update(case.method, optimizer)
    state = jax.eval_shape(lambda: init_state(case.method, optimizer, jax.random.key(0), data))
    state = jax.tree.map(
        lambda s: jax.random.key(0) if jnp.issubdtype(s.dtype, jax.dtypes.prng_key) else s, state
    )
    rows = np.arange(batch, dtype=np.int32)
    work = timing.products(update, state, data, rows)
    program = jax.jit(update, donate_argnums=0).lower(state, data, rows).compile(timing.HASTY)
    return work, timing.memory(program)


def plan(tiny: bool) -> Iterator[tuple[Case, int, str]]:
    """Case, batch and precision."""
    if tiny:
        yield from ((case, case.train, "float32") for case in cases.tiny())
        return
    gpu = backend() == "gpu"
    half = {"dtype": jnp.bfloat16}
    yield cases.llma_case("small", 32), 32, "float32"
    yield cases.llma_case("paper128", 64), 64 if gpu else 16, "float32"
    yield cases.llma_case("paper128", 64, **half), 64 if gpu else 16, "bfloat16"
    yield cases.speed_case("stride", 16), 16, "float32"
    yield cases.speed_case("paper", 16), 16 if gpu else 4, "float32"
    yield cases.text_case("mini", 16), 16, "float32"
    yield cases.text_case("mini", 16, mechanics=True), 16, "float32"
    yield cases.text_case("medium", 64), 64 if gpu else 8, "float32"
    if gpu:
        yield cases.llma_case("paper25m", 64, **half), 64, "bfloat16"
        yield cases.text_case("full", 64, **half), 64, "bfloat16"


def folds(tiny: bool, seconds: float) -> dict[str, float]:
    """Four trainings side by side, on all devices, against one after another on one; a step
    each.
    """
    case, number = (cases.tiny()[0], 2) if tiny else (cases.llma_case("brief", 16), 4)
    optimizer, data = make_optimizer(OPTIMIZER, 1000), case.batch(case.train)
    many = jax.tree.map(lambda a: np.stack([a] * number), data)
    keys = jax.random.split(jax.random.key(0), number)
    state = [jax.vmap(lambda key: init_state(case.method, optimizer, key, data))(keys)]
    step, single = (
        make_fold_step(case.method, optimizer),
        stepper(case, case.train, devices=jax.devices()[:1]),
    )

    def together() -> Any:
        state[0], metrics = step(state[0], many)
        return metrics

    return timing.turns(together, lambda: [single() for _ in range(number)], seconds)


def dispatches(case: Case, batch: int, number: int, seconds: float) -> dict[str, float]:
    """`number` steps in one program against as many programs."""
    together, single = stepper(case, batch, number), stepper(case, batch)
    return timing.turns(together, lambda: [single() for _ in range(number)], seconds)


def main(options: report.Options) -> dict[str, Any]:
    reach = timing.ceilings(tiny=options.tiny)
    pairs = {"folds": folds(options.tiny, options.seconds)}
    little = cases.tiny()[1] if options.tiny else cases.llma_case("tiny", 8, 60)
    pairs["dispatch"] = dispatches(little, little.train, 2 if options.tiny else 20, options.seconds)
    rows = []
    for case, batch, precision in plan(options.tiny):
        if options.over() or not options.wants(case.name):
            continue
        work, memory = one_step(case, batch)
        run = stepper(case, batch)
        said = timing.median(run, options.seconds, chained=True)
        rate = work / said["median"] / 1e9
        ceiling = reach[f"{precision.split(',')[0]} GFLOP/s"]
        rows.append({
            "case": case.name, "batch": batch, "precision": precision, **said, "steps/s": 1 / said["median"],
            "examples/s": batch / said["median"], "GFLOP/s": rate, "share": rate / ceiling, "memory": memory,
            "operations": timing.operations(run),
        })  # fmt: skip
        print(
            f"{case.name}, batch {batch}, {precision}: {1e3 * said['median']:.0f} ms, {rate:.0f}"
            " GFLOP/s",
            flush=True,
        )
    result = {
        "reach": reach,
        "rows": rows,
        "pairs": pairs,
        "device_peak": _device_peak(),
        "resident": timing.resident(),
    }
    if backend() == "gpu":
        for row in rows:
            if row["case"] == "llma paper128" and row["precision"] == "bfloat16":
                result["cross-validation, minutes"] = PAPER_STEPS * row["median"] / 60
    return result


def _device_peak() -> float:
    """Megabytes at the most on the device, where it counts them."""
    return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 1e6


def tables(result: dict[str, Any]) -> list[report.Table]:
    names = ["batch", "ms", "steps/s", "examples/s", "of the matrix rate", "MB worked in"]
    made = report.Table("Training steps", names)
    for row in result["rows"]:
        cells = [row["batch"], f"{1e3 * row['median']:.0f}", f"{row['steps/s']:.2f}", f"{row['examples/s']:.0f}",
                 f"{row['share']:.0%}", f"{row['memory']['worked in']:.0f}"]  # fmt: skip
        made.row(f"{row['case']}, {row['precision']}", dict(zip(names, cells)))
    pairs = report.Table("Together against one after another", ["ratio", "quartiles"])
    labels = {
        "folds": "four folds side by side (llma brief)",
        "dispatch": "20 steps in one program (llma tiny)",
    }
    for name, said in result["pairs"].items():
        quartiles = f"{said['low']:.2f}–{said['high']:.2f}"
        pairs.row(labels[name], {"ratio": f"{said['ratio']:.2f}", "quartiles": quartiles})
    spent = report.Table(
        "Where a step's time goes: milliseconds of all threads by kind of operation", ["kinds"]
    )
    for row in result["rows"]:
        kinds = ", ".join(
            f"{each['operation']} {each['ms']:.0f} ({each['times']})"
            for each in row["operations"][:6]
        )
        spent.row(f"{row['case']}, {row['precision']}", {"kinds": kinds})
    return [made, pairs, spent]


if __name__ == "__main__":
    report.run("training", main, tables)
