"""Checkpoints read for inference: parameters and metadata, without optimiser, data position or
Orbax's manager.

A damaged checkpoint is passed over with a warning, and the next one is used.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import CheckpointError
from jaxdiff.training.parts import checksum, digest, emptied
from jaxdiff.typing import Params

FORMAT = 2
"""1 kept one array per parameter and had no checksum of metadata and data state."""
INTERNAL = ("format", "checksums", "arrays", "higher_is_better", "score")
"""Entries of `about` that belong to this module."""


class Refused(CheckpointError):
    """A sound checkpoint that belongs to something else; never set aside."""


def load_params(
    directory: str | Path, weights: str = "ema", step: int | str = "best"
) -> tuple[Params, dict[str, Any]]:
    """The parameters of a checkpoint, for inference.

    A damaged checkpoint is skipped with a warning and the next best, or the one before, is used,
    unless it was named by its number.

    Args:
      directory: the `checkpoints` directory of a run.
      weights: `"ema"` (the moving average) or `"params"`.
      step: a number, `"best"` (the latest where none was scored) or `"latest"`.

    Returns:
      The parameters and the metadata of the checkpoint, with its `step`.

    Raises:
      CheckpointError: if there is no such checkpoint, or none that is sound.
    """
    if weights not in ("ema", "params"):
        raise CheckpointError(f"weights are 'ema' or 'params', not {weights!r}")
    for chosen, about in _candidates(directory, step):
        path = Path(directory).absolute() / str(chosen)
        try:
            internal = read_about(path) if about is None else about
            params = _read_params(path, weights, internal)
        except Refused:
            raise
        except Exception as error:
            why = f"checkpoint {path} cannot be read ({first_line(error)})"
            if str(step).isdigit():
                raise CheckpointError(why) from error
            warnings.warn(f"{why}; using the one before", stacklevel=2)
            continue
        metadata = {name: value for name, value in internal.items() if name not in INTERNAL}
        return params, {**metadata, "step": chosen}
    raise CheckpointError(f"none of the checkpoints under {directory} can be read")


def read_metadata(directory: str | Path) -> dict[str, Any]:
    """The metadata of the newest checkpoint whose metadata are sound.

    Args:
      directory: the `checkpoints` directory of a run.

    Raises:
      CheckpointError: if there is none.
    """
    for step in reversed(_existing(directory)):
        path = Path(directory).absolute() / str(step)
        try:
            about = read_about(path)
        except Refused:
            raise
        except Exception as error:
            warnings.warn(
                f"checkpoint {path} cannot be read ({first_line(error)}); using the one before",
                stacklevel=2,
            )
            continue
        return {name: value for name, value in about.items() if name not in INTERNAL}
    raise CheckpointError(f"none of the checkpoints under {directory} can be read")


def _candidates(
    directory: str | Path, step: int | str
) -> list[tuple[int, Mapping[str, Any] | None]]:
    """Checkpoints in the order in which they are tried, with their metadata where those were read
    already.
    """
    steps = _existing(directory)
    if str(step).isdigit() and int(step) in steps:
        return [(int(step), None)]
    if step == "latest":
        return [(each, None) for each in reversed(steps)]
    if step != "best":
        raise CheckpointError(
            f"no checkpoint {step!r} under {directory}; there are 'best', 'latest' and {steps}"
        )
    read: dict[int, Mapping[str, Any]] = {}
    for each in steps:
        path = Path(directory).absolute() / str(each)
        try:
            read[each] = read_about(path)
        except Refused:
            raise
        except Exception as error:
            warnings.warn(
                f"checkpoint {path} cannot be read ({first_line(error)}); using another one",
                stacklevel=3,
            )

    def rank(each: int) -> tuple[float, ...]:
        score = read[each]["score"]
        if score is None:
            return 1, -each
        return 0, -score if read[each]["higher_is_better"] else score

    return [(each, read[each]) for each in sorted(read, key=rank)]


def _existing(directory: str | Path) -> list[int]:
    steps = steps_in(Path(directory)) if Path(directory).is_dir() else []
    if not steps:
        raise CheckpointError(f"no checkpoints under {Path(directory).absolute()}")
    return steps


def steps_in(directory: Path) -> list[int]:
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def read_about(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint; raises if they are damaged or of another version."""
    about = json.loads((path / "about" / "metadata").read_text(encoding="utf-8"))
    sums = about["checksums"]
    if "format" not in about and "about" not in sums:
        raise Refused(
            f"checkpoint {path} was written by version 0.1 of jaxdiff, whose checkpoints this"
            " version cannot read; train again, or use version 0.1"
        )
    stated = sums.pop("about")
    if digest(about) != stated:
        raise CheckpointError("the checksum of the metadata is wrong")
    if about["format"] != FORMAT:
        raise Refused(
            f"checkpoint {path} has format {about['format']} and this version of jaxdiff reads"
            f" format {FORMAT}"
        )
    return about


def _read_params(path: Path, weights: str, about: Mapping[str, Any]) -> Params:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as reader:
        params = jax.tree.map(np.asarray, reader.restore(path / weights))

    def like(path: Any, leaf: np.ndarray) -> np.ndarray:
        shape = about["arrays"][weights][jax.tree_util.keystr(path)].partition("[")[2]
        return np.empty([int(n) for n in shape.strip("]").split(",") if n], leaf.dtype)

    params = emptied(params, jax.tree_util.tree_map_with_path(like, params))
    if checksum(params) != about["checksums"][weights]:
        raise CheckpointError(f"the checksum of {weights!r} is wrong")
    return params


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
