"""A data set to copy: a folder of one CSV a trial, `SUBJECT_TASK.csv` with columns time, hip, knee.

Put it beside the others in `jaxdiff/data/builders/`, list it in `catalogue.BUILDERS` and, with a function that writes a
small data set of the published layout, in `LAYOUTS` of `tests/data/test_builders.py`. (For files like these no code is
needed at all: the `folder` data set reads them with a few lines of YAML.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxdiff.data.builders.base import Builder, Modalities, example
from jaxdiff.data.formats import read
from jaxdiff.errors import FileError


class MyLab(Builder):
    """angles (2, deg): hip and knee."""

    name = "my_lab"
    description = "Hip and knee of everybody who came by."
    homepage = "https://example.org/my-lab"
    citation = "Nobody et al. 2026"
    licence = "CC BY 4.0"
    source = "Put the files SUBJECT_TASK.csv there: from the page above, after registering."
    """Empty where nothing is read (a simulator): then `manual_dir` is not asked for."""

    def modalities(self) -> Modalities:
        return {"angles": (["hip_flexion", "knee_flexion"], ["deg", "deg"])}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        paths = sorted(root.glob("*_*.csv"))
        if not paths:
            raise FileError(f"{self.name}: nothing like anna_walk.csv in {root}. {self.source}")
        for path in self.track(paths):
            subject, task = path.stem.split("_", 1)
            recording = read(path).select(["hip", "knee"]).convert({"rad": "deg"})
            yield example(
                path.stem, {"angles": recording.values}, recording.rate, subject, task, side="right"
            )
