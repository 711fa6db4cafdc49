"""Timing of compiled, warmed-up, repeated calls, reported as medians; and the peak rates of the
machine.

Comparisons alternate (A B A B) and are reported as the median ratio of neighbours, so that other
load on the machine slows both sides.
"""

from __future__ import annotations

import os
import re
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.nets.backend import backend

Run = Callable[[], Any]
"""Does the work once, and returns when it is done or returns arrays that can be waited for."""
HASTY = {"xla_backend_optimization_level": 0}
"""For a program that is looked at and not run."""


def once(run: Run, chained: int = 1) -> float:
    """Seconds of one run: of `chained` that are waited for together, as a training loop waits for
    no step.
    """
    start = time.perf_counter()
    for _ in range(chained):
        last = run()
    jax.block_until_ready(last)
    return (time.perf_counter() - start) / chained


def _number(run: Run, chained: bool) -> int:
    """How many runs are waited for together: where they are chained, those of a tenth of a
    second.
    """
    return max(1, int(0.1 / once(run))) if chained else 1


def median(
    run: Run, seconds: float = 2.0, least: int = 3, chained: bool = False
) -> dict[str, float]:
    """`first` (with whatever is compiled), and the `median` and the spread of the runs after it, in
    seconds.
    """
    first, number = once(run), _number(run, chained)
    times = [once(run, number)]
    while len(times) < least or number * sum(times) < seconds:
        times.append(once(run, number))
    low, high = np.quantile(times, (0.1, 0.9))
    return {
        "first": first,
        "median": statistics.median(times),
        "low": low,
        "high": high,
        "runs": len(times),
    }


def turns(
    ours: Run, theirs: Run, seconds: float = 4.0, least: int = 5, chained: bool = False
) -> dict[str, float]:
    """Both in turns: medians, and the median of `theirs / ours` over neighbours, with its
    quartiles.

    Before a run is measured it goes once unmeasured, so that it works in memory that it freed
    itself: what the other has freed comes back by way of the system, and where that is a virtual
    machine, of its host, which may take seconds.

    `processor` is that ratio of the processor's time, which on a busy machine says more (with one
    thread a side).
    """
    for run in (ours, theirs):
        once(run)
    number = _number(ours, chained)
    pairs: list[tuple[float, float]] = []
    spent: list[tuple[float, float]] = []
    while len(pairs) < least or number * sum(map(sum, pairs)) < seconds:
        pair, processor = [], []
        for run in (ours, theirs):
            once(run)
            before = time.process_time()
            pair.append(once(run, number))
            processor.append(time.process_time() - before)
        pairs.append((pair[0], pair[1]))
        spent.append((processor[0], processor[1]))
    (a, b), (c, d) = np.array(pairs).T, np.array(spent).T
    low, middle, high = np.quantile(b / a, (0.25, 0.5, 0.75))
    return {
        "ours": float(np.median(a)), "theirs": float(np.median(b)), "ratio": float(middle),
        "low": float(low), "high": float(high), "pairs": len(pairs), "processor": float(np.median(d / c)),
    }  # fmt: skip


def forced(devices: int) -> dict[str, str]:
    """The environment of a process with the given number of CPU devices."""
    flags = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if "device_count" not in flag]
    return {
        **os.environ,
        "XLA_FLAGS": " ".join([*flags, f"--xla_force_host_platform_device_count={devices}"]),
    }


def compiled(function: Callable, *args: Any, **options: Any) -> tuple[Any, float]:
    """The compiled program for these arguments and its compile time in seconds, without a cache."""
    directory = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    start = time.perf_counter()
    program = jax.jit(function, **options).lower(*args).compile()
    seconds = time.perf_counter() - start
    jax.config.update("jax_compilation_cache_dir", directory)
    return program, seconds


def memory(program: Any) -> dict[str, float]:
    """Megabytes a compiled program needs: what it is given, what it returns, and what it works
    in.
    """
    said = program.memory_analysis()
    sizes = {"given": "argument", "returned": "output", "worked in": "temp"}
    return {name: getattr(said, f"{field}_size_in_bytes") / 1e6 for name, field in sizes.items()}


def operations(run: Run, most: int = 12) -> list[dict[str, Any]]:
    """Where the time of a run goes: milliseconds by kind of operation, summed over threads, and how
    often each ran.
    """
    once(run)
    with tempfile.TemporaryDirectory() as directory:
        with jax.profiler.trace(directory):
            once(run)
        traces = [
            jax.profiler.ProfileData.from_file(str(path))
            for path in Path(directory).rglob("*.xplane.pb")
        ]
    spent: dict[str, list[float]] = {}
    for event in (
        e for trace in traces for plane in trace.planes for line in plane.lines for e in line.events
    ):
        kind = re.fullmatch(r"(?:wrapped_)?([a-z][a-z0-9_\-]*?)(?:\.\d+)*(?:\.clone)*", event.name)
        if kind:
            spent.setdefault(kind[1], []).append(event.duration_ns / 1e6)
    ordered = sorted(spent.items(), key=lambda item: -sum(item[1]))[:most]
    return [{"operation": kind, "ms": sum(times), "times": len(times)} for kind, times in ordered]


def resident() -> float:
    """The most memory this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def products(function: Callable, *args: Any) -> float:
    """Floating-point operations of all matrix products and convolutions in a function, those in
    loops as often as run.
    """
    return _products(jax.make_jaxpr(function)(*args).jaxpr)


def _products(jaxpr: Any) -> float:
    total = 0.0
    for equation in jaxpr.eqns:
        kind, parameters = equation.primitive.name, equation.params
        if kind == "dot_general":
            (left, _), _ = parameters["dimension_numbers"]
            shared = np.prod([equation.invars[0].aval.shape[i] for i in left])
            total += 2.0 * shared * equation.outvars[0].aval.size
        elif kind == "conv_general_dilated":
            kernel = equation.invars[1].aval
            channels = kernel.shape[parameters["dimension_numbers"].rhs_spec[0]]
            total += 2.0 * kernel.size / channels * equation.outvars[0].aval.size
        elif kind == "cond":
            total += max(_products(branch.jaxpr) for branch in parameters["branches"])
        else:
            inner = [p for p in parameters.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")][
                :1
            ]
            repeats = parameters["length"] if kind == "scan" else 1
            total += repeats * sum(_products(getattr(p, "jaxpr", p)) for p in inner)
    return total


def ceilings(size: int = 2048, tiny: bool = False) -> dict[str, float]:
    """What this machine reaches: products of large matrices in GFLOP/s for two precisions, and
    copying in GB/s.
    """
    if backend() == "gpu":
        size = 8192
    size = 128 if tiny else size
    said = {}
    for dtype in (jnp.float32, jnp.bfloat16):
        a = jax.random.normal(jax.random.key(0), (size, size)).astype(dtype)
        run = jax.jit(jnp.matmul)
        best = min(once(lambda a=a, run=run: run(a, a)) for _ in range(6))
        said[f"{jnp.dtype(dtype).name} GFLOP/s"] = 2 * size**3 / best / 1e9
    x = jnp.ones((2 if tiny else 64) * 2**20)
    double = jax.jit(lambda x: 2 * x)
    said["GB/s"] = 2 * x.nbytes / min(once(lambda: double(x)) for _ in range(6)) / 1e9
    return said
