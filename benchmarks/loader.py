"""Does the data pipeline keep up? Examples per second of each method's batches against the appetite
of its step.

python -m benchmarks.loader --out=loader.json [--tiny]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks import cases, report, timing, training
from benchmarks.cases import Case
from jaxdiff.data.pipeline import Batches, throughput


class Arrays:
    """A source of a case's examples, gathered from arrays in memory as the studies' sources do."""

    def __init__(self, case: Case, examples: int):
        self.arrays = dict(case.batch(examples))
        self.examples = examples

    def __len__(self) -> int:
        return self.examples

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        return self.gather(self.arrays, self.plan(index, u))

    def plan(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        return {"row": index.astype(np.int32)}

    def gather(self, arrays: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
        return {n: array.take(plan["row"], axis=0, mode="clip") for n, array in arrays.items()}


def plan(tiny: bool) -> list[Case]:
    if tiny:
        return cases.tiny()[:1]
    return [
        cases.llma_case("small", 32),
        cases.speed_case("stride", 16),
        cases.text_case("mini", 16),
    ]


def main(options: report.Options) -> dict[str, Any]:
    rows = []
    for case in plan(options.tiny):
        said = throughput(
            Batches(Arrays(case, 16 if options.tiny else 512), case.train), options.seconds / 2
        )
        step = timing.median(training.stepper(case, case.train), options.seconds / 2, chained=True)[
            "median"
        ]
        appetite = case.train / step
        rows.append(
            {"case": case.name, "batch": case.train, **said, "appetite": appetite, "step": step}
        )
    return {"rows": rows}


def tables(result: dict[str, Any]) -> list[report.Table]:
    names = ["batch", "examples/s", "MB/s", "the step's examples/s", "ahead by"]
    made = report.Table("Loader", names)
    for row in result["rows"]:
        cells = [row["batch"], f"{row['examples/s']:.0f}", f"{row['MB/s']:.0f}", f"{row['appetite']:.0f}",
                 f"{row['examples/s'] / row['appetite']:.0f} ×"]  # fmt: skip
        made.row(row["case"], dict(zip(names, cells)))
    return [made]


if __name__ == "__main__":
    report.run("loader", main, tables)
