"""From a config to windows of two modalities: loaded, split by subject, normalised on training
subjects only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.data import load, normalise, pipeline, splits, windows
from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.trials import Trials
from jaxdiff.errors import ConfigError, FileError
from jaxdiff.losses import alignment as align
from jaxdiff.methods.llma import Settings
from jaxdiff.nets.cross_modal import size
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.llma.people import simulated_people
from jaxdiff.typing import Config

CALIBRATION = "calibration.json"
"""File of a run: conformal factors of each modality, fitted on its validation subjects."""


@dataclass(frozen=True)
class Fold:
    """One split, ready for training: windows in normalised units, and how to get back to physical
    ones.
    """

    train: windows.Windows
    validation: windows.Windows
    test: windows.Windows
    scale: dict[str, Normaliser]
    held_out_tasks: tuple[str, ...] = ()

    def side(self, which: str, most: int = 0, steady: bool = False) -> dict[str, np.ndarray]:
        """Windows of one part of the split as arrays.

        Args:
          which: `train`, `validation` or `test`.
          most: at most this number of windows, evenly spread; 0 for all.
          steady: leave out strides in which the task changes.

        Returns:
          `x` [N, L, dx], `y` [N, L, dy], `task` and `subject` [N], and `row` [N], the numbers of
          the windows.
        """
        source = getattr(self, which)
        index = np.arange(len(source))
        if steady:
            index = np.flatnonzero(~source.trials.column("transition")[source.trial].astype(bool))
        if most and len(index) > most:
            index = index[evenly(len(index), most)]
        return {**source(index), "row": index}

    def subjects(self, which: str) -> np.ndarray:
        """The subject of every window of a part of the split."""
        return getattr(self, which).subject

    def unseen_task(self, side: dict[str, np.ndarray]) -> np.ndarray:
        """Whether the task of each of these windows was left out of training."""
        names = np.asarray(self.test.trials.levels["task"])[side["task"]]
        return np.isin(names, self.held_out_tasks)

    def physical(self, values: Any, modality: str) -> np.ndarray:
        """Normalised values of `x` or `y` in physical units."""
        return np.asarray(self.scale[modality].inverse(np.asarray(values)))


def load_trials(config: Config) -> Trials:
    """The data set that a config names."""
    data = config.data
    if data.name == "verheul2024":
        root = shared_folder()
        recipe = resources.files("jaxdiff.data") / "recipes" / "verheul2024.yaml"
        return load("folder", recipe=str(recipe), root=str(root))
    if data.name == "simulated_people":
        return simulated_people(sum(data.people))
    settings: dict[str, Any] = {}
    if data.name.startswith("simulated"):
        settings["size"] = data.size
    if data.name == "folder":
        settings = {"recipe": data.recipe, "root": data.root}
    trials = load(data.name, manual_dir=data.manual_dir, **settings)
    return trials if data.transitions else trials.where(transition=False).recoded()


def shared_folder() -> Path:
    """The folder of real data, `$JAXDIFF_SHARED/data`."""
    root = Path(os.environ.get("JAXDIFF_SHARED", "")) / "data"
    if not os.environ.get("JAXDIFF_SHARED") or not root.is_dir():
        raise FileError(
            "this config needs real data: set JAXDIFF_SHARED to the folder that has"
            " data/verheul2024.npz"
        )
    return root


def fold(
    config: Config, trials: Trials, split: splits.Split, x: str = "", y: str = "", seed: int = 0
) -> Fold:
    """One split as windows.

    Validation subjects are trained on too, unless a checkpoint is chosen by its score or intervals
    are calibrated.

    Args:
      config: a config of the study.
      trials: the data set.
      split: its subjects by part.
      x: one modality; by default the config's.
      y: the other one.
      seed: seed of the choice of few people and of broken pairs.

    Returns:
      The fold.
    """
    data = config.data
    x, y = x or data.x, y or data.y
    apart = not set(split.train.subjects) & set(split.test.subjects)
    if apart and not config.training.score and not data.calibrate:
        tasks = split.held_out_tasks
        split = splits.by_subject(trials, (), split.test.subjects, tasks)
        split = split._replace(validation=split.train)
    if data.train_people:
        chosen = np.random.default_rng([seed, 7]).permutation(split.train.subjects)
        few = split.train.where(subject=chosen[: data.train_people].tolist())
        split = split._replace(train=few)
    scale = normalise.fit(split.train, "minmax", (x, y))
    train, validation, test = (
        windows.cut(normalise.apply(scale, part), x, y, data.length)
        for part in (split.train, split.validation, split.test)
    )
    if data.broken:
        train = windows.break_pairs(train, data.broken, seed)
    return Fold(train, validation, test, {"x": scale[x], "y": scale[y]}, split.held_out_tasks)


def folds(config: Config, trials: Trials, x: str = "", y: str = "") -> list[Fold]:
    """The folds of a table: a cross-validation, or one split of the people for each of several
    seeds.
    """
    data = config.data
    if data.test or len(trials.subjects) == 1:
        split = splits.for_training(trials, data.test, data.validation)
        return [fold(config, trials, split, x, y)]
    if data.folds:
        each = splits.k_fold(trials, data.folds, hold_out_tasks=data.hold_out_tasks)
        return [fold(config, trials, split, x, y, seed) for seed, split in enumerate(each)]
    train, validation, test = data.people
    people = np.random.default_rng(0).permutation(trials.subjects).tolist()
    if train + validation + test > len(people):
        raise ConfigError(
            f"data.people asks for {train} + {validation} + {test} subjects of {len(people)}"
        )
    held_out = people[:test], people[test : test + validation]
    kept = trials.where(subject=people[: train + validation + test])
    split = splits.by_subject(kept, held_out[1], held_out[0])
    if data.train_people or data.broken:
        return [fold(config, kept, split, x, y, seed) for seed in range(data.seeds)]
    return [fold(config, kept, split, x, y)] * data.seeds


def method_settings(config: Config, alignment: str = "") -> Settings:
    """The method's settings as plain values; `alignment` overrides the config's."""
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
        linear=model.start != "none",
        network=model.network,
        groups=model.groups,
        condition_noise=model.condition_noise,
        steps=config.sampling.steps,
        solver=config.sampling.solver,
        dtype=jnp.bfloat16 if model.bfloat16 else jnp.float32,
    )


def batches(source: Any, config: Config, seed: int = 0) -> pipeline.Batches:
    """Endless training batches, this host's share."""
    return pipeline.Batches(
        source, config.batch_size, seed, host=jax.process_index(), hosts=jax.process_count()
    )


def about(config: Config, fold: Fold) -> dict[str, Any]:
    """The metadata that a checkpoint needs to be used alone."""
    strides = bool((fold.train.trials.stride >= 0).all())
    rates = fold.train.trials.column("rate")
    window = fold.side("train", most=1)
    return {
        "method": "llma",
        "config": config.to_dict(),
        "modalities": {"x": fold.train.x, "y": fold.train.y},
        "normaliser": {name: scale.state() for name, scale in fold.scale.items()},
        "examples": {m: fold.physical(window[m][0], m).round(3).tolist() for m in ("x", "y")},
        "length": config.data.length,
        "samples_per_stride": config.data.length // 2 if strides else None,
        "rate": None if strides else float(rates[0]),
    }
