"""One tiny LLMA run, trained once, and a walk to use it on."""

import numpy as np
import pytest

from jaxdiff import cli
from jaxdiff.data.recording import Recording
from jaxdiff.data.trials import gather
from jaxdiff.methods.llma import llma
from jaxdiff.studies.llma.config import get_config
from jaxdiff.studies.llma.preparation import about, batches, folds, method_settings
from jaxdiff.studies.llma.starts import start
from jaxdiff.training import settings
from jaxdiff.training.loop import fit

ANGLES, MOMENTS = (
    ("hip_flexion", "knee_flexion", "ankle_dorsiflexion"),
    ("hip_moment", "knee_moment"),
)
STRIDE = 1.2  # seconds


def angles(phase):
    """Hip, knee and ankle in degrees at a phase in strides, the heel strike at 0."""
    turn = 2 * np.pi * np.asarray(phase)
    return np.stack(
        [10 + 20 * np.cos(turn), 30 - 25 * np.cos(turn + 1), 5 * np.sin(2 * turn)], axis=-1
    )


def moments(phase):
    turn = 2 * np.pi * np.asarray(phase)
    return np.stack([np.sin(turn), 0.5 * np.cos(turn)], axis=-1)


def trial(subject, strides=4, samples=150):
    phase = np.arange(strides * samples) / samples
    rng = np.random.default_rng(subject)
    return {
        "trial": f"S{subject}/walk",
        "subject": f"S{subject}",
        **dict.fromkeys(("side", "paretic", "split"), ""),
        "task": "walk",
        "rate": np.nan,
        "speed": 1.0,
        "incline": 0.0,
        "transition": False,
        "channels": {"angles": list(ANGLES), "moments": list(MOMENTS)},
        "units": {"angles": ["deg"] * 3, "moments": ["N m/kg"] * 2},
        "signals": {
            "angles": (angles(phase) + rng.normal(size=(len(phase), 3))).astype(np.float32),
            "moments": (moments(phase) + 0.05 * rng.normal(size=(len(phase), 2))).astype(
                np.float32
            ),
        },
        "time": phase * STRIDE,
        "stride": np.repeat(np.arange(strides), samples).astype(np.int32),
        "captions": [],
        "tokens": [],
    }


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    config = get_config("quick")
    with config.unlocked():
        config.data.folds, config.data.windows = 3, 2
        config.model.size, config.model.alignment, config.model.start = "tiny", "none", "linear"
        config.batch_size, config.sampling.steps = 4, 2
        config.training.steps, config.training.log_every, config.training.evaluate_every = 2, 1, 0
        config.training.score = ""  # so that two of the three people are trained on
    fold = folds(config, gather(trial(s) for s in range(3)))[0]
    out = tmp_path_factory.mktemp("runs") / "llma"
    first = start(config, fold)
    data = batches(first.source(fold.train), config)
    how, metadata = settings.from_config(config.training), about(config, fold)
    fit(llma(method_settings(config)), data, how, out, about=metadata, known=first.params)
    return out


@pytest.fixture(scope="session")
def walk():
    """Five seconds of someone's angles at 100 Hz."""
    time = np.arange(500) / 100
    return Recording(angles(time / STRIDE), ANGLES, ("deg",) * 3, 100.0)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch):
    """The tests' compilation cache stays."""
    monkeypatch.setattr("jaxdiff.cli.start.prepare_jax", lambda: None)


@pytest.fixture
def jaxdiff(capsys):
    """`jaxdiff("runs", path)` -> exit code, what was printed, what was complained."""

    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call
