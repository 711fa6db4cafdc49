"""Checkpoints that hold everything, under checksums that cover every byte of it.

A checkpoint of step n has five parts: `params`, `ema`, `rest` (optimiser, step, key, loss weights),
`data` (state of the data iterator) and `about` (config, normaliser, channels, units, the score, and
a SHA-256 of each part, itself included). Arrays are saved as host arrays, so a checkpoint written
on four devices or hosts is read on one. Orbax writes in the background and renames at the end. A
half-written or damaged checkpoint is set aside with a warning and the one before is used, in
training and in inference; only a sound checkpoint of another run is refused.
"""

from __future__ import annotations

import errno
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.training.parts import (
    checksum,
    described,
    digest,
    emptied,
    filled,
    from_parts,
    parts,
    to_host,
)
from jaxdiff.training.state import TrainState
from jaxdiff.training.stored import (
    FORMAT,
    INTERNAL,
    Refused,
    first_line,
    load_params,
    read_about,
    read_metadata,
    steps_in,
)

__all__ = ["ARRAYS", "FORMAT", "Checkpoints", "checksum", "load_params", "read_metadata"]

ARRAYS = ("params", "ema", "rest")


class Checkpoints:
    """The checkpoints of one run: the latest `keep`, and the `keep_best` by score.

    Args:
      directory: where they are; made if need be.
      keep: how many of the latest to keep.
      keep_best: how many of the best to keep besides.
      higher_is_better: whether a higher score is better.
    """

    def __init__(
        self,
        directory: str | Path,
        keep: int = 2,
        keep_best: int = 1,
        higher_is_better: bool = False,
    ):
        import orbax.checkpoint as ocp
        from orbax.checkpoint import checkpoint_managers as policies

        self._ocp, self._higher_is_better = ocp, higher_is_better
        self.directory = Path(directory).absolute()
        if self.directory.exists():
            for left in sorted(self.directory.glob("*orbax-checkpoint-tmp*")):
                warnings.warn(f"checkpoint {left} is half-written and is ignored", stacklevel=2)
            for step in steps_in(self.directory):
                _repair_score(self.directory / str(step))
        self._manager = ocp.CheckpointManager(
            self.directory,
            options=ocp.CheckpointManagerOptions(
                create=True,
                enable_async_checkpointing=True,
                preservation_policy=policies.AnyPreservationPolicy(
                    [
                        policies.LatestN(n=keep),
                        policies.BestN(
                            get_metric_fn=lambda metrics: metrics["score"],
                            reverse=not higher_is_better,
                            n=keep_best,
                            keep_checkpoints_without_metrics=False,
                        ),
                    ]
                ),
                best_fn=lambda metrics: metrics["score"],
                best_mode="max" if higher_is_better else "min",
            ),
        )

    def steps(self) -> list[int]:
        """Steps with a finished checkpoint, oldest first."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """The step with the best score, or None where none was scored."""
        return self._manager.best_step()

    def save(
        self, state: TrainState, data: Any, about: Mapping[str, Any], score: float | None = None
    ) -> None:
        """Copies the state to the host and writes it in the background.

        Args:
          state: the state of training.
          data: state of the data iterator, as JSON.
          about: metadata, as JSON.
          score: the figure that decides which checkpoint is best.

        Raises:
          CheckpointError: if this write, or the one before it, failed.
        """
        args, host = self._ocp.args, to_host(state)
        step = int(np.max(host["rest"]["step"]))
        if step in self._manager.all_steps():
            return
        about = {
            **about,
            "format": FORMAT,
            "higher_is_better": self._higher_is_better,
            "score": None if score is None else float(score),
            "arrays": {part: described(host[part]) for part in ARRAYS},
            "checksums": {part: checksum(host[part]) for part in ARRAYS} | {"data": digest(data)},
        }
        about["checksums"]["about"] = digest(about)
        try:
            self._manager.save(
                step,
                args=args.Composite(
                    **{part: args.StandardSave(filled(host[part])) for part in ARRAYS},
                    data=args.JsonSave(data),
                    about=args.JsonSave(about),
                ),
                metrics=None if score is None else {"score": float(score)},
            )
        except Exception as error:  # of the background thread too, whatever their type
            raise self._write_error(error) from error

    def wait(self) -> None:
        """Returns when everything saved is on disk."""
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except Exception as error:
            raise self._write_error(error) from error

    def close(self) -> None:
        """Waits and releases the background threads."""
        self.wait()
        self._manager.close()

    def _write_error(self, error: BaseException) -> CheckpointError:
        full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
        why = (
            "the disk is full: free some space and resume"
            if full
            else f"{type(error).__name__}: {error}"
        )
        good = self.steps()
        left = (
            f"the checkpoint of step {good[-1]} is intact"
            if good
            else "there is no earlier checkpoint"
        )
        return CheckpointError(
            f"could not write a checkpoint under {self.directory} ({why}); {left}"
        )

    def restore(
        self, like: TrainState, accept: Callable[[Mapping[str, Any]], None] = lambda about: None
    ) -> tuple[TrainState, Any, dict[str, Any]] | None:
        """The newest sound checkpoint.

        Args:
          like: a fresh state, or its `jax.eval_shape`, for structure, shapes and types.
          accept: called with the metadata of a checkpoint before its arrays are read; raises a
            `ConfigError` if it is that of another run.

        Returns:
          State, data state and metadata; None where there is no checkpoint at all.

        Raises:
          CheckpointError: if the newest sound checkpoint is of another model or version, or none is
            sound.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return self._restored(step, like, accept)
            except (ConfigError, Refused):
                raise
            except Exception as error:  # of whatever kind damage provokes
                self._set_aside(step, error)
        if steps:
            raise CheckpointError(
                f"none of the checkpoints {steps} under {self.directory} can be read"
            )
        return None

    def _restored(
        self, step: int, like: TrainState, accept: Callable[[Mapping[str, Any]], None]
    ) -> tuple[TrainState, Any, dict[str, Any]]:
        path, args = self.directory / str(step), self._ocp.args
        internal = read_about(path)
        about = {name: value for name, value in internal.items() if name not in INTERNAL}
        accept(about)
        target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), jax.eval_shape(parts, like))
        for part in ARRAYS:
            _check_model(path, part, internal["arrays"][part], described(target[part]))
        arrays = {part: args.StandardRestore(filled(target[part])) for part in ARRAYS}
        found = self._manager.restore(step, args=args.Composite(**arrays, data=args.JsonRestore()))
        found = {**found, **{part: emptied(found[part], target[part]) for part in ARRAYS}}
        sums = internal["checksums"]
        for part in ARRAYS:
            if checksum(found[part]) != sums[part]:
                raise CheckpointError(f"the checksum of {part!r} is wrong")
        if digest(found["data"]) != sums["data"]:
            raise CheckpointError("the checksum of the data position is wrong")
        return from_parts(found, like), found["data"], about

    def _set_aside(self, step: int, error: Exception) -> None:
        path = self.directory / str(step)
        warnings.warn(
            f"checkpoint {path} is broken ({first_line(error)}); using the one before",
            stacklevel=4,
        )
        if path.exists() and jax.process_index() == 0:
            names = [f"broken-{step}", *(f"broken-{step}-{n}" for n in range(2, 1000))]
            path.rename(next(p for p in map(path.with_name, names) if not p.exists()))
        self._manager.reload()


def _repair_score(path: Path) -> None:
    """Rewrites the score that Orbax reads, where it is damaged, from the metadata under a
    checksum.
    """
    file = path / "metrics" / "metrics"
    if not file.exists():
        return
    try:
        float(json.loads(file.read_text())["score"])
    except (OSError, ValueError, KeyError, TypeError):
        with suppress(Exception):  # damaged metadata are found when the checkpoint is restored
            file.write_text(json.dumps({"score": read_about(path)["score"] or 0.0}))


def _check_model(
    path: Path, part: str, saved: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    for name in sorted({*saved, *wanted}):
        was, made = saved.get(name, "absent"), wanted.get(name, "absent")
        if was != made:
            raise Refused(
                f"checkpoint {path} belongs to another model: {part}{name} is {was}, this config"
                f" makes {made}"
            )
