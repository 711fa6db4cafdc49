"""What a training reports while it runs: logs, `run.json`, and whether its numbers are finite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import ConfigError, NonFiniteError
from jaxdiff.training.logging import open_sinks
from jaxdiff.training.record import Record
from jaxdiff.training.settings import Settings
from jaxdiff.training.update import Scalars


class Journal:
    """Logs and record of one training; on several hosts only process 0 writes them.

    Args:
      directory: the run directory.
      settings: of the training.
      about: its metadata.
      start: step that it starts from.
    """

    def __init__(self, directory: Path, settings: Settings, about: Mapping[str, Any], start: int):
        main = jax.process_index() == 0
        self._settings = settings
        self._sinks = open_sinks(directory, settings.steps, start, settings.log) if main else []
        self._record = Record(directory, settings, about) if main else None
        self._pending: tuple[int, Scalars] | None = None
        self._steps = 1

    def expect(self, step: int, metrics: Scalars, steps: int) -> None:
        """Notes the metrics of a dispatch of `steps` steps, up to `step`, that may still be
        running.
        """
        self._pending, self._steps = (step, metrics), steps

    def read(self) -> None:
        """Fetches and logs the metrics noted last.

        Raises:
          NonFiniteError: if too many steps in a row had non-finite gradients.
        """
        if self._pending is None:
            return
        (step, metrics), self._pending = self._pending, None
        values: dict[str, Any] = dict(jax.device_get(metrics))
        if self._steps > 1:
            values = {name: value[..., -1] for name, value in values.items()}
        _check_finite(step, values, self._settings.skip_limit)
        if self.due(self._settings.log_every, step) or step == self._settings.steps:
            self._log(step, {n: np.asarray(v, np.float64).tolist() for n, v in values.items()})

    def evaluated(self, step: int, figures: Mapping[str, Any]) -> float | None:
        """Logs the figures of an evaluation and returns the one that decides which checkpoint is
        best.
        """
        values, name = {n: float(v) for n, v in figures.items()}, self._settings.score
        self._log(step, values)
        if name and name not in values:
            raise ConfigError(
                f"training.score is {name!r}, but the evaluation gives {', '.join(values)}"
            )
        return values[name] if name else None

    def update(self, **changes: Any) -> None:
        """Changes entries of `run.json`."""
        if self._record:
            self._record.update(**changes)

    def due(self, every: int, step: int) -> bool:
        """Whether a multiple of `every` was passed in the dispatch that ended with `step`."""
        before = step - self._steps
        return bool(every) and step // every > before // every

    def close(self) -> None:
        """Closes the logs."""
        for sink in self._sinks:
            sink.close()

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        for sink in self._sinks:
            sink.write(step, values)


def _check_finite(step: int, metrics: Mapping[str, Any], limit: int) -> None:
    if np.max(metrics["skipped_in_a_row"]) < limit:
        return
    bad = [name for name, value in metrics.items() if not np.isfinite(value).all()]
    raise NonFiniteError(
        f"step {step}: {limit} steps in a row had non-finite gradients and were skipped; not"
        f" finite: {', '.join(bad) or 'the gradients alone'}. A lower learning rate or gradient"
        " clipping (training.optimizer.clip_norm) may help; the last good checkpoint is kept"
    )
