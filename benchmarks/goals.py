"""What was aimed at, and what was reached: one table out of the JSON of all scripts, and that of
the peers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from benchmarks.report import Table

METHODS = ("llma", "speed transfer", "text to motion")


class Goal(NamedTuple):
    what: str
    aim: str
    reached: str
    met: bool


def table(results: dict[str, Any]) -> Table:
    """The goals that these results can answer; `results` has the JSON of each script under its
    name.
    """
    made = Table("Aimed at and reached", ["goal", "reached", ""])
    for goal in _goals(results):
        made.row(
            goal.what,
            {"goal": goal.aim, "reached": goal.reached, "": "yes" if goal.met else "**no**"},
        )
    return made


def against_pytorch(result: dict[str, Any]) -> list[Table]:
    """The table of `peers`, which can be made without PyTorch."""
    made = Table(
        "PyTorch's time over ours", ["ours, ms", "eager", "torch.compile", "outputs differ by"]
    )
    made.note = (
        "Median of the ratios of neighbouring runs, with quartiles; above 1 jaxdiff is faster."
    )
    groups: dict[tuple, list[dict]] = {}
    for row in result["rows"]:
        groups.setdefault((row["case"], row["what"], row["batch"]), []).append(row)
    for (case, what, batch), rows in groups.items():
        cells = {
            "ours, ms": f"{1e3 * rows[-1]['ours']:.1f}",
            "outputs differ by": f"{rows[0]['difference']:.0e}",
        }
        cells |= {r["against"]: f"{r['ratio']:.2f} ({r['low']:.2f}–{r['high']:.2f})" for r in rows}
        made.row(f"{case}, {what}, batch {batch}", cells)
    return [made]


def _goals(results: dict[str, Any]) -> Iterator[Goal]:
    rows = results.get("peers", {}).get("rows", [])
    for what, against, aim in (
        ("sampling", "eager", 2.0),
        ("sampling", "torch.compile", 1.5),
        ("training", "torch.compile", 1.5),
    ):
        for method in METHODS:
            some = [
                r
                for r in rows
                if (r["what"], r["against"]) == (what, against) and r["case"].startswith(method)
            ]
            if some:
                yield _ratios(f"{what}, {method}, against {against}", aim, some)
    if rows := results.get("scaling", {}).get("rows"):
        sizes = [r["memory"]["worked in"] for r in rows if r["what"] == "steps"]
        if sizes:
            yield Goal(
                "memory of sampling against steps",
                "flat",
                f"{min(sizes):.2f}–{max(sizes):.2f} MB",
                max(sizes) < 1.05 * min(sizes),
            )
    if fresh := results.get("sampling", {}).get("fresh"):
        yield _below("first sample in a fresh process, warm cache", 4.0, fresh["warm cache"])
        yield _below("import of jaxdiff's kernel, JAX included", 1.5, fresh["import of the kernel"])
    if pairs := results.get("training", {}).get("pairs"):
        yield _ratios(
            "folds side by side against in turn",
            2.0 if _on_gpu(results) else 1.2,
            [{"ratio": pairs["folds"]["ratio"], "case": ""}],
        )
    if rows := results.get("quality", {}).get("rows"):
        ten = {r["solver"]: r["crps"] / rows[0]["crps"] for r in rows if r["steps"] == 10}
        if ten:
            best = min(ten, key=lambda word: ten[word])
            yield Goal(
                "quality at 10 steps against 1000 of DDPM",
                "within 5 %",
                f"{ten[best] - 1:+.1%} ({best})",
                ten[best] < 1.05,
            )
    if _on_gpu(results):
        for row in results["training"]["rows"]:
            if row["precision"] == "bfloat16" and row["case"] in (
                "llma paper25m",
                "text to motion full",
            ):
                yield Goal(
                    f"bfloat16 training, {row['case']}",
                    "≥ 45 % of the matrix rate",
                    f"{row['share']:.0%}",
                    row["share"] >= 0.45,
                )
        minutes = results["training"]["cross-validation, minutes"]
        yield Goal(
            "ten-fold cross-validation of LLMA", "< 10 min", f"{minutes:.1f} min", minutes < 10
        )


def _on_gpu(results: dict[str, Any]) -> bool:
    return "cross-validation, minutes" in results.get("training", {})


def _ratios(what: str, aim: float, rows: Iterable[dict[str, Any]]) -> Goal:
    """The smallest of some ratios must reach the aim."""
    ordered = sorted(rows, key=lambda row: row["ratio"])
    low, high = ordered[0], ordered[-1]
    where = f" ({low['case'].split()[-1]}, batch {low['batch']})" if len(ordered) > 1 else ""
    span = f"{low['ratio']:.2f}{where}" + (f" to {high['ratio']:.2f}" if len(ordered) > 1 else "")
    return Goal(what, f"≥ {aim:g} ×", span, low["ratio"] >= aim)


def _below(what: str, aim: float, seconds: float) -> Goal:
    return Goal(what, f"< {aim:g} s", f"{seconds:.2f} s", seconds < aim)
