"""Players of stick figures: markup and data for `player.js`, with ground reaction forces and gait
events.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple

import numpy as np

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.errors import DataError
from jaxdiff.report.markup import Html, element, join

Clips = Mapping[str, Mapping[str, np.ndarray]]
"""Caption -> figure ("real", "generated") -> joints [T, J, 3] in metres, y up."""
Forces = Mapping[str, Mapping[str, np.ndarray]]
"""Caption -> figure -> arrows [T, F, 2, 3]: point of application in metres, force in body weights;
NaN hides an arrow.
"""
METRES_PER_BODY_WEIGHT = 0.6
SPEEDS = {"1": "normal", "0.5": "half", "0.25": "a quarter"}
KEYS = (
    "Drag a figure to turn it, or press the arrow keys; + and - zoom, space plays and pauses, "
    "Home resets the view."
)


class Event(NamedTuple):
    """An event on the time bar."""

    time: float
    """Seconds from the start."""
    label: str


def script() -> str:
    """The program of all players of a page."""
    return (resources.files("jaxdiff.report") / "player.js").read_text(encoding="utf-8")


def player(
    clips: Clips,
    skeleton: Skeleton,
    rate: float,
    forces: Forces | None = None,
    events: Sequence[Event] = (),
) -> Html:
    """A player of one or more clips, each with the same figures side by side.

    Args:
      clips: joints by caption and figure.
      skeleton: names and parents of the joints.
      rate: frames per second.
      forces: force arrows by caption and figure, drawn on those that have them.
      events: events of the time bar, such as foot strikes; for a single clip.

    Returns:
      The markup.

    Raises:
      DataError: if clips do not have the same figures, or joints or forces do not fit.
    """
    names = _figures(clips, skeleton)
    sides = [
        next((word for word in ("left", "right") if word in name.lower()), "")
        for name in skeleton.names
    ]
    values = {
        "rate": float(rate),
        "bones": [
            (parent, joint, sides[joint])
            for joint, parent in enumerate(skeleton.parents)
            if parent >= 0
        ],
        "head": next((i for i, name in enumerate(skeleton.names) if name.lower() == "head"), -1),
        "clips": [[_millimetres(motions[name]) for name in names] for motions in clips.values()],
        "forces": [
            [_arrows(forces, caption, name, motions[name]) for name in names]
            for caption, motions in clips.items()
        ],
    }
    figures = [
        element(
            "figure",
            element("canvas", role="img", aria_label=f"Stick figure, {name}"),
            element("figcaption", name),
        )
        for name in names
    ]
    stage = element(
        "div",
        *figures,
        data_part="stage",
        class_="stage",
        tabindex=0,
        role="application",
        aria_label=f"Figures in space. {KEYS}",
    )
    longest = max(len(joints) for motions in clips.values() for joints in motions.values())
    legend = join(
        element("span", "■", class_="left"),
        " left ",
        element("span", "■", class_="right"),
        " right",
    )
    if forces:
        legend = join(legend, " ", element("span", "■", class_="force"), " ground reaction force")
    return element(
        "div",
        _choice(list(clips)),
        stage,
        _controls(),
        _marks(events, (longest - 1) / rate),
        element("p", legend, f". {KEYS}", class_="note"),
        element("script", Html(_json(values)), type="application/json"),
        class_="player",
    )


def _controls() -> Html:
    speeds = [element("option", name, value=value) for value, name in SPEEDS.items()]
    turn = [
        element("button", sign, type="button", data_turn=angle, aria_label=label)
        for sign, angle, label in (("↺", 0.4, "Turn left"), ("↻", -0.4, "Turn right"))
    ]
    zoom = [
        element("button", sign, type="button", data_zoom=factor, aria_label=label)
        for sign, factor, label in (("+", 1.25, "Zoom in"), ("−", 0.8, "Zoom out"))
    ]
    slider = element(
        "input", type="range", data_part="time", min=0, max=0, value=0, step=1, aria_label="Time"
    )
    return element(
        "div",
        element("button", "Play", type="button", data_part="play"),
        slider,
        element("span", class_="clock", data_part="clock"),
        element("label", "Speed ", element("select", *speeds, data_part="speed")),
        element("span", *turn, *zoom, class_="turns"),
        class_="controls",
    )


def _marks(events: Sequence[Event], duration: float) -> Html | None:
    """Ticks under the time bar."""
    if not events or duration <= 0:
        return None
    ticks = [
        element(
            "path",
            element("title", f"{event.label}, {event.time:.2f} s"),
            d=f"M{1000 * event.time / duration:.1f} 0v10",
            class_="strike" if "strike" in event.label.lower() else "off",
        )
        for event in events
        if 0 <= event.time <= duration
    ]
    text = "; ".join(f"{event.label} at {event.time:.2f} s" for event in events)
    return element(
        "svg",
        *ticks,
        class_="marks",
        viewBox="0 0 1000 10",
        preserveAspectRatio="none",
        role="img",
        aria_label=f"Events: {text}",
    )


def _figures(clips: Clips, skeleton: Skeleton) -> list[str]:
    each = [list(motions) for motions in clips.values()]
    if not each or not each[0] or any(names != each[0] for names in each):
        raise DataError(
            f"all clips of a player must have the same figures, one or more; got {each}"
        )
    for name, motions in clips.items():
        for figure, joints in motions.items():
            joints = np.asarray(joints)
            expected = f"(frames, {len(skeleton.names)}, 3)"
            if joints.ndim != 3 or not len(joints) or joints.shape[1:] != (len(skeleton.names), 3):
                raise DataError(
                    f"the joints of {figure!r} in {name!r} must have shape {expected}; got"
                    f" {joints.shape}"
                )
            if not np.isfinite(joints).all():
                raise DataError(f"the joints of {figure!r} in {name!r} must be finite numbers")
    return each[0]


def _arrows(forces: Forces | None, caption: str, figure: str, joints: np.ndarray) -> list[int]:
    """Millimetres of tail and head of every arrow and frame; -1e6 hides an arrow."""
    arrows = (forces or {}).get(caption, {}).get(figure)
    if arrows is None:
        return []
    arrows = np.asarray(arrows, np.float64)
    if arrows.ndim != 4 or arrows.shape[2:] != (2, 3) or len(arrows) != len(joints):
        raise DataError(
            f"the forces of {figure!r} in {caption!r} must have shape ({len(joints)}, feet, 2, 3); "
            f"got {arrows.shape}"
        )
    heads = arrows[:, :, 0] + METRES_PER_BODY_WEIGHT * arrows[:, :, 1]
    ends = 1000 * np.stack([arrows[:, :, 0], heads], axis=2)
    hidden = ~np.isfinite(ends).all((2, 3), keepdims=True)
    return np.where(hidden, -1e6, np.nan_to_num(np.rint(ends))).astype(np.int64).ravel().tolist()


def _choice(names: Sequence[str]) -> Html | None:
    if len(names) == 1:
        return element("p", names[0], class_="said") if names[0] else None
    options = [element("option", name, value=number) for number, name in enumerate(names)]
    select = element("select", *options, data_part="clip")
    # A narrow list cuts its entries off, so the whole caption is repeated below it.
    whole = element("p", class_="note whole", data_part="caption", aria_hidden="true")
    return join(element("label", "Clip ", select, class_="said"), whole)


def _millimetres(joints: np.ndarray) -> list[int]:
    return np.rint(1000 * np.asarray(joints, np.float64)).astype(np.int64).ravel().tolist()


def _json(value: object) -> str:
    """JSON that cannot end its script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
