"""What the scripts share: their options, the JSON they write, and the tables they print."""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdiff.report.tables import Table as Table
from jaxdiff.report.tables import provenance
from jaxdiff.training import cores, memory

_START = time.perf_counter()


class Options(NamedTuple):
    """The command line of every script."""

    tiny: bool = False
    """Sizes for a test of whether it runs."""
    seconds: float = 4.0
    """Seconds of repetitions, of which each figure is the median (three at least)."""
    cases: tuple[str, ...] = ()
    """Words, one of which must be in the name of a case; none: all."""
    threads: int = 0
    """Threads of a peer; 0: one per core."""
    against: tuple[str, ...] = ("eager", "torch.compile")
    """Modes of a peer to compare with."""
    minutes: float = math.inf
    """No further case begins after this time."""
    runs: str = "runs"
    """Where a trained model is kept."""
    out: str = ""
    """The JSON file."""

    def over(self) -> bool:
        """Whether the time limit is reached."""
        return time.perf_counter() - _START > 60 * self.minutes

    def wants(self, case: str) -> bool:
        """Whether the options select the case of that name."""
        return not self.cases or any(word in case for word in self.cases)


def options(argv: Sequence[str] | None = None, about: str | None = None) -> Options:
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="sizes for a test")
    parser.add_argument(
        "--seconds", type=float, default=Options().seconds, help="of repetitions behind each figure"
    )
    parser.add_argument(
        "--cases", default="", help="words of the cases wanted, with commas between them"
    )
    parser.add_argument("--threads", type=int, default=0, help="of a peer; 0: as many as cores")
    parser.add_argument(
        "--against",
        default=",".join(Options().against),
        help="of a peer: eager, torch.compile or both",
    )
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="time limit; no case is started after it"
    )
    parser.add_argument("--runs", default=Options().runs, help="directory of trained models")
    parser.add_argument("--out", default="", help="JSON file to write")
    given = vars(parser.parse_args(argv))
    for name in ("cases", "against"):
        given[name] = tuple(word for word in given[name].split(",") if word)
    return Options(**given)


def write(name: str, result: dict[str, Any], out: str) -> None:
    """The result with what repeats it, as JSON."""
    said = provenance(result.get("data", "random numbers of the right shapes"), 0) | {
        "load": os.getloadavg()[0]
    }
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(
        json.dumps({"name": name, "about": said, **result}, indent=1) + "\n", encoding="utf-8"
    )


def run(
    name: str,
    main: Callable[[Options], dict[str, Any]],
    tables: Callable[[dict[str, Any]], list[Table]],
    argv: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Runs a script as the commands run: prints its tables and writes its JSON."""
    if argv is None:
        memory.huge_pages()
        cores.as_devices()
    chosen = options(argv)
    result = main(chosen)
    for table in tables(result):
        table.show()
    if chosen.out:
        write(name, result, chosen.out)
    return result
