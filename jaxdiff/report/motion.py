"""Motions as stick figures to play, pause, scrub and turn: the markup and the data that `player.js` brings to life."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources

import numpy as np

from jaxdiff.body.skeleton import Skeleton
from jaxdiff.errors import DataError

Clips = Mapping[str, Mapping[str, np.ndarray]]
"""What is shown -> figure ("real", "generated") -> joints `(T, J, 3)` in metres, y up."""
SPEEDS = {"1": "normal", "0.5": "half", "0.25": "a quarter"}
KEYS = (
    "Drag a figure to turn it, or press the arrow keys; space plays and pauses, Home turns it back."
)


def script() -> str:
    """The program of all players of a page."""
    return (resources.files("jaxdiff.report") / "player.js").read_text(encoding="utf-8")


def player(clips: Clips, skeleton: Skeleton, rate: float) -> str:
    """A player; of several clips one is chosen from a list."""
    names = _figures(clips, skeleton)
    side = [
        next((word for word in ("left", "right") if word in name.lower()), "")
        for name in skeleton.names
    ]
    values = {
        "rate": float(rate),
        "bones": [
            (parent, joint, side[joint])
            for joint, parent in enumerate(skeleton.parents)
            if parent >= 0
        ],
        "head": next((i for i, name in enumerate(skeleton.names) if name.lower() == "head"), -1),
        "clips": [[_millimetres(motions[name]) for name in names] for motions in clips.values()],
    }
    figures = "".join(
        f'<figure><canvas role="img" aria-label="Stick figure, {html.escape(name)}"></canvas>'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name in names
    )
    speeds = "".join(f'<option value="{value}">{name}</option>' for value, name in SPEEDS.items())
    return (
        f'<div class="player">{_choice(list(clips))}'
        f'<div class="stage" data-part="stage" tabindex="0" role="application" aria-label="Figures in space. {KEYS}">'
        f'{figures}</div><div class="controls"><button type="button" data-part="play">Play</button>'
        '<input type="range" data-part="time" min="0" max="0" value="0" step="1" aria-label="Time">'
        '<span class="clock" data-part="clock"></span>'
        f'<label>Speed <select data-part="speed">{speeds}</select></label>'
        '<span class="turns"><button type="button" data-turn="0.4" aria-label="Turn left">↺</button>'
        '<button type="button" data-turn="-0.4" aria-label="Turn right">↻</button></span></div>'
        f'<p class="note"><span class="left">■</span> left <span class="right">■</span> right. {KEYS}</p>'
        f'<script type="application/json">{_json(values)}</script></div>'
    )


def _figures(clips: Clips, skeleton: Skeleton) -> list[str]:
    each = [list(motions) for motions in clips.values()]
    if not each or any(names != each[0] for names in each):
        raise DataError(f"every clip of a player shows the same figures, one or more; got {each}")
    for name, motions in clips.items():
        for figure, joints in motions.items():
            joints = np.asarray(joints)
            if joints.ndim != 3 or not len(joints) or joints.shape[1:] != (len(skeleton.names), 3):
                wanted = f"(frames, {len(skeleton.names)}, 3)"
                raise DataError(
                    f"the joints of {figure!r} in {name!r} are {wanted}; got {joints.shape}"
                )
            if not np.isfinite(joints).all():
                raise DataError(
                    f"the joints of {figure!r} in {name!r} are finite numbers; some are not"
                )
    return each[0]


def _choice(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f'<p class="said">{html.escape(names[0])}</p>' if names[0] else ""
    options = "".join(
        f'<option value="{number}">{html.escape(name)}</option>'
        for number, name in enumerate(names)
    )
    whole = '<p class="note whole" data-part="caption" aria-hidden="true"></p>'  # a narrow list cuts its words off
    return f'<label class="said">Shown <select data-part="clip">{options}</select></label>{whole}'


def _millimetres(joints: np.ndarray) -> list[int]:
    return np.rint(1000 * np.asarray(joints, np.float64)).astype(np.int64).ravel().tolist()


def _json(value: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
