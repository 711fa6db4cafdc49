"""On a user's file: generate for a sentence, refine an estimate, edit a motion. Joints in and out, `.npz` or `.bvh`.

A motion that is read has the joints of HumanML3D (SMPL's first 22), or those of the motion pack, in metres, y up; it is
worked on, and written, at the rate the network was trained at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats, normalise
from jaxdiff.data.formats.poses import read_poses
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.inversion import invert
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.methods import biovae
from jaxdiff.methods.biovae import Scale, denoiser
from jaxdiff.methods.refinement import follow, levels, refine_joints
from jaxdiff.studies.biovae import estimation, preparation
from jaxdiff.studies.biovae.benchmark import by_inversion
from jaxdiff.studies.biovae.training import ARMS, REFINER, Arm
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Array, Params

TRUST = 0.02
"""s², of `follow`: what validation chose on simulated motion."""
STEPS = 50


class Trained(NamedTuple):
    """An arm of a run, ready for use."""

    config: Any
    settings: biovae.Settings
    params: Params
    scale: Scale
    words: Sequence[str]


def load_arm(run: str | Path, arm: Arm, frames: int = 0) -> Trained:
    """The arm of a run."""
    params, about = load_params(Path(run) / arm.directory / "checkpoints", "ema", "latest")
    config = ConfigDict(about["config"])
    normaliser = normalise.from_state(about["normaliser"])
    unit = np.asarray(about["acceleration"], np.float32)
    scale = Scale(normaliser.offset, normaliser.scale, float(about["rate"]), unit)
    settings = preparation.settings(config, len(about["words"]), arm, frames)
    return Trained(config, settings, params, scale, about["words"])


def generate_file(
    run: str | Path,
    text: str,
    output: str | Path,
    seconds: float = 3.0,
    factor: float = 1.0,
    joints: Sequence[str] | None = None,
    seed: int = 0,
) -> np.ndarray:
    """A motion for a sentence, its accelerations scaled, written to `output`."""
    known = load_arm(run, ARMS["all"])
    rate, longest = known.scale.rate, known.config.data.length
    if not text.strip():
        raise ConfigError("generation needs a text that is not empty")
    if not 4 <= seconds * rate <= longest:
        raise ConfigError(
            f"the model knows motions of {4 / rate:g} s to {longest / rate:g} s, not of {seconds:g} s"
        )
    frames = round(seconds * rate)
    model = load_arm(run, ARMS["all"], frames)
    condition = {
        "text": texts.reader(model.config, model.words)([text]),
        "length": np.array([frames], np.int32),
        "acceleration": factors(factor, joints)[None],
    }
    method = biovae.biovae(model.settings, model.scale)
    motion = make_generate(method.generate)(model.params, jax.random.key(seed), condition)
    made = np.asarray(jax.jit(model.scale.joints)(motion[0]))
    write(output, made, model.scale.rate)
    return made


def refine_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    trust: float = TRUST,
    strength: float = 0.0,
) -> np.ndarray:
    """An estimate, smooth and closer to the truth: it follows the accelerations that the refiner states of it.

    With a `strength` it first goes through the paper's inversion: up with the backbone, down with BioVAE.
    """
    model = load_arm(run, REFINER)
    joints = read(path, model.scale.rate)
    if strength:
        plain, whole = (load_arm(run, ARMS[name]) for name in ("backbone", "all"))
        inward, back = (denoiser(each.settings, each.params, None) for each in (plain, whole))
        floor = model.config.estimation.floor
        joints = by_inversion(inward, back, whole.scale, strength, STEPS, floor)(
            joints, model.scale.rate
        )
    state = estimation.states(model.settings, model.params, model.scale)
    refined = follow(joints, state(joints), model.scale.rate, trust)
    write(output, refined, model.scale.rate)
    return refined


def edit_file(
    run: str | Path,
    path: str | Path,
    output: str | Path,
    factor: float,
    joints: Sequence[str] | None = None,
    strength: float = 0.7,
) -> np.ndarray:
    """A motion with larger or smaller accelerations, of all joints or of those named."""
    model = load_arm(run, ARMS["all"])
    motion = read(path, model.scale.rate)
    edited = edit(
        model, motion, factors(factor, joints), strength, floor=model.config.estimation.floor
    )
    write(output, edited, model.scale.rate)
    return edited


def edit(
    model: Trained,
    motion: np.ndarray,
    factor: np.ndarray,
    strength: float = 0.7,
    steps: int = STEPS,
    floor: float = 0.0,
) -> np.ndarray:
    """Joints `(T, 22, 3)` through an inversion from `floor` to `strength`, and back with scaled accelerations.

    What is added is the difference of two ways back, with the factors and without: factors of 1 change nothing.
    """
    grid = levels(schedules.linear(1000, 1e-4, 0.02), strength, steps, floor)
    if grid is None:
        raise ConfigError(
            f"the strength of an edit lies above the floor of the inversion, {floor}; got {strength}"
        )
    scale = model.scale

    @jax.jit
    def run(seen: Array) -> Array:
        x = ((seen - scale.offset) / scale.scale)[None]
        plain = denoiser(model.settings, model.params, None)
        scaled = denoiser(model.settings, model.params, None, factor=jnp.asarray(factor)[None])
        z = invert(plain, grid, x)
        ways = (
            sample(None, back, grids.floored(grid), solvers.ddim(), z) for back in (scaled, plain)
        )
        return seen + (next(ways) - next(ways))[0] * scale.scale

    return refine_joints(motion, run, LAYOUT_22, "fixed")


def factors(factor: float, joints: Sequence[str] | None) -> np.ndarray:
    """One factor a joint `(22,)`, 1 for those not named."""
    chosen = range(22) if joints is None else [HUMANML3D.index(name) for name in joints]
    made = np.ones(22, np.float32)
    made[list(chosen)] = factor
    return made


def read(path: str | Path, rate: float) -> np.ndarray:
    """Joints `(T, 22, 3)` in metres at a rate, from `.npz` (joints, or SMPL parameters) or `.bvh`."""
    kind = Path(path).suffix.lower()
    if kind == ".npz":
        recording = read_poses(path)
        if abs(recording.rate - rate) > 1e-6:
            recording = recording.resample(rate)
    elif kind == ".bvh":
        recording = formats.read(path, rate)
    else:
        raise FileError(
            f"{path}: motions are read from .npz and .bvh, not from {kind or 'a file without an extension'}"
        )
    try:
        return preparation.as_humanml3d(recording.values, recording.channels)
    except DataError as error:
        raise FileError(f"{path}: {error}") from None


def write(path: str | Path, joints: np.ndarray, rate: float) -> None:
    """Joints as `.npz` (`joints`, `fps`) or `.bvh`."""
    kind = Path(path).suffix.lower()
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if kind == ".npz":
        np.savez_compressed(path, joints=joints.astype(np.float32), fps=np.float32(rate))
    elif kind == ".bvh":
        formats.write_joints_bvh(path, joints, HUMANML3D, rate)
    else:
        raise FileError(
            f"{path}: motions are written to .npz and .bvh, not to {kind or 'a file without an extension'}"
        )
    print(f"{path}: {len(joints)} frames at {rate:g} Hz")
