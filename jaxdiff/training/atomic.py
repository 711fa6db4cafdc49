"""Files that are either the old or the new version, whatever happens while they are written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jaxdiff.disk import sync_directory
from jaxdiff.errors import FileError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an `OSError`, of a full disk or a directory without permission, into a `FileError` that
    names the file.
    """
    try:
        yield
    except OSError as error:
        raise FileError(
            f"{path} cannot be written ({error.strerror or error}); existing checkpoints are"
            " intact: free some space, and the same command continues from the last one"
        ) from error


def replace(path: Path, text: str) -> None:
    """Replaces a file atomically and durably.

    The new content and the directory entry are flushed to disk, so that a power failure leaves one
    of the two versions.

    Args:
      path: the file.
      text: its new content.

    Raises:
      FileError: if it cannot be written; the old version then remains, and no partial file.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with writing(path):
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_directory(path.parent)
