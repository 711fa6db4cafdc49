"""`run.json`: what a run directory holds and how to continue, for people and for `jaxdiff runs`."""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdiff.training.atomic import replace
from jaxdiff.training.settings import Settings

KEPT: dict[str, tuple[type, ...]] = {"step": (int,), "score": (int, float), "best": (int, float)}


class Record:
    """`run.json` of a run directory, replaced atomically at every change.

    Args:
      directory: the run directory.
      settings: of the training.
      about: its metadata.
    """

    def __init__(self, directory: Path, settings: Settings, about: Mapping[str, Any]):
        self._path = directory / "run.json"
        self._better = max if settings.higher_is_better else min
        self._values: dict[str, Any] = {"status": "running", "step": 0, "steps": settings.steps}
        self._values |= {"score": None, "best": None, **_earlier(self._path)}
        self._values |= {"score_name": settings.score, "resume": resume_command(), "about": about}
        self.update()

    def update(self, **changes: Any) -> None:
        """Writes the values that are not None; the best score follows from the scores.

        Raises:
          FileError: if the file cannot be written.
        """
        if changes.get("score") is not None:
            best = self._values["best"]
            changes["best"] = (
                changes["score"] if best is None else self._better(best, changes["score"])
            )
        self._values.update({k: v for k, v in changes.items() if v is not None})
        replace(self._path, json.dumps(self._values, indent=1))


def mark(directory: Path, status: str) -> None:
    """Changes the status in `run.json` from a process that does not hold the record."""
    path = directory / "run.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    replace(path, json.dumps({**values, "status": status}, indent=1))


def resume_command() -> str:
    """The command that started this process; given again, it continues from the checkpoint."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def _earlier(path: Path) -> dict[str, Any]:
    """What an interrupted training recorded; nothing of a file that is damaged."""
    if not path.exists():
        return {}
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        values = {name: old[name] for name in KEPT if old.get(name) is not None}
        if not all(isinstance(value, KEPT[name]) for name, value in values.items()):
            raise ValueError("it has values of another type")
        return values
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        warnings.warn(f"{path} is damaged ({error}) and is written anew", stacklevel=4)
        return {}
