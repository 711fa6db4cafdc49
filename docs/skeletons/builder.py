"""Template of a data set: a folder with one CSV file per trial, `SUBJECT_TASK.csv` with columns
time, hip, knee.

Add it to `jaxdiff/data/builders/`, register it in `catalogue.BUILDERS` and, with a function that
writes a small data set of the published layout, in `LAYOUTS` of `tests/data/test_builders.py`.
(Files like these need no code: the `folder` data set reads them with a few lines of YAML.)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxdiff.data.builders.base import Builder, Modalities
from jaxdiff.data.builders.example import example
from jaxdiff.data.formats import read
from jaxdiff.errors import FileError


class MyLab(Builder):
    """Modality angles: hip and knee flexion in degrees."""

    name = "my_lab"
    description = "Hip and knee angles of level walking."
    homepage = "https://example.org/my-lab"
    citation = "Author et al. 2026"
    licence = "CC BY 4.0"
    source = "Download the files SUBJECT_TASK.csv from the page above (registration required)."
    """Empty if no files are read (a simulator); `manual_dir` is then not required."""

    def modalities(self) -> Modalities:
        return {"angles": (["hip_flexion", "knee_flexion"], ["deg", "deg"])}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        paths = sorted(root.glob("*_*.csv"))
        if not paths:
            raise FileError(f"{self.name}: no files SUBJECT_TASK.csv in {root}. {self.source}")
        for path in self.track(paths):
            subject, task = path.stem.split("_", 1)
            recording = read(path).select(["hip", "knee"]).convert({"rad": "deg"})
            yield example(
                path.stem, {"angles": recording.values}, recording.rate, subject, task, side="right"
            )
