"""The tables of the paper, each with the paper's row, ours and those of all baselines."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import wilcoxon

from jaxdiff.body.walker.cohorts import STROKE_SPEEDS
from jaxdiff.metrics.gait import by_side
from jaxdiff.metrics.speeds import by_level, by_source_count, heat_map
from jaxdiff.report.tables import Cell, Table, cell
from jaxdiff.studies.speed_transfer import paper
from jaxdiff.studies.speed_transfer.evaluation import SAME_SPEED, Results, cells

COHORTS = {"able": "able-bodied", "stroke": "stroke"}
JOINTS = ("hip", "knee", "ankle", "overall")
OVERALL = {
    "mae": "MAE",
    "mae_across": "MAE off-diagonal",
    "r": "r",
    "rank": "rank",
    "cadence_mae": "cadence MAE",
}
DETAILS = {
    **OVERALL,
    "mae_identity": "MAE same speed",
    "mae_per_cycle": "MAE per cycle",
    "rank_across": "rank off-diagonal",
    "cadence_percent": "cadence %",
    "cadence_mae_in_window": "cadence MAE 60·2N/T",
    "failed": "no cycles",
}
NOTE = (
    "MAE in degrees between mean gait cycles, cadence in steps/min; means over test subjects ±"
    " their standard deviation. Off-diagonal: without pairs of a speed with itself, which are"
    " nearly a copy. The paper's rows are of other people: Camargo 2021, and stroke recordings that"
    " are private; ours are simulated unless the title says otherwise."
)
REFERENCES = {"p, linear": "linear", "p, hierarchical": "hierarchical model"}
"""Columns of paired tests, and the predictors that the others are held against."""
SEEDS = "between seeds"
Found = Mapping[str, Mapping[str, Results]]
"""Cohort -> predictor -> results."""


def overall(found: Found) -> Table:
    """Table I: MAE, r, personalisation rank and cadence on both cohorts, and paired tests over
    people.
    """
    rows = {}
    for cohort, results in found.items():
        title = COHORTS[cohort]
        quoted = paper.TABLE1[cohort].items()
        rows[f"{title}: paper (other data)"] = {OVERALL[k]: Cell(v) for k, v in quoted}
        for name, of in results.items():
            values = cells(of)
            row = {column: values[key] for key, column in OVERALL.items()} | _seeds(of)
            for column, other in REFERENCES.items():
                row |= _paired(column, of, results.get(other))
            rows[f"{title}: {name}"] = row
    note = (
        f"{NOTE} Rows of several seeds are means over them; between seeds: standard deviation of"
        " MAE off-diagonal. p: Wilcoxon's signed-rank test of MAE off-diagonal over test people"
        " against the linear change and against the hierarchical model."
    )
    columns = [
        name
        for name in (*OVERALL.values(), SEEDS, *REFERENCES)
        if any(name in row for row in rows.values())
    ]
    table = Table("Table I: overall results", columns, note=note)
    for title, row in rows.items():
        table.row(title, row)
    return table


def _across(results: Results) -> Results:
    """Pairs of two different speeds."""
    return results.where(np.abs(results.target_speed - results.source_speed) > 1e-6)


def _people(results: Results) -> list[float]:
    """Error of each person, in the order of their names; pairs without cycles are left out."""
    each = (results.error[results.subject == who] for who in np.unique(results.subject))
    return [float(np.nanmean(errors)) for errors in each]


def _seeds(of: Results) -> dict[str, Cell]:
    """Standard deviation between seeds of MAE off-diagonal, if there are several."""
    seeds = np.unique(of.seed)
    if len(seeds) < 2:
        return {}
    means = [np.mean(_people(_across(of.where(of.seed == seed)))) for seed in seeds]
    return {SEEDS: Cell(float(np.std(means, ddof=1)))}


def _paired(column: str, of: Results, other: Results | None) -> dict[str, Cell]:
    """Wilcoxon's p over people who are in both; nothing for the same errors, or where a person has
    none.
    """
    if other is None or of is other:
        return {}
    both = np.intersect1d(of.subject, other.subject)
    errors = [_people(_across(r.where(np.isin(r.subject, both)))) for r in (of, other)]
    if not np.isfinite(errors).all() or np.allclose(errors[0], errors[1]):
        return {}
    return {column: Cell(float(np.asarray(wilcoxon(errors[0], errors[1]))[1]))}


def details(found: Found, cohort: str) -> Table:
    """All metrics of all predictors on one cohort."""
    table = Table(f"Baselines, {COHORTS[cohort]}", list(DETAILS.values()), note=NOTE)
    if cohort == "able":
        for name, value in paper.BASELINES.items():
            table.row(f"paper (other data): {name}", {"MAE": value})
    for name, results in found[cohort].items():
        values = cells(results)
        table.row(name, {title: values[key] for key, title in DETAILS.items()})
    return table


def sides(results: Mapping[str, Results]) -> Table:
    """Table II: MAE and r of the paretic and of the other side."""
    columns = [f"{joint} {side}" for joint in JOINTS for side in ("paretic", "non-paretic")]
    table = Table("Table II: the paretic and the other side (stroke)", columns, note=NOTE)
    for key in ("mae", "r"):
        quoted = {
            f"{j} {s}": v
            for j in JOINTS
            for s, v in zip(("paretic", "non-paretic"), paper.TABLE2[j][key])
        }
        table.row(f"paper (other data): {key}", quoted)
        for name, of in results.items():
            rows = []
            for who in np.unique(of.subject):
                mine = of.where(of.subject == who)
                values = mine.mae if key == "mae" else mine.correlation
                rows.append(by_side(values, (mine.paretic == "left").astype(int)))
            row = {
                f"{joint} {side}": cell([r[f"{side.replace('-', '_')}/{joint}"] for r in rows])
                for joint in JOINTS
                for side in ("paretic", "non-paretic")
            }
            table.row(f"{name}: {key}", row)
    return table


def randomised(found: Found) -> Table:
    """Table III: the rank with the subject's own gait, with another subject's, and with another
    subject's embedding only.
    """
    columns = [
        "own",
        "another person",
        "embedding of another person",
        "available",
        "copy",
        "linear",
    ]
    note = (
        "Rank of the person among all who walked at the target speed, 1 is best; blind guessing"
        " gives (available + 1) / 2."
    )
    table = Table("Table III: personalisation rank", columns, note=note)
    for cohort, results in found.items():
        own, other = paper.TABLE3[cohort]
        table.row(f"paper (other data): {COHORTS[cohort]}", {"own": own, "another person": other})
        results = {name: base_speeds(of) for name, of in results.items()}
        for prefix, ours in (
            ("", "diffusion"),
            ("in time: ", "diffusion in time, as in the paper"),
        ):
            if ours not in results or f"{prefix}another person" not in results:
                continue
            names = (ours, f"{prefix}another person", f"{prefix}embedding only")
            row: dict[str, Cell] = {
                column: cells(results[name])["rank"] for column, name in zip(columns, names)
            }
            row |= {name: cells(results[name])["rank"] for name in ("copy", "linear")}
            row["available"] = cells(results[ours])["available"]
            title = (
                COHORTS[cohort] if not prefix else f"{COHORTS[cohort]}: in time, as in the paper"
            )
            table.row(title, row)
    return table


def base_speeds(of: Results) -> Results:
    """Of stroke survivors, only the pairs of the protocol's speeds, without self-selected ones
    (paper, III.C).
    """
    base = np.array(STROKE_SPEEDS)

    def near(speed: np.ndarray) -> np.ndarray:
        return np.any(np.abs(speed[:, None] - base) < SAME_SPEED, axis=1)

    return of.where((of.paretic == "") | (near(of.source_speed) & near(of.target_speed)))


def by_source(results: Mapping[str, Results]) -> Table:
    """Figure 7a: MAE per source speed."""
    speeds = by_level(*_pair(results["diffusion"], "source_speed")).level
    table = Table("MAE per source speed (Fig. 7a)", [f"{v:.2f}" for v in speeds], note=NOTE)
    for name, of in results.items():
        levels = by_level(*_pair(of, "source_speed"))
        table.row(name, {f"{v:.2f}": Cell(m) for v, m in zip(levels.level, levels.mean)})
    return table


def by_change(results: Mapping[str, Results]) -> Table:
    """Figure 7c: MAE against the change of speed."""
    change = {name: np.abs(of.target_speed - of.source_speed) for name, of in results.items()}
    levels = {name: by_level(change[name], of.error, 0.25) for name, of in results.items()}
    columns = [f"{v:.2f}" for v in levels["diffusion"].level]
    table = Table("MAE against the change of speed in m/s (Fig. 7c)", columns, note=NOTE)
    for name, of in levels.items():
        table.row(name, {f"{v:.2f}": Cell(m) for v, m in zip(of.level, of.mean)})
    return table


def by_number(results: Mapping[str, Results]) -> Table:
    """Figure 7b: MAE with several source speeds, of which the nearest is used, over all subsets."""
    first = source_table(results["diffusion"])
    columns = [str(k + 1) for k in range(len(first[1]))]
    table = Table("MAE against the number of source speeds (Fig. 7b)", columns, note=NOTE)
    for name, of in results.items():
        errors = source_table(of)
        if not np.isfinite(errors[0]).all():
            continue  # some generated gait had no cycles
        levels = by_source_count(*errors)
        table.row(name, {str(int(k)): Cell(m, s, int(n)) for k, m, s, n in zip(*levels)})
    return table


def source_table(of: Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean error of each source speed (rows) at each target speed, and the speeds."""
    heat = heat_map(of.source_speed, of.target_speed, of.error)
    return heat.mean, heat.source, heat.target


def _pair(of: Results, level: str) -> tuple[np.ndarray, np.ndarray]:
    return getattr(of, level), of.error
