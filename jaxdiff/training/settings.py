"""The settings of a training run, as plain values and as the `training` part of a config."""

from __future__ import annotations

from typing import NamedTuple

from ml_collections import ConfigDict

from jaxdiff.errors import ConfigError
from jaxdiff.training.optimizer import OptimizerSettings


class Settings(NamedTuple):
    """What `fit` needs to know beside the method and the data."""

    steps: int = 1000
    """Optimiser steps in all."""
    seed: int = 0
    optimizer: OptimizerSettings = OptimizerSettings()
    ema_decay: float = 0.999
    ema_every: int = 1
    """The moving average moves every so many steps."""
    accumulate: int = 1
    """Micro-batches per step: the gradient of a large batch in the memory of a small one."""
    steps_per_dispatch: int = 1
    """Steps in one compiled program; more than 1 pays for models so small that Python is the bottleneck."""
    log_every: int = 50
    evaluate_every: int = 0
    """0: only at the end."""
    save_every: int = 500
    keep: int = 2
    """Latest checkpoints kept, beside the best one."""
    score: str = ""
    """The evaluation figure that decides which checkpoint is best; empty: none is."""
    higher_is_better: bool = False
    skip_limit: int = 20
    """Non-finite steps in a row after which the run stops with an error."""
    log: tuple[str, ...] = ()
    """Extra logs: `tensorboard`, `wandb`."""


def config(**changes) -> ConfigDict:
    """The `training` part of an experiment's config: every field of `Settings`, the optimiser's nested."""
    settings = Settings()._asdict()
    settings["optimizer"] = ConfigDict(settings["optimizer"]._asdict())
    tree = ConfigDict(settings)
    tree.update(changes)
    return tree


def from_config(tree: ConfigDict) -> Settings:
    """Plain settings from the `training` part of a config."""
    values = tree.to_dict()
    values.update(optimizer=OptimizerSettings(**values["optimizer"]), log=tuple(values["log"]))
    return checked(Settings(**values))


def checked(settings: Settings) -> Settings:
    """The settings, unless one of them is impossible."""
    for name in (
        "steps",
        "ema_every",
        "accumulate",
        "steps_per_dispatch",
        "log_every",
        "save_every",
        "keep",
    ):
        if getattr(settings, name) < 1:
            raise ConfigError(f"training.{name} must be at least 1, not {getattr(settings, name)}")
    if not 0 <= settings.ema_decay < 1:
        raise ConfigError(f"training.ema_decay must be in [0, 1), not {settings.ema_decay}")
    if settings.steps % settings.steps_per_dispatch:
        raise ConfigError(
            f"training.steps ({settings.steps}) must be a multiple of training.steps_per_dispatch "
            f"({settings.steps_per_dispatch})"
        )
    return settings
