"""A report as one self-contained HTML file: tables, pictures and curves that open anywhere, without a network."""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxdiff.report.tables import Table

STYLE = """
:root { color-scheme: light; --line: #d0d7de; --ink: #1f2328; --soft: #59636e; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: #fff; max-width: 70rem; margin: auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } .note { color: var(--soft); font-size: .85rem; }
img { max-width: 100%; height: auto; } svg { max-width: 100%; height: auto; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
"""


class Page:
    """Sections are added in the order in which they shall be read."""

    def __init__(self, title: str):
        self.title = title
        self._parts: list[str] = []

    def table(self, table: Table) -> None:
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ("", *table.columns))
        body = ""
        for label, cells in table.rows:
            values = (cells.get(name) for name in table.columns)
            entries = "".join(f"<td>{'' if v is None else html.escape(str(v))}</td>" for v in values)
            body += f'<tr><th scope="row">{html.escape(label)}</th>{entries}</tr>'
        note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
        self._section(
            table.title,
            f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(table.title)}"><table><thead><tr>{head}'
            f"</tr></thead><tbody>{body}</tbody></table></div>{note}",
        )

    def figure(self, title: str, figure: Any, description: str) -> None:
        """A matplotlib figure; `description` is read to those who cannot see it."""
        import matplotlib.pyplot as plt

        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        plt.close(figure)
        data = base64.b64encode(buffer.getvalue()).decode()
        self._section(title, f'<img alt="{html.escape(description)}" src="data:image/png;base64,{data}">')

    def facts(self, facts: Mapping[str, str]) -> None:
        """How to repeat what is shown."""
        entries = "".join(f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts.items())
        self._section("How this was made", f"<dl>{entries}</dl>")

    def curves(self, title: str, log: Path, most: int = 8) -> None:
        """The losses of a `metrics.jsonl`, as small line drawings."""
        series: dict[str, list[tuple[float, float]]] = {}
        for line in log.read_text().splitlines() if log.exists() else []:
            entry = json.loads(line)
            for name, value in entry.items():
                if name != "step" and isinstance(value, (int, float)) and not name.startswith("skipped"):
                    series.setdefault(name, []).append((entry["step"], value))
        drawn = [_curve(name, points) for name, points in list(series.items())[:most] if len(points) > 1]
        self._section(title, "".join(drawn) or "<p>No curve: too few steps were logged.</p>")

    def _section(self, title: str, content: str) -> None:
        self._parts.append(f"<section><h2>{html.escape(title)}</h2>{content}</section>")

    def save(self, path: str | Path) -> Path:
        """Writes the page in one piece."""
        path = Path(path)
        title = html.escape(self.title)
        text = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
            f"<body><main><h1>{title}</h1>{''.join(self._parts)}</main></body></html>"
        )
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
        return path


def _curve(name: str, points: list[tuple[float, float]], width: int = 300, height: int = 120) -> str:
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    low, high = min(y for _, y in finite), max(y for _, y in finite)
    first, last = finite[0][0], finite[-1][0]
    place = " ".join(
        f"{10 + (width - 20) * (x - first) / max(last - first, 1):.1f},"
        f"{height - 20 - (height - 45) * (y - low) / max(high - low, 1e-12):.1f}"
        for x, y in finite
    )
    label = f"{name}: {finite[0][1]:.3g} at step {first:g}, {finite[-1][1]:.3g} at step {last:g}"
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<text x="10" y="14" font-size="12">{html.escape(label)}</text>'
        f'<polyline points="{place}" fill="none" stroke="#0969da" stroke-width="1.5"/></svg>'
    )
