"""A first model in minutes: joint moments from joint angles of simulated people, and a test
subject's walk as files.
"""

from __future__ import annotations

from pathlib import Path

from jaxdiff.data import formats
from jaxdiff.studies.llma.experiments import run_train
from jaxdiff.studies.llma.preparation import folds, load_trials
from jaxdiff.studies.loading import load
from jaxdiff.typing import Config

SAMPLES = 16


def run(config: Config, out: Path) -> None:
    """Train and report; then write a test subject's angles and moments, and the moments the model
    predicts.
    """
    run_train(config, out)
    trials = load_trials(config)
    subject = folds(config, trials)[0].test.trials.subjects[0]
    walk = trials.where(subject=subject, transition=False)
    angles, measured, generated = (out / f"{name}.mot" for name in ("walk", "measured", "moments"))
    formats.write(angles, walk.recording(0, config.data.x))
    formats.write(measured, walk.recording(0, config.data.y))
    load(out).generate(formats.read_one(angles), samples=SAMPLES).write(generated)
    print(
        f"{generated}: the moments of {angles}, median and 90 % interval of {SAMPLES} samples\nthe"
        f" same with another file:\n  jaxdiff generate {out} --input {angles} --output"
        f" {generated}\nhow close it is:\n  jaxdiff score {generated} --against {measured}"
    )
