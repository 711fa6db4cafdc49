"""Clips with joints, muscles and estimates: what BioVAE is trained and measured on beyond text to motion's captions.

Joints come with the data or from the features; muscles likewise, or by inverse dynamics of the joints; an estimate is
what a pose estimator might have made of the clip (`body.corruption`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdiff.body import actions, humanml3d
from jaxdiff.body.corruption import corrupt
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import load
from jaxdiff.data.builders.base import example
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.text import captioned
from jaxdiff.data.trials import Trials, gather
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.methods import biovae, muscle_encoder
from jaxdiff.methods.biovae import Scale, fit_acceleration
from jaxdiff.studies.text_to_motion import preparation as captions
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.preparation import MOTION
from jaxdiff.typing import Config

PACK = "bandai_namco_2"
JOINTS, MUSCLES, ESTIMATE, ESTIMATED = "joints", "emg", "estimate", "estimated_joints"
CHANNELS = tuple(f"{joint}_{axis}" for joint in HUMANML3D.names for axis in "xyz")

PACK_NAMES = {
    "spine1": "Spine",
    "spine3": "Chest",
    "neck": "Neck",
    "head": "Head",
    "pelvis": "Hips",
} | {
    f"{side}_{ours}": f"{theirs}_{side[0].upper()}"
    for side in ("left", "right")
    for ours, theirs in {
        "hip": "UpperLeg",
        "knee": "LowerLeg",
        "ankle": "Foot",
        "foot": "Toes",
        "collar": "Shoulder",
        "shoulder": "UpperArm",
        "elbow": "LowerArm",
        "wrist": "Hand",
    }.items()
}
"""HumanML3D's joints in the motion pack, whose spine has one joint less: `spine2` lies half-way."""


@dataclass(frozen=True)
class Prepared:
    """Text to motion's data set, the scale of accelerations, and clips of fine-tuning's length."""

    base: captions.Prepared
    scale: Scale

    @property
    def normaliser(self) -> Normaliser:
        return self.base.normaliser

    def clips(self, side: str, length: int = 10_000) -> list[np.ndarray]:
        """Joints `(T, 22, 3)` in metres of whole clips, their first `length` frames."""
        trials = self.base.sides[side].trials
        values = trials.modality(JOINTS)
        return [
            values[a : a + min(n, length)].reshape(-1, 22, 3)
            for a, n in zip(trials.start, trials.length)
        ]


@dataclass(frozen=True)
class Source(captions.Captioned):
    """Text to motion's source, with the muscles and the estimates of clips that have them."""

    def told(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        told = super().told(batch)
        if MUSCLES in batch:
            told["muscles"] = batch[MUSCLES]
        if ESTIMATE in batch:
            seen = {"motion": batch[ESTIMATE], "length": batch["length"]}
            told["estimate"] = captions.normalised(self.normaliser, seen)
        return told


def prepare(config: Config, trials: Trials | None = None) -> Prepared:
    """The data set of a config, or `trials` in its place, with joints and muscles."""
    trials = load_trials(config) if trials is None else trials
    base = captions.prepare(config, completed(trials))
    if base.layout is not humanml3d.LAYOUT_22:
        raise ConfigError(
            "BioVAE is studied on the 22 joints of HumanML3D; convert other skeletons first"
        )
    found = Prepared(base, Scale(base.normaliser.offset, base.normaliser.scale, base.rate))
    unit = fit_acceleration(found.clips("train"), base.rate)
    return replace(found, scale=found.scale._replace(acceleration=unit))


def load_trials(config: Config) -> Trials:
    """The data set a config names: one of text to motion's, or the motion pack; at most `data.clips` of it."""
    trials = None if config.data.name == PACK else captions.load_trials(config)
    most = config.data.clips
    if trials is None:
        return load_pack(config.data.root, most)
    return trials.select(chosen(len(trials), most)).compact() if most else trials


def chosen(count: int, most: int) -> np.ndarray:
    """Which of so many clips are used, always the same."""
    return np.sort(np.random.default_rng(0).permutation(count)[: most or count])


def load_pack(root: str | None = None, most: int = 0) -> Trials:
    """Clips of the motion pack on HumanML3D's joints, with its features."""
    folder = Path(root) if root else Path(os.environ.get("JAXDIFF_SHARED", "")) / "data"
    if not (folder / f"{PACK}.npz").is_file():
        raise FileError(
            f"the motion pack {PACK}.npz is not in {folder}: name its folder in data.root, or the folder above in "
            "$JAXDIFF_SHARED"
        )
    recipe = Path(captions.__file__).parents[2] / "data" / "recipes" / f"{PACK}.yaml"
    pack = load("folder", recipe=recipe, root=folder)

    def one(i: int) -> dict[str, Any]:
        joints = as_humanml3d(
            pack.modality(JOINTS)[pack.start[i] : pack.start[i] + pack.length[i]],
            pack.channels[JOINTS],
        )
        upright = np.asarray(humanml3d.canonical(jnp.asarray(joints), humanml3d.LAYOUT_22)[0])
        told = {name: str(pack.column(name)[i]) for name in ("trial", "subject", "task")}
        signals = {MOTION: lengthened_features(upright), JOINTS: upright.reshape(-1, 66)}
        return _example(told, signals, float(pack.column("rate")[i]), pack.captions[i])

    return gather(one(i) for i in chosen(len(pack), most))


def as_humanml3d(values: np.ndarray, channels: tuple[str, ...]) -> np.ndarray:
    """Joints `(T, 22, 3)` from positions `(T, 3 J)` whose channels have HumanML3D's names or the motion pack's."""
    found = {name.replace("/", "_"): i for i, name in enumerate(channels)}

    def joint(name: str) -> np.ndarray:
        for known in (name, PACK_NAMES.get(name, name)):
            axes = [found[f"{known}_{axis}"] for axis in "xyz" if f"{known}_{axis}" in found]
            if len(axes) == 3:
                return values[:, axes]
        if name == "spine2":
            return (joint("spine1") + joint("spine3")) / 2
        raise DataError(
            f"no joint {name!r} among {sorted({c[:-2] for c in found})}; known skeletons are HumanML3D's (SMPL's 22 "
            "joints) and the motion pack's"
        )

    return np.stack([joint(name) for name in HUMANML3D.names], axis=1).astype(np.float32)


def completed(trials: Trials) -> Trials:
    """The trials with joints and muscles, from what is there."""
    signals, channels, units = dict(trials.signals), dict(trials.channels), dict(trials.units)
    spans = [slice(a, a + n) for a, n in zip(trials.start, trials.length)]
    if JOINTS not in signals:
        signals[JOINTS] = np.zeros((len(trials.time), 66), np.float32)
        for span in spans:
            signals[JOINTS][span] = np.asarray(
                humanml3d.joints_from_features(jnp.asarray(signals[MOTION][span]))
            ).reshape(-1, 66)
        channels[JOINTS], units[JOINTS] = CHANNELS, ("m",) * 66
    if MUSCLES not in signals:
        signals[MUSCLES] = np.zeros((len(trials.time), len(actions.MUSCLES)), np.float32)
        for span, rate in zip(spans, trials.column("rate")):
            signals[MUSCLES][span] = actions.activations(
                signals[JOINTS][span].reshape(-1, 22, 3), rate
            )
        channels[MUSCLES], units[MUSCLES] = tuple(actions.MUSCLES), ("1",) * len(actions.MUSCLES)
    return replace(trials, signals=signals, channels=channels, units=units)


def estimated(trials: Trials, seed: int) -> Trials:
    """The trials with an estimate of every clip, as joints and as features."""
    signals = dict(trials.signals)
    signals[ESTIMATE], signals[ESTIMATED] = (
        np.zeros_like(signals[name]) for name in (MOTION, JOINTS)
    )
    for i, (a, n) in enumerate(zip(trials.start, trials.length)):
        span, rate = slice(a, a + n), float(trials.column("rate")[i])
        joints = corrupt(signals[JOINTS][span].reshape(-1, 22, 3), rate, 10_000 * (seed + 1) + i)
        signals[ESTIMATED][span] = joints.reshape(-1, 66)
        signals[ESTIMATE][span] = lengthened_features(joints)
    names = {ESTIMATE: MOTION, ESTIMATED: JOINTS}
    channels, units = (
        {**of, **{new: of[old] for new, old in names.items()}}
        for of in (trials.channels, trials.units)
    )
    return replace(trials, signals=signals, channels=channels, units=units)


def lengthened_features(joints: np.ndarray) -> np.ndarray:
    """One row of features a frame: the clip goes on for a frame as it ends."""
    from jaxdiff.data.builders.simulated import features

    return features(np.concatenate([joints, 2 * joints[-1:] - joints[-2:-1]]))


def source(config: Config, prepared: Prepared, cache: Path, estimates: bool = False) -> Source:
    """What the arms are fine-tuned on; with `estimates`, what the refiner is."""
    train = prepared.base.sides["train"]
    trials = estimated(train.trials.compact(), 0) if estimates else train.trials
    extra = (MUSCLES, ESTIMATE) if estimates else (MUSCLES,)
    data = config.data
    clips = captioned(
        trials, MOTION, data.shortest, data.longest, config.finetune.length, crop=True, extra=extra
    )
    read = texts.reader(config, prepared.base.words)
    return Source(clips, prepared.normaliser, {"text": texts.table(read, clips.captions, cache)})


def backbone_settings(config: Config, words: int, frames: int = 0) -> biovae.Backbone:
    """The backbone's settings."""
    return captions.model_settings(config, words, frames)


def settings(config: Config, words: int, arm: Any, frames: int = 0) -> biovae.Settings:
    """The settings of an arm of the ablation (see `training.ARMS`)."""
    own = config.biovae
    return biovae.Settings(
        backbone_settings(config, words, frames),
        **{
            name: own[name]
            for name in (
                "width",
                "blocks",
                "kernel_size",
                "groups",
                "heads",
                "positive",
                "told",
                "kl",
            )
        },
        mechanics=arm.mechanics,
        accel=own.accel * arm.losses,
        phys=own.phys * arm.losses,
        levels=config.refiner.levels * arm.estimates,
        generates=not arm.estimates,
    )


def encoder_settings(config: Config, network: str = "encoder") -> muscle_encoder.Settings:
    """The settings of the motion encoder in its pre-training, or of the transformer beside it, of about its size."""
    own, levels = config.biovae, config.muscles.levels
    if network == "transformer":
        return muscle_encoder.Settings(
            network, own.width, own.blocks, heads=own.heads, ff=2 * own.width, dropout=0.0
        )
    return muscle_encoder.Settings(
        network, own.width, own.blocks, own.kernel_size, own.groups, levels=levels
    )


def _example(
    told: Mapping[str, str], signals: dict[str, np.ndarray], rate: float, said: tuple[str, ...]
) -> dict[str, Any]:
    made = example(told["trial"], signals, rate, told["subject"], told["task"], captions=said)
    features = humanml3d.names(humanml3d.LAYOUT_22)
    made["channels"] = {MOTION: tuple(features), JOINTS: CHANNELS}
    made["units"] = {MOTION: ("1",) * len(features), JOINTS: ("m",) * 66}
    return made
