"""One process per run directory.

The lock is an advisory lock of the operating system on the file `.lock`, which ends with its
process, and the file names its holder. Where the file system does not share such locks between
hosts, the holder's heartbeat decides: a lock whose file was not touched for `STALE` seconds is
stale and is taken over with a warning.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import warnings
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError
from jaxdiff.training.atomic import writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BEAT, STALE = 30.0, 300.0
"""Seconds between heartbeats, and after which a holder without one is considered dead."""


class Lock:
    """The lock on a run directory, held from creation to `release`.

    Args:
      directory: the run directory, which exists.

    Raises:
      ConfigError: if another process holds it; the message names its host and process.
    """

    def __init__(self, directory: Path):
        self.path = directory / ".lock"
        with writing(self.path):
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._acquire(directory)
        except BaseException:
            os.close(self._file)
            raise
        self._stop = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _acquire(self, directory: Path) -> None:
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._held(directory) from None
        holder = self._holder()
        if holder.get("host") not in (None, socket.gethostname()):
            age = time.time() - os.fstat(self._file).st_mtime
            if age < STALE:
                raise self._held(directory)
            warnings.warn(
                f"{directory} was locked by {_named(holder)}, which has not updated it for"
                f" {age:.0f} s; taking over",
                stacklevel=4,
            )
        content = {"host": socket.gethostname(), "process": os.getpid()}
        with writing(self.path):
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(content).encode(), 0)

    def _holder(self) -> dict[str, Any]:
        try:
            holder = json.loads(os.pread(self._file, 4096, 0))
        except (OSError, ValueError):
            return {}
        return holder if isinstance(holder, dict) else {}

    def _held(self, directory: Path) -> ConfigError:
        return ConfigError(
            f"{directory} is in use by {_named(self._holder())}; wait for it, stop it, or choose"
            " another directory"
        )

    def _beat(self) -> None:
        while not self._stop.wait(BEAT):
            try:
                os.utime(self._file)
            except OSError:
                return

    def release(self) -> None:
        """Gives the directory free."""
        self._stop.set()
        try:
            os.ftruncate(self._file, 0)
            os.close(self._file)
        except OSError:  # a full disk or a directory that is gone; the lock ends with the process
            pass


def _named(holder: dict[str, Any]) -> str:
    return f"process {holder.get('process', '?')} on {holder.get('host', 'an unknown host')}"
