"""Every error the library raises on purpose: one base class, so that one `except jaxdiff.Error`
catches them all.

A message says what was wrong, where, and what would be right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Error(Exception):
    """Base of all errors of jaxdiff.

    Examples:
        >>> import jaxdiff
        >>> try:
        ...     jaxdiff.load("no_such_run")
        ... except jaxdiff.Error as error:
        ...     print(type(error).__name__)
        CheckpointError
    """


class ConfigError(Error):
    """A configuration field, flag or option that does not exist or has an impossible value."""


class FileError(Error):
    """A file that cannot be read or written as what it claims to be; the message names the file
    and, if known, the line.
    """


class DataError(Error):
    """Data that do not fit: channels, units, rates, lengths, shapes, gaps, splits."""


class CheckpointError(Error):
    """A checkpoint that is missing, broken, or belongs to something else."""


class NonFiniteError(Error):
    """Training met too many non-finite losses or gradients in a row."""


class DataWarning(UserWarning):
    """Data that were read with an assumption the user should know of, such as an inferred unit."""


class ProcessLost(Error):
    """A process on another host ended, and with it the training that all of them share."""


EXTRAS = {
    "tensorflow_datasets": "train",
    "grain": "train",
    "array_record": "train",
    "mujoco": "physics",
    "sklearn": "eval",
    "umap": "eval",
    "matplotlib": "viz",
    "flatbuffers": "export",
    "onnxruntime": "onnx",
    "jax2onnx": "onnx",
    "pylsl": "lsl",
    "h5py": "formats",
    "matio": "formats",
    "ezc3d": "formats",
    "pandas": "formats",
    "pyarrow": "formats",
}
"""Module -> the extra that installs it."""


class MissingExtra(Error):
    """An optional dependency is not installed; the message names the extra that brings it."""

    def __init__(self, feature: str, extra: str):
        super().__init__(
            f"{feature} needs an optional dependency: install it with  pip install"
            f' "jaxdiff[{extra}]"'
        )


def counted(number: int, noun: str) -> str:
    """`1 gap`, `2 gaps`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str:
    """`did you mean 'x'?` for the known word nearest to `word`, else the list of the known ones."""
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=cutoff)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
