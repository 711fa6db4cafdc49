"""Training in order: a text-to-motion backbone, the motion encoder on muscles, then every arm from
these two.

Each has a directory of its own in the run, and says there what it holds; what is there is not
trained again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.data.pipeline import Batches
from jaxdiff.errors import ConfigError
from jaxdiff.methods import biovae, muscle_encoder, smoothing
from jaxdiff.studies.biovae import preparation
from jaxdiff.studies.biovae.preparation import Prepared
from jaxdiff.studies.fitting import finished, fit_once
from jaxdiff.studies.rehearsal import rehearse
from jaxdiff.studies.run import Run
from jaxdiff.studies.text_to_motion import preparation as captions
from jaxdiff.studies.text_to_motion.training import MODEL, train_model
from jaxdiff.training import settings
from jaxdiff.training.loop import fit
from jaxdiff.typing import Batch, Config, Key, Method, Params

ENCODER, SMOOTHNET = "encoder", "smoothnet"


class Arm(NamedTuple):
    """A row of Tables III and IV."""

    directory: str
    mechanics: bool = True
    muscles: bool = True
    losses: bool = True
    estimates: bool = False


ARMS = {
    "backbone": Arm("arm-backbone", False, False, False),
    "+ BioVAE": Arm("arm-biovae", True, False, False),
    "+ EMG pre-training": Arm("arm-emg", True, True, False),
    "+ losses": Arm("arm-losses", True, False, True),
    "all": Arm("arm-all"),
    "backbone + L_accel": Arm("arm-accel", False, False, True),
}
"""All are fine-tuned alike, the backbone too. The last is not the paper's: what the loss does
without the branch.
"""
REFINER = Arm("refiner", muscles=False, estimates=True)
"""Sees estimates of motions and states their accelerations: the mechanics alone, for pose
estimation.
"""


class Networks(NamedTuple):
    """What was trained; arms by name, each as often as `finetune.trainings` says."""

    arms: dict[str, tuple[Params, ...]]
    refiner: Params | None = None
    smoothnet: Params | None = None


def train(
    config: Config, prepared: Prepared, out: Path, arms: tuple[str, ...], estimation: bool
) -> Networks:
    """The arms of these names, and the networks of pose estimation where wanted."""
    where = Path(config.run) if config.run else out
    times = range(config.finetune.trainings)
    trained = {
        name: tuple(train_arm(config, prepared, where, ARMS[name], i) for i in times)
        for name in arms
    }
    if not estimation:
        return Networks(trained)
    return Networks(
        trained,
        train_arm(config, prepared, where, REFINER),
        train_smoothnet(config, prepared, where),
    )


def train_arm(config: Config, prepared: Prepared, out: Path, arm: Arm, repeat: int = 0) -> Params:
    """The averaged parameters of one arm, which starts from the backbone and, with muscles, from
    the trained encoder.

    A repeat has a seed and a directory of its own, and the same start.
    """
    part = config.refiner if arm.estimates else config.finetune
    directory = out / (f"{arm.directory}-{repeat + 1}" if repeat else arm.directory)
    if finished(directory, part.training.steps):
        return of_the_same_data(Run.open(directory), config, prepared)
    backbone = None if arm.estimates else train_backbone(config, prepared, out)
    encoder = train_encoder(config, prepared, out) if arm.muscles else None
    own = preparation.settings(config, len(prepared.base.words), arm)
    scale = prepared.refining if arm.estimates else prepared.scale
    method = biovae.biovae(own, scale)
    source = preparation.source(config, prepared, out / "cache", arm.estimates)
    how = settings.from_config(part.training)
    how = how._replace(seed=how.seed + repeat)
    data = Batches(
        source, part.batch_size, how.seed, host=jax.process_index(), hosts=jax.process_count()
    )
    metadata = about(config, prepared) | {"acceleration": np.asarray(scale.acceleration).tolist()}
    method = started(method, backbone, encoder)
    return fit(method, Progress(data, how.steps), how, directory, about=metadata).ema


def rehearse_encoder(config: Config, prepared: Prepared, out: Path) -> None:
    """Trace the motion encoder's pre-training on its own batches, unless it is done in `out`."""
    if finished(out / ENCODER, config.muscles.training.steps):
        return
    source = preparation.muscle_source(config, prepared, out / "cache")
    batch = next(Batches(source, min(config.muscles.batch_size, len(source)), 0))
    method = muscle_encoder.muscle_encoder(preparation.encoder_settings(config))
    rehearse(method, batch, None, ENCODER)


def rehearse_arm(config: Config, prepared: Prepared, out: Path, arm: Arm, name: str) -> None:
    """Trace an arm on its own batches (see `studies.rehearsal`)."""
    part = config.refiner if arm.estimates else config.finetune
    scale = prepared.refining if arm.estimates else prepared.scale
    own = preparation.settings(config, len(prepared.base.words), arm)
    source = preparation.source(config, prepared, out / "cache")
    batch = next(Batches(source, min(part.batch_size, len(source)), 0))
    condition = {"text": batch["text"], "length": batch["length"]}
    method = biovae.biovae(own, scale)
    rehearse(method, batch, None if arm.estimates else condition, name)


class Progress:
    """Batches that carry the share of training that is over, for what changes during training."""

    def __init__(self, data: Batches, steps: int):
        self.data, self.steps, self.step = data, steps, 0

    def __next__(self) -> Batch:
        batch = next(self.data)
        over = np.full(len(batch["length"]), min(self.step / self.steps, 1.0), np.float32)
        self.step += 1
        return {**batch, "progress": over}

    def get_state(self) -> dict[str, Any]:
        return {"step": self.step, "data": self.data.get_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.step = state["step"]
        self.data.set_state(state["data"])


def started(method: Method, backbone: Params | None, encoder: Params | None) -> Method:
    """The method with trained networks in the places of fresh ones."""

    def init(key: Key, batch: Batch) -> Params:
        return biovae.start(method.init(key, batch), backbone, encoder)

    return method._replace(init=init)


def train_backbone(config: Config, prepared: Prepared, out: Path) -> Params:
    """Text to motion's model, trained in `out/model` or taken from a run of that study on the same
    data.
    """
    if not config.backbone:
        return train_model(config, prepared.base, out)
    return of_the_same_data(Run.open(config.backbone, MODEL), config, prepared)


def of_the_same_data(run: Run, config: Config, prepared: Prepared) -> Params:
    """The parameters of a network, unless it reads other words or features than these data have."""
    trained = run.trained(step="latest")
    stored, own = trained.metadata, about(config, prepared)
    if variant := stored.get("variant"):
        captions.same_variant(str(run.path), variant, config.data.name, prepared.base.variant)
    if any(stored[name] != own[name] for name in ("words", "normaliser")):
        raise ConfigError(f"{run.path} was trained on other data than {config.data.name}")
    return trained.params


def train_encoder(
    config: Config, prepared: Prepared, out: Path, network: str = "encoder"
) -> Params:
    """The motion encoder (or the transformer beside it) that predicts muscle activations from
    motion.
    """
    how = settings.from_config(config.muscles.training)

    def data() -> Batches:
        source = preparation.muscle_source(config, prepared, out / "cache")
        return Batches(source, config.muscles.batch_size, how.seed)

    return fit_once(
        muscle_encoder.muscle_encoder(preparation.encoder_settings(config, network)),
        data,
        how,
        out / (ENCODER if network == "encoder" else network),
        about(config, prepared) | {"method": "muscle_encoder"},
    )


def train_smoothnet(config: Config, prepared: Prepared, out: Path) -> Params:
    """SmoothNet on windows of estimates, joints relative to the pelvis."""
    own, how = config.estimation, settings.from_config(config.estimation.smoothnet)
    if finished(out / SMOOTHNET, how.steps):
        return Run.open(out / SMOOTHNET).trained(step="latest").params
    trials = preparation.estimated(
        prepared.base.sides["train"].trials.compact(), 1, prepared.base.variant
    )
    data = Batches(Windows(trials, own.window), 32, how.seed)
    return fit(
        smoothing.smoothing(smoothnet_settings(config)), data, how, out / SMOOTHNET, about={}
    ).ema


class Windows:
    """Windows of estimates and of their truths, `(B, W, 66)` relative to the pelvis of either."""

    def __init__(self, trials: preparation.Trials, window: int):
        self.trials, self.window = trials.select(trials.length >= window), window

    def __len__(self) -> int:
        return len(self.trials)

    def __call__(self, index: np.ndarray, u: np.ndarray) -> dict[str, np.ndarray]:
        first = self.trials.start[index] + (
            u[:, 0] * (self.trials.length[index] - self.window + 1)
        ).astype(np.int64)
        rows = first[:, None] + np.arange(self.window)
        names = {"estimate": preparation.ESTIMATED, "truth": preparation.JOINTS}
        return {name: relative(self.trials.modality(of)[rows]) for name, of in names.items()}


def relative(joints: np.ndarray) -> np.ndarray:
    """`(..., 66)` minus the pelvis."""
    return joints - np.tile(joints[..., :3], joints.shape[-1] // 3)


def smoothnet_settings(config: Config) -> smoothing.Settings:
    """SmoothNet's, its layers as released."""
    return smoothing.Settings(window=config.estimation.window)


def about(config: Config, prepared: Prepared) -> dict:
    """What someone who has only the checkpoint must know."""
    return captions.about("text_to_motion", config, prepared.base) | {
        "method": "biovae",
        "acceleration": np.asarray(prepared.scale.acceleration).tolist(),
    }
