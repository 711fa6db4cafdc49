"""Configs of the stride transfer.

ship         trains, calibrates and scores a model on simulated people of every kind
ship_law     the hierarchical model alone, on the first version's cohorts: the model that comes with the package
ship_tiny    the same in seconds, of no use
people       tables of a trained model on people left out, simulated and real
"""

# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from ml_collections import ConfigDict

from jaxdiff.training import settings

WORDS = ("ship", "ship_law", "ship_tiny", "people")


def get_config(word: str = "ship") -> ConfigDict:
    """The config of one of `WORDS`."""
    config = ConfigDict()
    if word == "people":
        config.experiment = "people"  # tables of a trained model on people left out
        config.model = "speed"  # a shipped model, a file or a run
        config.hood = ""  # file of the amputees; default: $JAXDIFF_SHARED/data/hood2020_k3.npz
        config.lock()
        return config
    config.experiment = "ship"  # train, calibrate, score and write speed.safetensors

    config.stride = ConfigDict()
    config.stride.recipe = (
        ""  # YAML of a laboratory's recordings to train on in place of simulated people
    )
    config.stride.cohort = (
        "batch"  # simulated by body.walker.batch | classic: the first version's cohorts
    )
    config.stride.network = (
        True  # train the network; without it, samples are the hierarchical model's
    )
    config.stride.people = 600  # simulated people to train on
    config.stride.held = 60  # further people, each for: choice of checkpoint, calibration, test
    config.stride.impaired = 0.4  # share of people with an impairment
    config.stride.speeds = 10  # per person, on a grid of 0.1 m/s
    config.stride.strides = 10  # per speed
    config.stride.combinations = 400  # of source and target speeds prepared for training
    config.stride.size = "small"  # tiny | small | base

    config.sampling = ConfigDict()
    config.sampling.steps = 8

    config.batch_size = 256
    config.training = settings.config(
        steps=3000, log_every=100, save_every=500, evaluate_every=250, ema_decay=0.995
    )
    config.training.score = "validation_loss"
    config.training.optimizer.learning_rate = 1e-3
    config.training.optimizer.weight_decay = 5e-2
    config.training.optimizer.warmup_steps = 100
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0

    if word == "ship_law":
        config.stride.cohort = "classic"
        config.stride.network = False
        config.stride.people = 330
        config.stride.held = 30
        config.stride.size = "tiny"
    if word == "ship_tiny":
        config.stride.people = 24
        config.stride.held = 8
        config.stride.speeds = 5
        config.stride.strides = 4
        config.stride.combinations = 16
        config.stride.size = "tiny"
        config.batch_size = 64
        config.training.steps = 20
        config.training.evaluate_every = 10
    config.lock()
    return config
