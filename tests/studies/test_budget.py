"""The number of steps that fit into a time."""

import itertools

from jaxdiff.studies import budget
from jaxdiff.training.settings import Settings


def test_steps_fill_the_minutes_and_are_kept_for_a_resumed_run(tmp_path, monkeypatch):
    """A training of 5 s for compiling and 0.1 s a step, on a clock that only trainings move."""
    clock, fits = [0.0], []

    def fit(method, data, settings, directory, known=None):
        fits.append(settings.steps)
        clock[0] += 5 + 0.1 * settings.steps

    monkeypatch.setattr(budget, "fit", fit)
    monkeypatch.setattr(budget.time, "perf_counter", lambda: clock[0])
    arguments = (10, None, itertools.count, Settings(score="validation"), tmp_path / "run")
    steps = budget.steps_within(*arguments)
    assert 593 < clock[0] + 5 + 0.1 * steps <= 600
    assert budget.steps_within(*arguments) == steps and len(fits) == 3
