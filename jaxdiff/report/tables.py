"""Result tables: the paper's rows beside ours, printed, and kept as Markdown and CSV with what
repeats them.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdiff.disk import write_text


class Cell(NamedTuple):
    """A mean with its standard deviation over `n` repetitions (folds, seeds, subjects); `sd` is NaN
    for one.
    """

    mean: float
    sd: float = math.nan
    n: int = 1

    def __str__(self) -> str:
        if not math.isfinite(self.mean):
            return "–"
        digits = max(0, 2 - math.floor(math.log10(abs(self.mean)))) if self.mean else 2
        digits = min(digits, 4)
        text = f"{self.mean:.{digits}f}"
        return f"{text} ± {self.sd:.{digits}f}" if math.isfinite(self.sd) else text


def cell(values: Iterable[float]) -> Cell:
    """Mean and standard deviation (n - 1) of repetitions."""
    each = np.asarray(list(values), np.float64)
    return Cell(
        float(each.mean()),
        float(each.std(ddof=1)) if len(each) > 1 else math.nan,
        len(each),
    )


class Row(NamedTuple):
    """A row of a table; `quoted` marks results of another publication."""

    label: str
    cells: Mapping[str, Any]
    quoted: bool = False


@dataclass
class Table:
    """Named rows of cells under named columns."""

    title: str
    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    note: str = ""

    def row(self, label: str, cells: Mapping[str, Any], quoted: bool = False) -> None:
        """Add a row.

        Args:
            label: Its name.
            cells: Value per column; missing ones stay empty.
            quoted: Whether it is a result of another publication.
        """
        self.rows.append(Row(label, cells, quoted))

    def quote(
        self,
        rows: Mapping[str, Sequence[Any]],
        columns: Sequence[str],
        source: str = "paper",
    ) -> None:
        """Add rows of a publication.

        Args:
            rows: Label -> values in the order of `columns`; None stays empty.
            columns: Columns of the values; those the table does not have are left out.
            source: What stands before the labels.
        """
        for label, values in rows.items():
            found = {
                name: f"{value:g}" if isinstance(value, float) else value
                for name, value in zip(columns, values)
                if value is not None and name in self.columns
            }
            self.row(f"{source}: {label}", found, quoted=True)

    def _grid(self) -> list[list[str]]:
        return [
            [label, *("" if c.get(name) is None else str(c[name]) for name in self.columns)]
            for label, c, _ in self.rows
        ]

    def markdown(self) -> str:
        """The table as a section of a Markdown page; bars inside cells are escaped."""
        grid = [[text.replace("|", "\\|") for text in row] for row in self._grid()]
        head = ["", *(name.replace("|", "\\|") for name in self.columns)]
        lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(row) + " |" for row in grid]
        return (
            f"### {self.title}\n\n"
            + "\n".join(lines)
            + (f"\n\n{self.note}" if self.note else "")
            + "\n"
        )

    def csv(self) -> str:
        """Plain numbers: a mean, a standard deviation and a count per column."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(
            ["row", *(f"{name} {part}" for name in self.columns for part in ("mean", "sd", "n"))]
        )
        for label, cells, _ in self.rows:
            values: list[Any] = []
            for name in self.columns:
                value = cells.get(name)
                if isinstance(value, Cell):
                    values += [value.mean, "" if math.isnan(value.sd) else value.sd, value.n]
                else:
                    values += ["" if value is None else value, "", ""]
            writer.writerow([label, *values])
        return out.getvalue()

    def show(self) -> None:
        """Print the table. Where it is too wide for the terminal and has more columns than rows,
        columns become rows; what is still too wide is printed in blocks of as many columns as fit.
        """
        from rich import box
        from rich.console import Console
        from rich.table import Table as Printed

        console = Console(markup=False)  # a column may be called "speed [m/s]"
        grid = [["", *self.columns], *self._grid()]
        if not console.is_terminal:  # a log has lines of any length
            console = Console(markup=False, width=max(console.width, 1 + sum(_widths(grid))))
        room = console.width - 1
        widths, turned = _widths(grid), False
        if sum(widths) > room and len(grid[0]) > len(grid):
            grid, turned = [list(row) for row in zip(*grid)], True
            longest = max(16, room // 4)  # labels at the top may wrap
            widths = _widths([[text[:longest] for text in grid[0]], *grid[1:]])
        label = min(widths[0], max(room // 3, room - sum(widths[1:])))
        for number, block in enumerate(_blocks(widths[1:], room - label)):
            printed = Printed(title=self.title if number == 0 else None, box=box.SIMPLE_HEAD)
            printed.add_column("", max_width=label - 3)
            for i in block:
                printed.add_column(grid[0][1 + i], justify="right", no_wrap=not turned)
            for row in grid[1:]:
                printed.add_row(row[0], *(row[1 + i] for i in block))
            console.print(printed)
        if self.note:
            console.print(self.note, style="dim", highlight=False)

    def save(
        self, directory: str | Path, name: str, about: Mapping[str, Any] | None = None
    ) -> None:
        """Writes `name.md` and `name.csv`; `about` (see `provenance`) goes under the Markdown
        table.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        said = "".join(f"* {key}: {value}\n" for key, value in (about or {}).items())
        text = self.markdown() + (f"\n{said}" if said else "")
        write_text(directory / f"{name}.md", text)
        write_text(directory / f"{name}.csv", self.csv())


def _widths(grid: Sequence[Sequence[str]]) -> list[int]:
    """Characters of each column with the space beside it."""
    return [3 + max(map(len, column)) for column in zip(*grid)]


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Column numbers in groups that fit, one column at least in each."""
    blocks: list[list[int]] = []
    for i, width in enumerate(widths):
        if blocks and sum(widths[j] for j in blocks[-1]) + width <= room:
            blocks[-1].append(i)
        else:
            blocks.append([i])
    return blocks


def provenance(data: str, seed: int, seconds: float | None = None) -> dict[str, str]:
    """What a reader needs to repeat a result: command, commit, data, seed, machine, versions, date,
    time taken.
    """
    import jax

    device = jax.devices()[0]
    machine = (
        f"{jax.device_count()} × {device.device_kind}, {platform.machine()}, {platform.system()}"
    )
    said = {
        "data": data,
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "commit": _commit(),
        "seed": str(seed),
        "machine": machine,
        "versions": f"jax {jax.__version__}, Python {platform.python_version()}",
        "date": datetime.date.today().isoformat(),
    }
    return said if seconds is None else {**said, "time": f"{seconds:.0f} s"}


def _commit() -> str:
    here = Path(__file__).parent
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True
        )
    except OSError:
        return "unknown"
    return run.stdout.strip() or "unknown"
