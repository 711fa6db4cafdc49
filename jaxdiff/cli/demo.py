"""Train a first model on simulated people: joint moments, with error bars, from joint angles. No download.

Leaves a report, the model, and one unseen person's walk as files to try it on.

A second call goes on from where the first one ended; Ctrl-C saves.

example:
  jaxdiff demo
  jaxdiff demo --out my_first_run
"""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/demo"),
        help="directory of the run (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import prepare_jax
    from jaxdiff.studies.llma import demo
    from jaxdiff.studies.llma.config import get_config

    prepare_jax()
    try:
        demo.run(get_config("demo"), options.out)
    except (
        SystemExit
    ):  # the engine has saved and ends the process; to a shell that is an interruption
        raise KeyboardInterrupt from None
