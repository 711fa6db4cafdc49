"""How long generation takes: each method over batch sizes and lengths, and the first sample of a
fresh process.

    python -m benchmarks.sampling --out=sampling.json [--cases=llma,speed] [--tiny]

Latency is the median of whole calls of `make_generate`, which spreads a batch over the devices (on
a CPU its cores), compiled beforehand; `of the matrix rate` is the operations of all matrix products
over what this machine reaches with large matrices; compile time and memory are those of the program
for the whole batch. The first sample is timed in a process of its own, from its start to the array:
without compiled programs, and with those that the run before left in the cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import cases, report, timing
from benchmarks.cases import Case
from jaxdiff.nets.backend import backend
from jaxdiff.training.step import make_generate

FIRST = """
import time; start = time.perf_counter()
import jaxdiff; jaxdiff.sample, jaxdiff.grids, jaxdiff.solvers; named = time.perf_counter() - start
import jax
from benchmarks import cases, sampling
from jaxdiff.training import cores, launch
cores.as_devices(); launch.use_cache({cache!r}); jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
case = sampling.first_case({tiny!r})
imported = time.perf_counter() - start
sampling.call(case, 1)()
print(named, imported, time.perf_counter() - start)
"""


def call(case: Case, batch: int) -> timing.Run:
    """Generation of a batch, as a function without arguments."""
    generate, params, condition = (
        make_generate(case.method.generate),
        case.params(),
        case.condition(batch),
    )
    return lambda: jax.block_until_ready(generate(params, jax.random.key(0), condition))


def first_case(tiny: bool) -> Case:
    return cases.tiny()[0] if tiny else cases.llma_case("small", 32, solver="dpm", steps=20)


def fresh(tiny: bool) -> dict[str, float]:
    """Seconds to the first sample of a fresh process, with an empty cache and with a full one, and
    to the imports.
    """
    with tempfile.TemporaryDirectory() as cache:
        code = FIRST.format(cache=cache, tiny=tiny)
        runs = []
        for _ in range(2 if tiny else 4):
            said = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                env=dict(os.environ),
            )
            runs.append([float(word) for word in said.stdout.split()[-3:]])
    warm = sorted(runs[1:])[len(runs[1:]) // 2]
    return {
        "cold cache": runs[0][2],
        "warm cache": warm[2],
        "import of the kernel": warm[0],
        "all imports": warm[1],
    }


def plan(options: report.Options) -> Iterator[tuple[Case, int, int, str]]:
    """Case, batch, length and solver."""
    if options.tiny:
        yield from ((case, 2, 0, "") for case in cases.tiny())
        return
    gpu = backend() == "gpu"

    def batches(most: int) -> tuple[int, ...]:
        return tuple(n for n in (1, 8, 64) if gpu or n <= most)

    for size, most in (("small", 64), ("paper128", 8), *[("paper25m", 64)] * gpu):
        for batch in batches(most):
            yield cases.llma_case(size, 0), batch, 300, "ddim, 50 steps"
    yield cases.llma_case("small", 0, solver="ddpm", steps=1000), 1, 300, "ddpm, 1000 steps"
    yield cases.llma_case("small", 0, 1200), 1, 1200, "ddim, 50 steps"
    for size, most in (("stride", 64), ("paper", 1)):
        for batch in batches(most):
            yield cases.speed_case(size, 0), batch, 600, "ddim, 100 steps"
    for size, most in (("mini", 8), ("medium", 1), ("full", 1)):
        for batch in batches(most):
            yield cases.text_case(size, 0), batch, 196, "sde-dpm++, 10 steps, guided"
    yield cases.text_case("mini", 0, mechanics=True), 1, 196, "sde-dpm++, 10 steps, guided"
    yield cases.llma_case("paper128", 0, solver="ddpm", steps=1000), 1, 300, "ddpm, 1000 steps"


def main(options: report.Options) -> dict[str, Any]:
    first = fresh(options.tiny)
    reach = timing.ceilings(tiny=options.tiny)
    rows = []
    for case, batch, length, solver in plan(options):
        if options.over() or not options.wants(case.name):
            continue
        generate = case.method.generate
        params, keys = case.params(), jax.random.split(jax.random.key(0), batch)
        condition = jax.tree.map(jnp.asarray, case.condition(batch))
        work = timing.products(generate, params, keys, condition)
        program, seconds = timing.compiled(generate, params, keys, condition)
        said = timing.median(call(case, batch), options.seconds)
        rate = work / said["median"] / 1e9
        rows.append({
            "case": case.name, "batch": batch, "length": length, "solver": solver, "compile": seconds, **said,
            "samples/s": batch / said["median"], "GFLOP/s": rate, "share": rate / reach["float32 GFLOP/s"],
            "memory": timing.memory(program),
        })  # fmt: skip
        print(
            f"{case.name}, {solver}, batch {batch}: {1e3 * said['median']:.1f} ms, {rate:.0f}"
            " GFLOP/s",
            flush=True,
        )
    return {"reach": reach, "rows": rows, "fresh": first}


def tables(result: dict[str, Any]) -> list[report.Table]:
    names = [
        "batch",
        "length",
        "ms",
        "samples/s",
        "of the matrix rate",
        "MB worked in",
        "compile, s",
    ]
    made = report.Table("Generation", names)
    for row in result["rows"]:
        cells = [row["batch"], row["length"], f"{1e3 * row['median']:.1f}", f"{row['samples/s']:.1f}", f"{row['share']:.0%}",
                 f"{row['memory']['worked in']:.1f}", f"{row['compile']:.1f}"]  # fmt: skip
        made.row(f"{row['case']}, {row['solver']}", dict(zip(names, cells)))
    made.note = "Matrix rate: " + ", ".join(
        f"{value:.0f} {name}" for name, value in result["reach"].items()
    )
    fresh = report.Table("First sample of a fresh process (llma small, 20 steps)", ["seconds"])
    for name, value in result["fresh"].items():
        fresh.row(name, {"seconds": f"{value:.2f}"})
    return [made, fresh]


if __name__ == "__main__":
    report.run("sampling", main, tables)
