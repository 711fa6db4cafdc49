"""The command line: `jaxdiff COMMAND`, the same as `python -m jaxdiff COMMAND`. One command per
module.

A command is a module whose docstring is its help, with `arguments(parser)` and `run(options)`. What
takes long to import is imported inside `run`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

import jaxdiff
from jaxdiff.errors import (
    EXTRAS,
    ConfigError,
    DataWarning,
    Error,
    MissingExtra,
    nearest,
)
from jaxdiff.training import memory

COMMANDS = (
    "demo",
    "train",
    "generate",
    "score",
    "data",
    "runs",
    "export",
    "stream",
    "adapt",
    "weights",
)
HUGE_PAGES = "JAXDIFF_HUGE_PAGES"
"""Environment variable that has every command start again with huge pages, as long trainings do by
themselves.
"""
ABOUT = """Diffusion models for human movement.

example:
  jaxdiff demo
  jaxdiff generate gait --input walk.mot --output forces.mot
  jaxdiff train llma:quick
  jaxdiff COMMAND --help"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line and name the nearest word."""

    also: tuple[str, ...] = ()
    """Options that are parsed elsewhere, suggested for misspelt ones."""

    def error(self, message: str) -> NoReturn:
        wrong = re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message)
        if wrong:
            known = re.findall(r"[\w-]+", wrong[2])
            message = f"there is no {wrong[1]!r}; {nearest(wrong[1], known)}"
        raise ConfigError(f"{message} (see {self.prog} --help)" if self.prog else message)

    def parse_args(self, args=None, namespace=None):  # type: ignore[override]
        """As usual, but an unknown option names the nearest one; a command with `extra` parses the
        rest itself.
        """
        options, extra = self.parse_known_args(args, namespace)
        if extra and hasattr(options, "extra"):
            options.extra = extra
        elif extra:
            called: Parser = getattr(options, "parser", self)
            known = [name for action in called._actions for name in action.option_strings]
            unknown = next((word for word in extra if word.startswith("-")), None)
            if unknown is None:
                called.error(f"unexpected argument {extra[0]!r}")
            name = unknown.partition("=")[0]
            close = nearest(name, [*known, *called.also], 0.7)
            hint = close if close.startswith("did") else nearest(name, known, 0.7)
            called.error(f"there is no option {name}; {hint}")
        return options


def common() -> Parser:
    """The option of every command and action."""
    made = Parser(add_help=False)
    made.add_argument(
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="show the traceback of an error",
    )
    return made


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = Parser(
        prog="jaxdiff",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common()],
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"jaxdiff {jaxdiff.__version__}")
    whole.set_defaults(run=lambda options: whole.print_help(), parser=whole)
    commands = whole.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for name in COMMANDS:
        module = importlib.import_module(f"jaxdiff.cli.{name}")
        text = module.__doc__ or ""
        own = commands.add_parser(
            name,
            help=text.partition("\n")[0],
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common()],
            allow_abbrev=False,
        )
        own.set_defaults(run=module.run, parser=own)
        module.arguments(own)
    return whole


def _one_line(usual: Callable[..., None]) -> Callable[..., None]:
    """A way to show warnings that prints those about data as one line, each once."""
    seen: set[str] = set()

    def show(message, category, *where, **more):
        text = " ".join(str(message).split())
        if not issubclass(category, DataWarning):
            usual(message, category, *where, **more)
        elif text not in seen:
            seen.add(text)
            print(f"warning: {text}", file=sys.stderr)

    return show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The words after `jaxdiff`; default: those of this process.

    Returns:
        The exit code: 0, 2 after an error (one line on standard error), 130 after Ctrl-C.
    """
    if arguments is None and os.environ.get(HUGE_PAGES, "0") not in ("", "0"):
        memory.huge_pages()
    # The simulated walker solves many small systems, for which BLAS threads only wait for each other; before NumPy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = parser().parse_args(arguments)
        with warnings.catch_warnings():
            warnings.simplefilter("always", DataWarning)
            warnings.showwarning = _one_line(warnings.showwarning)
            options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (Error, OSError, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError):
            module = (error.name or "").partition(".")[0]
            if module not in EXTRAS:
                raise
            if "--verbose" not in arguments:
                error = MissingExtra(f"{module}, which this command uses,", EXTRAS[module])
        if "--verbose" in arguments:
            raise
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0
