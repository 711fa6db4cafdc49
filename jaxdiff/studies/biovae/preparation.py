"""Clips with joints, muscles and estimates: what BioVAE is trained and measured on beyond text to
motion's captions.

Joints come with the data or from the features; muscles likewise, or by inverse dynamics of the
joints; an estimate is what a pose estimator might have made of the clip (`body.corruption`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdiff.body import actions, humanml3d
from jaxdiff.body.corruption import corrupt
from jaxdiff.data import load
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.text import captioned
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError
from jaxdiff.methods import biovae_networks, muscle_encoder
from jaxdiff.methods.motion_scale import Scale, fit_acceleration
from jaxdiff.studies.biovae import mia
from jaxdiff.studies.text_to_motion import corpora, texts
from jaxdiff.studies.text_to_motion import preparation as captions
from jaxdiff.studies.text_to_motion.corpora import CHANNELS, JOINTS, lengthened_features
from jaxdiff.studies.text_to_motion.preparation import MOTION
from jaxdiff.typing import Config

MUSCLES, ESTIMATE, ESTIMATED = "emg", "estimate", "estimated_joints"


@dataclass(frozen=True)
class Prepared:
    """Text to motion's data set, the scale of accelerations, and clips of fine-tuning's length."""

    base: captions.Prepared
    scale: Scale
    """Of the arms' accelerations."""
    refining: Scale
    """Of the refiner's, which are always joint accelerations in heading axes."""

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

    in_units = ("motion", ESTIMATE)

    def given(self, clips: Mapping[str, Any], tables: Mapping[str, Any]) -> dict[str, Any]:
        names = {"muscles": MUSCLES, "estimate": ESTIMATE}
        more = {name: clips[own] for name, own in names.items() if own in clips}
        return {**super().given(clips, tables), **more}


def prepare(config: Config, trials: Trials | None = None) -> Prepared:
    """The data set of a config, or `trials` in its place, with joints and muscles."""
    trials = corpora.load_trials(config) if trials is None else trials
    count = humanml3d.joint_count(trials.modality(MOTION))  # type: ignore[arg-type]
    if count != len(humanml3d.LAYOUT_22.skeleton.names):
        raise ConfigError(
            f"BioVAE is studied on the 22 joints of HumanML3D; the motions of {config.data.name}"
            f" have {count}. Its muscles and physical metrics are those of that figure: choose"
            " data.name=humanml3d or a motion pack"
        )
    base = captions.prepare(config, completed(trials))
    scale = Scale(base.normaliser.offset, base.normaliser.scale, base.rate)
    train = base.sides["train"].trials
    motion = train.modality(MOTION)
    clips = (motion[a : a + n] for a, n in zip(train.start, train.length))
    clips = list(clips)
    fitted = {
        axes: scale._replace(acceleration=fit_acceleration(clips, base.rate, axes))
        for axes in {"heading", config.biovae.axes}
    }
    return Prepared(base, fitted[config.biovae.axes], fitted["heading"])


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


def estimated(trials: Trials, seed: int, variant: humanml3d.Variant = "fixed") -> Trials:
    """The trials with an estimate of every clip, as joints and as features of the data's own
    variant.
    """
    signals = dict(trials.signals)
    signals[ESTIMATE], signals[ESTIMATED] = (
        np.zeros_like(signals[name]) for name in (MOTION, JOINTS)
    )
    for i, (a, n) in enumerate(zip(trials.start, trials.length)):
        span, rate = slice(a, a + n), float(trials.column("rate")[i])
        joints = corrupt(signals[JOINTS][span].reshape(-1, 22, 3), rate, 10_000 * (seed + 1) + i)
        signals[ESTIMATED][span] = joints.reshape(-1, 66)
        signals[ESTIMATE][span] = lengthened_features(joints, variant)
    names = {ESTIMATE: MOTION, ESTIMATED: JOINTS}
    channels, units = (
        {**of, **{new: of[old] for new, old in names.items()}}
        for of in (trials.channels, trials.units)
    )
    return replace(trials, signals=signals, channels=channels, units=units)


def source(config: Config, prepared: Prepared, cache: Path, estimates: bool = False) -> Source:
    """What the arms are fine-tuned on; with `estimates`, what the refiner is."""
    train = prepared.base.sides["train"]
    trials = (
        estimated(train.trials.compact(), 0, prepared.base.variant) if estimates else train.trials
    )
    extra = (MUSCLES, ESTIMATE) if estimates else (MUSCLES,)
    data = config.data
    clips = captioned(
        trials, MOTION, data.shortest, data.longest, config.finetune.length, crop=True, extra=extra
    )
    read = texts.reader(config, prepared.base.words)
    return Source(clips, prepared.normaliser, {"text": texts.table(read, clips.captions, cache)})


def muscle_source(config: Config, prepared: Prepared, cache: Path) -> captions.Captioned | Source:
    """What the motion encoder is pre-trained on: the data's own muscles, or those of Muscles in
    Action.
    """
    if config.muscles.data != "mia":
        return source(config, prepared, cache)
    found = mia.with_features(
        load("mia", manual_dir=config.muscles.manual_dir), prepared.base.variant
    )
    clips = captioned(
        found, MOTION, 16, 10_000, config.finetune.length, crop=True, extra=(MUSCLES,)
    )
    none = np.zeros((len(clips.captions), 1), np.int32)
    return Source(clips, prepared.normaliser, {"text": none})


def backbone_settings(config: Config, words: int, frames: int = 0) -> biovae_networks.Backbone:
    """The backbone's settings."""
    return captions.model_settings(config, words, frames)


def settings(config: Config, words: int, arm: Any, frames: int = 0) -> biovae_networks.Settings:
    """The settings of an arm of the ablation (see `training.ARMS`)."""
    own = config.biovae
    switches = (
        "blocks",
        "kernel_size",
        "groups",
        "heads",
        "decoder",
        "apart",
        "positive",
        "given",
        "falling",
        "kl",
    )
    return biovae_networks.Settings(
        backbone_settings(config, words, frames),
        width=config.refiner.width if arm.estimates else own.width,
        **{name: own[name] for name in switches},
        axes="heading" if arm.estimates else own.axes,
        mechanics=arm.mechanics,
        accel=own.accel * arm.losses,
        phys=own.phys * arm.losses,
        levels=config.refiner.levels * arm.estimates,
        generates=not arm.estimates,
    )


def encoder_settings(config: Config, network: str = "encoder") -> muscle_encoder.Settings:
    """The settings of the motion encoder in its pre-training, or of the transformer beside it, of
    about its size.
    """
    own, levels = config.biovae, config.muscles.levels
    if network == "transformer":
        return muscle_encoder.Settings(
            network, own.width, own.blocks, heads=own.heads, ff=2 * own.width, dropout=0.0
        )
    return muscle_encoder.Settings(
        network, own.width, own.blocks, own.kernel_size, own.groups, levels=levels
    )
