"""Figures of an evaluation kept in a file, so that an interrupted table does not compute them
again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxdiff.training import atomic

Figures = dict[str, Any]


def kept(path: Path, depends: Mapping[str, Any], compute: Callable[[], Figures]) -> Figures:
    """The figures in a file, or those of `compute`, which are then written to it.

    Args:
      path: a JSON file.
      depends: JSON values on which the figures depend; those of other values are computed again.
      compute: returns the figures by name, JSON values.

    Returns:
      The figures.
    """
    described = json.loads(json.dumps(depends))
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        if saved["depends"] == described:
            return saved["figures"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # none yet, or damaged
    figures = compute()
    with atomic.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic.replace(path, json.dumps({"depends": described, "figures": figures}))
    return figures
