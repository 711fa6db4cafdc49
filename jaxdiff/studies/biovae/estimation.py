"""Pose estimation and refinement (Table V): networks as refiners, beside the filters of
`benchmark`.

inversion         DDIM up to a strength with the backbone, back with the backbone or with BioVAE
at rest           a Whittaker smoother: `follow` with all accelerations zero, the control of the next
accelerations     `follow` with what the refiner states of the estimate
one pass          the backbone or BioVAE evaluated once, at the level where inversions begin: its
                  harm to clean motion is what the network does not reproduce
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rotations
from jaxdiff.body.accelerations import from_heading
from jaxdiff.body.corruption import corrupt
from jaxdiff.body.humanml3d import LAYOUT_22, Variant, canonical, features
from jaxdiff.errors import ConfigError
from jaxdiff.methods import biovae_networks, filters, smoothing
from jaxdiff.methods.biovae_networks import denoiser, stated
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.refinement import follow
from jaxdiff.metrics.pose import pose
from jaxdiff.nets.smoothnet import SmoothNet, smooth
from jaxdiff.studies.biovae import preparation, training
from jaxdiff.studies.biovae.benchmark import FILTERS, Refiner, by_inversion, by_one_pass
from jaxdiff.studies.biovae.preparation import Prepared
from jaxdiff.studies.biovae.training import ARMS, REFINER, Networks
from jaxdiff.studies.text_to_motion import corpora
from jaxdiff.typing import Array, Config, Params

STEP = 16
"""Frames: lengths of benchmark clips are multiples of it."""
GAUSSIAN = 0.075
"""Seconds: the filter the refiner must beat."""


def refiners(config: Config, prepared: Prepared, nets: Networks) -> dict[str, Refiner]:
    """Every refiner by name; what has a trust gets it from validation clips."""
    assert nets.refiner is not None and nets.smoothnet is not None
    how, words = config.estimation, len(prepared.base.words)
    settings = {
        name: preparation.settings(config, words, ARMS[name]) for name in ("backbone", "all")
    }
    plain, whole = (
        denoiser(settings[name], nets.arms[name][0], prepared.scale, None)
        for name in ("backbone", "all")
    )
    found = dict(FILTERS)
    found["SmoothNet"] = by_smoothnet(training.smoothnet_settings(config), nets.smoothnet)
    for name, network in {"backbone": plain, "BioVAE": whole}.items():
        found[f"{name}, one pass"] = by_one_pass(
            network, prepared.scale, how.steps, how.floor, variant=prepared.base.variant
        )
    for strength in how.strengths:
        for name, back in {"backbone": plain, "BioVAE": whole}.items():
            way = by_inversion(
                plain,
                back,
                prepared.scale,
                strength,
                how.steps,
                how.floor,
                variant=prepared.base.variant,
            )
            found[f"{name} inversion {strength:g}"] = way
    own = preparation.settings(config, words, REFINER)
    state = states(own, nets.refiner, prepared.refining, prepared.base.variant)
    ways = {
        "at rest": lambda trust: by_following(lambda joints: np.zeros_like(joints), trust),
        "BioVAE accelerations": lambda trust: by_following(state, trust),
    }
    clips = benchmark_clips(config, prepared, "validation")
    for name, way in ways.items():
        trust = trusted({trust: way(trust) for trust in how.trust}, clips, prepared.base.rate)
        found[f"{name}, trust {trust:g} s²"] = way(trust)
    return found


def benchmark_clips(config: Config, prepared: Prepared, side: str) -> list[np.ndarray]:
    """Clips of any length, at most that of fine-tuning, cut to multiples of `STEP` frames so that
    few are compiled.

    The test clips may be the motion pack's, which no network was trained on.
    """
    length, most = config.finetune.length, config.estimation.clips
    if side == "test" and config.estimation.captured:
        trials = corpora.load_pack(corpora.BANDAI, config.data.root, 3 * most)
        values, spans = trials.modality(corpora.JOINTS), zip(trials.start, trials.length)
        clips = [values[a : a + min(n, length)].reshape(-1, 22, 3) for a, n in spans]
    else:
        clips = prepared.clips(side, length)
    shortest = max(config.estimation.window, 2 * STEP)
    found = [clip[: len(clip) // STEP * STEP] for clip in clips if len(clip) >= shortest][:most]
    if not found:
        raise ConfigError(
            f"Table V needs {side} clips of {shortest} frames or more (estimation.window,"
            f" SmoothNet's); {config.data.name} has none"
        )
    return found


def trusted(
    ways: Mapping[float, Refiner], clips: list[np.ndarray], rate: float, seed: int = 900
) -> float:
    """The trust of the least product of MPJPE and acceleration error, where MPJPE is not above the
    Gaussian filter's.
    """
    noisy = [corrupt(clip, rate, seed + i) for i, clip in enumerate(clips)]
    limit = pose([np.asarray(filters.gaussian(x, GAUSSIAN * rate)) for x in noisy], clips, rate)[
        "mpjpe"
    ]
    found = {trust: pose([way(x, rate) for x in noisy], clips, rate) for trust, way in ways.items()}
    allowed = {trust: row for trust, row in found.items() if row["mpjpe"] <= limit} or found
    return min(allowed, key=lambda trust: allowed[trust]["mpjpe"] * allowed[trust]["accel_error"])


def by_following(state, trust: float) -> Refiner:
    """Follows the accelerations that `state` says of joints."""
    return lambda joints, rate: follow(joints, state(joints), rate, trust)


def states(
    settings: biovae_networks.Settings, params: Params, scale: Scale, variant: Variant = "fixed"
) -> Callable[[np.ndarray], np.ndarray]:
    """`joints (T, 22, 3) in metres -> accelerations (T, 22, 3) in m/s²`, in the axes of the
    joints.
    """

    @jax.jit
    def run(features: Array) -> Array:
        motion = (features - scale.offset) / scale.scale
        a = stated(settings, params, scale, motion[None])[0][0]
        return a.at[1:-1].set(from_heading(a[1:-1], features))

    def state(joints: np.ndarray) -> np.ndarray:
        onward = np.concatenate([joints, 2 * joints[-1:] - joints[-2:-1]])
        upright, turn = canonical(jnp.asarray(onward), LAYOUT_22)
        found = np.asarray(run(features(upright, LAYOUT_22, variant)))
        return np.asarray(rotations.rotate(rotations.conjugate(turn), found))

    return state


def by_smoothnet(settings: smoothing.Settings, params: Params) -> Refiner:
    """SmoothNet on joints relative to the pelvis, whose own path goes through the Gaussian
    filter.
    """
    s = settings
    net = SmoothNet(s.window, s.hidden, s.residual_hidden, s.blocks, s.dropout, s.dtype)
    run = jax.jit(lambda x: smooth(lambda y: net.apply(params, y), x, s.window))  # type: ignore[arg-type]

    def refiner(joints: np.ndarray, rate: float) -> np.ndarray:
        flat = training.relative(joints.reshape(len(joints), -1))
        path = np.asarray(filters.gaussian(joints[:, :1], GAUSSIAN * rate))
        return np.asarray(run(flat)).reshape(joints.shape) + path

    return refiner
