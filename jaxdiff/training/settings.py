"""The settings of a training, as plain values and as the `training` part of a config."""

from __future__ import annotations

from typing import NamedTuple

from ml_collections import ConfigDict

from jaxdiff.errors import ConfigError
from jaxdiff.training.optimizer import OptimizerSettings

SEEDS = 2**31
"""Seeds are non-negative 32-bit integers, so that they mean the same with and without x64."""


class Settings(NamedTuple):
    """The settings of `fit`, besides the method and the data."""

    steps: int = 1000
    """Optimiser steps in all."""
    seed: int = 0
    optimizer: OptimizerSettings = OptimizerSettings()
    ema_decay: float = 0.999
    """Of the moving average of the parameters, after a warm-up: see `training.update`."""
    ema_every: int = 1
    """Steps between two updates of the moving average."""
    accumulate: int = 1
    """Micro-batches per step: the gradient of a large batch in the memory of a small one."""
    steps_per_dispatch: int = 0
    """Steps in one compiled program, so that the device never waits for Python; 0: one on a CPU,
    and on an accelerator up to 16 that divide the intervals of logging, saving and evaluation,
    fewer where these are measured to last seconds."""
    resident_mb: int = -1
    """Megabytes that the data set may take to be kept on the device, where batches are gathered
    from it; 0: batches come from the host; -1: a quarter of an accelerator's memory. It changes
    where batches are made, not what is in them."""
    log_every: int = 50
    evaluate_every: int = 0
    """0: only at the end."""
    save_every: int = 500
    keep: int = 2
    """Latest checkpoints kept, beside the best one."""
    score: str = ""
    """The figure of the evaluation that decides which checkpoint is best; empty: none is."""
    higher_is_better: bool = False
    skip_limit: int = 20
    """Non-finite steps in a row after which the run stops with an error."""
    log: tuple[str, ...] = ()
    """Extra logs: `tensorboard`, `wandb`."""


def config(**changes) -> ConfigDict:
    """The `training` part of an experiment's config: every field of `Settings`, the optimiser's
    nested.
    """
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
    """Returns the settings, or raises a `ConfigError` if one of them is impossible."""
    for name in (
        "steps",
        "ema_every",
        "accumulate",
        "log_every",
        "save_every",
        "keep",
    ):
        if getattr(settings, name) < 1:
            raise ConfigError(f"training.{name} must be at least 1, not {getattr(settings, name)}")
    if not 0 <= settings.seed < SEEDS:
        raise ConfigError(f"training.seed must be in 0 … {SEEDS - 1}, not {settings.seed}")
    if not 0 <= settings.ema_decay < 1:
        raise ConfigError(f"training.ema_decay must be in [0, 1), not {settings.ema_decay}")
    if settings.resident_mb < -1:
        raise ConfigError(
            f"training.resident_mb is a number of megabytes or -1, not {settings.resident_mb}"
        )
    if settings.steps_per_dispatch < 0:
        raise ConfigError(
            "training.steps_per_dispatch must not be negative, but is"
            f" {settings.steps_per_dispatch}"
        )
    if settings.steps_per_dispatch and settings.steps % settings.steps_per_dispatch:
        raise ConfigError(
            f"training.steps ({settings.steps}) must be a multiple of training.steps_per_dispatch "
            f"({settings.steps_per_dispatch})"
        )
    return settings
