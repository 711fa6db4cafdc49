"""From a config to windows of two modalities: loaded, split by subject, normalised on training subjects only."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.baselines import linear_gaussian
from jaxdiff.data import load, normalise, pipeline, splits, windows
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.trials import Trials
from jaxdiff.errors import FileError
from jaxdiff.losses import alignment as align
from jaxdiff.methods.cross_modal import OTHER
from jaxdiff.methods.llma import Settings
from jaxdiff.nets.cross_modal import size
from jaxdiff.typing import Config, Params

LEFT_OUT = 10
"""Groups of subjects that are left out in turn to predict training windows."""


@dataclass(frozen=True)
class Fold:
    """One split, ready for training: windows in normalised units, and how to get back to physical ones."""

    train: windows.Windows
    validation: windows.Windows
    test: windows.Windows
    scale: dict[str, Normaliser]

    def side(self, which: str, most: int = 0, steady: bool = False) -> dict[str, np.ndarray]:
        """Windows of `train`, `validation` or `test` as arrays; at most so many, spread evenly, unless 0.

        `steady` leaves out the strides in which the task changes.
        """
        source = getattr(self, which)
        index = np.arange(len(source))
        if steady:
            index = np.flatnonzero(~source.trials.column("transition")[source.trial].astype(bool))
        if most and len(index) > most:
            index = index[np.linspace(0, len(index) - 1, most).round().astype(np.int64)]
        return source(index)

    def subjects(self, which: str) -> np.ndarray:
        """The subject of every window of a side."""
        return getattr(self, which).subject

    def physical(self, values: Any, modality: str) -> np.ndarray:
        """Normalised values of `x` or `y` in physical units."""
        return np.asarray(self.scale[modality].inverse(np.asarray(values)))


def load_trials(config: Config) -> Trials:
    """The data set a config names."""
    data = config.data
    if data.name == "verheul2024":
        root = shared_folder()
        recipe = resources.files("jaxdiff.data") / "recipes" / "verheul2024.yaml"
        return load("folder", recipe=str(recipe), root=str(root))
    settings: dict[str, Any] = {}
    if data.name.startswith("simulated"):
        settings["size"] = data.size
    if data.name == "folder":
        settings = {"recipe": data.recipe, "root": data.root}
    trials = load(data.name, manual_dir=data.manual_dir, **settings)
    return trials if data.transitions else trials.where(transition=False).recoded()


def shared_folder() -> Path:
    """Where real data lie: `$JAXDIFF_SHARED/data`."""
    root = Path(os.environ.get("JAXDIFF_SHARED", "")) / "data"
    if not os.environ.get("JAXDIFF_SHARED") or not root.is_dir():
        raise FileError(
            "this config needs real data: set JAXDIFF_SHARED to the folder that has data/verheul2024.npz"
        )
    return root


def fold(config: Config, trials: Trials, split: splits.Split, x: str = "", y: str = "") -> Fold:
    """One split as windows; `x` and `y` default to the modalities of the config.

    Where no checkpoint is chosen by its score, the validation subjects are trained on too.
    """
    x, y = x or config.data.x, y or config.data.y
    if not config.training.score:  # no checkpoint is chosen, so nobody needs to be kept for that
        split = splits.by_subject(trials, (), split.test.subjects, split.held_out_tasks)
        split = split._replace(validation=split.train)
    scale = normalise.fit(split.train, "minmax", (x, y))
    train, validation, test = (
        windows.cut(normalise.apply(scale, part), x, y, config.data.length)
        for part in (split.train, split.validation, split.test)
    )
    return Fold(train, validation, test, {"x": scale[x], "y": scale[y]})


def folds(config: Config, trials: Trials, x: str = "", y: str = "") -> list[Fold]:
    """All splits of the cross-validation."""
    each = splits.k_fold(trials, config.data.folds, hold_out_tasks=config.data.hold_out_tasks)
    return [fold(config, trials, split, x, y) for split in each]


def method_settings(config: Config, alignment: str = "") -> Settings:
    """The method's settings as plain values; `alignment` overrides the config's word."""
    model = config.model
    network = size(model.size)
    return Settings(
        size=network,
        alignment=alignment or model.alignment,
        options=align.Settings(
            tau=model.tau,
            window=max(1, model.window // network.patch),
            symmetric=model.symmetric,
            negatives=model.negatives,
            variant=model.variant,
        ),
        alpha=model.alpha,
        gamma=model.gamma,
        linear=model.linear,
        network=model.network,
        groups=model.groups,
        condition_noise=model.condition_noise,
        steps=config.sampling.steps,
        solver=config.sampling.solver,
        dtype=jnp.bfloat16 if model.bfloat16 else jnp.float32,
    )


def laws(config: Config, fold: Fold, most: int = 2000, linear: bool | None = None) -> Params:
    """The laws that the networks start from, of the training windows.

    Args:
      config: a config of the study.
      fold: the split.
      most: windows to fit them to.
      linear: with a linear map from the other modality, or (False) the law of each modality alone; default: the config's.

    Returns:
      `{"fixed": laws}`, or nothing for the paper's network.
    """
    if config.model.network == "paper":
        return {}
    train = fold.side("train", most)
    if not (config.model.linear if linear is None else linear):
        return {"fixed": {own: linear_gaussian.marginal(train[own]) for own in OTHER}}
    folds = min(LEFT_OUT, len(fold.train.trials.levels["subject"]))
    return {
        "fixed": {
            own: linear_gaussian.fit(train[own], train[other], train["subject"], folds)
            for own, other in OTHER.items()
        }
    }


def batches(source: windows.Windows, config: Config, seed: int = 0) -> pipeline.Batches:
    """Endless training batches, this host's share."""
    return pipeline.Batches(
        source, config.batch_size, seed, host=jax.process_index(), hosts=jax.process_count()
    )


def about(config: Config, fold: Fold) -> dict[str, Any]:
    """What someone who has only the checkpoint must know."""
    strides = bool((fold.train.trials.stride >= 0).all())
    rates = fold.train.trials.column("rate")
    return {
        "method": "llma",
        "config": config.to_dict(),
        "modalities": {"x": fold.train.x, "y": fold.train.y},
        "normaliser": {name: scale.state() for name, scale in fold.scale.items()},
        "length": config.data.length,
        "samples_per_stride": config.data.length // 2 if strides else None,
        "rate": None if strides else float(rates[0]),
    }
