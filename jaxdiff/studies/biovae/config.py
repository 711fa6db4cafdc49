"""Configs of the BioVAE study, one word each: those of text to motion, and what is added to its
model.
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

from __future__ import annotations

from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.studies.text_to_motion.config import get_config as text_to_motion
from jaxdiff.training import settings

ARMS = ("backbone", "+ BioVAE", "+ EMG pre-training", "+ losses", "all", "backbone + L_accel")
TABLES = ("table1", "table2", "table3", "table4", "table5", "table6")
WORDS = ("tiny", "quick", *TABLES, "muscles", "gpu", "paper")


def get_config(word: str = "quick") -> ConfigDict:
    """The config of a word.

    `quick` is all that simulated motion can show, `table1` … `table6` one table of the paper,
    `muscles` the pre-training alone, `gpu` the ablation at `medium` on one GPU, `paper` the paper's
    on HumanML3D, `tiny` a trial of the chain.
    """
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    small = word != "paper"
    config = text_to_motion("paper" if word == "paper" else "tiny" if word == "tiny" else "quick")
    config.unlock()
    config.experiment = "muscles" if word == "muscles" else "tables"
    config.tables = (
        (word,) if word in TABLES else ("table2", "table4", "table5", "table6") if small else TABLES
    )
    config.arms = ARMS  # of the ablation: those that are trained and compared
    config.data.clips = 0  # maximum number of clips; 0: all
    config.run = placeholder(str)  # the networks of this earlier run instead of new ones
    config.backbone = placeholder(
        str
    )  # the model of this run of text to motion instead of a new one

    config.biovae = ConfigDict()
    config.biovae.width = 128  # of encoder, heads and decoder
    config.biovae.blocks = 2
    config.biovae.kernel_size = 3
    config.biovae.groups = 8
    config.biovae.heads = 4
    config.biovae.decoder = "correct"  # correct | condition | printed: how the acceleration acts
    config.biovae.axes = (
        "heading"  # heading | bone: accelerations of joints, or of the directions of bones
    )
    config.biovae.apart = (
        False  # the inverse mass reads positions only, the muscles' forces rotations only
    )
    config.biovae.positive = False  # the inverse mass positive definite, not only symmetric
    config.biovae.kl = 0.0
    config.biovae.given = (
        0.5  # share of examples that decode the true acceleration, where an arm has losses ...
    )
    config.biovae.falling = True  # ... which falls to 0 over training
    config.biovae.phys = 1.0  # weights of the two losses, where an arm has them
    config.biovae.accel = 1.0

    config.finetune = ConfigDict()  # of every arm, the backbone's too, from the same backbone
    config.finetune.batch_size = 64
    config.finetune.length = 196
    config.finetune.trainings = 1  # of each arm, from seeds that count up from training.seed
    config.finetune.training = settings.config(steps=10_000, log_every=100, save_every=1000)
    config.finetune.training.optimizer.update(learning_rate=2e-4, weight_decay=1e-2, clip_norm=1.0)
    config.finetune.training.update(ema_decay=0.999)

    config.refiner = ConfigDict()  # the mechanics that see estimates
    config.refiner.width = 128
    config.refiner.batch_size = 64
    config.refiner.levels = 20  # noise levels it meets, from the cleanest
    config.refiner.training = settings.config(steps=10_000, log_every=100, save_every=1000)
    config.refiner.training.optimizer.update(
        learning_rate=2e-3, clip_norm=1.0, decay="cosine", warmup_steps=50
    )
    config.refiner.training.update(ema_decay=0.999)

    config.muscles = ConfigDict()
    config.muscles.data = ""  # mia: Muscles in Action in place of the data's own muscles
    config.muscles.manual_dir = placeholder(str)  # its folder
    config.muscles.batch_size = 64
    config.muscles.levels = 50  # noise levels met, from the cleanest
    config.muscles.transformer = False  # the pose-to-EMG transformer beside it (word `muscles`)
    config.muscles.training = settings.config(steps=10_000, log_every=100, save_every=1000)
    config.muscles.training.optimizer.update(
        learning_rate=1e-3, clip_norm=1.0, decay="cosine", warmup_steps=50
    )

    config.estimation = ConfigDict()
    config.estimation.clips = 64  # test clips of the benchmark ...
    config.estimation.captured = (
        False  # clips of the motion pack in their place: networks that never saw it
    )
    config.estimation.truth = placeholder(
        str
    )  # videos in their place: a folder of 3DPW or RICH ...
    config.estimation.estimates = placeholder(
        str
    )  # ... and one of estimates (studies.biovae.videos)
    config.estimation.seeds = 3  # ... and corruptions of each
    config.estimation.strengths = (0.1, 0.3)  # of the inversions
    config.estimation.steps = 50
    # level at which inversions begin: about as noisy as what the network does not reproduce
    config.estimation.floor = 0.0
    config.estimation.trust = (
        0.002,
        0.005,
        0.01,
        0.02,
        0.05,
    )  # s²: candidates of `follow`, chosen on validation clips
    config.estimation.window = 32  # of SmoothNet
    config.estimation.smoothnet = settings.config(steps=2000, log_every=100, save_every=500)
    config.estimation.smoothnet.optimizer.update(learning_rate=1e-3, clip_norm=1.0, decay="cosine")

    config.editing = ConfigDict()
    config.editing.factors = (0.5, 0.8, 1.0, 1.5, 2.0)

    config.evaluation.clips = 128  # test clips that are generated for, in each repetition
    config.evaluation.mechanics = 16  # of these, clips that go through inverse dynamics; 0: none
    if small:
        config.model.update(size="mini", dropout=0.0, bias=2.0)
        config.data.length = config.finetune.length = 64
        config.training.update(steps=2000, save_every=500)
        config.batch_size = 16
        config.biovae.update(width=32)
        config.refiner.width = 96
        config.finetune.batch_size = 16
        config.finetune.training.update(steps=400, log_every=50, save_every=100, ema_decay=0.98)
        config.finetune.training.optimizer.update(
            learning_rate=2e-3, warmup_steps=20, decay="cosine"
        )
        config.refiner.batch_size = 24
        config.refiner.training.update(steps=1000, log_every=100, save_every=250, ema_decay=0.98)
        config.muscles.batch_size = 24
        config.muscles.training.update(steps=400, log_every=50, save_every=200, ema_decay=0.98)
        config.estimation.update(clips=32, floor=0.12, strengths=(0.2, 0.4))
        config.estimation.smoothnet.update(steps=400, log_every=50, save_every=200, ema_decay=0.98)
        config.evaluation.update(repetitions=3, clips=64, mechanics=8)
    if small and word != "tiny":
        config.evaluator.disorder = 1.0  # else it hardly sees the order of frames
        config.evaluator.training.steps = 1500
    if word == "gpu":  # eight minutes of one H100
        config.tables = ("table3", "table4", "table6")
        config.arms = ("backbone", "all", "backbone + L_accel")
        config.model.update(size="medium", bfloat16=True, dropout=0.1)
        config.data.size = "full"
        config.batch_size = config.finetune.batch_size = 64
        config.training.update(steps=20_000, save_every=5000, ema_decay=0.999)
        config.training.optimizer.learning_rate = 3e-4
        config.finetune.training.update(steps=4000, log_every=100, save_every=1000, ema_decay=0.995)
        config.finetune.training.optimizer.learning_rate = 2e-4
        config.biovae.width = 96
        config.muscles.training.steps = 2000
        config.evaluator.training.steps = 4000
        config.evaluation.update(repetitions=5, clips=256)
    if word == "tiny":
        config.model.size = "tiny"
        config.training.steps = config.finetune.training.steps = config.muscles.training.steps = 2
        config.estimation.smoothnet.steps = config.refiner.training.steps = 2
        config.data.clips = 240  # of which 32 to test on, or the protocol has too few
        config.biovae.update(width=16, blocks=1)
        config.refiner.width = 16
        config.estimation.update(clips=2, seeds=1, steps=5, trust=(0.01,))
        config.editing.factors = (0.5, 1.0)
        config.evaluation.update(repetitions=1, clips=4, mechanics=1)
    config.lock()
    return config
