"""A first model in minutes: moments from the joint angles of simulated people, and one unseen person's walk as files."""

from __future__ import annotations

from pathlib import Path

from jaxdiff.data import formats
from jaxdiff.studies.llma.experiments import run_train
from jaxdiff.studies.llma.generation import generate_file
from jaxdiff.studies.llma.preparation import folds, load_trials
from jaxdiff.typing import Config

SAMPLES = 16


def run(config: Config, out: Path) -> None:
    """Trains and reports; then writes somebody's angles and moments, never seen, and the moments the model gives them."""
    run_train(config, out)
    trials = load_trials(config)
    stranger = folds(config, trials)[0].test.trials.subjects[0]
    walk = trials.where(subject=stranger, transition=False)
    angles, measured, generated = (out / f"{name}.mot" for name in ("walk", "measured", "moments"))
    formats.write(angles, walk.recording(0, config.data.x))
    formats.write(measured, walk.recording(0, config.data.y))
    generate_file(out, angles, generated, samples=SAMPLES)
    print(
        f"the same with a file of yours:\n  jaxdiff generate {out} --input {angles} --output {generated}\n"
        f"how near it came:\n  jaxdiff score {generated} --against {measured}"
    )
