"""Gaits per minute of the batched walker and of the first one, side by side in one process.

python -m benchmarks.walker.throughput [--people=64] [--tasks=10] [--strides=6]
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from jaxdiff.body.walker import gait_cohort
from jaxdiff.body.walker.batch import draw_people, draw_tasks, simulate

MODALITIES = ("angles", "moments", "grf", "emg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--strides", type=int, default=6)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    traits = draw_people(rng, args.people)
    tasks = draw_tasks(rng, traits, args.tasks)
    start = time.perf_counter()
    simulate(traits, tasks, args.strides, rng=rng, modalities=MODALITIES)
    first = time.perf_counter() - start
    wall, cpu = time.perf_counter(), time.process_time()
    simulate(traits, tasks, args.strides, rng=rng, modalities=MODALITIES)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu

    speeds, inclines = (0.8, 1.0, 1.2), (-5.0, 0.0, 5.0)
    next(iter(gait_cohort(1, speeds, inclines, args.strides)))  # sensitivities, once per process
    old_wall, old_cpu = time.perf_counter(), time.process_time()
    count = (
        sum("-" not in trial.task for trial in gait_cohort([1], speeds, inclines, args.strides))
        // 2
    )
    old_wall, old_cpu = time.perf_counter() - old_wall, time.process_time() - old_cpu
    load = os.getloadavg()[0]
    print(
        f"{os.cpu_count()} cores, load {load:.1f}, {args.tasks} tasks of {args.strides} strides a"
        " person"
    )
    print("| walker | people a minute | core seconds a person | compilation, s |")
    print("|---|---|---|---|")
    scale = args.tasks / count
    print(f"| first | {60 / (old_wall * scale):.0f} | {old_cpu * scale:.2f} | 0 |")
    people, each = 60 * args.people / wall, cpu / args.people
    print(f"| batched | {people:.0f} | {each:.2f} | {first - wall:.0f} |")


if __name__ == "__main__":
    main()
