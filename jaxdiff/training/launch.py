"""Starting an experiment: `jaxdiff train` and `python -m experiments.NAME` share `start`.

`python -m experiments.NAME --config=experiments/configs/NAME.py:WORD --config.FIELD=VALUE --out=DIRECTORY`
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from jaxdiff.errors import ConfigError, Error, ProcessLost
from jaxdiff.training import memory

CACHE = Path(
    os.environ.get("JAX_COMPILATION_CACHE_DIR")
    or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "jaxdiff" / "compiled"
)
LONG = 500
"""Training steps from which on a process is started again with huge pages."""


def start(
    main: Callable[[ConfigDict, Path], Any],
    config: ConfigDict,
    out: Path,
    cache: str | Path = CACHE,
    coordinator: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
) -> None:
    """Set up devices and the compilation cache, then run an experiment.

    Args:
        main: The experiment.
        config: Its config.
        out: Directory of the run.
        cache: Directory of compiled programs; empty for none.
        coordinator: `HOST:PORT` of process 0, for several hosts.
        num_processes: Number of processes, for several hosts.
        process_id: Number of this process, for several hosts.
    """
    logging.set_verbosity(logging.ERROR)  # Orbax warns of every checkpoint without a score
    if "data" in config and config.training.steps >= LONG:
        memory.huge_pages()
    from jaxdiff.training import cores, distributed

    if not distributed.initialize(coordinator, num_processes, process_id):
        cores.as_devices()
    use_cache(cache)
    try:
        main(config, out)
    except ProcessLost as error:
        distributed.abandon(error)


def define_flags() -> None:
    """Define the flags of every experiment."""
    config_flags.DEFINE_config_file("config", None, "config file, with a word after a colon")
    flags.DEFINE_string(
        "out",
        None,
        "directory of the run (default: runs/EXPERIMENT-WORD); a run that is there is continued",
    )
    flags.DEFINE_string("cache", str(CACHE), "directory of compiled programs; empty: none")
    flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0, for several hosts")
    flags.DEFINE_integer("num_processes", None, "number of processes, for several hosts")
    flags.DEFINE_integer("process_id", None, "number of this process, for several hosts")
    flags.DEFINE_bool("verbose", False, "show the traceback of an error")


def run(
    main: Callable[[ConfigDict, Path], Any],
    default_config: str,
    about: str = "",
    argv: Sequence[str] | None = None,
) -> None:
    """Parse absl's flags and call `main(config, out)`.

    Without any argument, and with `--help`, the help is printed. An error of the library is one
    line and exit code 2.

    Args:
        main: The experiment.
        default_config: The config if only other flags are given.
        about: Text above the flags in the help.
        argv: Command line; default: `sys.argv`.
    """
    if "config" not in flags.FLAGS:
        define_flags()
    argv = list(argv or sys.argv)
    if len(argv) == 1 or any(word.lstrip("-") in ("help", "h", "helpfull") for word in argv[1:]):
        print(_help(about))
        return
    if not any(argument.startswith(("--config=", "-config=")) for argument in argv):
        argv.insert(1, f"--config={default_config}")
    try:
        config = _parse(argv)
        values = flags.FLAGS
        start(
            main,
            config,
            Path(values.out or f"runs/{_default_name(argv)}"),
            values.cache,
            values.coordinator,
            values.num_processes,
            values.process_id,
        )
    except (Error, OSError) as error:
        if "--verbose" in argv:
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from error


def _help(about: str) -> str:
    """The experiment's text and the flags of every experiment."""
    names = ("config", "out", "cache", "coordinator", "num_processes", "process_id", "verbose")
    lines = [f"  --{name}: {flags.FLAGS[name].help}" for name in names]
    lines.insert(1, "  --config.FIELD=VALUE: a field of the config")
    return "\n".join([about.strip(), "", "flags:", *lines])


def use_cache(directory: str | Path) -> None:
    """Keeps compiled programs, and what autotuning found, in `directory` for later processes; empty
    for no cache.

    Programs are made small for compilation too: on a GPU random bits come from one kernel, not from
    a hundred operations per draw.
    """
    import jax

    jax.config.update("jax_threefry_gpu_kernel_lowering", True)
    if directory and str(directory) != os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(directory))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def _default_name(argv: Sequence[str]) -> str:
    path, _, word = _given(argv).split("=", 1)[1].partition(":")
    return Path(path).stem + (f"-{word}" if word else "")


def _given(argv: Sequence[str]) -> str:
    return next(argument for argument in argv if argument.startswith(("--config=", "-config=")))


def _parse(argv: Sequence[str]) -> ConfigDict:
    try:
        if stray := flags.FLAGS(argv, known_only=False)[1:]:
            raise ConfigError(f"{stray[0]!r} belongs to no flag; flags are given as --NAME=VALUE")
        config = flags.FLAGS.config
        if not isinstance(config, ConfigDict):
            raise FileNotFoundError(_given(argv))
        return config
    except flags.Error as error:
        inside = re.search(
            r"Error whilst parsing config file.*\b(\w+(?:Error|Exception): .*)",
            str(error),
            re.DOTALL,
        )
        raise ConfigError(
            f"{_given(argv)} cannot be followed: {inside[1].strip()}" if inside else str(error)
        ) from error
    except SyntaxError as error:
        raise ConfigError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except (AttributeError, KeyError, TypeError) as error:
        hint = re.search(r'Did you mean "(\w+)"', str(error))
        wrong = re.search(r'instead of "(\w+)"', str(error)) or re.search(r"'(\w+)'", str(error))
        if "'get_config'" in str(error):
            raise ConfigError(f"{_given(argv)}: the file defines no get_config()") from error
        if wrong is None:
            raise ConfigError(f"the config does not take this command line: {error}") from error
        nearest = f"; did you mean {hint[1]!r}?" if hint else ""
        raise ConfigError(f"the config has no field {wrong[1]!r}{nearest}") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {error}: give --config=FILE.py or --config=FILE.py:WORD"
        ) from error
