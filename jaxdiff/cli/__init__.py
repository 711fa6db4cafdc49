"""The command line: `jaxdiff COMMAND`, the same as `python -m jaxdiff COMMAND`. One command a file.

A command is a module whose docstring is its help, with `arguments(parser)` and `run(options)`. What takes long to import is
imported inside `run`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import jaxdiff
from jaxdiff.errors import ConfigError, Error, nearest
from jaxdiff.training import memory

COMMANDS = ("demo", "generate", "score", "data", "runs", "export", "stream")
ABOUT = """Diffusion models for human movement.

example:
  jaxdiff demo
  jaxdiff generate runs/llma-quick --input walk.mot --output moments.mot
  jaxdiff COMMAND --help"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one line."""

    def error(self, message: str) -> NoReturn:
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            known = re.findall(r"[\w-]+", wrong[2])
            message = f"there is no {wrong[1]!r}; {nearest(wrong[1], known)}"
        raise ConfigError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    common = Parser(add_help=False)
    common.add_argument(
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )
    whole = Parser(
        prog="jaxdiff",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"jaxdiff {jaxdiff.__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        module = importlib.import_module(f"jaxdiff.cli.{name}")
        text = module.__doc__ or ""
        own = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common],
            allow_abbrev=False,
        )
        module.arguments(own)
        own.set_defaults(run=module.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; an error is one line and exit code 2, Ctrl-C exit code 130."""
    if arguments is None:
        memory.huge_pages()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (Error, OSError) as error:
        if "--verbose" in arguments:
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0
