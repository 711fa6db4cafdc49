"""Configs of the gait study, one word each.

jaxdiff train gait:tiny       seconds; for tests
jaxdiff train gait:quick      minutes; a first custom model
jaxdiff train gait:ship       ten minutes on a core and simulating its people; the weights in the package
jaxdiff train gait:ship --set training.minutes=10     as many steps as ten minutes allow, for a GPU
jaxdiff train gait:tables     tables of docs/results/gait for the shipped weights
"""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

WORDS = ("quick", "tiny", "ship", "tables")


def get_config(word: str = "quick") -> ConfigDict:
    """The config of a word: `tiny`, `quick`, `ship`, or `tables`."""
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
    config = ConfigDict()
    config.experiment = "tables" if word == "tables" else "train"

    config.data = ConfigDict()
    config.data.people = 200  # simulated people trained on
    config.data.tasks = 4  # speeds and slopes per person
    config.data.strides = 3  # strides per task
    config.data.held_out = 60  # other people: half calibrate the intervals, half are test subjects
    config.data.impaired = 0.15  # share of people with an impairment of one of five kinds
    config.data.offset = 1.5  # deviation of each person's constant error of each angle, degrees
    config.data.seed = 0
    config.data.folders = ""  # `data` folders of other runs to use instead, joined by commas

    config.law = ConfigDict()
    config.law.components = ConfigDict(
        {
            "angles": 64,
            "moments": 56,
            "grf": 48,
            "emg": 48,
            "imu": 72,
            "scalars": 5,
            "events": 3,
        }
    )  # principal components of each modality
    config.law.floor = 0.05  # least deviation of a residual, in deviations of its channel
    config.law.shrinkage = 0.01  # share of the correlations replaced by the identity
    config.law.discrepancy = ConfigDict(
        {
            "angles": {"share": 0.4, "gain": 0.05},
            "moments": {"share": 0.4, "gain": 0.05},
            "grf": {"share": 0.4, "gain": 0.05},
            "emg": {"share": 0.4, "gain": 0.05},
            "imu": {"share": 0.4, "gain": 0.05},
        }
        # how far recordings deviate, in deviations of the strides, and the relative error of the gain
    )
    config.law.doubt = ConfigDict(
        {"grf_medial": 10.0}
    )  # by how much the discrepancy of given channels is larger in use
    config.law.masks = 400  # random subsets of given signals that training draws from

    config.model = ConfigDict()
    config.model.width = 256
    config.model.hidden = 512
    config.model.blocks = 3
    config.model.alignment = 0.02  # weight of the alignment of the modalities' latents
    config.model.steps = 3  # steps of generation
    config.model.deterministic = False  # a point predictor of the same size, for comparison

    config.evaluation = ConfigDict()
    config.evaluation.samples = 32
    config.evaluation.strides = 300  # held-out strides that calibrate, and as many that test
    config.evaluation.model = "gait"  # tables: a shipped model, a model file or a run directory
    config.evaluation.tables = (  # also opensim, hood, verheul, cmu
        "subsets,clean,steps,together,baselines"
    )
    config.evaluation.data = ""  # tables: `data` folder of a run whose people are used again
    config.evaluation.real = (  # folder of recordings of real people: for tables, and the card's coverage on them
        ""
    )
    config.evaluation.deterministic = ""  # tables: a model trained with model.deterministic

    config.batch_size = 128
    config.training = settings.config(
        steps=4000, ema_decay=0.999, log_every=50, save_every=500, evaluate_every=1000
    )
    config.training.score = "validation"
    config.training.minutes = (
        0.0  # fit the number of steps into this time on this machine; 0: `steps`
    )
    config.training.start = (
        ""  # run or file whose law is kept and whose weights training begins with
    )
    config.training.optimizer.learning_rate = 1e-3
    config.training.optimizer.warmup_steps = 200
    config.training.optimizer.decay = "cosine"
    config.training.optimizer.clip_norm = 1.0
    config.training.optimizer.weight_decay = 1e-4

    if word == "tiny":
        config.data.update(people=6, tasks=2, strides=2, held_out=4)
        config.law.masks = 12
        config.law.components = ConfigDict(
            {"angles": 6, "moments": 6, "grf": 4, "emg": 4, "imu": 6, "scalars": 3, "events": 2}
        )
        config.model.update(width=16, hidden=16, blocks=1, steps=2)
        config.evaluation.samples = 8
        config.evaluation.strides = 8
        config.batch_size = 8
        config.training.update(steps=4, log_every=2, evaluate_every=0, save_every=4)
        config.training.optimizer.warmup_steps = 1
    if word in ("ship", "tables"):
        config.data.update(people=4000, tasks=2, strides=2, held_out=400)
        config.law.masks = 300
        config.model.update(width=192, hidden=384, blocks=4)
        config.training.update(steps=2300, ema_decay=0.998, evaluate_every=500, save_every=100)
        config.evaluation.strides = 120
    return config
