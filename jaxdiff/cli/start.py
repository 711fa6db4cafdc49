"""What commands that compute share: preparing JAX, checking counts and files."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdiff.errors import ConfigError, DataWarning

if TYPE_CHECKING:
    from jaxdiff.data.recording import Recording


def prepare_jax() -> None:
    """Set up cores and the compilation cache as experiments do, and let Orbax report only
    errors.
    """
    from absl import logging

    from jaxdiff.training import cores, launch

    logging.set_verbosity(logging.ERROR)
    cores.as_devices()
    launch.use_cache(launch.CACHE)


def positive(options: Any, *names: str) -> None:
    """Raise a `ConfigError` for counts below 0; 0 stands for an option that was not given."""
    for name in names:
        if getattr(options, name) < 0:
            raise ConfigError(f"--{name} must be 1 or more, not {getattr(options, name)}")


def seed(options: Any) -> None:
    """Raise a `ConfigError` for a seed outside 32 bits, which would silently give the samples of
    another one.
    """
    if options.seed is not None and not 0 <= options.seed < 2**32:
        raise ConfigError(f"--seed must be in 0 … {2**32 - 1}, not {options.seed}")


def warn_of_gaps(path: Path, recording: Recording) -> None:
    """Warn of channels without any value, which are scored and used as if they were absent."""
    import numpy as np

    for name, values in zip(recording.channels, recording.values.T):
        if np.isnan(values).all():
            warnings.warn(f"{path}: {name} holds only gaps", DataWarning, stacklevel=2)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show on a terminal what is being done and for how long, once it has taken two seconds."""
    if not sys.stderr.isatty():
        yield
        return
    begin, done = time.monotonic(), threading.Event()

    def show() -> None:
        while not done.wait(1.0):
            if (seconds := time.monotonic() - begin) >= 2:
                print(f"\r{what} ... {seconds:.0f} s", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        if time.monotonic() - begin >= 2:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
