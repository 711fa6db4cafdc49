"""The figures of the paper: representative gaits, cadence, maps over pairs of speeds, and what the
source speed matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import stdtrit

from jaxdiff.body.gait import normalise_strides, strikes_from_hip
from jaxdiff.metrics.probing import picture
from jaxdiff.metrics.speeds import by_level, by_source_count, heat_map
from jaxdiff.report import legs
from jaxdiff.studies.speed_transfer.data import Gaits
from jaxdiff.studies.speed_transfer.drawing import GENERATED, REAL, axes
from jaxdiff.studies.speed_transfer.evaluation import HIPS, SAME_SPEED, Results, Task
from jaxdiff.studies.speed_transfer.strides import JOINTS
from jaxdiff.studies.speed_transfer.tables import COHORTS, Found, source_table

MARKERS = "osD^vP*X"
OURS = "diffusion"
TITLES = {
    "gait": "Gait cycles, real and generated",
    "cadence": "Cadence at the target speeds",
    "rank": "Personalisation rank over pairs of speeds",
    "error": "Error over pairs of speeds",
    "sources": "What the source speed matters",
    "people": "Map of the embeddings",
}
LEGS = (
    "Drawn from the six sagittal angles, the pelvis upright and moved forward at the speed of the"
    " recording; all three start at a right foot strike. The source is what the model saw, real is"
    " the same person at the target speed."
)
Drawing = tuple[Any, str]
"""A matplotlib figure and its description."""


def drawn(
    found: Found, generated: Mapping[str, Mapping[str, tuple[Task, np.ndarray]]]
) -> dict[str, Drawing]:
    """All figures by name."""
    figures: dict[str, Drawing] = {}
    for cohort, results in found.items():
        ours, title = results[OURS], COHORTS[cohort]
        figures[f"gait-{cohort}"] = gaits(*generated[cohort][OURS], ours, title)
        figures[f"cadence-{cohort}"] = cadences(ours, title)
        figures[f"rank-{cohort}"] = heat(
            ours, ours.rank, f"Personalisation rank, {title}", "rank, 1 is best"
        )
        figures[f"error-{cohort}"] = heat(ours, ours.error, f"MAE, {title}", "degrees")
    figures["sources"] = sources(found["able"])
    return figures


def title(name: str) -> str:
    """Title of a figure of `drawn`."""
    kind, _, cohort = name.partition("-")
    return f"{TITLES[kind]}, {COHORTS[cohort]}" if cohort else TITLES[kind]


def representative(results: Results) -> dict[str, int]:
    """Best, median and worst pair of the subject of median error; of a speed with itself only where
    there is no other.
    """
    people = np.unique(results.subject)
    each = np.array([np.nanmean(results.error[results.subject == who]) for who in people])
    mine = np.flatnonzero(results.subject == people[np.argsort(each)[len(each) // 2]])
    other = mine[np.abs(results.target_speed - results.source_speed)[mine] > SAME_SPEED]
    mine = other if len(other) else mine
    order = mine[np.argsort(results.error[mine])]
    return {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}


def walks(
    task: Task, generated: np.ndarray, results: Results, seconds: float = 5.0
) -> dict[str, dict[str, np.ndarray]]:
    """Legs of the representative pairs, from the first right foot strike on: the source, the
    target, and what was generated.
    """
    clips, rate = {}, task.gaits.rate
    for label, i in representative(results).items():
        speeds = results.source_speed[i], results.target_speed[i]
        shown = {
            "source": (task.gaits.values[task.source[i]], speeds[0]),
            "real": (task.gaits.values[task.target[i]], speeds[1]),
            "generated": (generated[i], speeds[1]),
        }
        clips[
            f"{label} pair: {speeds[0]:g} m/s to {speeds[1]:g} m/s, {results.error[i]:.2f}° off"
        ] = {
            name: legs.joints(_from_strike(values, rate)[: round(seconds * rate)], rate, speed)
            for name, (values, speed) in shown.items()
        }
    return clips


def _from_strike(values: np.ndarray, rate: float) -> np.ndarray:
    strikes = strikes_from_hip(values[:, HIPS[0]], rate)
    return values[int(strikes[0]) :] if len(strikes) else values


def gaits(task: Task, generated: np.ndarray, results: Results, title: str) -> Drawing:
    """The representative pairs: mean and spread over strides (Figs. 2 and 3)."""
    figure, grid = axes(3, 6)
    percent = np.linspace(0, 100, 101)
    for row, (label, i) in zip(grid, representative(results).items()):
        for side, hip in enumerate(HIPS):
            for joint, name in enumerate(JOINTS):
                axis = row[3 * side + joint]
                for values, colour in (
                    (task.gaits.values[task.target[i]], REAL),
                    (generated[i], GENERATED),
                ):
                    strides = normalise_strides(
                        values[:, hip + joint], strikes_from_hip(values[:, hip], task.gaits.rate)
                    )
                    if len(strides):
                        mean, sd = strides.mean(0), strides.std(0)
                        axis.plot(percent, mean, color=colour, lw=1.2)
                        axis.fill_between(
                            percent, mean - sd, mean + sd, color=colour, alpha=0.18, lw=0
                        )
                axis.set_title(f"{('right', 'left')[side]} {name}", fontsize=8)
        row[0].set_ylabel(
            f"{label}: {results.source_speed[i]:g} → {results.target_speed[i]:g}"
            f" m/s\n{results.error[i]:.2f}°",
            fontsize=8,
        )
    figure.supxlabel(f"% of stride ({title}; black: real, red: generated; degrees)", fontsize=8)
    return (
        figure,
        (
            f"Joint angles over the stride of a representative {title} subject, real in black,"
            " generated in red"
        ),
    )


def cadences(results: Results, title: str) -> Drawing:
    """Mean cadence at each target speed with a regression line and its 95 % confidence band (Fig.
    4).
    """
    figure, grid = axes(1, 1)
    axis = grid[0, 0]
    for values, colour, label in (
        (results.real_cadence, REAL, "real"),
        (results.cadence, GENERATED, "generated"),
    ):
        levels = by_level(results.target_speed, values)
        axis.errorbar(
            levels.level, levels.mean, levels.sd, color=colour, fmt="o", ms=3, lw=0.8, label=label
        )
        line, half = regression_band(levels.level, levels.mean)
        axis.plot(levels.level, line, color=colour, lw=1)
        axis.fill_between(levels.level, line - half, line + half, color=colour, alpha=0.15, lw=0)
    axis.set(xlabel="target speed [m/s]", ylabel="cadence [steps/min]", title=title)
    axis.legend()
    return figure, f"Cadence against target speed, {title}: real in black, generated in red"


def regression_band(x: np.ndarray, y: np.ndarray, p: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """A straight line through points (N,) at `x`, and half the width of the confidence band of its
    mean.
    """
    design = np.stack([np.ones_like(x), x], axis=1)
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    line = design @ found
    freedom = len(x) - 2
    if freedom < 1:
        return line, np.zeros_like(line)
    variance = np.square(y - line).sum() / freedom
    leverage = np.einsum("ni,ij,nj->n", design, np.linalg.inv(design.T @ design), design)
    return line, stdtrit(freedom, (1 + p) / 2) * np.sqrt(variance * leverage)


def heat(results: Results, values: np.ndarray, title: str, unit: str) -> Drawing:
    """A value at every pair of source and target speed (Figs. 5 and 6)."""
    found = heat_map(results.source_speed, results.target_speed, values)
    figure, grid = axes(1, 1)
    axis = grid[0, 0]
    image = axis.imshow(found.mean, origin="lower", cmap="viridis", aspect="auto")
    axis.set_xticks(
        range(len(found.target)), [f"{v:.2f}" for v in found.target], rotation=90, fontsize=7
    )
    axis.set_yticks(range(len(found.source)), [f"{v:.2f}" for v in found.source], fontsize=7)
    axis.set(xlabel="target speed [m/s]", ylabel="source speed [m/s]", title=title)
    figure.colorbar(image, label=unit)
    return figure, f"{title} for every pair of source and target speed"


def sources(results: Mapping[str, Results]) -> Drawing:
    """MAE per source speed, against the number of source speeds, and against the change of speed
    (Fig. 7).
    """
    figure, grid = axes(1, 3)
    a, b, c = grid[0]
    for name, of in results.items():
        levels = by_level(of.source_speed, of.error)
        a.plot(levels.level, levels.mean, "o-", ms=3, lw=1, label=name)
        levels = by_level(np.abs(of.target_speed - of.source_speed), of.error, 0.25)
        c.plot(levels.level, levels.mean, "o-", ms=3, lw=1)
    errors = source_table(results[OURS])
    if np.isfinite(errors[0]).all():
        levels = by_source_count(*errors)
        b.bar(levels.level, levels.mean, yerr=levels.sd, color="tab:blue")
    a.set(xlabel="source speed [m/s]", ylabel="MAE [degrees]", ylim=(0, None))
    b.set(xlabel="number of source speeds", title=OURS)
    c.set(xlabel="change of speed [m/s]", ylim=(0, None))
    a.legend(fontsize=6)
    return figure, "MAE per source speed, by number of source speeds, and by change of speed"


def people(codes: np.ndarray, gaits: Gaits, title: str) -> Drawing:
    """Embeddings of recordings in a plane, coloured by person and by speed."""
    plane = picture(codes, "pca")
    figure, grid = axes(1, 2)
    who, speed = grid[0]
    names, number = np.unique(gaits.subject, return_inverse=True)
    for i, name in enumerate(names):
        marker = MARKERS[i % len(MARKERS)]
        who.scatter(*plane[number == i].T, s=14, marker=marker, color=f"C{i % 10}", label=name)
    if len(names) <= 12:
        who.legend(fontsize=6)
    image = speed.scatter(*plane.T, s=14, c=gaits.speed, cmap="viridis")
    figure.colorbar(image, label="speed [m/s]")
    for axis, label in ((who, "colour and shape: person"), (speed, "colour: speed")):
        axis.set_title(label, fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
    return (
        figure,
        f"Two principal components of the embeddings of {title} recordings, by person and by speed",
    )
