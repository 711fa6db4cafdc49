"""`load(name, ...)`: the trials of a data set, prepared once and kept on disk.

trials = load("simulated_gait", size="quick")
trials = load("embry2018", manual_dir="~/downloads/embry")
trials = load("folder", recipe="my_lab.yaml")
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
from pathlib import Path
from typing import Any

from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import ConfigError, FileError, MissingExtra, nearest

BUILDERS = {
    "simulated_gait": "simulated.SimulatedGait",
    "simulated_speeds": "simulated.SimulatedSpeeds",
    "simulated_motion": "simulated.SimulatedMotion",
    "embry2018": "embry2018.Embry2018",
    "camargo2021": "camargo2021.Camargo2021",
    "fukuchi2018": "fukuchi2018.Fukuchi2018",
    "humanml3d": "humanml3d.HumanML3D",
    "kit_ml": "humanml3d.KITML",
    "mia": "mia.MIA",
    "addbiomechanics": "addbiomechanics.AddBiomechanics",
    "cmu_mocap": "captured.CmuMocap",
    "hundred_style": "captured.HundredStyle",
    "folder": "folder.Folder",
}


def names() -> tuple[str, ...]:
    """The names of all data sets."""
    return tuple(BUILDERS)


def data_directory() -> Path:
    """Where prepared data sets are kept: $JAXDIFF_DATA, or a folder in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("JAXDIFF_DATA") or Path(cache) / "jaxdiff" / "data").expanduser()


def load(
    name: str,
    *,
    data_dir: str | os.PathLike | None = None,
    manual_dir: str | os.PathLike | None = None,
    progress: bool = True,
    **config: Any,
) -> Trials:
    """Loads the trials of a data set, preparing it on first use.

    Args:
        name: One of `names()`.
        data_dir: Where prepared data are kept; default `$JAXDIFF_DATA`.
        manual_dir: Where the files of data sets lie that have to be requested from their authors.
        progress: Whether to show a progress bar.
        **config: Settings of the data set: `size` and single settings of the simulated ones,
            `recipe` and `root` of `folder`, and so on (see each builder).

    Returns:
        The trials.

    Raises:
        ConfigError: If there is no such data set or setting.
        FileError: If its files are missing or damaged.
    """
    if name not in BUILDERS:
        raise ConfigError(f"no data set {name!r}; {nearest(name, BUILDERS)}")
    try:
        from jaxdiff.data.builders import base
    except ImportError as error:
        if error.name != "tensorflow_datasets":
            raise
        raise MissingExtra("preparing and reading data sets", "train") from None

    directory = Path(data_dir).expanduser() if data_dir else data_directory()
    module, kind = BUILDERS[name].split(".")
    builder_class = getattr(importlib.import_module(f"jaxdiff.data.builders.{module}"), kind)
    try:
        wanted = builder_class.configured(**config)
    except TypeError as error:
        raise ConfigError(f"data set {name}: {error}") from None
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory, f"{name}-{wanted.name}" if wanted else name):
        with _quiet():
            builder = builder_class(
                config=wanted, data_dir=str(directory), file_format="array_record"
            )
        if not Path(builder.data_path).exists():
            _prepare(
                builder,
                Path(manual_dir).expanduser() if manual_dir else directory / "manual" / name,
                progress,
            )
    source: Any = builder.as_data_source(split=base.SPLIT)
    return gather(base.decoded(source[i]) for i in range(len(source)))


def _prepare(builder: Any, manual_dir: Path, progress: bool) -> None:
    if builder.source and not (manual_dir.is_dir() and any(manual_dir.iterdir())):
        raise FileError(
            f"{builder.name} needs files in {manual_dir} (or in manual_dir=...). {builder.source}"
        )
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    builder.progress = progress
    with _quiet():
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=manual_dir)
        )


@contextlib.contextmanager
def _alone(directory: Path, what: str):
    """One process prepares a data set, the others wait for it (the hosts of one machine, the jobs
    of a sweep).
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with open(directory / f".{what}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that prepares {what}", file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _quiet():
    """tfds tells of every step; a user wants the progress bar and the errors."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)
