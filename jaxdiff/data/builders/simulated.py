"""Simulated data sets: walking cohorts that obey Newton, and captioned whole-body motion.

    load("simulated_gait", size="quick")                        # LLMA: angles, moments, forces, EMG envelopes
    load("simulated_gait", size="large", subjects=200)          # many different people at speeds of their own
    load("simulated_speeds", kind="stroke", size="full")        # speed transfer: six sagittal angles at many speeds
    load("simulated_motion", size="tiny", seed=3)               # text to motion: features, joints, muscle activations

"full" is the cohort of the papers; every argument of the simulator can be set (subjects, speeds,
strides …). Prepared data are named by their settings and the simulator's source, so a changed
simulator never reads old data. They are stored as 16-bit integers with one scale per channel and
trial.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from jaxdiff.body import actions, humanml3d, walker
from jaxdiff.data.builders.base import Builder, Modalities, fingerprint
from jaxdiff.data.builders.example import example
from jaxdiff.errors import ConfigError, nearest


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
    """A simulator and what it is called with."""

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    simulator: Callable[..., Any] | None = None


class Simulated(Builder, skip_registration=True):  # pyright: ignore
    """Base: a size is a set of arguments for a simulator; `simulators` names those that need
    another one.
    """

    licence = "made here, Apache-2.0"
    compact = True
    sizes: ClassVar[Mapping[str, Mapping[str, Any]]]
    simulator: ClassVar[Callable[..., Any]]
    simulators: ClassVar[Mapping[str, Callable[..., Any]]] = {}

    @classmethod
    def configured(cls, size: str = "quick", **settings: Any) -> Config:
        if size not in cls.sizes:
            raise ConfigError(f"{cls.name} has no size {size!r}; {nearest(size, cls.sizes)}")
        simulator = cls.simulators.get(size, cls.simulator)
        known = {
            name: p.default
            for name, p in inspect.signature(simulator).parameters.items()
            if name != "progress"
        }
        for name, value in settings.items():
            if name not in known:
                raise ConfigError(
                    f"{cls.name} has no setting {name!r}; {nearest(name, [*known, 'size'])}"
                )
            if isinstance(known[name], int | float) and isinstance(value, str):
                raise ConfigError(
                    f"{cls.name}: {name} is a number, such as {known[name]}; got {value!r}"
                )
            if isinstance(known[name], tuple) and not isinstance(value, list | tuple):
                raise ConfigError(
                    f"{cls.name}: {name} is a list, such as {list(known[name][:3])}; got {value!r}"
                )
        settings = {**cls.sizes[size], **settings}
        folder = Path(inspect.getfile(simulator)).parent
        sources = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]
        name = f"{size}-{fingerprint(settings, sources)}"
        return Config(name=name, settings=settings, simulator=simulator)

    def simulated(self) -> Iterator[Any]:
        """What the simulator gives, under a progress bar that follows its reports."""
        with self.reporting() as report:
            config = self.builder_config
            yield from config.simulator(**config.settings, progress=report)

    @contextlib.contextmanager
    def reporting(self) -> Iterator[Callable[[int, int], None]]:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), disable=not self.progress) as bar:
            task = bar.add_task(f"simulating {self.name}", total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)


def walked(trial: walker.Trial) -> dict[str, Any]:
    """A trial of the walker as an example."""
    return example(
        f"{trial.subject}/{trial.task}/{trial.side}",
        trial.signals,
        rate=trial.rate,
        subject=trial.subject,
        task=trial.task,
        side=trial.side,
        paretic=trial.paretic,
        speed=trial.speed,
        incline=trial.incline,
        transition=bool(np.any(trial.transition)),
        time=trial.time,
        stride=trial.stride,
    )


class SimulatedGait(Simulated):
    """angles (15), moments (9), grf (3) and emg (8) of either leg, 150 samples a stride.

    "tiny", "quick" and "full" are a few people at the same speeds and slopes, with transitions.
    "large" are 1000 different people, healthy and impaired, each at eight speeds and slopes of
    their own; `subjects` sets any other number.
    """

    VERSION = tfds.core.Version("1.1.0")  # the people of "large" are of another walker since
    name = "simulated_gait"
    description = (
        "Simulated people walking at three speeds on nine slopes, and from one task to the next."
    )
    simulator = staticmethod(walker.gait_cohort)
    sizes: ClassVar = {
        "tiny": {"subjects": 3, "speeds": (0.8, 1.2), "inclines": (0.0,), "strides": 4},
        "quick": {"subjects": 6, "inclines": (-5.0, 0.0, 5.0), "strides": 12},
        "full": {},
        "large": {},
    }
    simulators: ClassVar = {"large": walker.people_cohort}

    def modalities(self) -> Modalities:
        return {
            name: (walker.CHANNELS[name], walker.UNITS[name])
            for name in ("angles", "moments", "grf", "emg")
        }

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        return map(walked, self.simulated())


class SimulatedSpeeds(Simulated):
    """sagittal (6): 30 s at 20 Hz of able-bodied people (kind="able") or of stroke survivors
    (kind="stroke").
    """

    name = "simulated_speeds"
    description = (
        "Simulated people on a treadmill at up to 28 speeds, able-bodied or after a stroke."
    )
    simulator = staticmethod(walker.speed_cohort)
    sizes: ClassVar = {
        "tiny": {"subjects": 3, "speeds": (0.6, 0.9), "seconds": 6.0},
        "quick": {"subjects": 8, "speeds": (0.6, 0.8, 1.0, 1.2, 1.4, 1.6)},
        "full": {},
    }

    @classmethod
    def configured(cls, size: str = "quick", **settings: Any) -> Config:
        # Stroke survivors walk at speeds of their own, which no size changes.
        own = {"speeds": None} if settings.get("kind") == "stroke" else {}
        return super().configured(size, **(own | settings))

    def modalities(self) -> Modalities:
        return {"sagittal": (walker.CHANNELS["sagittal"], walker.UNITS["sagittal"])}

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        return map(walked, self.simulated())


class SimulatedMotion(Simulated):
    """motion (263 features), joints (66, m) and emg (8 activations) at 20 frames a second, with
    captions.

    The features are HumanML3D's without its errors. All clips are of one figure, so each counts as
    a subject; four in five are for training, as in HumanML3D, the same ones in every size.
    """

    name = "simulated_motion"
    compact = False  # features are compared with those of other programs to the last digit
    description = (
        "Simulated whole-body motions of many actions, speeds, directions and styles, with"
        " captions."
    )
    simulator = staticmethod(actions.simulate_motions)
    sizes: ClassVar = {"tiny": {"count": 40}, "quick": {"count": 2000}, "full": {"count": 20_000}}

    def modalities(self) -> Modalities:
        features, muscles = humanml3d.names(humanml3d.LAYOUT_22), actions.MUSCLES
        joints = [
            f"{joint}_{axis}" for joint in humanml3d.LAYOUT_22.skeleton.names for axis in "xyz"
        ]
        return {
            "motion": (features, ["1"] * len(features)),
            "joints": (joints, ["m"] * len(joints)),
            "emg": (muscles, ["1"] * len(muscles)),
        }

    def examples(self, root: Path) -> Iterator[dict[str, Any]]:
        for number, clip in enumerate(self.simulated()):
            signals = {
                "motion": features(clip.joints),
                "joints": clip.joints[:-1].reshape(-1, 66),
                "emg": actions.activations(clip.joints, clip.fps)[:-1],
            }
            name, chance = f"{number:06d}", np.random.default_rng(number).random()
            split = "train" if chance < 0.8 else "val" if chance < 0.85 else "test"
            yield example(
                name,
                signals,
                rate=clip.fps,
                subject=name,
                task=clip.action,
                side=clip.attributes.get("side", "both"),
                split=split,
                captions=clip.captions,
            )


def features(joints: np.ndarray) -> np.ndarray:
    """Features (T - 1, 263) of joints (T, 22, 3).

    The clip is lengthened by its last frame to a multiple of 100, so that only two lengths are
    compiled; the filter of the heading continues a clip in the same way, so nothing changes.
    """
    frames = len(joints)
    padded = np.pad(joints, ((0, -frames % 100), (0, 0), (0, 0)), mode="edge")
    found = humanml3d.features_from_joints(padded, humanml3d.LAYOUT_22, "fixed")  # pyright: ignore[reportArgumentType]
    return np.asarray(found)[: frames - 1]
