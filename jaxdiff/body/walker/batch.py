"""Many simulated people at once: draw people and tasks, solve their gaits, walk and record.

    rng = np.random.default_rng(0)
    traits = draw_people(rng, 100)
    tasks = draw_tasks(rng, traits, 10)
    out = simulate(traits, tasks, strides=6, points=100, rng=rng, modalities=("angles", "moments", "grf"))
    out["angles"]                     # float32 [100, 10, 6, 100, 26]; names in CHANNELS, units in UNITS

Everything is computed for a batch of gaits by two compiled programs, on whatever device JAX has.
Strides follow each other in time, both legs are on one time base, and every stride begins with the
right foot strike.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np

from jaxdiff.body.walker import design, modes
from jaxdiff.body.walker.instruments import angle_errors, band_noise, ripple
from jaxdiff.body.walker.kinematics import proportions
from jaxdiff.body.walker.muscles import RECORDED, envelopes
from jaxdiff.body.walker.people import Tasks, constant_tasks, draw_people, draw_tasks
from jaxdiff.body.walker.planar import body, planar
from jaxdiff.body.walker.solve import project
from jaxdiff.body.walker.synthesis import SPARE, Strides, synthesise
from jaxdiff.body.walker.traits import IMUS, Traits, dimensionless, select
from jaxdiff.body.walker.variability import MODES
from jaxdiff.body.walker.whole import complete
from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Array

__all__ = [
    "CHANNELS",
    "MODALITIES",
    "UNITS",
    "Tasks",
    "Traits",
    "constant_tasks",
    "draw_people",
    "draw_tasks",
    "simulate",
    "solve_gaits",
]

CHUNK = 32
"""Gaits computed at once."""
ITERATIONS = 4

_JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_flexion", "knee_adduction")
_JOINTS += ("knee_rotation", "ankle_dorsiflexion", "ankle_inversion", "ankle_rotation")
_MOMENTS = ("hip_extension_moment", "hip_abduction_moment", "hip_external_rotation_moment")
_MOMENTS += ("knee_extension_moment", "knee_abduction_moment", "knee_external_rotation_moment")
_MOMENTS += ("ankle_plantarflexion_moment", "ankle_eversion_moment")
_MOMENTS += ("ankle_external_rotation_moment",)


def _both(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name}_{side}" for side in "rl" for name in names)


CHANNELS: dict[str, tuple[str, ...]] = {
    "angles": (
        *("pelvis_tilt", "pelvis_list", "pelvis_yaw", "trunk_tilt", "trunk_list", "trunk_yaw"),
        *_both((*_JOINTS, "foot_pitch")),
    ),
    "feet": _both(("foot_roll", "foot_yaw")),
    "moments": _both(_MOMENTS),
    "powers": _both(("hip_power", "knee_power", "ankle_power")),
    "grf": _both(("grf_forward", "grf_medial", "grf_normal")),
    "cop": _both(("cop_forward", "cop_medial")),
    "emg": _both(RECORDED),
    "imu": tuple(
        f"{segment}_{quantity}_{axis}"
        for segment in IMUS
        for quantity in ("accel", "gyro")
        for axis in "xyz"
    ),
}
"""Names of the channels. Angles: flexion, dorsiflexion, adduction, inversion, internal rotation,
toes up positive, alike on both sides; feet are seen from the belt, pelvis and trunk in space:
forward tilt, right side up, right side forward. Moments are internal: extension, abduction,
external rotation, plantarflexion, eversion positive. Ground reaction and centre of pressure (from
the ankle, 0 in swing) are in axes of the (tilted) belt. Sensors measure specific force and angular
velocity in their own axes, which lie along those of the segment (x forward, y left, z up) but for
the mounting error."""
UNITS: dict[str, tuple[str, ...]] = {
    "angles": ("deg",) * 26,
    "feet": ("deg",) * 4,
    "moments": ("Nm/kg",) * 18,
    "powers": ("W/kg",) * 6,
    "grf": ("N/kg",) * 6,
    "cop": ("m",) * 4,
    "emg": ("1",) * 16,
    "imu": (("m/s^2",) * 3 + ("rad/s",) * 3) * len(IMUS),
}
MODALITIES = tuple(CHANNELS)


@jax.jit
def _solve(t: Traits, factor: Array, u: Array, b: Array, iterations: Array | int) -> Array:
    """Coefficients [M, 25, 29] of the gaits of M people."""
    p = design.design(t, factor, u, b)
    x = project(t, p, iterations)
    who = body(t)
    return complete(p, planar(p, who, x), proportions(who))


def _chunks(n: int) -> list[np.ndarray]:
    """Rows of every chunk; the last one is filled up by repetition."""
    return [np.minimum(np.arange(a, a + CHUNK), n - 1) for a in range(0, n, CHUNK)]


def solve_gaits(
    traits: Traits, factor: np.ndarray, u: np.ndarray, b: np.ndarray, iterations: int = ITERATIONS
) -> np.ndarray:
    """Fourier coefficients [M, 25, 29] of the coordinates of M gaits, one for each person.

    Args:
        traits: M people.
        factor: Stride time relative to the norm [M].
        u: Speeds `v / sqrt(gL)` [M].
        b: Slopes in degrees [M].
        iterations: Steps of the projection.

    Returns:
        Coefficients by phase of the right stride, of `model.COORDINATES`.
    """
    found = []
    with jax.enable_x64(True):
        for rows in _chunks(len(u)):
            solved = _solve(select(traits, rows), factor[rows], u[rows], b[rows], iterations)
            found.append(np.asarray(solved))
    return np.concatenate(found)[: len(u)]


def long_range(
    rng: np.random.Generator, shape: tuple[int, ...], strides: int, exponent: float = 0.6
) -> np.ndarray:
    """Noise [*shape, strides] of unit variance whose power falls as 1/f^exponent: long-range
    correlated strides.
    """
    n = max(64, 2 * strides)
    frequency = np.fft.rfftfreq(n)
    gain = np.concatenate([[0.0], frequency[1:] ** (-exponent / 2)])
    noise = np.fft.rfft(rng.standard_normal((*shape, n), dtype=np.float32), axis=-1) * gain
    power = (2.0 * np.square(gain[1:-1]).sum() + gain[-1] ** 2) / n
    return np.fft.irfft(noise, n, axis=-1)[..., :strides] / np.sqrt(power)


def simulate(
    traits: Traits,
    tasks: Tasks,
    strides: int = 6,
    points: int = 100,
    *,
    rng: np.random.Generator,
    modalities: Sequence[str] = ("angles", "moments", "grf"),
    variability: float = 1.0,
) -> dict[str, np.ndarray]:
    """Walk every task of every person.

    Args:
        traits: N people.
        tasks: K tasks of each.
        strides: Consecutive strides S per task.
        points: Samples P per stride, 50 or more.
        rng: Source of the differences between strides and of sensor noise.
        modalities: Which of `MODALITIES` to record.
        variability: Multiplies the differences between strides; 0 gives periodic gaits.

    Returns:
        float32 [N, K, S, P, C] per modality; "time" [N, K, S, P] and "stride_time" [N, K, S] in s;
        "speed" (m/s) and "slope" (degrees) [N, K, S]; "events" [N, K, S, 3], phases in the right
        stride of right foot off, left foot strike and left foot off; "mass" (kg), "stature" and
        "leg_length" (m) [N].

    Raises:
        ConfigError: If a modality is unknown, or there are too few strides or points.
    """
    for name in modalities:
        if name not in CHANNELS:
            raise ConfigError(f"no modality {name!r}; {nearest(name, CHANNELS)}")
    if strides < 1 or points < 50:
        raise ConfigError(
            f"simulate one stride or more at 50 points or more; got {strides}, {points}"
        )
    n, k = tasks.speed.shape
    total = n * k
    person = np.repeat(np.arange(n), k)
    u = dimensionless(traits, tasks.speed).ravel()
    b, wander = tasks.slope.ravel(), tasks.wander.ravel()
    factor = traits.stride_factor[person] * tasks.cadence.ravel()
    modalities = tuple(name for name in MODALITIES if name in modalities)
    needed = tuple(sorted({*modalities, *(("moments",) if "emg" in modalities else ())}))
    padded = strides + 2 * SPARE
    out: dict[str, np.ndarray] = {}

    def keep(name: str, values: np.ndarray, rows: np.ndarray) -> None:
        fresh = np.append(True, np.diff(rows) > 0)
        if name not in out:
            out[name] = np.empty((total, *values.shape[1:]), values.dtype)
        out[name][rows[fresh]] = values[fresh]

    with jax.enable_x64(True):
        for rows in _chunks(total):
            t = select(traits, person[rows])
            args = t, factor[rows], u[rows], b[rows]
            noise = variability * long_range(rng, (len(rows), MODES + 2), padded)
            noise = np.moveaxis(noise, 1, 2)
            deviations = Strides(
                log_speed=wander[rows, None] * noise[..., 0],
                log_length=0.018 * noise[..., 1],
                amplitudes=noise[..., 2:],
                irregular=ripple(rng, t, padded, points).astype(np.float32),
            )
            found = synthesise(
                *args,
                _solve(*args, ITERATIONS),
                modes.at(u[rows], b[rows]),
                deviations,
                strides=strides,
                points=points,
                modalities=needed,
            )
            found = {name: np.asarray(values) for name, values in found.items()}
            if "emg" in modalities:
                gains = variability * long_range(rng, (len(rows), 16), padded)
                rough = band_noise(rng, (len(rows), 16), strides * points, points)
                found["emg"] = envelopes(found, t, u[rows], gains, rough, points)
            if "imu" in modalities:
                found["imu"] = _measured(rng, found["imu"], t)
            if "angles" in modalities:
                found["angles"] = found["angles"] + angle_errors(rng, t, strides, points)
            for name in (*modalities, "time", "stride_time", "speed", "events"):
                keep(name, found[name], rows)
    for name in (*modalities, "time"):
        out[name] = out[name].reshape(n, k, strides, points, *out[name].shape[2:])
    for name in ("stride_time", "speed", "events"):
        out[name] = out[name].reshape(n, k, *out[name].shape[1:])
    out["slope"] = np.broadcast_to(tasks.slope[..., None], (n, k, strides)).copy()
    if "emg" in modalities:
        out["emg"] /= out["emg"].max((1, 2, 3), keepdims=True)
    for name in ("mass", "stature", "leg_length"):
        out[name] = getattr(traits, name)
    return out


def _measured(rng: np.random.Generator, signals: np.ndarray, t: Traits) -> np.ndarray:
    """Sensor signals [M, T, 42] with bias and noise."""
    noise = rng.standard_normal(signals.shape, dtype=np.float32)
    scale = np.tile(np.repeat(t.imu_noise, 3, axis=1), (1, len(IMUS))).astype(np.float32)
    bias = t.imu_bias.reshape(len(signals), -1).astype(np.float32)
    return signals + bias[:, None] + scale[:, None] * noise
