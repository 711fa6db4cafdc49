"""Train a first model on data that need no download, and show what it learned.

A second call goes on from where the first one ended; Ctrl-C saves.

example:
  jaxdiff demo
  jaxdiff demo --out my_first_run
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

DEMO = "jaxdiff.studies.points:get_config", "jaxdiff.studies.points:run"
"""The config of the demonstration, and what is done with it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, default=Path("runs/demo"), help="directory of the run (default: %(default)s)"
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.trained import prepare_jax

    prepare_jax()
    get_config, main = (getattr(import_module(module), name) for module, _, name in (d.partition(":") for d in DEMO))
    try:
        main(get_config(), options.out)
    except SystemExit:  # the engine has saved and ends the process; to a shell that is an interruption
        raise KeyboardInterrupt from None
