"""Where the metrics of a run go: a file, a progress bar or plain lines; optionally TensorBoard or
Weights & Biases.

`metrics.jsonl` holds nothing that depends on the clock, so an interrupted and resumed run leaves
the same file as one that was not interrupted.
"""

from __future__ import annotations

import json
import math
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from jaxdiff.errors import ConfigError, MissingExtra, nearest
from jaxdiff.training.atomic import replace, writing


class Sink(Protocol):
    """Receives the named metrics of a step."""

    def write(self, step: int, values: Mapping[str, Any]) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One JSON object per line.

    Args:
      path: the file.
      start: step that the training starts from; later entries, which a killed run left, are
        dropped, and so are damaged ones, with a warning.
    """

    def __init__(self, path: Path, start: int):
        self._path = path
        if path.exists():
            with writing(path):
                content = path.read_bytes()
            *lines, rest = content.split(b"\n")
            steps = [_step_of(line) for line in lines]
            if None in steps:
                warnings.warn(
                    f"{path}: {steps.count(None)} damaged line(s) were dropped", stacklevel=4
                )
            kept = [n for n, step in zip(lines, steps) if step is not None and step <= start]
            # The last line of a killed run may be torn; it has no line end, or no value.
            replace(path, b"".join(line + b"\n" for line in kept).decode())
        with writing(path):
            self._file = path.open("a", encoding="utf-8")

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        with writing(self._path):
            self._file.write(
                json.dumps({"step": step, **{k: _finite(v) for k, v in values.items()}}) + "\n"
            )
            self._file.flush()

    def close(self) -> None:
        with suppress(
            OSError
        ):  # every line was flushed; only one that failed and was reported can be left
            self._file.close()


def _step_of(line: bytes) -> float | None:
    """The step of a line; None if the line is damaged."""
    try:
        step = json.loads(line.decode())["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return step if isinstance(step, int) and not isinstance(step, bool) else None


def _finite(value: Any) -> Any:
    """JSON has no NaN: null stands for values that are not finite."""
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value if math.isfinite(value) else None


def _short(values: Mapping[str, Any]) -> str:
    shown = {k: sum(v) / len(v) if isinstance(v, list) else v for k, v in values.items()}
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())


class Lines:
    """A plain line per log entry, for files and pipes."""

    def __init__(self, steps: int, start: int):
        self._steps, self._start, self._begin = steps, start, time.perf_counter()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        rate = (step - self._start) / max(time.perf_counter() - self._begin, 1e-9)
        left = (self._steps - step) / max(rate, 1e-9)
        print(
            f"step {step}/{self._steps}  {rate:.1f} steps/s  {left:.0f} s left  {_short(values)}",
            flush=True,
        )

    def close(self) -> None:
        pass


class Bar:
    """A progress bar with rate, remaining time and losses, for terminals."""

    def __init__(self, steps: int, start: int):
        from rich import progress

        self._progress = progress.Progress(
            progress.TextColumn("training"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[values]}"),
        )
        self._task = self._progress.add_task(
            "training", total=steps, completed=start, rate="", values=""
        )
        self._start, self._begin = start, time.perf_counter()
        self._progress.start()

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        rate = (step - self._start) / max(time.perf_counter() - self._begin, 1e-9)
        self._progress.update(
            self._task, completed=step, rate=f"{rate:.1f} steps/s", values=_short(values)
        )

    def close(self) -> None:
        self._progress.stop()


class TensorBoard:
    """Scalars for TensorBoard."""

    def __init__(self, directory: Path):
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise MissingExtra("TensorBoard logging", "log") from error
        self._writer = SummaryWriter(str(directory))

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, list):
                self._writer.add_scalars(name, {str(i): v for i, v in enumerate(value)}, step)
            else:
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """Scalars for Weights & Biases; `resume` keeps one curve over interruptions."""

    def __init__(self, directory: Path):
        try:
            import wandb
        except ImportError as error:
            raise MissingExtra("Weights & Biases logging", "log") from error
        self._run = wandb.init(
            project="jaxdiff", dir=str(directory), id=directory.name, resume="allow"
        )

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def open_sinks(directory: Path, steps: int, start: int, extra: Sequence[str] = ()) -> list[Sink]:
    """The file and the console, and the extra sinks named (`tensorboard`, `wandb`)."""
    known = {"tensorboard": TensorBoard, "wandb": WeightsAndBiases}
    for name in extra:
        if name not in known:
            raise ConfigError(f"no log {name!r}; {nearest(name, known)}")
    console = Bar if sys.stdout.isatty() else Lines
    return [
        JsonLines(directory / "metrics.jsonl", start),
        console(steps, start),
        *(known[name](directory) for name in extra),
    ]
