"""Configs of the speed-transfer study, one word each.

Stride transfer, the shipped model:

quick             train and report a small one on few simulated people, in two minutes; to try the commands
ship              train, calibrate and score a model on simulated people of every kind, or on a laboratory's folder
ship_tiny         the same in seconds, for tests
people            tables of a trained model on people left out, simulated and real

The paper's residual diffusion of 30 s in time:

paper             as published, on Camargo 2021
paper_simulated   the paper's setting on simulated people, with stride transfer in the same tables
table1 ... figures  one of its tables, or its figures
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

REPORTS = ("table1", "table2", "table3", "baselines", "figures")
STRIDES = ("quick", "ship", "ship_tiny")
WORDS = (*STRIDES, "people", "paper", "paper_simulated", *REPORTS)


def get_config(word: str = "quick") -> ConfigDict:
    """The config of one of `WORDS`."""
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    if word == "people":
        return _people()
    return _ship(word) if word in STRIDES else _paper(word)


def _paper(word: str) -> ConfigDict:
    """Residual diffusion in time, in the tables of the paper."""
    config = ConfigDict()
    config.experiment = "train"  # train | evaluate: train and report, or report on the run as it is
    config.report = (word,) if word in REPORTS else REPORTS  # may differ between runs on one model
    # a stride model (a shipped name, a file or a run) to stand first in the tables; or none
    config.strides = "speed"
    config.seeds = ()  # stride models of further seeds, over which the tables take the mean
    config.compare = ()  # directories of other trained runs, compared in the same tables

    config.data = ConfigDict()
    config.data.name = (  # the able-bodied: simulated_people | camargo2021 | folder
        "simulated_people"
    )
    _folder(config.data)
    config.data.manual_dir = placeholder(str)  # gated data sets: where their files lie
    # subjects to train on, to choose the checkpoint by, to report; unless data.test names some
    config.data.split = (13, 4, 5)
    config.data.seconds = 30.0  # of every recording
    config.data.rate = 20.0  # Hz
    config.data.pairs = 100_000  # balanced pairs of speeds an epoch
    config.data.stroke = "simulated_people"  # the stroke cohort, or empty for none
    config.data.stroke_recipe = placeholder(str)  # folder: its YAML
    config.data.stroke_normaliser = (  # paper (partly their own statistics) | others | training
        "paper"
    )

    config.model = ConfigDict()
    config.model.size = "small"  # tiny | small | stride | paper
    config.model.encoder = "lstm"  # of the subject: lstm (paper) | conv, which runs in parallel
    config.model.prediction = "eps"  # eps (paper) | v | x0
    config.model.knee = 2.0  # weight of the knees in the denoising loss
    config.model.residual = 1.0  # weights of the auxiliary losses
    config.model.identity = 1.0
    config.model.subject = 0.1
    config.model.snr = "alpha_bar"  # alpha_bar | min_snr: their weight over noise levels
    config.model.schedule = "linear"  # linear | scaled_linear | cosine
    config.model.bfloat16 = False  # compute in bfloat16

    config.sampling = ConfigDict()
    config.sampling.steps = 50  # of DDIM
    config.sampling.grid = "gaitdynamics"  # any of jaxdiff.diffusion.grids.GRIDS

    config.evaluation = ConfigDict()
    config.evaluation.source_speeds = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)  # m/s; () for all
    config.evaluation.target_speeds = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)
    config.evaluation.validation_pairs = 256  # an upper bound
    config.evaluation.regression_steps = 400  # of the MLP and TCN baselines, at most
    config.evaluation.regression_seeds = 1  # of the same, from training.seed on

    config.batch_size = 16
    config.training = settings.config(
        steps=1500, log_every=50, save_every=250, evaluate_every=250, ema_decay=0.999
    )
    config.training.score = "validation_loss"
    config.training.optimizer.learning_rate = 5e-4
    config.training.optimizer.weight_decay = 1e-3
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0

    if word == "paper":
        config.strides = ""
        config.data.name = "camargo2021"
        config.data.stroke = ""  # the paper's stroke recordings are private
        config.report = ("table1", "table3", "baselines", "figures")
        config.model.size = "paper"
        config.model.bfloat16 = True
        config.sampling.steps = 100
        config.evaluation.source_speeds = ()
        config.evaluation.target_speeds = ()
        config.evaluation.validation_pairs = 3136
        config.training.steps = 100_000
        config.training.evaluate_every = 2500
        config.training.save_every = 5000
        config.training.optimizer.decay = "constant"
    config.lock()
    return config


def _folder(data: ConfigDict) -> None:
    """What a laboratory says of its recordings."""
    data.recipe = placeholder(str)  # folder: the YAML that describes it
    data.test = ()  # test subjects by name, such as ('S12', 'S13'); ('none',): none
    data.validation = ()  # subjects to choose the checkpoint by, by name


def _ship(word: str) -> ConfigDict:
    """Train stride transfer and write `speed.safetensors`."""
    config = ConfigDict()
    config.experiment = "quick" if word == "quick" else "ship"  # quick: tables as well

    config.data = ConfigDict()
    config.data.name = "simulated"  # simulated | folder: a laboratory's recordings
    _folder(config.data)
    config.data.people = 600  # simulated people to train on
    config.data.held = 60  # further people, each for: choice of checkpoint, calibration, test
    config.data.further = (
        180  # people more for calibration: enough of those with an asymmetric gait
    )
    config.data.impaired = 0.4  # share of people with an impairment
    config.data.speeds = 10  # per person, on a grid of 0.1 m/s
    config.data.strides = 10  # per speed

    config.model = ConfigDict()
    config.model.network = True  # False: samples are the hierarchical model's
    config.model.size = "small"  # tiny | small | base
    config.model.combinations = 400  # of source and target speeds prepared for training

    config.sampling = ConfigDict()
    config.sampling.steps = 8

    config.batch_size = 256
    config.training = settings.config(
        steps=2000, log_every=100, save_every=500, evaluate_every=250, ema_decay=0.995
    )
    config.training.score = "validation_loss"
    config.training.optimizer.learning_rate = 1e-3
    config.training.optimizer.weight_decay = 5e-2
    config.training.optimizer.warmup_steps = 100
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0

    if word == "quick":
        config.data.people = 60
        config.data.held = 24
        config.data.further = 0
        config.data.speeds = 6
        config.data.strides = 5
        config.model.combinations = 60
        config.batch_size = 64
        config.training.steps = 200
        config.training.evaluate_every = 100
    if word == "ship_tiny":
        config.data.people = 24
        config.data.held = 8
        config.data.further = 0
        config.data.speeds = 5
        config.data.strides = 4
        config.model.combinations = 16
        config.model.size = "tiny"
        config.batch_size = 64
        config.training.steps = 20
        config.training.evaluate_every = 10
    config.lock()
    return config


def _people() -> ConfigDict:
    """Tables of a trained stride transfer on people left out."""
    config = ConfigDict()
    config.experiment = "people"
    config.model = "speed"  # a shipped model, a file or a run
    config.seeds = ()  # files or runs of further seeds, over which the tables take the mean
    config.hood = ""  # file of the amputees; default: $JAXDIFF_SHARED/data/hood2020_k3.npz
    config.lock()
    return config
