"""Training from the first step to the last, through any interruption.

`fit` continues from the newest sound checkpoint in its directory, reads the metrics of a step while
the next one runs, saves on SIGTERM and SIGINT, and leaves a run that was killed and resumed
bit-identical to one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError, FileError
from jaxdiff.training import distributed, record
from jaxdiff.training.atomic import writing
from jaxdiff.training.checkpoint import Checkpoints
from jaxdiff.training.dispatch import Data, Dispatcher
from jaxdiff.training.journal import Journal
from jaxdiff.training.lock import Lock
from jaxdiff.training.memory import forget_programs
from jaxdiff.training.optimizer import make_optimizer
from jaxdiff.training.settings import Settings, checked
from jaxdiff.training.signals import stop_requests
from jaxdiff.training.state import TrainState, init_state
from jaxdiff.training.step import make_fold_step, make_step
from jaxdiff.typing import Batch, Method, Params

FREE = (
    "steps",
    "steps_per_dispatch",
    "resident_mb",
    "log_every",
    "evaluate_every",
    "save_every",
    "keep",
    "log",
    "skip_limit",
)
"""Settings that may change when a run is resumed."""
HASTY = {"xla_backend_optimization_level": 0}
"""For a program that runs once: LLVM takes 40 s to optimise the random numbers of a small network,
and 2 s without.
"""
Weights = Sequence[Mapping[str, float]]


def fit(
    method: Method,
    data: Data,
    settings: Settings,
    directory: str | Path,
    *,
    evaluate: Callable[[TrainState], Mapping[str, float]] | None = None,
    about: Mapping[str, Any] | None = None,
    fold_weights: Weights | None = None,
    fold_seeds: Sequence[int] | None = None,
    known: Params | None = None,
) -> TrainState:
    """Trains `method` on `data`.

    Args:
      method: the training objective.
      data: an endless iterator over batches.
      settings: see `training.settings`.
      directory: where checkpoints, logs and `run.json` are; an interrupted run there is continued.
      evaluate: figures of a state by name, logged, and used to choose the best checkpoint.
      about: metadata that users of the checkpoint need (config, normaliser, channel names, units),
        as JSON.
      fold_weights: loss weights of each of F trainings that run side by side (empty dicts for equal
        ones); batches then have a leading axis F, and fold f starts from the seed
        `settings.seed + f`.
      fold_seeds: numbers added to `settings.seed` in place of f: equal ones for variants that
        differ in weights only.
      known: parameters that are known before training (of another run, or fitted), by their
        top-level names; with folds they have the leading axis F. Those under "fixed" are not
        trained.

    Returns:
      The last state.

    Raises:
      ConfigError: for impossible settings, a directory in use, or one that holds another run.
      CheckpointError: if the checkpoints there are of another model, or none can be read, or none
        can be written.
      NonFiniteError: if too many steps in a row had non-finite gradients.
      ProcessLost: if a process on another host ended. The loss of process 0 ends this process.

    Examples:
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
    directory = Path(directory)
    described: dict[str, Any] = json.loads(
        json.dumps({**(about or {}), "settings": _plain(checked(settings))})
    )
    optimizer = make_optimizer(settings.optimizer, settings.steps)
    make = make_fold_step if fold_weights else make_step
    forget_programs()
    with _locked(directory):
        state = _fresh(
            method, optimizer, settings, _first(data), fold_weights, known or {}, fold_seeds
        )
        dispatch = Dispatcher(
            lambda step, resident: make(method, optimizer, step, resident=resident),
            data,
            settings,
            bool(fold_weights),
        )
        kept = Checkpoints(directory / "checkpoints", settings.keep, 1, settings.higher_is_better)
        restored = kept.restore(state, lambda saved: _check_same_run(saved, described, directory))
        if restored:
            state = restored[0]
            dispatch.data.set_state(restored[1])
        journal = Journal(directory, settings, described, int(np.max(state.step)))
        with _reported(journal, kept, directory):
            state, stopped = _train(dispatch, state, settings, described, kept, journal, evaluate)
    if stopped:
        if jax.process_index() == 0:
            print(
                f"stopped at step {int(np.max(state.step))} of {settings.steps}, saved; resume"
                f" with:\n  {record.resume_command()}",
                flush=True,
            )
        raise SystemExit(0)
    return state


def _train(
    dispatch: Dispatcher,
    state: TrainState,
    settings: Settings,
    about: Mapping[str, Any],
    checkpoints: Checkpoints,
    journal: Journal,
    evaluate: Callable[[TrainState], Mapping[str, float]] | None,
) -> tuple[TrainState, bool]:
    """The loop: from the step of `state` to the last one, or to a request to stop."""
    step, stopped = int(np.max(state.step)), False
    with stop_requests() as requested:
        while step < settings.steps and not stopped:
            state, metrics, taken = dispatch(state)
            journal.read()  # the metrics of the step before, while this one runs
            step += taken
            journal.expect(step, metrics, taken)
            last, score = step >= settings.steps, None
            stopped = requested(step // taken) and not last
            if evaluate and not stopped and (last or journal.due(settings.evaluate_every, step)):
                journal.read()
                score = journal.evaluated(step, evaluate(state))
            if stopped or last or score is not None or journal.due(settings.save_every, step):
                journal.read()
                checkpoints.save(state, dispatch.data.get_state(), about, score)
                journal.update(step=step, score=score)
    checkpoints.close()
    journal.update(status="stopped" if stopped else "done")
    return state, stopped


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """The run directory for this process alone; on several hosts process 0 stands for all."""
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    lock = Lock(directory) if jax.process_index() == 0 else None
    try:
        yield
    finally:
        if lock:
            lock.release()


@contextmanager
def _reported(journal: Journal, checkpoints: Checkpoints, directory: Path) -> Iterator[None]:
    """Records how a training ended, and names the process that was lost if that is why."""

    def lost(sentence: str) -> None:
        record.mark(directory, f"failed: {sentence.partition(',')[0]}")

    distributed.when_lost(lost)
    try:
        yield
    except BaseException as error:
        cause = distributed.lost() if isinstance(error, Exception) else None
        if cause:
            lost(str(cause))
            raise cause from error
        with suppress(FileError):  # of a full disk
            journal.update(status=f"failed: {type(error).__name__}")
        with suppress(CheckpointError):
            checkpoints.close()  # what is being written is still good
        raise
    finally:
        journal.close()


def _plain(settings: Settings) -> dict[str, Any]:
    return {**settings._asdict(), "optimizer": settings.optimizer._asdict()}


def _first(data: Data) -> Batch:
    position = data.get_state()
    example = next(data)
    data.set_state(position)
    return example


def _fresh(
    method: Method,
    optimizer: Any,
    settings: Settings,
    example: Batch,
    fold_weights: Weights | None,
    known: Params,
    fold_seeds: Sequence[int] | None = None,
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
    seeds = np.arange(len(fold_weights)) if fold_seeds is None else np.asarray(fold_seeds)
    keys = jax.vmap(jax.random.key)(settings.seed + seeds)
    weights = {
        name: np.array([w[name] for w in fold_weights], np.float32) for name in fold_weights[0]
    }
    return jax.jit(jax.vmap(init), compiler_options=HASTY)(keys, dict(example), weights, known)


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
            f"{directory} holds a run with other settings ({what}); train into another directory,"
            " or use the same settings"
        )
