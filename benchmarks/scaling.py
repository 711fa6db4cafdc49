"""How cost grows: with steps, batch, length and width of generation; with devices and with
processes of training.

    python -m benchmarks.scaling --out=scaling.json [--tiny]

On one machine several CPU devices share its cores: what they show is the overhead of sharing a
batch, not a gain. Where there are several real devices, the same lines are the scaling.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import cases, report, sampling, timing, training
from benchmarks.cases import Case
from jaxdiff.nets.backend import backend

CHILD = """
import json, sys
from jaxdiff.training import distributed
port, processes, number = sys.argv[1:4]
if int(processes) > 1:
    distributed.initialize("127.0.0.1:" + port, int(processes), int(number))
from benchmarks import scaling
print(json.dumps(scaling.shared_step({tiny}, int(processes), {seconds})))
"""


def case_of(tiny: bool, **changes: Any) -> Case:
    if tiny:
        return cases.llma_case("tiny", 8, changes.pop("length", 60), **{"steps": 3, **changes})
    return cases.llma_case("small", 32, changes.pop("length", 300), **{"steps": 20, **changes})


def generation(case: Case, batch: int, seconds: float) -> dict[str, Any]:
    params, keys = case.params(), jax.random.split(jax.random.key(0), batch)
    condition = jax.tree.map(jnp.asarray, case.condition(batch))
    program, compiling = timing.compiled(case.method.generate, params, keys, condition)
    said = timing.median(sampling.call(case, batch), seconds)
    return {**said, "compile": compiling, "memory": timing.memory(program)}


def curves(options: report.Options) -> list[dict[str, Any]]:
    """One thing changed at a time."""
    tiny = options.tiny
    steps = (2,) if tiny else (10, 50, 250, 1000)
    batches = (2,) if tiny else (1, 4, 16, 64)
    lengths = (120,) if tiny else (150, 300, 600, 1200)
    widths = ((32, 2),) if tiny else ((32, 2), (64, 4), (128, 4), (256, 8))
    jobs = [("steps", n, case_of(tiny, steps=n), 1) for n in steps]
    jobs += [("batch", n, case_of(tiny), n) for n in batches]
    jobs += [("length", n, case_of(tiny, length=n), 1) for n in lengths]
    for width, heads in widths:
        case = case_of(tiny)
        size = case.settings.size._replace(width=width, heads=heads, ff=2 * width)
        jobs.append(
            ("width", width, cases.with_settings(case, case.settings._replace(size=size)), 1)
        )
    rows = []
    for what, value, case, batch in jobs:
        if options.over():
            break
        rows.append({"what": what, "value": value, **generation(case, batch, options.seconds)})
        print(f"{what} {value}: {1e3 * rows[-1]['median']:.1f} ms", flush=True)
    return rows


def shared_step(tiny: bool, processes: int, seconds: float) -> dict[str, Any]:
    """A training step on the devices of this process and of those that joined it."""
    case = case_of(tiny)
    run = training.stepper(case, case.train // processes)
    first = timing.once(run)
    count = max(3, int(seconds / timing.once(run)))  # of steps, the same in every process
    times = sorted(timing.once(run) for _ in range(count if processes == 1 else 10))
    return {
        "first": first,
        "median": times[len(times) // 2],
        "devices": jax.device_count(),
        "processes": processes,
    }


def children(devices: int, processes: int, tiny: bool, seconds: float) -> dict[str, Any]:
    """`shared_step` in separate processes with the given number of devices each."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    env = timing.forced(devices)
    code = CHILD.format(tiny=tiny, seconds=seconds)
    each = [
        subprocess.Popen(
            [sys.executable, "-c", code, port, str(processes), str(i)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]
    said = [child.communicate()[0] for child in each]
    if any(child.returncode for child in each):
        raise RuntimeError(
            f"{processes} processes with {devices} devices: exit codes"
            f" {[c.returncode for c in each]}"
        )
    return json.loads(said[0].splitlines()[-1])


def main(options: report.Options) -> dict[str, Any]:
    if backend() == "gpu":
        shared = [shared_step(options.tiny, 1, options.seconds)]
    else:
        shared = [
            children(n, 1, options.tiny, options.seconds)
            for n in ((2,) if options.tiny else (1, 2, 4, 8))
        ]
        shared.append(children(1, 2, options.tiny, options.seconds))
    return {"rows": curves(options), "shared": shared}


def tables(result: dict[str, Any]) -> list[report.Table]:
    names = ["", "ms", "MB worked in", "compile, s"]
    made = report.Table(
        "Generation: cost against one thing at a time (llma small, 20 steps, batch 1)", names[1:]
    )
    for row in result["rows"]:
        made.row(f"{row['what']} {row['value']}", {
            "ms": f"{1e3 * row['median']:.1f}", "MB worked in": f"{row['memory']['worked in']:.2f}",
            "compile, s": f"{row['compile']:.1f}",
        })  # fmt: skip
    shared = report.Table(
        "One training step, the batch shared (llma small, batch 32)", ["ms", "first step, s"]
    )
    for row in result["shared"]:
        each = "process" if row["processes"] == 1 else "processes"
        shared.row(f"{row['devices']} devices, {row['processes']} {each}", {
            "ms": f"{1e3 * row['median']:.0f}", "first step, s": f"{row['first']:.1f}"
        })  # fmt: skip
    return [made, shared]


if __name__ == "__main__":
    report.run("scaling", main, tables)
