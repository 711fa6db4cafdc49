"""Fitting one network of a study in a directory of its own, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxdiff.studies.rehearsal import rehearse
from jaxdiff.studies.run import Run
from jaxdiff.training.loop import Data, fit
from jaxdiff.training.settings import Settings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Method, Params


def fit_once(
    method: Method,
    data: Callable[[], Data],
    settings: Settings,
    directory: Path,
    metadata: Mapping[str, Any],
    evaluate: Callable[[TrainState], Mapping[str, float]] | None = None,
    known: Params | None = None,
) -> Params:
    """The averaged parameters of a network: those of a finished run in `directory`, or newly
    trained ones.

    Args:
        method: The training objective.
        data: Makes the batches; called only if there is something to train.
        settings: Settings of the training.
        directory: Directory of the run; an interrupted one is continued.
        metadata: What a user of the checkpoint must know: `method`, `config`, `normaliser`, ...
        evaluate: Figures of a state by name; with `settings.score` the best checkpoint is returned.
        known: Parameters that are known before training, by their top-level names; see
            `training.loop.fit`.

    Returns:
        The parameters.
    """
    if not finished(directory, settings.steps):
        batches = data()
        start = batches.get_state()
        rehearse(method, next(batches), what=directory.name, known=known)
        batches.set_state(start)
        last = fit(
            method, batches, settings, directory, evaluate=evaluate, about=metadata, known=known
        )
        if not settings.score:
            return last.ema
    return Run.open(directory).trained(step="best" if settings.score else "latest").params


def finished(directory: Path, steps: int) -> bool:
    """Whether a training in this directory has come to its end."""
    return (directory / "checkpoints" / str(steps)).is_dir()
