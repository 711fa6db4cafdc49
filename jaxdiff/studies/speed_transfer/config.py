"""Configs of the speed-transfer study, one word each.

Stride transfer, the shipped model:

ship              train, calibrate and score a model on simulated people of every kind, or on a laboratory's folder
ship_tiny         the same in seconds, of no use
people            tables of a trained model on people left out, simulated and real

The paper's residual diffusion:

paper             as published, on Camargo 2021
paper_simulated   the paper's setting on simulated people, with stride transfer in the same tables
table             all tables with the residual diffusion on a grid of phases; table1 ... figures: one of them
quick             the same in minutes
floor             lower bounds of the error, without training
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

REPORTS = ("table1", "table2", "table3", "baselines", "figures")
STRIDES = ("ship", "ship_tiny", "people")
WORDS = ("quick", "table", *REPORTS, "floor", "paper", "paper_simulated", *STRIDES)


def get_config(word: str = "quick") -> ConfigDict:
    """The config of one of `WORDS`."""
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    if word in STRIDES:
        return _people() if word == "people" else _ship(word)
    config = ConfigDict()
    config.experiment = "train"  # train | evaluate: train and report, or report on the run as it is
    config.report = (
        (word,) if word in (*REPORTS, "floor") else REPORTS
    )  # what to print; may differ between runs on one model
    config.strides = (
        ""  # a stride model (a shipped name, a file or a run) to stand first in the tables
    )
    config.compare = ()  # directories of other trained runs, compared in the same tables

    config.data = ConfigDict()
    config.data.name = "simulated_speeds"  # the able-bodied: simulated_speeds | simulated_people | camargo2021 | folder
    config.data.size = "full"  # of a simulated cohort: tiny | quick | full
    config.data.recipe = placeholder(str)  # folder: the YAML that describes it
    config.data.manual_dir = placeholder(str)  # gated data sets: where their files lie
    config.data.split = (13, 4, 5)  # subjects to train on, to choose the checkpoint by, to report
    config.data.test = ()  # in place of split: test subjects by name, such as ('S12', 'S13')
    config.data.validation = ()  # validation subjects by name, where data.test names some
    config.data.seconds = 30.0  # of every recording
    config.data.rate = 20.0  # Hz
    config.data.pairs = 100_000  # balanced pairs of speeds an epoch
    config.data.stroke = "simulated_speeds"  # the stroke cohort, or empty for none
    config.data.stroke_recipe = placeholder(str)  # folder: its YAML
    config.data.stroke_normaliser = (
        "others"  # others | paper (partly their own statistics) | training
    )

    config.model = ConfigDict()
    config.model.align = (
        "phase"  # none: sequences in time, as in the paper | phase: strides on a grid of phases
    )
    config.model.about = "quadratic"  # phase: the residual is about the source after the population's change, or: source
    config.model.strides = 20  # phase: strides in a sequence
    config.model.points = 30  # phase: samples of a stride
    config.model.size = "stride"  # tiny | small | stride | paper
    config.model.encoder = "conv"  # of the subject: lstm (paper) | conv, which runs in parallel
    config.model.prediction = "v"  # eps (paper) | v | x0
    config.model.knee = 2.0  # weight of the knees in the denoising loss
    config.model.person = (
        0.5  # phase: random person added to source and target, in deviations; 0: none
    )
    config.model.mirror = True  # phase: half of the pairs with the legs exchanged
    config.model.near = 0.1  # m/s: below this change of speed the residual fades; 0: never (paper)
    config.model.residual = 1.0  # weights of the auxiliary losses
    config.model.identity = 1.0
    config.model.subject = 0.1
    config.model.snr = "alpha_bar"  # alpha_bar | min_snr: their weight over noise levels
    config.model.unit_residual = (
        True  # scale the residual to unit variance (the paper does not say)
    )
    config.model.schedule = "linear"  # linear | scaled_linear | cosine
    config.model.bfloat16 = False  # compute in bfloat16

    config.sampling = ConfigDict()
    config.sampling.steps = 20  # of DDIM
    config.sampling.grid = "gaitdynamics"  # any of jaxdiff.diffusion.grids.GRIDS
    config.sampling.draws = 6  # residuals averaged into one answer

    config.evaluation = ConfigDict()
    config.evaluation.source_speeds = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)  # m/s; () for all
    config.evaluation.target_speeds = (
        0.55,
        0.65,
        0.80,
        0.95,
        1.05,
        1.15,
        1.30,
        1.45,
        1.55,
        1.65,
        1.80,
    )
    config.evaluation.validation_pairs = 256  # an upper bound
    config.evaluation.regression_steps = 400  # of the MLP and TCN baselines

    config.batch_size = 16
    config.training = settings.config(
        steps=4500, log_every=200, save_every=1000, evaluate_every=500, ema_decay=0.995
    )
    config.training.score = "validation_loss"
    config.training.optimizer.learning_rate = 1e-3
    config.training.optimizer.weight_decay = 1e-3
    config.training.optimizer.warmup_steps = 100
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0

    if word == "quick":
        config.data.size = "quick"
        config.data.split = (5, 1, 2)
        config.training.steps = 1500
        config.sampling.draws = 4
        config.evaluation.source_speeds = ()
        config.evaluation.target_speeds = ()
        config.evaluation.regression_steps = 100
    if word in ("paper", "paper_simulated"):
        config.data.stroke_normaliser = "paper"
        config.model.align = "none"
        config.model.size = "paper"
        config.model.encoder = "lstm"
        config.model.prediction = "eps"
        config.model.person = 0.0
        config.model.mirror = False
        config.model.near = 0.0
        config.model.about = "source"
        config.model.unit_residual = False
        config.model.bfloat16 = True
        config.sampling.steps = 100
        config.sampling.draws = 1
        config.evaluation.source_speeds = ()
        config.evaluation.target_speeds = ()
        config.evaluation.validation_pairs = 3136
        config.training.steps = 100_000
        config.training.evaluate_every = 2500
        config.training.save_every = 5000
        config.training.ema_decay = 0.999
        config.training.optimizer.learning_rate = 5e-4
        config.training.optimizer.warmup_steps = 0
        config.training.optimizer.decay = "constant"
    if word == "paper":
        config.data.name = "camargo2021"
        config.data.stroke = ""  # the paper's stroke recordings are private
        config.report = ("table1", "table3", "baselines", "figures")
    if word == "paper_simulated":  # the paper's setting on simulated people, in minutes on a CPU
        config.strides = "speed"
        config.data.name = config.data.stroke = "simulated_people"  # of the shipped model's walker
        config.model.size = "small"
        config.model.bfloat16 = False
        config.sampling.steps = 50
        config.evaluation.source_speeds = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)
        config.evaluation.target_speeds = (0.55, 0.80, 1.05, 1.30, 1.55, 1.80)
        config.evaluation.validation_pairs = 256
        config.training.steps = 1500
        config.training.evaluate_every = 250
        config.training.save_every = 250
        config.training.optimizer.decay = "cosine"
    config.lock()
    return config


def _ship(word: str) -> ConfigDict:
    """Train stride transfer and write `speed.safetensors`."""
    config = ConfigDict()
    config.experiment = "ship"

    config.data = ConfigDict()
    config.data.name = "simulated"  # simulated | folder: a laboratory's recordings
    config.data.recipe = placeholder(str)  # folder: the YAML that describes it
    config.data.test = ()  # folder: test subjects by name, such as ('S12', 'S13'); ('none',): none
    config.data.validation = ()  # folder: subjects to choose the checkpoint by, by name
    config.data.people = 600  # simulated people to train on
    config.data.held = 60  # further people, each for: choice of checkpoint, calibration, test
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

    if word == "ship_tiny":
        config.data.people = 24
        config.data.held = 8
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
    config.hood = ""  # file of the amputees; default: $JAXDIFF_SHARED/data/hood2020_k3.npz
    config.lock()
    return config
