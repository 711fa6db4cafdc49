"""Our rows as tables in the paper's columns, the paper's own rows below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxdiff.report.tables import Table, cell
from jaxdiff.studies.biovae import paper
from jaxdiff.studies.biovae.evaluation import Figures, nearer
from jaxdiff.studies.text_to_motion.evaluation import CONTROLS, failing
from jaxdiff.studies.text_to_motion.experiments import COLUMNS

NAMES = {
    **COLUMNS,
    "vc": "VC",
    "ac": "AC",
    "speed": "speed [m/s]",
    "smoothness": "smoothness",
    "floating": "floating",
    "skating": "skating",
    "penetration": "penetration",
    "clipping": "clipping",
    "accel": "accel [m/s²]",
    "jerk": "jerk [m/s³]",
    "root_force": "root force [BW]",
    "torque_excess": "torque excess",
    "energy_gap": "energy gap [W/kg]",
}
CONTROL = "backbone + L_accel"
"""What the losses do without the branch."""
MORE = ("accel", "jerk", "root_force", "torque_excess", "energy_gap")
"""Figures of ours that the paper does not have."""


def plausibility(
    title: str, rows: Mapping[str, Figures], published: Mapping[str, Sequence[float | None]]
) -> Table:
    """Tables II and IV: nearest to the real row is best."""
    repetitions = len(rows["real"]["vc"])
    notes = [
        f"Mean ± deviation over {repetitions} repetitions; the row `real` is the one to be"
        " close to."
    ]
    if "backbone" in rows:
        arms = [row for row in rows if row not in ("real", "backbone")]
        notes += [_moves(rows, arm, "backbone") for arm in arms]
    if {"all", CONTROL} <= set(rows):
        notes.append(_moves(rows, "all", CONTROL))
    table = Table(title, [NAMES[name] for name in (*paper.PHYSICAL, *MORE)], note=" ".join(notes))
    for row, figures in rows.items():
        table.row(
            row, {NAMES[n]: cell(figures[n]) for n in (*paper.PHYSICAL, *MORE) if n in figures}
        )
    table.quote(published, [NAMES[n] for n in paper.PHYSICAL])
    return table


def traditional(
    title: str,
    rows: Mapping[str, Mapping[str, float]],
    published: Mapping[str, Sequence[float | None]],
) -> Table:
    """Tables I and III; with rows of controls, which of them fail against each arm."""
    notes = [
        "Mean ± 95 % interval. Our figures are in the space of an evaluator trained here, the"
        " paper's in its own."
    ]
    if set(CONTROLS) <= set(rows):
        arms = [row for row in rows if row not in ("real", *CONTROLS)]
        notes += [f"Controls are worse than `{arm}` in: {_failing(rows, arm)}." for arm in arms]
    names = (*paper.TRADITIONAL, "dynamics")
    table = Table(title, [NAMES[name] for name in names], note=" ".join(notes))
    for row, figures in rows.items():
        table.row(row, {NAMES[n]: _interval(figures, n) for n in names if n in figures})
    table.quote(published, [NAMES[n] for n in paper.TRADITIONAL])
    return table


def editing(
    rows: Mapping[str, Figures],
    traditional_rows: Mapping[str, Mapping[str, float]],
    published: Mapping[str, Sequence[float | None]],
) -> Table:
    """Table VI: rows are factors of the acceleration; speed, acceleration and jerk grow with it, or
    they do not.
    """
    names = (*paper.EDITED, "accel", "jerk")
    factors = [row for row in rows if row != "real"]
    said = []
    for name in ("speed", "accel", "jerk"):
        means = [sum(rows[f][name]) / len(rows[f][name]) for f in factors]
        grows = all(a < b for a, b in zip(means, means[1:]))
        said.append(f"{name} {'grows' if grows else 'does not grow'} with the factor")
    table = Table(
        "Editing by acceleration",
        [NAMES[n] for n in names],
        note="; ".join(said).capitalize() + ".",
    )
    for row, figures in rows.items():
        cells = {NAMES[n]: cell(figures[n]) for n in names if n in figures}
        table.row(
            row,
            cells
            | {
                NAMES[n]: _interval(traditional_rows[row], n)
                for n in names
                if n in traditional_rows.get(row, {})
            },
        )
    table.quote(published, [NAMES[n] for n in paper.EDITED])
    return table


def estimation(table: Table, published: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """Table V: the paper's rows under ours; corrupted clips have no surface and hence no PVE."""
    columns = {
        "pa_mpjpe": "PA-MPJPE [mm]",
        "mpjpe": "MPJPE [mm]",
        "pve": "PVE [mm]",
        "accel_error": "accel error [m/s²]",
    }
    for data, rows in published.items():
        for row, values in rows.items():
            cells = {
                columns[name]: value
                for name, value in zip(paper.ESTIMATION, values)
                if columns.get(name) in table.columns
            }
            table.row(f"paper, {data}: {row}", cells, quoted=True)
    return table


def muscles(rows: Mapping[str, Figures], clips: int) -> Table:
    """RMSE of the activations."""
    columns = list(next(iter(rows.values())))
    note = f"RMSE of activations between 0 and 1 on {clips} test clips."
    table = Table("Muscles from motion", columns, note=note)
    for row, figures in rows.items():
        table.row(row, {name: cell(values) for name, values in figures.items()})
    return table


def _moves(rows: Mapping[str, Figures], row: str, baseline: str) -> str:
    """In every repetition, that is; what is nearer in some and farther in others is not named."""
    moved = {
        NAMES[name].split(" [")[0]: way
        for name, way in nearer(rows, row, baseline).items()
        if name in NAMES
    }
    nearer_in, farther_in = (
        ", ".join(n for n, way in moved.items() if way == sign) or "nothing" for sign in (1, -1)
    )
    return (
        f"`{row}` against `{baseline}`, in every repetition: nearer to real in {nearer_in}; farther"
        f" in {farther_in}."
    )


def _failing(rows: Mapping[str, Mapping[str, float]], arm: str) -> str:
    return "; ".join(
        f"{control}: {', '.join(NAMES[name] for name in names) or 'nothing'}"
        for control, names in failing(rows, arm).items()
    )


def _interval(figures: Mapping[str, float], name: str) -> str:
    return f"{figures[name]:.3f} ± {figures[f'{name}_ci95']:.3f}"
