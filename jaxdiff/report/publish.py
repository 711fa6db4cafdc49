"""A report as a value: tables, sections of a page and facts, and the one function that publishes
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxdiff.report.page import Page
from jaxdiff.report.tables import Table


@dataclass
class Report:
    """What an experiment found out.

    Attributes:
        title: Heading of the page.
        facts: What repeats the result: data, command, commit, seed, machine
            (`report.tables.provenance`), and more.
        tables: Named tables: printed, and kept as `tables/NAME.md` and `.csv`.
        sections: Sections of the page in reading order, tables included, each a function of the
            page.
    """

    title: str
    facts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    sections: list[Callable[[Page], None]] = field(default_factory=list)

    def add(self, section: Callable[..., None], *arguments: Any, **options: Any) -> None:
        """Add a section by a method of `Page`:
        `report.add(Page.motion, "Walks", clips, skeleton, rate)`.
        """
        self.sections.append(lambda page: section(page, *arguments, **options))

    def table(self, table: Table, name: str = "") -> None:
        """Add a table; one with a name is also printed and kept as files."""
        if name:
            self.tables[name] = table
        self.add(Page.table, table)

    def curves(self, title: str, run: Path) -> None:
        """Add the training curves of a run directory, if anything was trained there."""
        if (run / "metrics.jsonl").exists():
            self.add(Page.curves, title, run / "metrics.jsonl")


def publish(report: Report, out: str | Path, page: str = "report.html") -> Path:
    """Print the tables, keep them under `out/tables`, and write the page.

    Args:
        report: The report.
        out: Directory of the run.
        page: Name of the page in it.

    Returns:
        The path of the page.
    """
    out = Path(out)
    for name, table in report.tables.items():
        table.show()
        table.save(out / "tables", name, report.facts)
    whole = Page(report.title)
    for section in report.sections:
        section(whole)
    whole.facts(report.facts)
    path = whole.save(out / page)
    print(f"report: {path}")
    return path
