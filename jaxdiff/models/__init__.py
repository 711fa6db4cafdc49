"""Trained models as a user calls them: what they accept, what they return, how they are saved.

`jaxdiff.models()` lists the models that ship with the package; `jaxdiff.load(name)` opens one.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from types import ModuleType


def names() -> tuple[str, ...]:
    """Names of the shipped models, in alphabetical order.

    Returns:
        Names that `jaxdiff.load` accepts.

    Examples:
        >>> import jaxdiff
        >>> isinstance(jaxdiff.models(), tuple)
        True
    """
    return tuple(sorted(file.stem for file in _folder().glob("*.safetensors")))


def path_of(name: str) -> Path:
    """The file of a shipped model."""
    return _folder() / f"{name}.safetensors"


def _folder() -> Path:
    return Path(str(resources.files("jaxdiff.models")))


class _Callable(ModuleType):
    """Lets `jaxdiff.models()` list the shipped models although `jaxdiff.models` is this package."""

    __call__ = staticmethod(names)


sys.modules[__name__].__class__ = _Callable
