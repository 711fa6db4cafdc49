"""Configs of the LLMA study, one word each."""

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

TABLES = ("table1", "table2", "table3")
WORDS = ("demo", "quick", "figures", *TABLES, "tables", "verheul", "paper")


def get_config(word: str = "quick") -> ConfigDict:
    """The config of a word: `demo`, `quick`, `figures`, a table, `tables` (all three), `verheul` (real data) or `paper`."""
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    config = ConfigDict()
    config.experiment = word if word in (*TABLES, "tables", "verheul") else "train"

    config.data = ConfigDict()
    config.data.name = "simulated_gait"  # any data set of jaxdiff.data.names()
    config.data.size = "quick"  # size of a simulated data set: tiny | quick | full
    config.data.recipe = placeholder(str)  # folder: the YAML that describes it
    config.data.root = placeholder(str)  # folder: where the recordings are, if not beside the YAML
    config.data.manual_dir = placeholder(str)  # gated data sets: where their files lie
    config.data.x = "angles"  # one modality ...
    config.data.y = "moments"  # ... and the other
    config.data.pairs = "one"  # tables: this pair only (one), or the paper's three (all)
    config.data.length = 300  # samples in a window: two strides of 150
    config.data.transitions = True  # keep the strides in which the task changes
    config.data.folds = (
        6  # of a K-fold cross-validation over subjects (and tasks); "train" uses the first
    )
    config.data.hold_out_tasks = False  # leave tasks out of training too, not only subjects
    config.data.windows = 96  # test windows looked at, drawn evenly; 0: all

    config.model = ConfigDict()
    config.model.size = "small"  # tiny | brief | small | medium | paper128 | paper25m
    config.model.network = "preconditioned"  # preconditioned | paper
    config.model.alignment = (
        "llma"  # none | llma | contrast | covariance | simclr | barlow | vicreg | mse
    )
    config.model.variant = "official"  # official | paper: the formulas as printed
    config.model.tau = 0.1  # temperature of the contrastive losses
    config.model.window = 30  # samples in a window of the contrast, C
    config.model.symmetric = False  # contrast in both directions
    config.model.negatives = "balanced"  # balanced | position | all (the paper's)
    config.model.groups = 1  # noise levels per batch, each contrasted within itself
    config.model.alpha = placeholder(float)  # fixed weight of the alignment; unset: learned
    config.model.gamma = 1.0  # weight of the energy loss
    config.model.linear = (
        True  # start from ridge regression and its error bars; the paper starts from nothing
    )
    config.model.condition_noise = (
        0.05  # noise on the condition in training, against memorising small data
    )
    config.model.bfloat16 = False  # compute in bfloat16

    config.sampling = ConfigDict()
    config.sampling.solver = (
        "dpm"  # ddim | ddpm | dpm (second order, Karras' levels: the right spread in few steps)
    )
    config.sampling.steps = 20  # of generation
    config.sampling.samples = 8  # per condition, for means and error bars
    config.sampling.predictive_steps = (
        300  # of training behind the predictive score; 0: no such score
    )

    config.batch_size = 32
    config.training = settings.config(
        steps=500, log_every=100, save_every=250, evaluate_every=100, ema_decay=0.99
    )
    config.training.score = "validation_mse"
    config.training.optimizer.learning_rate = 1e-3
    config.training.optimizer.weight_decay = 1e-2
    config.training.optimizer.warmup_steps = 100
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0
    config.training.optimizer.rates = (("s", 10.0),)  # the weight of the alignment moves faster

    if word == "demo":
        config.data.windows = 48
        config.model.size = "brief"
        config.batch_size = 16
        config.sampling.predictive_steps = 0
        config.training.steps = 240
        config.training.ema_decay = 0.98
        config.training.evaluate_every = 80
        config.training.log_every = 40
        config.training.optimizer.warmup_steps = 40
    if word == "figures":
        config.data.size = "full"
        config.data.folds = 5
    if word.startswith("table"):
        config.data.pairs = "one" if word == "table3" else "all"
        config.data.size = "full"
        config.data.folds = 5
        config.data.windows = 32
        config.model.size = "brief"
        config.batch_size = 16
        config.sampling.predictive_steps = 200
        config.sampling.samples = 16
        config.training.ema_decay = (
            0.0  # an average over so few steps remembers the start; the last steps are small
        )
        config.training.steps = 160
        config.training.log_every = 80
        config.training.evaluate_every = 0
        config.training.save_every = 80
        config.training.score = ""
        config.training.optimizer.warmup_steps = 40
    if word == "verheul":
        config.data.name = (
            "verheul2024"  # the stance phases of braking, found through $JAXDIFF_SHARED
        )
        config.data.length = 100
        config.data.folds = 11  # one subject left out each time
        config.data.windows = 0
        config.sampling.samples = 16
        config.training.ema_decay = 0.0
        config.model.condition_noise = 0.2
        config.model.window = 20
        config.training.steps = 300
        config.training.log_every = 100
        config.training.evaluate_every = 0
        config.training.score = ""
    if word == "paper":
        config.data.name = "embry2018"
        config.data.folds = 10
        config.data.hold_out_tasks = True
        config.model.size = "paper128"
        config.model.network = "paper"
        config.model.negatives = "all"
        config.model.linear = False
        config.model.condition_noise = 0.0
        config.batch_size = 64
        config.sampling.steps = 1000
        config.sampling.solver = "ddpm"
        config.training.steps = 8000  # about 50 epochs of the 10 000 strides
        config.training.evaluate_every = 1000
        config.training.save_every = 1000
        config.training.optimizer.learning_rate = 2e-4
    config.lock()
    return config
