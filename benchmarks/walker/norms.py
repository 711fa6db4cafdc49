"""Simulated healthy adults against the norms of Bovi et al. 2011 at five speeds: a table and a
picture.

python -m benchmarks.walker.norms --out=docs/results/walker [--people=60]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.walker import cohorts
from benchmarks.walker.real import GRAVITY, POINTS, shared
from jaxdiff.body.walker.batch import CHANNELS
from jaxdiff.report.tables import provenance

EMG = {
    "tibialis_anterior": 0,
    "soleus": 1,
    "gastrocnemius": 2,
    "rectus_femoris": 4,
    "vastus": 5,
    "hamstrings": 6,
    "gluteus_maximus": 7,
}
"""Muscle of the walker -> row of the norms."""


def channels() -> list[tuple[str, str, int, str, str, float]]:
    """(group, name, row in the norms, modality, channel, factor)."""
    found = []
    for row, (joint, angle, moment) in enumerate(
        zip(("hip", "knee", "ankle"), cohorts.SAGITTAL, cohorts.MOMENTS)
    ):
        found.append(("angle", f"{joint} angle", row, "angles", f"{angle}_r", 1.0))
        found.append(("moment", f"{joint} moment", row, "moments", f"{moment}_r", 1.0))
        found.append(("power", f"{joint} power", row, "powers", f"{joint}_power_r", 1.0))
    for row, name in enumerate(("forward", "normal", "medial")):
        found.append(("grf", f"{name} force", row, "grf", f"grf_{name}_r", 1.0 / GRAVITY))
    for muscle, row in EMG.items():
        found.append(("emg", muscle.replace("_", " "), row, "emg", f"{muscle}_r", 1.0))
    order = ("angle", "moment", "power", "grf", "emg")
    return sorted(found, key=lambda c: order.index(c[0]))


def compare(people: int = 60, seed: int = 0) -> dict:
    """Curves of the norms and of the simulation, and their distance.

    Args:
        people: Number of simulated healthy adults.
        seed: Their seed.

    Returns:
        "curves": (name, speed) -> (mean, sd, norm mean, norm sd), each [100]; "speeds" [5] m/s;
        "rows": per channel and speed the mean |difference| in sd of the norm, the share within 1
        sd, and the ratio of the spreads.
    """
    with np.load(shared("bovi2011_norms.npz")) as file:
        norms = {name: file[name] for name in file.files}
    speeds = norms["speed_m_s"].astype(float)
    order = np.argsort(speeds)
    out = cohorts.healthy(speeds[order], people, seed)
    curves, rows = {}, []
    for group, name, row, modality, channel, factor in channels():
        if group == "emg":  # fractions of another maximum: one factor per muscle, for all speeds
            mean = out[modality][:, :, 0, :, CHANNELS[modality].index(channel)].mean(0)
            centre, spread = (norms[f"emg_{s}"][row, order, :POINTS] for s in ("mean", "sd"))
            weight = 1.0 / np.square(np.maximum(spread, 0.15 * spread.max()))
            factor = (weight * mean * centre).sum() / (weight * mean**2).sum()
        values = factor * out[modality][:, :, 0, :, CHANNELS[modality].index(channel)]
        for k, speed in enumerate(speeds[order]):
            centre = norms[f"{group}_mean"][row, order[k]][:POINTS]
            spread = norms[f"{group}_sd"][row, order[k]][:POINTS]
            mean, sd = values[:, k].mean(0), values[:, k].std(0)
            if name == "ankle angle":  # another zero of the foot
                centre = centre + (mean - centre).mean()
            distance = np.abs(mean - centre) / np.maximum(spread, 0.15 * spread.max())
            curves[name, float(speed)] = mean, sd, centre, spread
            rows.append(
                {
                    "channel": name,
                    "speed": float(speed),
                    "distance": float(distance.mean()),
                    "within": float((distance < 1.0).mean()),
                    "spread": float(sd.mean() / spread.mean()),
                }
            )
    return {"curves": curves, "speeds": speeds[order], "rows": rows}


def markdown(found: dict) -> str:
    """Distance in sd (share of the stride within 1 sd; ratio of the spreads) by channel and
    speed.
    """
    speeds = found["speeds"]
    lines = ["| channel | " + " | ".join(f"{s:.2f} m/s" for s in speeds) + " |"]
    lines.append("|" + "---|" * (1 + len(speeds)))
    for name in dict.fromkeys(row["channel"] for row in found["rows"]):
        cells = [
            f"{row['distance']:.2f} ({100 * row['within']:.0f} %; {row['spread']:.2f})"
            for row in found["rows"]
            if row["channel"] == name
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def picture(found: dict, path: Path) -> None:
    """Mean and one sd of norm (grey) and simulation (blue) at three speeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row["channel"] for row in found["rows"]))
    speeds = found["speeds"][[0, 2, 4]]
    figure, axes = pyplot.subplots(len(names), 3, figsize=(9, 1.5 * len(names)), sharex=True)
    phase = np.arange(POINTS)
    for i, name in enumerate(names):
        for j, speed in enumerate(speeds):
            mean, sd, centre, spread = found["curves"][name, float(speed)]
            axis = axes[i, j]
            axis.fill_between(phase, centre - spread, centre + spread, color="0.85")
            axis.plot(phase, centre, color="0.4", lw=1)
            axis.fill_between(phase, mean - sd, mean + sd, color="C0", alpha=0.25)
            axis.plot(phase, mean, color="C0", lw=1)
            axis.tick_params(labelsize=6)
            if j == 0:
                axis.set_ylabel(name, fontsize=7)
            if i == 0:
                axis.set_title(f"{speed:.2f} m/s", fontsize=8)
    figure.tight_layout(pad=0.4)
    figure.savefig(path, dpi=90)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/results/walker"))
    parser.add_argument("--people", type=int, default=60)
    args = parser.parse_args()
    started = time.perf_counter()
    found = compare(args.people)
    args.out.mkdir(parents=True, exist_ok=True)
    title = (
        "# Norms\n\nMean distance in standard deviations of the norm (share of the stride within 1"
        " sd; ratio "
    )
    title += f"of the spreads): `benchmarks/walker/norms.py`, {args.people} people.\n\n"
    foot = provenance("simulated people", 0, time.perf_counter() - started)
    lines = "".join(f"\n* {name}: {value}" for name, value in foot.items())
    (args.out / "norms.md").write_text(title + markdown(found) + lines + "\n")
    picture(found, args.out / "norms.png")
    print(markdown(found))


if __name__ == "__main__":
    main()
