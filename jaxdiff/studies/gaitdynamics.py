"""GaitDynamics (Tan et al.) with its published weights: ground reaction forces from whole-body
kinematics.

    jaxdiff weights convert --from gaitdynamics GaitDynamicsDiffusion.pt --out weights/gaitdynamics
    jaxdiff generate weights/gaitdynamics --input walk.mot --stature 1.75 --mass 70 --output
    forces.mot

The network denoises windows of 150 frames at 100 Hz of 63 features: pelvis velocity over stature,
six angles, forces over mass and centres of pressure of both feet, rotations of four joints as six
numbers, and their velocities. Forces are inpainted: along 50 DDIM steps the known features are
overwritten by noisy copies of themselves, as the reference does. Angles that a recording lacks are
inpainted with them. Overlapping windows are averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, filtfilt
from scipy.spatial.transform import Rotation

from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import example_keys
from jaxdiff.deployment.signal import Signal
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.interop import store
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained

RATE, WINDOW, STEP, STEPS = 100.0, 150, 50, 50
JOINTS = {
    "pelvis": ("pelvis_tilt", "pelvis_list", "pelvis_rotation"),
    "hip_r": ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r"),
    "hip_l": ("hip_flexion_l", "hip_adduction_l", "hip_rotation_l"),
    "lumbar": ("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
}
"""Joints of three angles, about z, x and y in turn."""
PELVIS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
ANGLES = tuple(f"{name}_{side}" for side in "rl" for name in ("knee_angle", "ankle_angle", "subtalar_angle"))  # fmt: skip
FORCES = tuple(f"calcn_{side}_force_v{axis}" for side in "rl" for axis in "xyz")
KINETICS = tuple(
    f"calcn_{side}_force_{kind}{axis}" for side in "rl" for kind in ("v", "normed_cop_") for axis in "xyz"
)  # fmt: skip
FEATURES = (
    *PELVIS,
    *ANGLES,
    *KINETICS,
    *(f"{joint}_{i}" for joint in JOINTS for i in range(6)),
    *(f"{joint}_{axis}_angular_vel" for joint in JOINTS for axis in "xyz"),
    *(f"{name}_vel" for name in ANGLES),
)
"""The 63 features of the models without arms, in the network's order."""


def load(path: str | Path) -> GaitDynamicsModel:
    """The model of a folder of converted weights."""
    converted = store.load(path)
    if converted.source != "gaitdynamics" or "denoiser" not in converted.networks:
        raise FileError(
            f"{path} holds {', '.join(converted.networks)} of {converted.source}; of such parts"
            " only the denoiser of gaitdynamics generates. Convert the folder of a release to make"
            " a model of it"
        )
    weights = converted["denoiser"]
    if weights.network.features != len(FEATURES):
        raise FileError(
            f"{path} has {weights.network.features} features; models without arms have"
            f" {len(FEATURES)}"
        )
    keys = ("scale", "min", "columns")
    if not {f"normaliser/{key}" for key in keys} <= set(converted.extras):
        raise FileError(f"{path} has no normaliser; convert the checkpoint as it was published")
    scale, shift = np.ones(len(FEATURES)), np.zeros(len(FEATURES))
    columns = converted.extras["normaliser/columns"].astype(int)
    scale[columns] = converted.extras["normaliser/scale"]
    shift[columns] = converted.extras["normaliser/min"]
    trained = Trained("gaitdynamics", weights.params, {}, Path(path))
    return GaitDynamicsModel(trained, weights.network, scale, shift)


class GaitDynamicsModel(Model):
    """Forces under both feet from the angles of an OpenSim model without arms."""

    def __init__(self, trained: Trained, network: Any, scale: np.ndarray, shift: np.ndarray):
        super().__init__(trained)
        self.network, self.scale, self.shift = network, scale, shift
        angles = (*(name for three in JOINTS.values() for name in three), *ANGLES)
        units = ("m",) * 3 + ("deg",) * len(angles)
        self.inputs = (Signal("kinematics", (*PELVIS, *angles), units, RATE, WINDOW, partial=True),)
        self.outputs = (Signal("forces", FORCES, ("N",) * 6, RATE, WINDOW),)

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 1,
        seed: int = 0,
        steps: int = 0,
        stature: float = 0.0,
        mass: float = 0.0,
        treadmill: float = 0.0,
    ) -> Prediction:
        """Ground reaction forces for a recording of angles.

        Args:
            recording: Angles and pelvis position under OpenSim's names, 1.5 s or more.
            samples: Number of samples.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the reference's 50.
            stature: Height of the person in m.
            mass: Mass of the person in kg.
            treadmill: Speed of the treadmill in m/s; 0 over ground.
        """
        if recording is None or not (1.0 < stature < 2.5 and 20 < mass < 250) or samples < 1:
            raise ConfigError(
                "GaitDynamics needs a recording, stature (m) between 1 and 2.5 and mass (kg)"
                " between 20 and 250"
            )
        known, turn = features(recording, stature, treadmill)
        starts = [*range(0, len(known) - WINDOW, STEP), len(known) - WINDOW]
        windows = np.stack([known[a : a + WINDOW] for a in starts]) * self.scale + self.shift
        mask = np.isfinite(windows)
        run = self._once(("generate", steps), lambda: jax.jit(self._sampler(steps or STEPS)))
        drawn = []
        for number in range(samples):
            keys = example_keys(np.uint32(seed + number), len(windows))
            made = run(self.trained.params, keys, np.nan_to_num(windows), mask)
            total, count = np.zeros(known.shape), np.zeros((len(known), 1))
            for a, each in zip(starts, (np.asarray(made, np.float64) - self.shift) / self.scale):
                total[a : a + WINDOW] += each
                count[a : a + WINDOW] += 1
            forces = (total / count)[:, [FEATURES.index(name) for name in FORCES]] * mass
            drawn.append((forces.reshape(-1, 2, 3) @ turn).reshape(-1, 6))
        values = np.stack(drawn)
        like = Recording(values[0], FORCES, ("N",) * 6, RATE, recording.start)
        return Prediction(values, like, metadata={"windows": len(starts)})

    def _sampler(self, steps: int) -> Callable[..., Any]:
        schedule = schedules.SCHEDULES["scaled_linear"](1000)
        grid = grids.linspace(schedule, steps, clean=-1)
        alpha, sigma = (jnp.asarray(each) for each in (schedule.alpha, schedule.sigma))

        def run(params: Any, keys: Any, known: Any, mask: Any) -> Any:
            def one(key: Any, known: Any, mask: Any) -> Any:
                first, rest = jax.random.split(key)

                def network(x: Any, t: Any) -> Any:
                    level = jnp.round(t).astype(jnp.int32)
                    noise = jax.random.normal(jax.random.fold_in(rest, level), x.shape)
                    seen = jnp.where(mask, alpha[level] * known + sigma[level] * noise, x)
                    return self.network.apply(params, seen, t)

                start = jax.random.normal(first, known.shape)
                return sample(None, from_x0(network), grid, solvers.ddim(), start)

            return jax.vmap(one)(keys, known, mask)

        return run


def features(
    recording: Recording, stature: float, treadmill: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """The network's features, and the turn that made the walk go along x.

    Args:
        recording: Angles (deg or rad) and the pelvis' position (m), under OpenSim's names.
        stature: of the person in m.
        treadmill: its speed in m/s.

    Returns:
        Features `(T, 63)` at 100 Hz, NaN where they are not known, and the rotation `(3, 3)` about
        the vertical.
    """
    lacking = [n for n in (*PELVIS, *JOINTS["pelvis"]) if n not in recording.channels]
    if lacking:
        raise DataError(f"GaitDynamics needs the pelvis; the recording lacks {', '.join(lacking)}")
    if recording.rate != RATE:
        recording = recording.resample(RATE)
    frames = len(recording.values)
    if frames < WINDOW:
        raise DataError(f"GaitDynamics needs {WINDOW / RATE:g} s or more; got {frames / RATE:g} s")
    units = dict(zip(recording.channels, recording.units))

    def column(name: str) -> np.ndarray:
        values = np.asarray(recording.values[:, recording.channels.index(name)], np.float64)
        return np.radians(values) if units[name] == "deg" else values

    turns = {
        joint: Rotation.from_euler("ZXY", np.stack([column(n) for n in names], -1)).as_matrix()
        for joint, names in JOINTS.items()
        if set(names) <= set(recording.channels)
    }
    pelvis = turns["pelvis"]
    heading = np.arctan2(-pelvis[:, 0, 2], pelvis[:, 2, 2])
    if np.ptp(heading) > np.pi / 4:
        raise DataError(
            "the pelvis turns by more than 45°; GaitDynamics was trained on walks and runs along a"
            " line"
        )
    turn = Rotation.from_euler("y", np.median(heading)).as_matrix()
    turns["pelvis"] = turn @ pelvis
    place = np.stack([column(name) for name in PELVIS], -1) @ turn.T
    speed = np.diff(_smooth(place, 10.0), axis=0, append=np.nan) * RATE
    speed[-1] = speed[-2]
    speed[:, 0] += treadmill
    found: dict[str, np.ndarray] = dict(zip(PELVIS, (speed / stature).T))
    for joint, turned in turns.items():
        change = turned[:-1] - turned[1:]
        change = np.concatenate([change, change[-1:]])
        rate = np.stack([change[:, i, j] - change[:, j, i] for i, j in ((2, 1), (0, 2), (1, 0))], 1)
        rate = _smooth(rate * RATE / 2, 15.0)
        found |= {f"{joint}_{i}": turned[:, i // 3, i % 3] for i in range(6)}
        found |= {f"{joint}_{axis}_angular_vel": rate[:, i] for i, axis in enumerate("xyz")}
    for name in set(ANGLES) & set(recording.channels):
        angle = column(name)
        slope = CubicSpline(np.arange(frames), _smooth(angle, 15.0)).derivative()
        found |= {name: angle, f"{name}_vel": slope(np.arange(frames))}
    gap = np.full(frames, np.nan)
    return np.stack([found.get(name, gap) for name in FEATURES], -1), turn


def _smooth(values: np.ndarray, cutoff: float) -> np.ndarray:
    """The reference's low-pass of fourth order, forwards and backwards."""
    b, a = butter(4, cutoff / (RATE / 2))
    return filtfilt(b, a, values, axis=0)
