"""Forces and moments with error bars for an example walk, in seconds.

Uses the gait model that ships with the package; no download, no training.
Leaves a report and two files: the walk of a simulated person whom the model
has not seen, and its forces and moments.

--train trains a first model instead: joint moments, with error bars, from
joint angles of simulated people. It leaves a report, the model, and a test
subject's walk to try it on. A second call continues; Ctrl-C saves.

example:
  jaxdiff demo
  jaxdiff demo --train --out my_first_run
"""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/demo"),
        metavar="DIR",
        help="directory of the run (default: %(default)s)",
    )
    parser.add_argument("--train", action="store_true", help="train a first model (minutes)")


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import prepare_jax, progress

    prepare_jax()
    if not options.train:
        from jaxdiff.studies.gait import demo as walk

        with progress("generating moments and forces of an example walk"):
            walk.run(options.out)
        return
    from jaxdiff.studies.llma import demo
    from jaxdiff.studies.llma.config import get_config

    try:
        demo.run(get_config("demo"), options.out)
    except (
        SystemExit
    ):  # the engine has saved and ends the process; to a shell it is an interruption
        raise KeyboardInterrupt from None
