"""List the runs under a directory, and the commands that continue them.

A run is finished, failed, interrupted or training. One that is marked as
training but has written nothing for half an hour counts as interrupted.

example:
  jaxdiff runs
  jaxdiff runs results --json
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxdiff.errors import FileError

SILENCE = 1800.0
"""Seconds without output after which a run counts as interrupted."""
WORDS = {"done": "finished", "stopped": "interrupted", "running": "training"}
COLUMNS = ("run", "study", "status", "step", "best")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", type=Path, default=Path("runs"), help="default: runs"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> None:
    found = list(runs(options.directory))
    if options.json:
        print(json.dumps(found, indent=1))
        return
    if not found:
        print(f"no runs under {options.directory}")
        return
    rows = [COLUMNS, *(_row(each) for each in found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
    for each in found:
        if each["resume"]:
            print(f"\nto continue {each['run']}:\n  {each['resume']}")


def runs(directory: Path) -> Iterator[dict[str, Any]]:
    """Summaries of the runs under a directory, in alphabetical order."""
    if not directory.is_dir():
        raise FileError(f"there is no directory {directory}")
    for folder, below, files in os.walk(directory):
        below[:] = sorted(name for name in below if name != "checkpoints")
        if "run.json" in files:
            yield _summary(Path(folder))


def _summary(run: Path) -> dict[str, Any]:
    """The fields of `run.json`; of a damaged one only the path and the error."""
    names = "step", "steps", "score_name", "best", "resume"
    try:
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        metadata, status = record.get("about") or {}, str(record["status"])
        study = metadata.get("study") or metadata.get("method") or metadata.get("word")
        found = {name: record.get(name) for name in names}
        found["best"] = None if found["best"] is None else float(found["best"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        status = f"unreadable ({type(error).__name__})"
        return {"run": str(run), "study": None, "status": status, **dict.fromkeys(names)}
    status = WORDS.get(status, status)
    signs = [run / name for name in ("run.json", "metrics.jsonl") if (run / name).exists()]
    silence = time.time() - max(path.stat().st_mtime for path in signs)
    if status == "training" and silence > SILENCE:
        status = "interrupted"
    if status in ("finished", "training"):
        found["resume"] = None
    return {"run": str(run), "study": study and str(study), "status": status, **found}


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    step = "" if each["step"] is None else f"{each['step']}/{each['steps']}"
    best = "" if each["best"] is None else f"{each['best']:.4g} ({each['score_name']})"
    return each["run"], each["study"] or "?", each["status"], step, best
