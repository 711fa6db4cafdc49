"""How training steps are sent to the device: several in one program, with data that are already in
its memory.

The fewer programs a training consists of, the less it waits for Python. On an accelerator a dispatch
has up to `MOST_STEPS` steps, fewer if these are measured to last longer than `LONGEST`, and the
arrays that batches are gathered from stay in its memory where they fit: a dispatch then is sent a
few integers per example.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import jax
import numpy as np

from jaxdiff.nets.backend import backend
from jaxdiff.training.settings import Settings
from jaxdiff.training.state import TrainState
from jaxdiff.training.step import StepFunction
from jaxdiff.training.update import Scalars, StepSettings
from jaxdiff.typing import Batch, Resident

MOST_STEPS = 16
"""Steps per dispatch at most, where they are chosen."""
LONGEST = 1.0
"""Seconds that a dispatch may last, where its steps are chosen: a request to stop waits for its
end.
"""
RESIDENT_SHARE = 0.25
"""Share of an accelerator's memory that the data set may take, where no size is set."""


class Data(Protocol):
    """An endless iterator over batches whose position can be saved (as JSON) and restored.

    It may have a method `resident`, as `data.pipeline.Batches` has; its arrays are then kept on the
    device if they fit.
    """

    def __next__(self) -> Batch: ...

    def get_state(self) -> Any: ...

    def set_state(self, state: Any) -> None: ...


class Dispatcher:
    """Takes the next steps of a training.

    Args:
      make: `(step settings, resident) -> step`, as `make_step` and `make_fold_step` do for a method
        and an optimiser.
      data: the batches.
      settings: of the training.
      folds: whether batches have a leading axis of folds.

    Attributes:
      data: the iterator that has the position of the training: the batches, or the plans of
        resident data.
    """

    def __init__(
        self,
        make: Callable[[StepSettings, Resident | None], StepFunction],
        data: Data,
        settings: Settings,
        folds: bool,
    ):
        self._make, self._settings, self._folds = make, settings, folds
        self._resident = resident(data, settings)
        self.data = self._resident.plans if self._resident else data
        self._run: StepFunction | None = None
        self._count = self.steps = 0

    def _program(self, steps: int) -> StepFunction:
        """Makes programs of that many steps, once the memory of those before is free."""
        self.steps, self._run = steps, None
        settings = self._settings._replace(steps_per_dispatch=steps)
        values = {name: getattr(settings, name) for name in StepSettings._fields}
        self._run = self._make(StepSettings(**values), self._resident)
        self._feed = feed(self.data, steps, self._folds)
        return self._run

    def __call__(self, state: TrainState) -> tuple[TrainState, Scalars, int]:
        """The state after a dispatch, its metrics, which may still be computed, and its number of
        steps.
        """
        start = int(np.max(state.step)) if self._run is None else 0
        run = self._run or self._program(steps_per_dispatch(self._settings, start))
        began, taken = time.perf_counter(), self.steps
        state, metrics = run(state, next(self._feed))
        self._count += 1
        if self._count == 2 and not self._settings.steps_per_dispatch:  # the first one compiled
            jax.block_until_ready(metrics)
            fewer = shorter(taken, time.perf_counter() - began)
            if fewer < taken:
                del run  # and the arrays that it holds
                self._program(fewer)
        return state, metrics, taken


def steps_per_dispatch(settings: Settings, start: int) -> int:
    """As set, or on an accelerator as many as the intervals of logging and saving allow.

    A training that continues at step `start` must still end at the last step, so that number is a
    multiple too.
    """
    if settings.steps_per_dispatch:
        return math.gcd(settings.steps_per_dispatch, start)
    if backend() == "cpu":
        return 1
    intervals = settings.steps, settings.log_every, settings.save_every, settings.evaluate_every
    common = math.gcd(*intervals, start)
    return max(k for k in range(1, MOST_STEPS + 1) if common % k == 0)


def shorter(steps: int, seconds: float) -> int:
    """The most steps that last no longer than `LONGEST`, of `steps`, which took `seconds`, and its
    divisors.

    Hosts that share a training keep what they have, since all must dispatch the same program.
    """
    if jax.process_count() > 1:
        return steps
    fit = [k for k in range(1, steps + 1) if steps % k == 0 and seconds * k / steps <= LONGEST]
    return max(fit, default=1)


def resident(data: Data, settings: Settings) -> Resident | None:
    """The data for a training whose arrays are on the device, where it has such and they fit."""
    if not hasattr(data, "resident"):
        return None
    limit = 1e6 * settings.resident_mb
    if settings.resident_mb < 0:
        memory = (None if backend() == "cpu" else jax.local_devices()[0].memory_stats()) or {}
        limit = RESIDENT_SHARE * memory.get("bytes_limit", 0)
    return data.resident(limit)  # type: ignore[attr-defined]


def feed(data: Data, count: int, folds: bool) -> Iterator[Batch]:
    """The batches of each dispatch."""
    while True:
        if count == 1:
            yield next(data)
        else:
            batches = (next(data) for _ in range(count))
            yield jax.tree.map(lambda *leaves: np.stack(leaves, axis=int(folds)), *batches)
