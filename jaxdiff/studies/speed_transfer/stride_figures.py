"""One picture and one walk of the stride model: a person left out at every speed, generated and
real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxdiff.models.calibration import Calibration, predictive_interval
from jaxdiff.report import legs
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.speed_transfer import bands, held_out, strides, synthesis
from jaxdiff.studies.speed_transfer.drawing import GENERATED, REAL, axes
from jaxdiff.studies.speed_transfer.hierarchy import group
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question
from jaxdiff.studies.speed_transfer.strides import JOINTS, Gait

SHOWN = 5
"""Most speeds in the picture."""
RATE = 100.0


def typical(predictor: Predictor, gaits: Sequence[Gait]) -> list[Gait]:
    """The person of median error among some people, by rising speed."""
    asked = held_out.tasks(gaits, most=8)
    each = held_out.by_person(
        held_out.errors(predictor.linear(asked.questions), asked.truth), asked.subjects
    )
    name = np.unique(asked.subjects)[np.argsort(each)[len(each) // 2]]
    person = next(p for p in group(gaits) if p[0].subject == name)
    return sorted(person, key=lambda g: g.speed)


def picture(
    predictor: Predictor, kept: Mapping[str, Calibration], person: Sequence[Gait], p: float = 0.9
) -> tuple[Any, str]:
    """Right-leg strides at every speed: real ones, and the band of a stride generated from the
    middle speed.
    """
    source = person[len(person) // 2]
    targets = [g for g in person if g is not source]
    targets = [targets[i] for i in evenly(len(targets), SHOWN)]
    asked = held_out.Tasks([Question((source,), g.speed) for g in targets], list(targets))
    drawn = held_out.drawn(predictor, asked, "stride", 64)
    phase = np.arange(held_out.POINTS) / held_out.POINTS
    factors = bands.chosen(kept, "stride", [source])
    scale = bands.at(factors, phase, range(len(strides.CHANNELS))).scale(p)
    low, high = predictive_interval(drawn, p, scale)
    middle = np.median(drawn, axis=0)
    figure, grid = axes(len(JOINTS), len(targets))
    for column, target in enumerate(targets):
        real = held_out.curves(target.mean + target.deviations)
        for row, joint in enumerate(JOINTS):
            axis = grid[row, column]
            axis.fill_between(
                100 * phase,
                low[column, :, row],
                high[column, :, row],
                color=GENERATED,
                alpha=0.2,
                lw=0,
            )
            axis.plot(100 * phase, middle[column, :, row], color=GENERATED, lw=1.4)
            axis.plot(100 * phase, real[..., row].T, color=REAL, lw=0.5, alpha=0.6)
            if not column:
                axis.set_ylabel(f"{joint} [deg]", fontsize=8)
        grid[0, column].set_title(f"{source.speed:g} → {target.speed:g} m/s", fontsize=8)
    figure.supxlabel("% of stride", fontsize=8)
    words = (
        f"Strides of a person left out at {len(targets)} speeds: real in black; generated from"
        f" {source.speed:g} m/s in red, median and {p:.0%} band of a stride"
    )
    return figure, words


def walks(predictor: Predictor, person: Sequence[Gait], seconds: float = 4.0) -> dict[str, Any]:
    """Legs of the person at the slowest and fastest speed, real and generated from the middle
    one.
    """
    source, clips = person[len(person) // 2], {}
    for target in (person[0], person[-1]):
        state = predictor.point([Question((source,), target.speed)])[0]
        shown = {"source": source.mean, "real": target.mean, "generated": state}
        speeds = {"source": source.speed}
        clips[f"{source.speed:g} m/s to {target.speed:g} m/s"] = {
            name: legs.joints(_played(each, seconds), RATE, speeds.get(name, target.speed))
            for name, each in shown.items()
        }
    return clips


def _played(state: np.ndarray, seconds: float) -> np.ndarray:
    phase = np.arange(round(seconds * RATE)) / RATE / synthesis.stride_time(state)
    return strides.at_phases(state, phase).astype(np.float32)
