"""Forces and moments with error bars for an example walk, from the shipped model: `jaxdiff demo`.

The example is a simulated person, marked so in the file, whom the model has not seen.
`make_example` wrote it.
"""

from __future__ import annotations

import time
from importlib import resources
from pathlib import Path

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.strides import normalised, strikes
from jaxdiff.errors import MissingExtra
from jaxdiff.models.prediction import Prediction
from jaxdiff.report import legs, motion
from jaxdiff.report.gait import Curves
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance

WALK, MEASURED = "example_walk.mot", "example_walk_measured.mot"
SHOWN = (
    "hip_extension_moment_r",
    "knee_extension_moment_r",
    "ankle_plantarflexion_moment_r",
    "grf_forward_r",
    "grf_normal_r",
    "grf_normal_l",
)
SEED, RATE, STRIDES = 20_000, 100.0, 5
JOINTS = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
FRAMES, GRAVITY = 50.0, 9.81
NAMES = {"foot_strike": "foot strike", "foot_off": "foot off"}
TOE_OFF = "foot_off", "right"
SWING = 0.05
"""Body weights below which a foot carries nothing and no arrow is drawn."""


def run(out: Path, samples: int = 32) -> Prediction:
    """Generate moments and forces of the example walk and report on them.

    Args:
      out: directory for `walk.mot`, `forces.mot` and `report.html`.
      samples: number of samples.

    Returns:
      The prediction.
    """
    from jaxdiff.studies.loading import load

    out.mkdir(parents=True, exist_ok=True)
    walk, measured = example()
    started = time.perf_counter()
    made = load("gait").generate(walk, samples=samples)
    seconds = time.perf_counter() - started
    formats.write(out / "walk.mot", walk)
    made.write(out / "forces.mot")
    page = report(walk, made, measured, seconds)
    names = ["forces.mot", "forces.csv", "forces.c3d"]
    for name in names[1:]:
        try:
            made.write(out / name)
        except MissingExtra:  # C3D needs the extra `formats`
            names.remove(name)
    kinds = {".c3d": "application/octet-stream"}
    files = {
        name: ((out / name).read_bytes(), kinds.get(name[-4:], "text/plain")) for name in names
    }
    page.add(Page.downloads, "The prediction as a file (median and 90 % interval)", files)
    publish(page, out)
    print(
        f"{out / 'forces.mot'}: median and 90 % interval of {samples} samples, in {seconds:.1f} s\n"
        "the same for a file of your own:\n"
        "  jaxdiff generate gait --input walk.mot --output forces.mot"
    )
    return made


def example() -> tuple[Recording, Recording]:
    """The example walk that ships: joint angles, and the simulated moments and forces."""
    folder = resources.files("jaxdiff.models")
    with resources.as_file(folder / WALK) as walk, resources.as_file(folder / MEASURED) as measured:
        return formats.read_one(walk), formats.read_one(measured)


def report(walk: Recording, made: Prediction, measured: Recording, seconds: float) -> Report:
    """Curves over the gait cycle, and a table of errors and coverage."""
    low, high = made.interval(0.9)
    times = strikes(walk, "right").times
    table = Table("Generated against simulated", ("RMSE", "coverage 90 %"))
    shares = []
    truth = np.stack(
        [np.interp(made.like.time, measured.time, measured[name]) for name in SHOWN], axis=1
    )
    for i, name in enumerate(SHOWN):
        unit = made.like.units[made.like.channels.index(name)]
        error = np.sqrt(np.square(made.median[name] - truth[:, i]).mean())
        share = float(((low[name] <= truth[:, i]) & (truth[:, i] <= high[name])).mean())
        shares.append(share)
        table.row(f"{name} [{unit}]", {"RMSE": f"{error:.3f}", "coverage 90 %": f"{share:.0%}"})
    units = [made.like.units[made.like.channels.index(name)] for name in SHOWN]
    inside = times[(times >= made.like.start - 1e-6) & (times <= made.like.time[-1] + 1e-6)]
    events = [e for e in made.like.events if inside[0] - 1e-6 <= e.time <= inside[-1] + 1e-6]

    def cycles(recording: Recording) -> np.ndarray:
        shown = normalised(recording.select(SHOWN), inside, 100)[0]
        return shown.reshape(-1, 100, len(SHOWN))

    curves = {
        "generated": Curves(cycles(made.median).mean(0), cycles(low).mean(0), cycles(high).mean(0)),
        "simulated": Curves(cycles(measured).mean(0)),
    }
    found = Report(
        "Forces and moments of a walk",
        provenance("a simulated person (example_walk.mot)", 0, seconds),
    )
    found.add(
        Page.verdict,
        f"From joint angles alone, {np.mean(shares):.0%} of the simulated moments and forces lie in"
        " the 90 % interval.",
        {
            "person": "simulated, not among those the model was trained on",
            "intervals": (
                "90 % of recordings with a laboratory's errors of measurement; this example has"
                " none, so more"
            ),
        },
    )
    toe_off = np.mean([phase(e.time, inside) for e in events if (e.label, e.side) == TOE_OFF])
    found.add(Page.gait, "Gait cycle of the right leg", curves, SHOWN, units, float(toe_off))
    joints, arrows = figure(walk, made.median)
    found.add(
        Page.motion,
        "The walk, with the generated forces",
        {"": {"generated forces": joints}},
        legs.skeleton(),
        FRAMES,
        "Legs of average size, drawn from the given angles; median of the generated ground reaction"
        " forces.",
        {"": {"generated forces": arrows}},
        [motion.Event(e.time - inside[0], f"{e.side} {NAMES[e.label]}") for e in events],
    )
    found.table(table, "example")
    return found


def phase(time_: float, times: np.ndarray) -> float:
    """The share of its stride at which a moment lies, for foot strikes `times`."""
    first = np.clip(np.searchsorted(times, time_, side="right") - 1, 0, len(times) - 2)
    return float((time_ - times[first]) / (times[first + 1] - times[first]))


def figure(walk: Recording, forces: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Walking legs with their ground reaction forces.

    Args:
      walk: angles of both legs in degrees.
      forces: ground reactions in N/kg, within the time of the walk.

    Returns:
      Joints [T, 11, 3] in m and arrows [T, 2, 2, 3] for `report.motion`, at `FRAMES` per second;
      the forces act between heel and toe.
    """
    names = [f"{joint}_{leg}" for leg in "rl" for joint in JOINTS]
    time_ = np.arange(forces.time[0], forces.time[-1], 1 / FRAMES)
    angles = np.stack([np.interp(time_, walk.time, walk[name]) for name in names], axis=1)
    tree, speed = legs.skeleton(), float(walk.meta.get("speed", 0.0))
    joints = legs.joints(angles, FRAMES, speed)
    arrows = []
    for leg, side, inward in (("r", "right", 1.0), ("l", "left", -1.0)):
        medial, vertical, forward = (
            np.interp(time_, forces.time, forces[f"grf_{axis}_{leg}"]) / GRAVITY
            for axis in ("medial", "normal", "forward")
        )
        force = np.stack([inward * medial, vertical, forward], axis=-1)
        force[vertical < SWING] = np.nan
        heel, toe = (joints[:, tree.index(f"{side}_{end}")] for end in ("heel", "toe"))
        share = (heel[:, 1:2] + 0.01) / (
            heel[:, 1:2] + toe[:, 1:2] + 0.02
        )  # the lower end carries more
        sole = (heel + share * (toe - heel)) * [1, 0, 1]
        arrows.append(np.stack([sole, force], axis=1))
    return joints, np.stack(arrows, axis=1)


def make_example(folder: Path) -> None:
    """Simulate the example walk and write its two files; run once when the simulator changes."""
    from jaxdiff.body.walker import batch

    rng = np.random.default_rng(SEED)
    traits = batch.draw_people(rng, 1, impaired=0.0)
    tasks = batch.constant_tasks(traits, np.array([1.2]))
    names = ("angles", "moments", "grf")
    out = batch.simulate(traits, tasks, strides=STRIDES, points=100, rng=rng, modalities=names)
    time_ = out["time"].reshape(-1)
    starts = np.append(out["time"][0, 0, :, 0], time_[-1])
    meta = {"subject": "simulated person", "source": "jaxdiff.body.walker", "speed": "1.2"}
    meta["mass"] = f"{out['mass'][0]:.1f}"
    events = tuple(Event(float(t), "foot_strike", "right") for t in starts)

    def recording(modalities: tuple[str, ...]) -> Recording:
        values = np.concatenate([out[n].reshape(len(time_), -1) for n in modalities], axis=1)
        channels = tuple(c for n in modalities for c in batch.CHANNELS[n])
        units = tuple(u for n in modalities for u in batch.UNITS[n])
        made = Recording.from_times(time_, values, channels, units, RATE, meta)
        rounded = np.round(made.values, 3 if "moments" in modalities else 2)
        return Recording(rounded, channels, units, RATE, made.start, meta, events)

    angles, kinetics = recording(("angles",)), recording(("moments", "grf"))
    sides = [c for c in angles.channels if not c.startswith("trunk")]
    formats.write(folder / WALK, angles.select(sides))
    formats.write(folder / MEASURED, kinetics.select(SHOWN))
