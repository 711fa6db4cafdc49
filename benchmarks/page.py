"""Tables of `docs/performance.md` from the JSON of the scripts:
`python -m benchmarks.page DIRECTORY [PAGE]`.

What stands between `<!-- NAME -->` and `<!-- end NAME -->` is replaced; the Markdown and CSV of
every table go into `docs/results/performance/`.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import goals

PAGE = Path("docs/performance.md")
RESULTS = Path("docs/results/performance")


def render(name: str, result: dict[str, Any], results: Path | None = None) -> str:
    """The Markdown of a script's tables and of where they were measured."""
    tables = (
        goals.against_pytorch if name == "peers" else import_module(f"benchmarks.{name}").tables
    )
    about = result["about"] | result.get("versions", {})
    made = []
    for number, table in enumerate(
        t for t in tables(result) if t.rows
    ):  # minutes may have run out before a table's first
        made.append(table.markdown())
        if results is not None:
            table.save(results, f"{name}-{number}", about)
    keys = ("machine", "versions", "torch", "threads", "date", "commit", "load")
    said = "; ".join(f"{key} {about[key]}" for key in keys if key in about)
    return "\n".join(made) + f"\n*{said}*\n"


def fill(page: str, name: str, text: str) -> str:
    """The page with the text between the markers of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers {begin} … {end}")
    return pattern.sub(lambda _: f"{begin}\n{text}{end}", page)


def main(directory: str, page: str = str(PAGE)) -> None:
    text = Path(page).read_text(encoding="utf-8")
    files = [path for path in sorted(Path(directory).glob("*.json")) if path.stem != "all"]
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    for name, result in results.items():
        text = fill(text, name, render(name, result, RESULTS))
    text = fill(text, "goals", goals.table(results).markdown())
    Path(page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
