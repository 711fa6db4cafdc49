"""A picture for each table of the gait model, drawn from the table's own numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxdiff.errors import MissingExtra
from jaxdiff.report.tables import Table

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
COVERED = "share in the 90 % interval"


def picture(name: str, table: Table) -> tuple[str, Any, str]:
    """Title, matplotlib figure and description of a table of `studies.gait.tables`.

    Raises:
      MissingExtra: matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtra("pictures", "viz") from None
    draw = {"subsets": _scores, "clean": _scores, "steps": _steps, "together": _together}
    figure = draw.get(name, _rows)(plt, table)
    return table.title, figure, f"{table.title}: the numbers of the table below as points."


def save(name: str, table: Table, folder: Path) -> Path:
    """Write the picture of a table as `NAME.png` into a folder."""
    _, figure, _ = picture(name, table)
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=90)
    plt.close(figure)
    return folder / f"{name}.png"


def numbers(table: Table, column: str) -> np.ndarray:
    """The first four numbers in the cells of a column, [rows, 4]; NaN where there are fewer."""
    found = [
        [float(word) for word in NUMBER.findall(str(row.cells.get(column, "")))]
        for row in table.rows
    ]
    return np.array([(each + 4 * [np.nan])[:4] for each in found])


def _scores(plt: Any, table: Table) -> Any:
    """R² and coverage of each quantity (columns) for each subset (rows)."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharey=True, layout="constrained")
    labels = [row.label for row in table.rows]
    for column in table.columns:
        found = numbers(table, column)
        axes[0].plot(found[:, 1], range(len(labels)), "o", alpha=0.8)
        axes[1].plot(found[:, 3] / 100, range(len(labels)), "o", alpha=0.8, label=column)
    axes[0].set(xlim=(0, 1), xlabel="R²")
    axes[1].set(xlim=(0.5, 1), xlabel=COVERED)
    axes[1].axvline(0.9, color="grey", lw=1)
    axes[1].legend(fontsize=7, loc="lower left")
    return _named(figure, axes[0], labels, "given")


def _steps(plt: Any, table: Table) -> Any:
    """CRPS and coverage against the number of sampling steps."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    steps = [int(row.label) for row in table.rows]
    for column in table.columns:
        given, what = column.rsplit(", ", 1)
        values = numbers(table, column)[:, 0]
        axis = axes[0] if what == "CRPS" else axes[1]
        axis.semilogx(steps, values / (1 if what == "CRPS" else 100), "o-", label=given)
    axes[0].set(xlabel="steps", ylabel="CRPS of moments [N m/kg]", ylim=(0, None))
    axes[1].set(xlabel="steps", ylabel=COVERED, ylim=(0.5, 1))
    axes[1].axhline(0.9, color="grey", lw=1)
    axes[0].legend()
    return figure


def _together(plt: Any, table: Table) -> Any:
    """Error with two modalities in shares of the better one's alone."""
    figure, axis = plt.subplots(figsize=(7, 5), layout="constrained")
    one, two, both = (numbers(table, c)[:, 0] for c in ("first alone", "second alone", "both"))
    axis.barh(range(len(both)), both / np.minimum(one, two))
    axis.axvline(1, color="grey", lw=1)
    axis.set(xlabel="RMSE with both / RMSE with the better one alone")
    return _named(figure, axis, [row.label for row in table.rows])


def _rows(plt: Any, table: Table) -> Any:
    """One panel a kind of column: R², coverage, or error."""
    kinds = [("R2", "R²"), ("coverage", COVERED), ("RMSE", "RMSE in the row's unit")]
    columns = {key: [c for c in table.columns if key in c] for key, _ in kinds}
    if not any(columns.values()):
        return _relative(plt, table)
    shown = [
        (key, title)
        for key, title in kinds
        if columns[key] and (key != "RMSE" or len(columns[key]) > 1)
    ]
    height = 1.2 + 0.2 * len(table.rows)
    figure, axes = plt.subplots(
        1, len(shown), figsize=(11, height), sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (key, title) in zip(axes[0], shown):
        for column in columns[key]:
            values = numbers(table, column)[:, 0] / (100 if key == "coverage" else 1)
            if key == "R2":
                values = np.maximum(values, -1)
            label = column.replace(key, "").replace("90 %", "").strip(" ,") or "zero-shot"
            axis.plot(values, range(len(values)), "o", label=label)
        axis.set(xlabel=title + (" (values below -1 at -1)" if key == "R2" else ""))
        if key == "coverage":
            axis.axvline(0.9, color="grey", lw=1)
            axis.set(xlim=(0, 1.02))
    axes[0, -1].legend(fontsize=7)
    return _named(figure, axes[0, 0], [row.label for row in table.rows])


def _relative(plt: Any, table: Table) -> Any:
    """Errors of several predictors, rows named `given: predictor`, in shares of the model's."""
    figure, axes = plt.subplots(
        1, len(table.columns), figsize=(11, 4), sharey=True, layout="constrained"
    )
    parted = [row.label.split(": ") for row in table.rows]
    given = list(dict.fromkeys(name for name, _ in parted))
    for axis, column in zip(axes, table.columns):
        values = numbers(table, column)[:, 0]
        reference = {name: v for (name, who), v in zip(parted, values) if who == "model"}
        for who in dict.fromkeys(who for _, who in parted):
            points = [
                (v / reference[name], given.index(name))
                for (name, other), v in zip(parted, values)
                if other == who
            ]
            axis.plot(*zip(*points), "o", label=who)
        axis.set(title=column, xlabel="RMSE / model's")
    axes[0].legend(fontsize=7)
    return _named(figure, axes[0], given, "given")


def _named(figure: Any, axis: Any, labels: Sequence[str], title: str = "") -> Any:
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.set(ylim=(len(labels) - 0.5, -0.5), ylabel=title)
    return figure
