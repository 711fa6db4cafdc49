"""List the runs under a directory: method, status, step, best score, and the command that goes on with them.

A run is finished, failed, interrupted (it goes on with the command shown) or training. One that says it is training but has
written nothing for half an hour is taken to have been killed.

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
"""Seconds without a sign of life after which a run counts as interrupted."""
WORDS = {"done": "finished", "stopped": "interrupted", "running": "training"}
COLUMNS = ("run", "method", "status", "step", "best")


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
            print(f"\nto go on with {each['run']}:\n  {each['resume']}")


def runs(directory: Path) -> Iterator[dict[str, Any]]:
    """What every run under a directory says of itself, by name."""
    if not directory.is_dir():
        raise FileError(f"there is no directory {directory}")
    for folder, below, files in os.walk(directory):
        below[:] = sorted(name for name in below if name != "checkpoints")
        if "run.json" in files:
            yield _told(Path(folder))


def _told(run: Path) -> dict[str, Any]:
    """`run.json` in the words of the command line; a damaged one is a run of which nothing is known."""
    names = "step", "steps", "score_name", "best", "resume"
    try:
        said = json.loads((run / "run.json").read_text(encoding="utf-8"))
        about, status = said.get("about") or {}, str(said["status"])
        method, told = (
            about.get("method") or about.get("word"),
            {name: said.get(name) for name in names},
        )
        told["best"] = None if told["best"] is None else float(told["best"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        unknown = dict.fromkeys(names)
        return {
            "run": str(run),
            "method": None,
            "status": f"unreadable ({type(error).__name__})",
            **unknown,
        }
    status = WORDS.get(status, status)
    alive = max(
        (run / name).stat().st_mtime
        for name in ("run.json", "metrics.jsonl")
        if (run / name).exists()
    )
    if status == "training" and time.time() - alive > SILENCE:
        status = "interrupted"
    if status in ("finished", "training"):
        told["resume"] = None
    return {"run": str(run), "method": method and str(method), "status": status, **told}


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    step = "" if each["step"] is None else f"{each['step']}/{each['steps']}"
    best = "" if each["best"] is None else f"{each['best']:.4g} ({each['score_name']})"
    return each["run"], each["method"] or "?", each["status"], step, best
