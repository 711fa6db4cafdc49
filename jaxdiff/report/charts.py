"""Small charts with axes, drawn as SVG: sharp at every size, in the colours of the page, and nothing to install."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

Line = Sequence[tuple[float, float]]
WIDTH, HEIGHT = 350, 200
LEFT, RIGHT, TOP, BOTTOM = 62, 20, 10, 38
WIDE = 20.0
"""Positive values that differ by more than this factor are drawn on a logarithmic axis."""
COLOURS = ("var(--first)", "var(--second)")


def chart(title: str, lines: Mapping[str, Sequence[Line]], x: str, said: str = "") -> str:
    """A figure of named lines, or of bundles of lines under one name; `said` is what it shows, in words.

    A value that is not finite is left out. Two names at most, told apart by colour and dash.
    """
    every = [point for bundle in lines.values() for line in bundle for point in line]
    finite = [(a, b) for a, b in every if math.isfinite(a) and math.isfinite(b)]
    if not finite:
        return f"<figure><figcaption><b>{html.escape(title)}</b></figcaption><p>No finite value.</p></figure>"
    values = [b for _, b in finite]
    logarithmic = min(values) > 0 and max(values) > WIDE * min(values)
    across = _Axis([a for a, _ in finite], LEFT, WIDTH - RIGHT, False)
    upward = _Axis(values, HEIGHT - BOTTOM - 6, TOP, logarithmic)
    drawn = _grid(across, upward, x)
    for number, bundle in enumerate(lines.values()):
        look = _look(number, 1.8 if len(bundle) == 1 else 0.9)
        for line in bundle:
            places = [
                f"{across(a):.1f},{upward(b):.1f}"
                for a, b in line
                if math.isfinite(b) and (b > 0 or not logarithmic)
            ]
            drawn += f'<polyline points="{" ".join(places)}" fill="none" {look}/>'
    label = f"{title} against {x}. {said}".strip()
    keys = [f'<path d="M0 4H24" {_look(number, 2.5)}/>' for number in range(len(lines))]
    return _figure(title, said, label, dict(zip(lines, keys)), drawn)


def scatter(title: str, clouds: Mapping[str, Line], said: str = "") -> str:
    """Named clouds of points in a plane whose axes mean nothing; two at most, told apart by colour and shape."""
    every = [point for cloud in clouds.values() for point in cloud]
    across = _Axis([a for a, _ in every], 14, WIDTH - 14, False)
    upward = _Axis([b for _, b in every], HEIGHT - 14, 14, False)
    drawn = f'<rect class="axis" x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}"/>'
    for number, cloud in enumerate(clouds.values()):
        drawn += "".join(_mark(number, across(a), upward(b)) for a, b in cloud)
    keys = [_mark(number, 12, 4) for number in range(len(clouds))]
    return _figure(title, said, f"{title}. {said}".strip(), dict(zip(clouds, keys)), drawn)


def number(value: float) -> str:
    """Three significant figures, without the zeros that say nothing."""
    return f"{value:,.0f}".replace(",", "\u202f") if abs(value) >= 1000 else f"{value:.3g}"


class _Axis:
    """Places of values between two edges of the drawing, and ticks at round numbers."""

    def __init__(self, values: Sequence[float], start: float, end: float, logarithmic: bool):
        self.low, self.high, self.log = min(values), max(values), logarithmic
        if self.low == self.high:
            self.low, self.high = (
                self.low - (abs(self.low) or 1) / 2,
                self.high + (abs(self.high) or 1) / 2,
            )
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
        """As many digits as it takes to tell the ticks apart."""
        if self.log or len(self.ticks) < 2 or self.ticks[1] - self.ticks[0] >= 1:
            return number(tick)
        most = max(abs(self.ticks[0]), abs(self.ticks[-1]))
        digits = (
            math.floor(math.log10(most)) - math.floor(math.log10(self.ticks[1] - self.ticks[0])) + 1
        )
        return f"{tick:.{max(1, digits)}g}" if abs(tick) > 1e-9 * most else "0"


def _grid(across: _Axis, upward: _Axis, x: str) -> str:
    drawn = ""
    for tick in upward.ticks:
        y = f"{upward(tick):.1f}"
        drawn += f'<path class="grid" d="M{LEFT} {y}H{WIDTH - RIGHT}"/>'
        drawn += (
            f'<text x="{LEFT - 6}" y="{y}" dy=".35em" text-anchor="end">{upward.label(tick)}</text>'
        )
    for tick in across.ticks:
        place = f"{across(tick):.1f}"
        drawn += f'<path class="grid" d="M{place} {HEIGHT - BOTTOM}v4"/>'
        drawn += f'<text x="{place}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{across.label(tick)}</text>'
    drawn += f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    axis = f"{x}; logarithmic upward" if upward.log else x
    return (
        drawn
        + f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 5}" text-anchor="middle">{axis}</text>'
    )


def _figure(title: str, said: str, label: str, keys: Mapping[str, str], drawn: str) -> str:
    """`keys` explains the names, where there are several."""
    legend = "".join(
        f'<span class="key"><svg aria-hidden="true" viewBox="0 0 24 8">{key}</svg>{html.escape(name)}</span>'
        for name, key in keys.items()
    )
    shown = f'<span class="keys">{legend}</span>' if len(keys) > 1 else ""
    return (
        f'<figure><figcaption><b>{html.escape(title)}</b> <span class="note">{html.escape(said)}</span>'
        f"{shown}</figcaption>"
        f'<svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}">{drawn}</svg></figure>'
    )


def _look(number: int, width: float) -> str:
    dash = ' stroke-dasharray="5 3"' if number else ""
    return f'stroke="{COLOURS[number]}" stroke-width="{width}"{dash}'


def _mark(number: int, x: float, y: float) -> str:
    shape = "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0" if number == 0 else "m0-4l4 4l-4 4l-4-4z"
    return f'<path d="M{x:.1f} {y:.1f}{shape}" fill="{COLOURS[number]}" fill-opacity=".75"/>'
