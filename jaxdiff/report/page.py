"""A report as one self-contained HTML file: tables, pictures, curves and motions that open anywhere, without a network."""

from __future__ import annotations

import base64
import html
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.errors import MissingExtra
from jaxdiff.report import charts, motion
from jaxdiff.report.tables import Table

ALONE = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""The browser itself is told that the page needs no network."""
DOTS, READABLE = 110, 0.75
"""Resolution of pictures, and how far a narrow screen may shrink one before it scrolls."""


class Page:
    """Sections are added in the order in which they shall be read."""

    def __init__(self, title: str):
        self.title = title
        self._sections: list[tuple[str, str]] = []
        self._moves = False

    def table(self, table: Table) -> None:
        """Rows quoted from a paper are set apart from ours."""
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in table.columns)
        body = ""
        for label, cells, quoted in table.rows:
            values = (cells.get(name) for name in table.columns)
            entries = "".join(
                f"<td>{'' if v is None else html.escape(str(v))}</td>" for v in values
            )
            look = ' class="quoted"' if quoted else ""
            body += f'<tr{look}><th scope="row">{html.escape(label)}</th>{entries}</tr>'
        note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
        content = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        self._section(table.title, _scrolling(content, table.title) + note)

    def figure(self, title: str, figure: Any, description: str) -> None:
        """A matplotlib figure; `description` is read to those who cannot see it."""
        import matplotlib.pyplot as plt

        buffer, width = io.BytesIO(), 96 * figure.get_figwidth()
        figure.savefig(buffer, format="png", dpi=DOTS)
        plt.close(figure)
        data = base64.b64encode(buffer.getvalue()).decode()
        picture = (
            f'<img alt="{html.escape(description)}" width="{width:.0f}" style="min-width:{READABLE * width:.0f}px" '
            f'src="data:image/png;base64,{data}">'
        )
        self._section(title, _scrolling(picture, title))

    def figures(self, drawn: Iterable[tuple[str, Any, str]]) -> None:
        """Title, figure and description of several that are drawn one by one; without matplotlib, what brings it."""
        try:
            for each in drawn:
                self.figure(*each)
        except MissingExtra as missing:
            said = "Pictures", f"<p>{html.escape(str(missing))}</p>"
            if said not in self._sections:
                self._section(*said)

    def motion(
        self, title: str, clips: motion.Clips, skeleton: Skeleton, rate: float, note: str = ""
    ) -> None:
        """Stick figures side by side to play, pause, scrub and turn: caption -> name of the figure -> joints `(T, J, 3)`."""
        said = f"<p>{html.escape(note)}</p>" if note else ""
        self._section(title, said + motion.player(clips, skeleton, rate))
        self._moves = True

    def chart(
        self,
        title: str,
        x: str,
        lines: Mapping[str, Sequence[tuple[float, float]]],
        description: str = "",
    ) -> None:
        """One or two named lines."""
        drawn = charts.chart(title, {name: [line] for name, line in lines.items()}, x, description)
        self._section(title, f'<div class="charts">{drawn}</div>')

    def scatter(
        self, title: str, clouds: Mapping[str, Sequence[tuple[float, float]]], description: str
    ) -> None:
        """One or two named clouds of points, as a map of latents is."""
        self._section(
            title, f'<div class="charts">{charts.scatter(title, clouds, description)}</div>'
        )

    def facts(self, facts: Mapping[str, str]) -> None:
        """How to repeat what is shown."""
        entries = "".join(
            f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in facts.items()
        )
        self._section("How this was made", f"<dl>{entries}</dl>")

    def curves(self, title: str, log: Path, most: int = 9) -> None:
        """The losses of a `metrics.jsonl`, a chart each; trainings side by side are a bundle of lines."""
        series: dict[str, dict[int, list[tuple[float, float]]]] = {}
        for line in log.read_text().splitlines() if log.exists() else []:
            entry = json.loads(line)
            step = entry.pop("step")
            for name, value in entry.items():
                if not name.startswith("skipped"):
                    for fold, each in enumerate(value if isinstance(value, list) else [value]):
                        point = step, float("nan") if each is None else each
                        series.setdefault(name, {}).setdefault(fold, []).append(point)
        names = [name for name, folds in series.items() if len(folds[0]) > 1]
        names = sorted(names, key=lambda name: (name == "grad_norm", name != "loss"))[:most]
        drawn = "".join(_curve(name, list(series[name].values())) for name in names)
        self._section(
            title,
            f'<div class="charts">{drawn}</div>'
            if drawn
            else "<p>No curve: too few steps were logged.</p>",
        )

    def _section(self, title: str, content: str) -> None:
        self._sections.append((title, content))

    def save(self, path: str | Path) -> Path:
        """Writes the page in one piece."""
        path, title = Path(path), html.escape(self.title)
        style = (resources.files("jaxdiff.report") / "page.css").read_text(encoding="utf-8")
        links = "".join(
            f'<li><a href="#s{i}">{html.escape(t)}</a></li>'
            for i, (t, _) in enumerate(self._sections)
        )
        listed = (
            f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if len(self._sections) > 2 else ""
        )
        body = "".join(
            f'<section><h2 id="s{i}">{html.escape(t)}</h2>{content}</section>'
            for i, (t, content) in enumerate(self._sections)
        )
        program = f"<script>{motion.script()}</script>" if self._moves else ""
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{ALONE}"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<style>{style}</style></head><body><main><h1>{title}</h1>{listed}{body}</main>{program}</body></html>\n"
        )
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
        return path


def _scrolling(content: str, title: str) -> str:
    """What is wider than the screen scrolls by itself, by keyboard too."""
    return f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(title)}">{content}</div>'


def _curve(name: str, lines: list[list[tuple[float, float]]]) -> str:
    def mean(at: int) -> str:
        return charts.number(sum(line[at][1] for line in lines) / len(lines))

    said = f"{mean(0)} at step {charts.number(lines[0][0][0])}, {mean(-1)} at step {charts.number(lines[0][-1][0])}"
    said += f" (mean of {len(lines)})" if len(lines) > 1 else ""
    return charts.chart(name, {name: lines}, "step", said)
