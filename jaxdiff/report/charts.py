"""Small charts as SVG: sharp at any size, in the colours of the page, without a plotting
library.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxdiff.report.markup import Html, download, element, join

Line = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 350, 200
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 10, 38
LOGARITHMIC_RANGE = 20.0
"""Positive values that span more than this factor are drawn on a logarithmic axis."""
COLOURS = ("var(--first)", "var(--second)", "var(--third)", "var(--fourth)")
DASHES = (None, "5 3", "1.5 3", "8 3 1.5 3")


class Band(NamedTuple):
    """An interval along x: points `(x, low, high)`."""

    points: Sequence[tuple[float, float, float]]


def chart(
    title: str,
    lines: Mapping[str, Sequence[Line]],
    x: str,
    alt: str = "",
    *,
    y: str = "",
    bands: Mapping[str, Band] | None = None,
    events: Sequence[tuple[float, str]] = (),
) -> Html:
    """A line chart with axes, legend and a download of its data.

    Args:
      title: heading of the chart.
      lines: bundles of lines by name, at most four names; non-finite values are omitted.
      x: label of the horizontal axis.
      alt: what the chart shows, in words.
      y: label of the vertical axis (a unit).
      bands: shaded intervals, by the name of their line.
      events: labelled vertical lines, such as foot strikes.

    Returns:
      A `<figure>`.
    """
    bands = bands or {}
    drawn = [point for bundle in lines.values() for line in bundle for point in line]
    drawn += [(a, b) for band in bands.values() for a, *ends in band.points for b in ends]
    finite = [(a, b) for a, b in drawn if math.isfinite(a) and math.isfinite(b)]
    if not finite:
        caption = element("figcaption", element("b", title))
        return element("figure", caption, element("p", "No finite value."))
    values = [b for _, b in finite]
    logarithmic = min(values) > 0 and max(values) > LOGARITHMIC_RANGE * min(values)
    across = _Axis([a for a, _ in finite], LEFT, WIDTH - RIGHT, False)
    upward = _Axis(values, HEIGHT - BOTTOM - 6, TOP, logarithmic)
    parts = [_grid(across, upward, x, y)]
    for number, name in enumerate(lines):
        if name in bands:
            parts.append(_band(bands[name], number, across, upward))
    for place, label in events:
        parts.append(_event(across(place), label))
    for number, bundle in enumerate(lines.values()):
        for line in bundle:
            points = " ".join(
                f"{across(a):.1f},{upward(b):.1f}"
                for a, b in line
                if math.isfinite(b) and (b > 0 or not logarithmic)
            )
            width = 1.8 if len(bundle) == 1 else 0.9
            parts.append(element("polyline", points=points, fill="none", **_stroke(number, width)))
    label = f"{title} against {x}. {alt}".strip()
    keys = [element("path", d="M0 4H24", **_stroke(number, 2.5)) for number in range(len(lines))]
    return _figure(title, alt, label, dict(zip(lines, keys)), join(*parts), _data(x, lines, bands))


def scatter(title: str, clouds: Mapping[str, Line], alt: str = "") -> Html:
    """A map of points in a plane without meaningful axes; up to four names, distinguished by colour
    and shape.
    """
    points = [point for cloud in clouds.values() for point in cloud]
    across = _Axis([a for a, _ in points], 14, WIDTH - 14, False)
    upward = _Axis([b for _, b in points], HEIGHT - 14, 14, False)
    frame = element("rect", class_="axis", x=1, y=1, width=WIDTH - 2, height=HEIGHT - 2)
    marks = [
        _mark(number, across(a), upward(b))
        for number, cloud in enumerate(clouds.values())
        for a, b in cloud
    ]
    keys = [_mark(number, 12, 4) for number in range(len(clouds))]
    data = _data("x", {name: [cloud] for name, cloud in clouds.items()}, {})
    label = f"{title}. {alt}".strip()
    return _figure(title, alt, label, dict(zip(clouds, keys)), join(frame, *marks), data)


def number(value: float) -> str:
    """Three significant digits, without trailing zeros."""
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 1000 else f"{value:.3g}"


class _Axis:
    """Positions of values between two edges of the drawing, and ticks at round numbers."""

    def __init__(self, values: Sequence[float], start: float, end: float, logarithmic: bool):
        self.low, self.high, self.log = min(values), max(values), logarithmic
        if self.low == self.high:
            margin = (abs(self.low) or 1) / 2
            self.low, self.high = self.low - margin, self.high + margin
        self.start, self.end = start, end
        self.ticks = self._decades() if logarithmic else self._steps()

    def __call__(self, value: float) -> float:
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)

    def _steps(self) -> list[float]:
        rough = (self.high - self.low) / 4
        unit = 10.0 ** math.floor(math.log10(rough))
        step = unit * next(m for m in (1, 2, 5, 10) if m * unit >= rough)
        first = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _decades(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, (last - first) // 4)
        parts = (1, 2, 5) if last - first <= 2 else (1,)
        ticks = [m * 10.0**e for e in range(first, last + 1, every) for m in parts]
        return [tick for tick in ticks if self.low <= tick <= self.high]

    def label(self, tick: float) -> str:
        """With as many digits as distinguish neighbouring ticks."""
        if self.log or len(self.ticks) < 2 or self.ticks[1] - self.ticks[0] >= 1:
            return number(tick)
        most = max(abs(self.ticks[0]), abs(self.ticks[-1]))
        spacing = self.ticks[1] - self.ticks[0]
        digits = math.floor(math.log10(most)) - math.floor(math.log10(spacing)) + 1
        return f"{tick:.{max(1, digits)}g}" if abs(tick) > 1e-9 * most else "0"


def _grid(across: _Axis, upward: _Axis, x: str, y: str) -> Html:
    parts = []
    for tick in upward.ticks:
        at = f"{upward(tick):.1f}"
        parts.append(element("path", class_="grid", d=f"M{LEFT} {at}H{WIDTH - RIGHT}"))
        label = upward.label(tick)
        parts.append(element("text", label, x=LEFT - 6, y=at, dy=".35em", text_anchor="end"))
    for tick in across.ticks:
        at, below = f"{across(tick):.1f}", HEIGHT - BOTTOM + 16
        parts.append(element("path", class_="grid", d=f"M{at} {HEIGHT - BOTTOM}v4"))
        parts.append(element("text", across.label(tick), x=at, y=below, text_anchor="middle"))
    parts.append(element("path", class_="axis", d=f"M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    name = f"{x}; logarithmic upward" if upward.log else x
    parts.append(element("text", name, x=middle, y=HEIGHT - 5, text_anchor="middle"))
    if y:
        turned = f"translate(11 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"
        parts.append(element("text", y, transform=turned, text_anchor="middle"))
    return join(*parts)


def _band(band: Band, number: int, across: _Axis, upward: _Axis) -> Html:
    finite = [point for point in band.points if all(map(math.isfinite, point))]
    upper = [f"{across(a):.1f},{upward(high):.1f}" for a, _, high in finite]
    lower = [f"{across(a):.1f},{upward(low):.1f}" for a, low, _ in reversed(finite)]
    return element(
        "polygon", points=" ".join(upper + lower), fill=COLOURS[number], fill_opacity=".18"
    )


def _event(x: float, label: str) -> Html:
    line = element("path", class_="event", d=f"M{x:.1f} {TOP}V{HEIGHT - BOTTOM}")
    return join(line, element("text", label, x=f"{x + 3:.1f}", y=TOP + 8, class_="small"))


def _data(x: str, lines: Mapping[str, Sequence[Line]], bands: Mapping[str, Band]) -> str:
    """The chart as CSV, one row per point."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["series", "line", x, "value"])
    for name, bundle in lines.items():
        for index, line in enumerate(bundle):
            writer.writerows([name, index, a, b] for a, b in line)
    for name, band in bands.items():
        writer.writerows([f"{name}, lower bound", 0, a, low] for a, low, _ in band.points)
        writer.writerows([f"{name}, upper bound", 0, a, high] for a, _, high in band.points)
    return out.getvalue()


def _figure(
    title: str, alt: str, label: str, keys: Mapping[str, Html], drawn: Html, data: str
) -> Html:
    legend = [
        element(
            "span",
            element("svg", key, aria_hidden="true", viewBox="0 0 24 8"),
            name,
            class_="key",
        )
        for name, key in keys.items()
    ]
    caption = element(
        "figcaption",
        element("b", title),
        " ",
        element("span", alt, class_="note"),
        " ",
        download(f"{file_name(title)}.csv", data, "text/csv", "data"),
        element("span", *legend, class_="keys") if len(keys) > 1 else None,
    )
    picture = element("svg", drawn, role="img", aria_label=label, viewBox=f"0 0 {WIDTH} {HEIGHT}")
    return element("figure", caption, picture)


def file_name(title: str) -> str:
    """A title as the stem of a file name."""
    return re.sub(r"[^\w-]+", "-", title).strip("-").lower()[:60] or "data"


def _stroke(number: int, width: float) -> dict[str, object]:
    look = {"stroke": COLOURS[number], "stroke_width": width}
    return {**look, "stroke_dasharray": DASHES[number]}


SHAPES = (
    "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0",
    "m0-4l4 4l-4 4l-4-4z",
    "m-3-3h6v6h-6z",
    "m0-4l4 7h-8z",
)


def _mark(number: int, x: float, y: float) -> Html:
    shape = f"M{x:.1f} {y:.1f}{SHAPES[number]}"
    return element("path", d=shape, fill=COLOURS[number], fill_opacity=".75")
