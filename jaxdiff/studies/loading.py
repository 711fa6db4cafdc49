"""`jaxdiff.load`: the one way from a name, a file or a directory to a model."""

from __future__ import annotations

from pathlib import Path

from jaxdiff import models
from jaxdiff.errors import CheckpointError, nearest
from jaxdiff.models import file, path_of
from jaxdiff.models.model import Model
from jaxdiff.studies.run import Run
from jaxdiff.studies.study import STUDIES


def load(what: str | Path, arm: str = "") -> Model:
    """Load a trained model.

    Args:
        what: The name of a shipped model (`jaxdiff.models()` lists them), a file written by
            `Model.save`, or a run directory: the whole run, or exactly one of its networks
            (`runs/x/arm-backbone`).
        arm: Name of one network in a run directory.

    Returns:
        The model.

    Raises:
        CheckpointError: If there is no such model or run, or it cannot be read.
        FileError: If a model file is damaged.

    Examples:
        >>> import jaxdiff
        >>> jaxdiff.load("no_such_model")
        Traceback (most recent call last):
            ...
        jaxdiff.errors.CheckpointError: ...
    """
    path = Path(what)
    if (path / "model.safetensors").is_file():
        path = path / "model.safetensors"
    names = models()
    if str(what) in names and not path.is_file() and not Run.is_at(path):
        path = path_of(str(what))  # also where a directory happens to have that name
    if (path / "params.npz").is_file():  # converted weights
        from jaxdiff.studies import gaitdynamics

        return gaitdynamics.load(path)
    if path.is_dir():
        return Run.open(path, arm).model()
    if path.is_file():
        trained = file.load(path)
        return STUDIES[trained.study].build(trained)
    hint = f"; {nearest(str(what), names)}" if names else ""
    raise CheckpointError(
        f"{what} is neither a model file, a run directory nor a shipped model{hint}"
    )
