"""Simulated training sets for transfer: the cohort of the papers (one walker at a time) and the
batched one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.walker.real import POINTS, Examples, centred
from jaxdiff.body.walker import gait_cohort
from jaxdiff.body.walker.batch import CHANNELS, constant_tasks, draw_people, draw_tasks, simulate
from jaxdiff.body.walker.recordings import CHANNELS as SINGLE

SIGNALS = ("angles", "moments", "powers", "grf", "emg")
SAGITTAL = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
MOMENTS = ("hip_extension_moment", "knee_extension_moment", "ankle_plantarflexion_moment")


def papers(subjects: int = 10, speeds=(0.8, 1.0, 1.2), inclines=(-5.0, 0.0, 5.0), strides: int = 4):
    """Columns [n, 100, c] of the first version's cohort: steady tasks, right legs."""
    parts: dict[str, list[np.ndarray]] = {}
    for trial in gait_cohort(subjects, speeds, inclines, strides, sides=("right",)):
        if np.any(trial.transition) or "-" in trial.task:
            continue
        at = np.linspace(0.0, 150.0, POINTS, endpoint=False)
        for stride in range(2):
            rows = slice(150 * stride, 150 * (stride + 1))
            for name, signal in trial.signals.items():
                curve = np.concatenate([signal[rows], signal[rows][:1]])
                values = [np.interp(at, np.arange(151), column) for column in curve.T]
                parts.setdefault(name, []).append(np.stack(values, 1))
            parts.setdefault("speed", []).append(np.full((POINTS, 1), trial.speed))
            parts.setdefault("subject", []).append(np.array([int(trial.subject[-2:])]))
    found = {name: np.stack(values) for name, values in parts.items()}
    other = np.roll(found["angles"], POINTS // 2, axis=1)  # symmetric walkers
    return _columns(
        lambda name: found["angles"][..., SINGLE["angles"].index(name)],
        lambda name: other[..., SINGLE["angles"].index(name)],
        lambda name: found["moments"][..., SINGLE["moments"].index(name)],
        lambda name: found["grf"][..., SINGLE["grf"].index(name)],
        found["speed"][..., 0],
        found["subject"][:, 0],
    )


def batched(people: int = 400, tasks: int = 3, impaired: float = 0.3, seed: int = 0, **options):
    """Columns [n, 100, c] of the batched cohort: both legs, each in its own stride."""
    rng = np.random.default_rng([seed, 5])
    traits = draw_people(rng, people, impaired, **options)
    work = draw_tasks(rng, traits, tasks, speeds=(0.6, 1.6), level=0.7)
    out = simulate(traits, work, 2, POINTS, rng=rng, modalities=SIGNALS)
    parts = []
    for side, other in (("r", "l"), ("l", "r")):
        start = np.zeros(people, int)
        if side == "l":
            start = np.round(traits.left_phase * POINTS).astype(int)

        def cut(values: np.ndarray, start=start) -> np.ndarray:
            flat = values.reshape(people, tasks, -1)
            rows = start[:, None] + np.arange(POINTS)
            taken = np.take_along_axis(flat, rows[:, None].repeat(tasks, 1), axis=2)
            return taken.reshape(-1, POINTS)

        def column(modality: str, mark: str, cut=cut):
            return lambda name: cut(
                out[modality][..., CHANNELS[modality].index(f"{name}_{mark}")]
                if not name.startswith("pelvis")
                else out[modality][..., CHANNELS[modality].index(name)]
            )

        speed = np.broadcast_to(out["speed"][..., :1, None], (people, tasks, 1, POINTS))
        parts.append(
            _columns(
                column("angles", side),
                column("angles", other),
                column("moments", side),
                column("grf", side),
                speed.reshape(-1, POINTS),
                np.repeat(np.arange(people), tasks),
            )
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _columns(angle, opposite, moment, force, speed, subject) -> dict[str, np.ndarray]:
    thigh = angle("hip_flexion") - angle("pelvis_tilt")
    shank = thigh - angle("knee_flexion")
    return {
        "angles": np.stack([angle(name) for name in SAGITTAL], -1),
        "moments": np.stack([moment(name) for name in MOMENTS], -1),
        "forces": np.stack([force("grf_forward"), force("grf_normal")], -1),
        "ankle": np.stack([angle("ankle_dorsiflexion"), speed], -1),
        "thighs": centred(np.stack([thigh, opposite("hip_flexion") - opposite("pelvis_tilt")], -1)),
        "shank": centred(np.stack([angle("knee_flexion"), shank], -1)),
        "subject": subject,
    }


def task(columns: Mapping[str, np.ndarray], given: str, wanted: str) -> Examples:
    """Inputs and targets of one question."""
    y = columns[wanted][..., -1:] if (given, wanted) == ("ankle", "moments") else columns[wanted]
    return Examples(columns[given], y, (), columns["subject"])


def healthy(speeds: np.ndarray, people: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    """Healthy adults at given speeds on the level: simulated signals [people, speeds, 2, 100,
    C].
    """
    rng = np.random.default_rng([seed, 6])
    traits = draw_people(rng, people, impaired=0.0)
    tasks = constant_tasks(traits, speeds)
    return simulate(traits, tasks, 2, POINTS, rng=rng, modalities=SIGNALS)
