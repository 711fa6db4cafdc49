"""Training from the first step to the last, whatever happens in between.

`fit` continues from the newest sound checkpoint in its directory, reads the metrics of a step while the next one runs,
saves on SIGTERM and SIGINT, and leaves a run that was killed and continued bit-identical to one that was not.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError, FileError, NonFiniteError
from jaxdiff.training.checkpoint import Checkpoints
from jaxdiff.training.logging import open_sinks, writing
from jaxdiff.training.memory import forget_programs
from jaxdiff.training.optimizer import make_optimizer
from jaxdiff.training.settings import Settings, checked
from jaxdiff.training.state import TrainState, init_state
from jaxdiff.training.step import make_fold_step, make_step
from jaxdiff.typing import Batch, Method, Params

FREE = ("steps", "log_every", "evaluate_every", "save_every", "keep", "log", "skip_limit")
"""Settings that may change when a run is resumed."""
HASTY = {"xla_backend_optimization_level": 0}
"""For a program that runs once: LLVM takes 40 s to make the fastest code for the random numbers of a small network, 2 s for any."""


class Data(Protocol):
    """An endless iterator over batches whose place can be saved (as JSON) and restored."""

    def __next__(self) -> Batch: ...

    def get_state(self) -> Any: ...

    def set_state(self, state: Any) -> None: ...


def fit(
    method: Method,
    data: Data,
    settings: Settings,
    directory: str | Path,
    *,
    evaluate: Callable[[TrainState], Mapping[str, float]] | None = None,
    about: Mapping[str, Any] | None = None,
    fold_weights: list[dict[str, float]] | None = None,
    known: Params | None = None,
) -> TrainState:
    """Train a method, or continue its training.

    Args:
      method: what to train.
      data: an endless iterator over batches.
      settings: steps, optimiser, averaging, how often to log, evaluate and save.
      directory: directory of the run; one that exists is continued.
      evaluate: figures of a state by name, logged, and used to choose the best checkpoint.
      about: what a user of the checkpoint must know (config, normaliser, channel names, units); JSON.
      fold_weights: loss weights of each of F trainings that run side by side (empty dicts for equal ones); batches
        then have a leading axis F, and fold f starts from the seed `settings.seed + f`.
      known: parameters that are known before training (of another run, or fitted), by their names at the top; with
        folds they have the leading axis F. Those under "fixed" stay as they are.

    Returns:
      The last state; `ema` holds the averaged parameters.

    Raises:
      CheckpointError: if the directory holds another run, or none of its checkpoints can be read.
      NonFiniteError: if too many steps in a row are not finite.

    Example:
      >>> import tempfile, jaxdiff
      >>> from jaxdiff.data.pipeline import Batches
      >>> from jaxdiff.methods.points import points
      >>> from jaxdiff.training.settings import Settings
      >>> class Source:
      ...     def __len__(self): return 64
      ...     def __call__(self, index, u): return {"x": u[:, :1].astype("float32")}
      >>> state = jaxdiff.fit(points(width=8), Batches(Source(), 16), Settings(steps=2), tempfile.mkdtemp())
      step 2/2...
      >>> int(state.step)
      2
    """
    settings, directory = checked(settings), Path(directory)
    forget_programs()
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    said = json.loads(json.dumps({**(about or {}), "settings": _plain(settings)}))
    optimizer = make_optimizer(settings.optimizer, settings.steps)
    make = make_fold_step if fold_weights else make_step
    step_function = make(
        method,
        optimizer,
        ema_decay=settings.ema_decay,
        ema_every=settings.ema_every,
        accumulate=settings.accumulate,
        steps_per_dispatch=settings.steps_per_dispatch,
    )

    first = data.get_state()
    example = next(data)
    data.set_state(first)
    state = _fresh(method, optimizer, settings, example, fold_weights, known or {})
    checkpoints = Checkpoints(
        directory / "checkpoints", settings.keep, 1, settings.higher_is_better
    )
    restored = checkpoints.restore(state, lambda saved: _check_same_run(saved, said, directory))
    if restored:
        state, place, _ = restored
        data.set_state(place)
    step = start = int(np.max(state.step))

    main = jax.process_index() == 0
    sinks = open_sinks(directory, settings.steps, start, settings.log) if main else []
    record = _Record(directory, settings, said) if main else None
    pending: tuple[int, Any] | None = None
    stopped = False

    def due(every: int, now: int) -> bool:
        return bool(every) and now // every > (now - settings.steps_per_dispatch) // every

    def log(now: int, values: Mapping[str, Any]) -> None:
        for sink in sinks:
            sink.write(now, values)

    def read(waiting: tuple[int, Any] | None) -> None:
        """Fetches the metrics of a step that has finished while the next one runs."""
        if waiting is None:
            return
        now, metrics = waiting
        metrics = jax.device_get(metrics)
        if settings.steps_per_dispatch > 1:
            metrics = {name: value[..., -1] for name, value in metrics.items()}
        _check_finite(now, metrics, settings.skip_limit)
        if due(settings.log_every, now) or now == settings.steps:
            log(
                now,
                {name: np.asarray(value, np.float64).tolist() for name, value in metrics.items()},
            )

    def save(score: float | None = None) -> None:
        checkpoints.save(state, data.get_state(), said, score)
        if record:
            record.update(step=step, score=score)

    try:
        with _signals() as asked_to_stop:
            while step < settings.steps:
                state, metrics = step_function(
                    state, _take(data, settings.steps_per_dispatch, bool(fold_weights))
                )
                read(pending)
                step += settings.steps_per_dispatch
                pending = step, metrics
                last = step >= settings.steps
                stopped = asked_to_stop(step // settings.steps_per_dispatch) and not last
                score = None
                if (
                    not stopped
                    and (due(settings.evaluate_every, step) or last)
                    and evaluate is not None
                ):
                    read(pending)
                    pending = None
                    figures = {name: float(value) for name, value in evaluate(state).items()}
                    log(step, figures)
                    score = _score(figures, settings.score)
                if stopped or last or score is not None or due(settings.save_every, step):
                    read(pending)
                    pending = None
                    save(score)
                if stopped:
                    break
        checkpoints.close()
        if record:
            record.update(status="stopped" if stopped else "done")
    except BaseException as error:
        if record:
            with suppress(FileError):  # of a full disk
                record.update(status=f"failed: {type(error).__name__}")
        with suppress(CheckpointError):
            checkpoints.close()  # what is being written is still good
        raise
    finally:
        for sink in sinks:
            sink.close()
    if stopped:
        if main:
            print(
                f"stopped at step {step} of {settings.steps}, saved; resume with:\n  {resume_command()}",
                flush=True,
            )
        raise SystemExit(0)
    return state


def resume_command() -> str:
    """The command that started this process; given again, it continues from the checkpoint."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def _plain(settings: Settings) -> dict[str, Any]:
    return {**settings._asdict(), "optimizer": settings.optimizer._asdict()}


def _fresh(
    method: Method,
    optimizer: Any,
    settings: Settings,
    example: Batch,
    fold_weights: Any,
    known: Params,
) -> TrainState:
    def init(key, batch, weights, known) -> TrainState:
        return init_state(method, optimizer, key, batch, weights, known)

    key = jax.random.key(settings.seed)
    if not fold_weights:
        return jax.jit(init, compiler_options=HASTY)(key, dict(example), {}, known)
    if any(w.keys() != fold_weights[0].keys() for w in fold_weights):
        raise ConfigError(
            f"all folds need weights of the same names; got {[sorted(w) for w in fold_weights]}"
        )
    keys = jax.vmap(jax.random.key)(settings.seed + np.arange(len(fold_weights)))
    weights = {
        name: np.array([w[name] for w in fold_weights], np.float32) for name in fold_weights[0]
    }
    return jax.jit(jax.vmap(init), compiler_options=HASTY)(keys, dict(example), weights, known)


def _take(data: Data, count: int, folds: bool) -> Batch:
    if count == 1:
        return next(data)
    return jax.tree.map(
        lambda *leaves: np.stack(leaves, axis=int(folds)), *(next(data) for _ in range(count))
    )


def _score(figures: Mapping[str, float], name: str) -> float | None:
    if name and name not in figures:
        raise ConfigError(
            f"training.score is {name!r}, but the evaluation gives {', '.join(figures)}"
        )
    return figures[name] if name else None


def _check_finite(step: int, metrics: Mapping[str, Any], limit: int) -> None:
    if np.max(metrics["skipped_in_a_row"]) < limit:
        return
    bad = [name for name, value in metrics.items() if not np.isfinite(value).all()]
    raise NonFiniteError(
        f"step {step}: {limit} steps in a row had non-finite gradients and were skipped; not finite: "
        f"{', '.join(bad) or 'the gradients alone'}. A lower learning rate or gradient clipping "
        "(training.optimizer.clip_norm) may help; the last good checkpoint is kept"
    )


def _check_same_run(saved: Mapping[str, Any], about: Mapping[str, Any], directory: Path) -> None:
    def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
        if not isinstance(tree, dict):
            return {prefix: tree}
        return {
            k: v
            for name, sub in tree.items()
            for k, v in flat(sub, f"{prefix}.{name}" if prefix else name).items()
        }

    was, now = flat(saved), flat(about)
    free = {f"settings.{name}" for name in FREE} | {f"config.training.{name}" for name in FREE}
    changed = [k for k in sorted({*was, *now} - free) if was.get(k) != now.get(k)]
    if changed:
        what = "; ".join(
            f"{k} was {str(was.get(k))[:60]}, is {str(now.get(k))[:60]}" for k in changed[:4]
        )
        raise ConfigError(
            f"{directory} holds a run with other settings ({what}); train into another directory, or give it the same"
        )


class _Record:
    """`run.json`: what a directory holds and how to go on, for people and for `jaxdiff runs`."""

    def __init__(self, directory: Path, settings: Settings, about: Mapping[str, Any]):
        self._path = directory / "run.json"
        self._values = {
            "status": "running",
            "step": 0,
            "steps": settings.steps,
            "score": None,
            "best": None,
        }
        self._better = max if settings.higher_is_better else min
        if self._path.exists():
            old = json.loads(self._path.read_text())
            self._values.update(
                {name: old[name] for name in ("step", "score", "best") if name in old}
            )
        self._values.update(score_name=settings.score, resume=resume_command(), about=about)
        self.update()

    def update(self, **changes: Any) -> None:
        if changes.get("score") is not None:
            best = self._values["best"]
            changes["best"] = (
                changes["score"] if best is None else self._better(best, changes["score"])
            )
        self._values.update({k: v for k, v in changes.items() if v is not None})
        temporary = self._path.with_suffix(".tmp")
        with writing(self._path):
            temporary.write_text(json.dumps(self._values, indent=1))
            os.replace(temporary, self._path)


@contextmanager
def _signals() -> Iterator[Callable[[int], bool]]:
    """Whether the process was asked to end before this dispatch, the same for all hosts; a second Ctrl-C ends it at once.

    On several hosts JAX itself listens to SIGTERM, and hosts that would otherwise be a step apart agree on where to stop.
    """
    from jax.experimental.multihost_utils import reached_preemption_sync_point

    received: list[int] = []
    several = jax.process_count() > 1

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        if several:
            signal.raise_signal(signal.SIGTERM)

    try:
        numbers = (signal.SIGINT,) if several else (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, note) for number in numbers}
    except ValueError:  # not the main thread: whoever owns it handles signals
        before = {}
    try:
        yield reached_preemption_sync_point if several else lambda dispatch: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
