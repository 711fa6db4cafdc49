"""A report as one self-contained HTML file that opens anywhere without a network."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.disk import write_text
from jaxdiff.errors import MissingExtra
from jaxdiff.report import charts, motion
from jaxdiff.report.gait import Curves, gait_charts
from jaxdiff.report.glossary import explain
from jaxdiff.report.markup import Html, digest, download, element, join
from jaxdiff.report.tables import Table

BROAD = 640
"""Wider pictures scroll on narrow screens instead of shrinking until they are unreadable."""


class Page:
    """A report; sections appear in the order in which they are added.

    Args:
      title: heading of the page.
    """

    def __init__(self, title: str):
        self.title = title
        self._lead: Html | None = None
        self._sections: list[tuple[str, Html | None]] = []
        self._moves = False

    def verdict(self, text: str, details: Mapping[str, str] | None = None) -> None:
        """State the result in one sentence at the top, with what was measured and on whom."""
        self._lead = join(element("p", text, class_="verdict"), _definitions(details or {}))

    def table(self, table: Table) -> None:
        """Add a table with explanations of its columns and a download; quoted rows are set
        apart.
        """
        columns = [element("th", _heading(name), scope="col") for name in table.columns]
        rows = []
        for label, cells, quoted in table.rows:
            values = (cells.get(name) for name in table.columns)
            entries = [element("td", "" if v is None else str(v)) for v in values]
            look = "quoted" if quoted else None
            rows.append(element("tr", element("th", label, scope="row"), *entries, class_=look))
        head = element("thead", element("tr", element("td"), *columns))
        content = element("table", head, element("tbody", *rows))
        link = download(
            f"{charts.file_name(table.title)}.csv", table.csv(), "text/csv", "download as CSV"
        )
        note = element("p", table.note, " ", link, class_="note")
        self._section(
            table.title, join(_scrolling(content, table.title), note, _explanations(table.columns))
        )

    def figure(self, title: str, figure: Any, description: str) -> None:
        """Add a matplotlib figure as SVG; `description` is its alternative text."""
        import matplotlib
        import matplotlib.pyplot as plt

        buffer, width = io.BytesIO(), 96 * figure.get_figwidth()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "jaxdiff"}):
            figure.savefig(buffer, format="svg", metadata={"Date": None})
        plt.close(figure)
        data = base64.b64encode(buffer.getvalue()).decode()
        picture = element(
            "img",
            alt=description,
            width=f"{width:.0f}",
            class_="broad" if width > BROAD else None,
            src=f"data:image/svg+xml;base64,{data}",
        )
        name = f"{charts.file_name(title)}.svg"
        link = download(name, buffer.getvalue(), "image/svg+xml", "download as SVG")
        self._section(title, join(_scrolling(picture, title), element("p", link, class_="note")))

    def figures(self, drawn: Iterable[tuple[str, Any, str]]) -> None:
        """Add figures given as (title, figure, description); without matplotlib, name the missing
        extra once.
        """
        try:
            for each in drawn:
                self.figure(*each)
        except MissingExtra as missing:
            section = "Pictures", element("p", str(missing))
            if section not in self._sections:
                self._section(*section)

    def gait(
        self,
        title: str,
        curves: Mapping[str, Curves],
        channels: Sequence[str],
        units: Sequence[str],
        toe_off: float | None = None,
        note: str = "",
    ) -> None:
        """Add gait-cycle charts with bands and events; see `gait_charts`."""
        drawn = gait_charts(curves, channels, units, toe_off)
        self._section(title, join(_paragraph(note), element("div", drawn, class_="charts")))

    def motion(
        self,
        title: str,
        clips: motion.Clips,
        skeleton: Skeleton,
        rate: float,
        note: str = "",
        forces: motion.Forces | None = None,
        events: Sequence[motion.Event] = (),
    ) -> None:
        """Add a player of stick figures; see `motion.player`."""
        player = motion.player(clips, skeleton, rate, forces, events)
        self._section(title, join(_paragraph(note), player))
        self._moves = True

    def chart(
        self,
        title: str,
        x: str,
        lines: Mapping[str, Sequence[tuple[float, float]]],
        description: str = "",
    ) -> None:
        """Add a chart of up to four named lines."""
        drawn = charts.chart(title, {name: [line] for name, line in lines.items()}, x, description)
        self._section(title, element("div", drawn, class_="charts"))

    def scatter(
        self, title: str, clouds: Mapping[str, Sequence[tuple[float, float]]], description: str
    ) -> None:
        """Add a map of up to four named clouds of points, for example of latents."""
        drawn = charts.scatter(title, clouds, description)
        self._section(title, element("div", drawn, class_="charts"))

    def downloads(self, title: str, files: Mapping[str, tuple[str | bytes, str]]) -> None:
        """Add files to save: name -> (content, media type)."""
        links = [
            element("li", download(name, content, kind, name))
            for name, (content, kind) in files.items()
        ]
        self._section(title, element("ul", *links))

    def facts(self, facts: Mapping[str, str]) -> None:
        """Add what is needed to repeat the result."""
        self._section("How this was made", _definitions(facts))

    def curves(self, title: str, log: Path, most: int = 9) -> None:
        """Add the losses of a `metrics.jsonl`, one chart each; parallel trainings are a bundle of
        lines.
        """
        series = _series(log)
        names = [name for name, folds in series.items() if len(folds[0]) > 1]
        names = sorted(names, key=lambda name: (name == "grad_norm", name != "loss"))[:most]
        if not names:
            self._section(title, element("p", "No curve: too few steps were logged."))
            return
        drawn = [_curve(name, list(series[name].values())) for name in names]
        self._section(title, element("div", *drawn, class_="charts"))

    def _section(self, title: str, content: Html | None) -> None:
        self._sections.append((title, content))

    def save(self, path: str | Path) -> Path:
        """Write the page atomically and return its path."""
        write_text(path, self._text())
        return Path(path)

    def _text(self) -> str:
        style = Html((resources.files("jaxdiff.report") / "page.css").read_text(encoding="utf-8"))
        program = Html(motion.script()) if self._moves else None
        links = [
            element("li", element("a", title, href=f"#s{i}"))
            for i, (title, _) in enumerate(self._sections)
        ]
        listed = element("nav", element("ul", *links), aria_label="Sections")
        body = [
            element("section", element("h2", title, id=f"s{i}"), content)
            for i, (title, content) in enumerate(self._sections)
        ]
        # Nothing is loaded from anywhere, and only this script and this style may run or apply.
        policy = f"default-src 'none'; img-src data:; style-src {digest(style)}; "
        policy += f"script-src {digest(program) if program else chr(39) + 'none' + chr(39)}"
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=policy),
            element("title", self.title),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("link", rel="icon", href="data:,"),
            element("style", style),
        )
        content = element(
            "main",
            element("h1", self.title),
            self._lead,
            listed if len(self._sections) > 2 else None,
            *body,
        )
        script = element("script", program) if program else None
        document = element("html", head, element("body", content, script), lang="en")
        return f"<!doctype html>{document}\n"


def _heading(name: str) -> Html:
    metric = explain(name)
    return element("abbr", name, title=metric.name) if metric else join(name)


def _explanations(columns: Sequence[str]) -> Html | None:
    known = {name: metric for name in columns if (metric := explain(name))}
    if not known:
        return None
    entries: list[Html] = []
    for name, metric in known.items():
        parts = [metric.name, metric.meaning, metric.better]
        entries += [element("dt", name), element("dd", "; ".join(part for part in parts if part))]
    return element(
        "details", element("summary", "Explanation of the columns"), element("dl", *entries)
    )


def _definitions(entries: Mapping[str, str]) -> Html | None:
    if not entries:
        return None
    parts = [part for k, v in entries.items() for part in (element("dt", k), element("dd", v))]
    return element("dl", *parts)


def _paragraph(text: str) -> Html | None:
    return element("p", text) if text else None


def _scrolling(content: Html, title: str) -> Html:
    """A region that scrolls by itself, also by keyboard, if its content is wider than the
    screen.
    """
    return element("div", content, class_="wide", tabindex=0, role="region", aria_label=title)


def _series(log: Path) -> dict[str, dict[int, list[tuple[float, float]]]]:
    """Values of a `metrics.jsonl` by name and fold; lines that are not JSON are ignored."""
    series: dict[str, dict[int, list[tuple[float, float]]]] = {}
    for line in (
        log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    ):
        try:
            entry = json.loads(line)
            step = float(entry.pop("step"))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        for name, value in entry.items():
            if name.startswith("skipped"):
                continue
            for fold, each in enumerate(value if isinstance(value, list) else [value]):
                finite = isinstance(each, (int, float))
                point = step, float(each) if finite else float("nan")
                series.setdefault(name, {}).setdefault(fold, []).append(point)
    return series


def _curve(name: str, lines: list[list[tuple[float, float]]]) -> Html:
    def mean(at: int) -> str:
        return charts.number(sum(line[at][1] for line in lines) / len(lines))

    first, last = (charts.number(lines[0][at][0]) for at in (0, -1))
    alt = f"{mean(0)} at step {first}, {mean(-1)} at step {last}"
    alt += f" (mean of {len(lines)})" if len(lines) > 1 else ""
    return charts.chart(name, {name: lines}, "step", alt)
