"""Files that are replaced as a whole: what is on the disk under their name is the old version or
the new one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from jaxdiff.errors import FileError


@contextmanager
def atomic(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A binary file that replaces `path` once it is complete and flushed to the disk.

    Raises:
        FileError: If it cannot be written, on a full disk for instance; the old file stays, and no
            partial one.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        why = error.strerror or f"no space left? {error}"
        raise FileError(f"{path}: cannot be written ({why})") from None
    finally:
        temporary.unlink(missing_ok=True)
    sync_directory(path.parent)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Replace a file by a text in UTF-8 that ends with one newline."""
    with atomic(path) as file:
        file.write((text.rstrip("\n") + "\n").encode())


def sync_directory(directory: Path) -> None:
    """Flush the entries of a directory, so that a replacement outlives a power failure."""
    with suppress(OSError):  # some file systems have no such thing
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
