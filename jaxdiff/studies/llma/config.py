"""Configs of the LLMA study, one word each."""

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

TABLES = ("table1", "table2", "table3", "few")
GROUPS = {"tables": TABLES, "verheul": ("table1",), "paper-tables": ("table1", "table2", "table3")}
"""Words that run several tables from one set of trained models."""
WORDS = ("demo", "quick", "figures", *TABLES, *GROUPS, "paper")


def get_config(word: str = "quick") -> ConfigDict:
    """The config of a word.

    Args:
      word: `demo` and `quick` train one model; `figures` two, with and without alignment; `table1`,
        `table2`, `table3` and `few` (few people, broken pairs) are tables of simulated people,
        `tables` all of them; `verheul` is Table 1 of real braking stances; `paper` trains one model
        in the paper's setting, `paper-tables` its three tables.

    Returns:
      The config.

    Raises:
      ConfigError: no such word.
    """
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    config = ConfigDict()
    config.experiment = word if word in (*TABLES, *GROUPS, "figures") else "train"

    config.data = ConfigDict()
    config.data.name = "simulated_gait"  # any of jaxdiff.data.names(), or simulated_people
    config.data.size = "quick"  # size of a simulated data set
    config.data.recipe = placeholder(str)  # folder: the YAML that describes it
    config.data.root = placeholder(str)  # folder: where the recordings are, if not beside the YAML
    config.data.manual_dir = placeholder(str)  # gated data sets: where their files lie
    config.data.x = "angles"  # one modality ...
    config.data.y = "moments"  # ... and the other
    config.data.pairs = "one"  # tables: this pair only (one), or the paper's three (all)
    # test subjects by name, such as ('S12', 'S13'); ('none',): train on all people
    config.data.test = ()
    config.data.validation = ()  # validation subjects by name, where data.test names some
    config.data.length = 300  # samples in a window: two strides of 150
    config.data.transitions = True  # keep the strides in which the task changes
    config.data.folds = 6  # of a K-fold cross-validation over subjects; "train" uses the first
    config.data.hold_out_tasks = False  # cross-validation: leave tasks out of training too
    config.data.people = (100, 40, 20)  # with folds=0: training, calibration, test subjects
    config.data.seeds = 1  # with folds=0: seeds of every table
    config.data.train_people = 0  # train on this number of the training subjects; 0: all
    config.data.broken = 0.0  # share of the training pairs that are broken
    config.data.calibrate = False  # keep validation subjects to calibrate intervals
    config.data.windows = 96  # test windows evaluated, drawn evenly; 0: all

    config.model = ConfigDict()
    config.model.size = "small"  # tiny | brief | small | medium | paper128 | paper25m
    config.model.network = "preconditioned"  # preconditioned | paper
    config.model.start = "linear"  # none | linear | best: baseline that the network corrects
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
    config.model.gamma = 0.1  # weight of the energy loss
    # noise on the condition in training, against overfitting: 1 shrinks as ridge regression does
    config.model.condition_noise = 1.0
    config.model.bfloat16 = False  # compute in bfloat16

    config.sampling = ConfigDict()
    config.sampling.solver = "dpm"  # ddim | ddpm | dpm (second order, Karras' levels)
    config.sampling.steps = 20  # of generation
    config.sampling.samples = 8  # per condition, for means and intervals
    config.sampling.predictive_steps = 300  # training steps behind the predictive score; 0: none

    config.compared = ("training_mean", "ridge", "nearest_neighbours")  # baselines of tables
    config.deterministic = True  # Table 1: a row of the same networks without diffusion
    config.folds_at_once = 0  # folds trained as one program; 0: all
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
    config.training.optimizer.rates = ConfigDict({"s": 10.0})  # multiple of the learning rate for s

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
        _people(config)
        config.training.score = "validation_mse"
        config.training.evaluate_every = 500
    if word in (*TABLES, "tables"):
        _people(config)
        config.data.pairs = "one" if word in ("table3", "few") else "all"
    if word in ("table2", "table3", "few"):
        config.model.start = "none"
    if word == "few":
        config.training.steps = 200
    if word == "verheul":
        config.data.name = "verheul2024"  # stance phases of braking, in $JAXDIFF_SHARED
        config.data.pairs = "all"
        config.data.length = 100
        config.data.folds = 11  # one subject left out each time
        config.data.windows = 0
        config.model.size = "brief"
        config.model.start = "best"
        config.model.window = 20
        config.sampling.samples = 32
        config.sampling.predictive_steps = 0
        config.compared = (
            "training_mean",
            "ridge",
            "kernel_ridge",
            "mean_of_kernels",
            "local_ridge",
            "nearest_neighbours",
        )
        config.training.steps = 300
        config.training.log_every = 100
        config.training.evaluate_every = 0
        config.training.score = ""
    if word in ("paper", "paper-tables"):
        config.data.name = "embry2018"
        config.data.folds = 10
        config.data.hold_out_tasks = True
        config.data.pairs = "all"
        config.model.size = "paper128"
        config.model.network = "paper"
        config.model.negatives = "all"
        config.model.start = "none"
        config.model.gamma = 1.0
        config.model.condition_noise = 0.0
        config.batch_size = 64
        config.folds_at_once = 5  # about 10 GB of the device each with paper128; 1 with paper25m
        config.sampling.steps = 1000
        config.sampling.solver = "ddpm"
        config.training.steps = 11_100  # 50 epochs of about 14 200 windows
        config.training.ema_decay = 0.999
        config.training.evaluate_every = 1000 if word == "paper" else 0
        config.training.save_every = 1000
        config.training.score = "validation_mse" if word == "paper" else ""
        config.training.optimizer.learning_rate = 2e-4
    config.lock()
    return config


def _people(config: ConfigDict) -> None:
    """A hundred and twenty simulated people to train on, forty to calibrate intervals, twenty to
    test.

    The conformal guarantee for one more person costs `0.9 / (n + 1)` of coverage: 98 % instead of
    90 for ten people, 92 for forty.
    """
    config.data.name = "simulated_people"
    config.data.folds = 0
    config.data.people = (120, 40, 20)
    config.data.seeds = 3
    config.data.calibrate = True
    config.data.transitions = False
    config.data.length = 150  # two strides of 75
    config.data.windows = 96
    config.model.size = "brief"
    config.model.window = 20
    config.model.groups = 4
    config.sampling.predictive_steps = 200
    config.sampling.samples = 16
    config.sampling.steps = 12
    config.compared = ("training_mean", "ridge")
    config.training.steps = 700  # ten epochs
    config.training.log_every = 100
    config.training.evaluate_every = 0
    config.training.save_every = 250
    config.training.score = ""
    config.training.ema_decay = 0.99
    config.training.optimizer.learning_rate = 5e-3
    config.training.optimizer.warmup_steps = 50
