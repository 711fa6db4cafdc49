"""What is wrong with one window of an input: its shape, values far from training, units, rate and
phase.

The functions need NumPy alone and take the description of an input as plain values, because
exported models carry this file with them (`check.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

FAR = 6.0
"""Training deviations at which a value is called far outside; the most extreme percent of the
samples are left out.
"""
PHASE = 0.2
"""Share of a stride by which a window may begin before or after its event."""
REPEAT = 0.5
"""Least correlation between the strides of one window."""
OPEN = 0.5
"""Greatest distance between the ends of a window of strides, in ranges of the channels."""
FACTORS = {
    "angle": {57.3: "degrees where radians are expected", 1 / 57.3: "radians stated as degrees"},
    "position": {1000.0: "mm where m is expected", 0.001: "m where mm is expected"},
    "load": {
        9.81: "multiples of body weight where N/kg is expected, or the reverse",
        1000.0: "a factor of 1000, as between N mm and N m",
        70.0: "not divided by the body mass",
    },
}
"""Ratios of values to those of training that wrong units cause, per kind of quantity. A ratio holds
to a factor of 1.6.
"""


def errors(card: Mapping[str, Any], window: np.ndarray) -> list[str]:
    """Reasons why a window cannot be used.

    Args:
        card: `name`, `channels`, `shape`, and where they apply `strides`, `phase` and `example`, a
            window of training.
        window: The array [T, C].

    Returns:
        Sentences; none for a sound window.
    """
    window, name = np.asarray(window), card["name"]
    if window.shape != tuple(card["shape"]):
        shape = tuple(card["shape"])
        return [f"{name}: the window has the shape {window.shape}, the model takes {shape}"]
    if not np.isfinite(window.astype(np.float64)).all():
        return [f"{name}: the window holds values that are not finite; fill its gaps"]
    example = np.asarray(card.get("example", 0.0), np.float64)
    if not card.get("strides") or not card.get("phase") or example.shape != window.shape:
        return []
    steps = len(window) // card["strides"]
    ours, theirs = _strides(window, steps), _strides(example, steps)
    mean, usual = ours.mean(0), theirs.mean(0)
    alike, closed = _alike(ours), _open(window)
    if alike < REPEAT <= 0.7 * _alike(theirs) or closed > OPEN >= 2 * _open(example):
        return [
            f"{name}: the window does not repeat every {steps} samples; cut it at {card['phase']}"
            f" and resample every stride to {steps} samples"
        ]
    scores = [_correlation(np.roll(mean, -shift, axis=0), usual) for shift in range(steps)]
    shift = int(np.argmax(scores))
    away = (shift + steps // 2) % steps - steps // 2
    if scores[shift] > REPEAT and abs(away) > PHASE * steps and scores[0] < 0.9 * scores[shift]:
        side = "before" if away > 0 else "after"
        return [
            f"{name}: the window begins {abs(away) / steps:.0%} of a stride {side} {card['phase']},"
            " where windows of the model begin"
        ]
    return []


def warnings(
    card: Mapping[str, Any], window: np.ndarray, quantities: Sequence[str] = ()
) -> list[str]:
    """What is unusual about values: channels far outside training, and wrong units that would
    explain them.

    Args:
        card: `name`, `channels`, `centre` and `deviation` of the values in training, one per
            channel.
        window: Samples [..., C]; NaN are passed over.
        quantities: Quantity of each channel: angle, force, moment, power, position; default:
            `card["quantities"]`.

    Returns:
        Sentences that name channel and amount.
    """
    if not len(card.get("deviation", ())):
        return []
    values = np.asarray(window, np.float64).reshape(-1, len(card["channels"]))
    centre, deviation = (np.asarray(card[key], np.float64) for key in ("centre", "deviation"))
    kinds = list(quantities or card.get("quantities") or [""] * len(centre))
    known = np.isfinite(values)
    far = np.zeros(len(centre))
    ratio = np.full(len(centre), np.nan)
    for i in np.flatnonzero(known.any(0)):
        own = values[known[:, i], i]
        far[i] = np.percentile(np.abs(own - centre[i]), 99) / deviation[i]
        ratio[i] = np.percentile(np.abs(own), 99) / (abs(centre[i]) + 2 * deviation[i])
    found = []
    for kind in dict.fromkeys(kinds):
        own = [i for i, each in enumerate(kinds) if each == kind]
        beyond = [i for i in own if far[i] > FAR]
        reason = _reason(kind, ratio[own])
        if beyond:
            shown = ", ".join(
                f"{card['channels'][i]} ({far[i]:.3g} deviations)"
                for i in sorted(beyond, key=lambda i: -far[i])[:4]
            )
            more = f" and {len(beyond) - 4} more" if beyond[4:] else ""
            found.append(
                f"{card['name']}: far outside the training data: {shown}{more}"
                + (f"; the values look like {reason}" if reason else "; check units and signs")
            )
        elif reason and np.nanmedian(ratio[own]) < 0.1:
            found.append(
                f"{card['name']}: {', '.join(card['channels'][i] for i in own[:4])} move"
                f" {1 / np.nanmedian(ratio[own]):.3g} times less than in training; the values look"
                f" like {reason}"
            )
    return found


def look(card, rows):
    """End a script in one sentence if a window [T, C] of rows [B, T, C] cannot be used; print what
    is unusual.
    """
    for row in rows:
        if wrong := errors(card, row):
            raise SystemExit(wrong[0])
    for text in warnings(card, rows):
        print(f"warning: {text}")


def _reason(kind, ratios):
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    kind = "load" if kind in ("force", "moment", "power") else kind
    if not len(ratios) or kind not in FACTORS:
        return ""
    middle = np.median(ratios)
    both = {
        **FACTORS[kind],
        **({1 / f: w for f, w in FACTORS[kind].items()} if kind == "load" else {}),
    }
    factor = min(both, key=lambda f: abs(np.log(middle / f)))
    return both[factor] if abs(np.log(middle / factor)) < np.log(1.6) else ""


def _strides(window, steps):
    """[T, C] as strides [N, steps, C] in deviations of each channel; constant channels become
    zero.
    """
    window = np.asarray(window, np.float64)
    spread = window.std(0)
    window = (window - window.mean(0)) / np.where(spread > 1e-9, spread, np.inf)
    return window.reshape(-1, steps, window.shape[-1])


def _alike(strides):
    """Least correlation of one stride with the next."""
    return min((_correlation(a, b) for a, b in zip(strides, strides[1:])), default=1.0)


def _open(window):
    """How far the end of a window is from its beginning, in ranges of the channels."""
    return np.abs(window[-1] - window[0]).mean() / max(np.ptp(window, axis=0).mean(), 1e-12)


def _correlation(a, b):
    norm = np.sqrt(np.square(a).sum() * np.square(b).sum())
    return float((a * b).sum() / norm) if norm > 0 else 0.0
