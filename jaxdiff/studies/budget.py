"""How many steps of a training fit into a number of minutes on this machine."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from jaxdiff.data.formats.files import atomic
from jaxdiff.training.loop import Data, fit
from jaxdiff.training.settings import Settings
from jaxdiff.typing import Method, Params

PROBE = 32
"""Steps of the shorter of two timed trainings; the difference to the longer one is free of
compilation.
"""


def steps_within(
    minutes: float,
    method: Method,
    data: Callable[[], Data],
    settings: Settings,
    directory: Path,
    known: Params | None = None,
) -> int:
    """Steps of a training that lasts about as long, measured once for each run directory.

    Args:
        minutes: Wall-clock time for the steps, probing and compiling included.
        method: The training objective.
        data: Makes the batches.
        settings: Settings of the training; its `steps` are ignored.
        directory: Directory of the run, which keeps the result, so that a resumed run has the same
            schedule.
        known: Parameters that are known before training; see `training.loop.fit`.
    """
    kept = directory / "budget.json"
    if kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["minutes"] == minutes:
            return int(found["steps"])
    began, seconds = time.perf_counter(), []
    for steps in (PROBE, PROBE, 4 * PROBE):  # the first one compiles
        short = settings._replace(
            steps=steps, log_every=steps, save_every=steps, evaluate_every=0, score=""
        )
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            fit(method, data(), short, Path(folder), known=known)
        seconds.append(time.perf_counter() - start)
    step = max(seconds[2] - seconds[1], 1e-6) / (3 * PROBE)
    left = 60 * minutes - (time.perf_counter() - began) - seconds[1]
    steps = max(PROBE, int(left / step / PROBE) * PROBE)
    directory.mkdir(parents=True, exist_ok=True)
    with atomic(kept) as file:
        file.write(json.dumps({"minutes": minutes, "steps": steps}).encode())
    print(f"{steps} steps of {1e3 * step:.0f} ms in {minutes:g} minutes", flush=True)
    return steps
