"""A page with one of everything that a report can hold, on a motion whose pose is known at every
frame.
"""

import json

import numpy as np

from jaxdiff.body.skeleton import HUMANML3D, forward_kinematics
from jaxdiff.report.page import Page
from jaxdiff.report.tables import Cell, Table

RATE, FRAMES = 20.0, 60


def walk(frames: int = FRAMES, lean: float = 0.0) -> np.ndarray:
    """A figure that swings both legs and moves forward [frames, 22, 3]."""
    turns = np.zeros((frames, 22, 4))
    turns[..., 0] = 1
    swing = 0.25 * np.sin(2 * np.pi * np.arange(frames) / RATE)
    for hip, sign in ((1, 1), (2, -1)):
        turns[:, hip, :2] = np.stack([np.cos(swing), sign * np.sin(swing)], -1)
    root = np.stack([np.full(frames, lean), np.full(frames, 0.92), 0.05 * np.arange(frames)], -1)
    return np.asarray(forward_kinematics(HUMANML3D, turns, root))


def page(folder, figure=None) -> Page:
    """The page; its log goes to `folder`, `figure` is a matplotlib figure."""
    made = Page("A report <of> everything")
    table = Table("A wide table", [f"column {i}" for i in range(14)], note="A note.")
    table.row(
        "ours, with a label that is rather long for a small screen",
        {f"column {i}": Cell(i, 1, 3) for i in range(14)},
    )
    table.row("paper (other data): a row", {"column 1": 2.0})
    made.table(table)
    if figure is not None:
        made.figure("A picture", figure, "Lines that cross")
    clips = {
        "a person walks": {"real": walk(), "generated": walk(lean=0.3)},
        "a person walks, but shorter, and with a caption that does not fit on any phone": {
            "real": walk(20),
            "generated": walk(30),
        },
    }
    made.motion("Motions", clips, HUMANML3D, RATE, "The same condition.")
    made.chart("Density", "x", {"real": [(0, 1), (1, 2)], "generated": [(0, 2), (1, 1.5)]})
    made.scatter(
        "Map", {"real": [(0, 1), (1, 2)], "generated": [(0, 2), (1, 1.5)]}, "Points & more"
    )
    log = folder / "metrics.jsonl"
    entries = [
        {"step": 10 * i, "loss": 3.0 / (i + 1), "grad_norm": [1.0, i], "skipped": 0}
        for i in range(40)
    ]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    made.curves("Training", log)
    made.facts({"command": f"python -m something --out={'a_long_name/' * 12}", "seed": "0"})
    return made
