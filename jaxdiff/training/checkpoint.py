"""Checkpoints that hold everything, and know when they are broken.

A checkpoint of step n has five parts: `params`, `ema`, `rest` (optimiser, step, key, weights), `data` (state of the
data iterator) and `about` (config, normaliser, channel names, units, and a checksum of each array part). Arrays are
saved as host arrays, so a checkpoint written on four devices is read on one. Orbax writes in the background and
renames at the end; what is half-written or fails its checksum is named in a warning and the one before is used.
"""

from __future__ import annotations

import errno
import json
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Params

ARRAYS = ("params", "ema", "rest")


def _to_host(state: TrainState) -> dict[str, Any]:
    """The array parts as NumPy trees; the typed key as its raw data."""
    rest = {
        "opt_state": state.opt_state,
        "step": state.step,
        "key": jax.random.key_data(state.key),
        "weights": state.weights or {"none": np.zeros((), np.float32)},
    }
    return jax.device_get({"params": state.params, "ema": state.ema, "rest": rest})


def _checksum(tree: Any) -> int:
    total = 0
    for leaf in jax.tree.leaves(tree):
        leaf = np.ascontiguousarray(leaf)
        total = zlib.crc32(
            leaf.reshape(-1).view(np.uint8).data, zlib.crc32(str(leaf.dtype).encode(), total)
        )
    return total


class Checkpoints:
    """The checkpoints of one run, in `directory`: the latest `keep`, and the `keep_best` by score."""

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
                warnings.warn(f"checkpoint {left} is half-written and is left aside", stacklevel=2)
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
        """Copies the state to the host and writes it in the background; raises if the write before this one failed."""
        args, host = self._ocp.args, _to_host(state)
        step = int(np.max(host["rest"]["step"]))
        sums = {part: _checksum(host[part]) for part in ARRAYS}
        about = {**about, "checksums": sums, "higher_is_better": self._higher_is_better}
        if step in self._manager.all_steps():
            return
        try:
            self._manager.save(
                step,
                args=args.Composite(
                    **{part: args.StandardSave(host[part]) for part in ARRAYS},
                    data=args.JsonSave(data),
                    about=args.JsonSave(about),
                ),
                metrics=None if score is None else {"score": float(score)},
            )
        except (
            Exception
        ) as error:  # errors of the background thread arrive here, whatever their type
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
        """The newest sound checkpoint as (state, data state, about), or None where there is none at all.

        `like` gives structure, shapes and types (a fresh state, or its `jax.eval_shape`). `accept` sees what a sound
        checkpoint says about itself before its arrays are read, and raises a `ConfigError` if that is another run's.
        """
        args = self._ocp.args
        target = jax.eval_shape(
            lambda s: {
                "params": s.params,
                "ema": s.ema,
                "rest": {
                    "opt_state": s.opt_state,
                    "step": s.step,
                    "key": jax.random.key_data(s.key),
                    "weights": s.weights or {"none": np.zeros((), np.float32)},
                },
            },
            like,
        )
        target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), target)
        arrays = {part: args.StandardRestore(target[part]) for part in ARRAYS}
        steps = self.steps()
        for step in reversed(steps):
            try:
                about = dict(
                    self._manager.restore(step, args=args.Composite(about=args.JsonRestore()))[
                        "about"
                    ]
                )
                sums = about.pop("checksums")
                del about["higher_is_better"]
                accept(about)
                for part in ARRAYS:
                    self._check_model(step, part, target[part])
                found = self._manager.restore(
                    step, args=args.Composite(**arrays, data=args.JsonRestore())
                )
                for part in ARRAYS:
                    if _checksum(found[part]) != sums[part]:
                        raise CheckpointError(f"the checksum of {part!r} is wrong")
            except (ConfigError, _Mismatch):
                raise
            except Exception as error:
                self._set_aside(step, error)
                continue
            rest = found["rest"]
            state = TrainState(
                step=rest["step"],
                params=found["params"],
                ema=found["ema"],
                opt_state=rest["opt_state"],
                key=rest["key"],
                weights={name: rest["weights"][name] for name in like.weights},
            )
            state = jax.tree.map(jax.numpy.asarray, state)
            return state._replace(key=jax.random.wrap_key_data(state.key)), found["data"], about
        if steps:
            raise CheckpointError(
                f"none of the checkpoints {steps} under {self.directory} can be read"
            )
        return None

    def _check_model(self, step: int, part: str, target: Any) -> None:
        """Refuses a checkpoint whose arrays are not those of `target`: it is no broken one, and must not be set aside."""
        path = self.directory / str(step) / part
        metadata = self._ocp.StandardCheckpointHandler().metadata(path)
        saved = {leaf.name: leaf for leaf in jax.tree.leaves(metadata.tree)}
        wanted = {
            jax.tree_util.keystr(key, simple=True, separator="."): (jax.tree_util.keystr(key), leaf)
            for key, leaf in jax.tree_util.tree_leaves_with_path(target)
        }
        for name in sorted({*saved, *wanted}):
            key, leaf = wanted.get(name, (f" {name}", None))
            was, made = _described(saved.get(name)), _described(leaf)
            if was != made:
                raise _Mismatch(
                    f"checkpoint {path.parent} belongs to another model: {part}{key} is {was}, this config makes {made}"
                )

    def _set_aside(self, step: int, error: Exception) -> None:
        path = self.directory / str(step)
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else ""
        warnings.warn(
            f"checkpoint {path} is broken ({type(error).__name__}: {first}); using the one before",
            stacklevel=3,
        )
        if path.exists() and jax.process_index() == 0:
            aside = [
                path.with_name(f"broken-{step}"),
                *(path.with_name(f"broken-{step}-{n}") for n in range(2, 1000)),
            ]
            path.rename(next(free for free in aside if not free.exists()))
        self._manager.reload()


def _described(leaf: Any) -> str:
    return "absent" if leaf is None else f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"


class _Mismatch(CheckpointError):
    """A sound checkpoint of another model."""


def load_params(
    directory: str | Path, weights: str = "ema", step: int | str = "best"
) -> tuple[Params, dict[str, Any]]:
    """For inference: only the parameters (`ema` or `params`), and what the checkpoint says about itself.

    `step` is a number, `"best"` (the latest where none was scored) or `"latest"`.
    """
    import orbax.checkpoint as ocp

    if weights not in ("ema", "params"):
        raise CheckpointError(f"weights are 'ema' or 'params', not {weights!r}")
    directory = Path(directory).absolute()
    if not directory.is_dir():
        raise CheckpointError(f"no checkpoints under {directory}")
    steps = sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())
    if not steps:
        raise CheckpointError(f"no checkpoints under {directory}")
    chosen = _best(directory, steps) if step == "best" else steps[-1] if step == "latest" else step
    chosen = int(chosen) if str(chosen).isdigit() else chosen
    if chosen not in steps:
        raise CheckpointError(
            f"no checkpoint {chosen!r} under {directory}; there are 'best', 'latest' and {steps}"
        )
    path = directory / str(chosen)
    try:
        about = _said(path)
        with ocp.StandardCheckpointer() as reader:
            params = reader.restore(path / weights)
        params = jax.tree.map(np.asarray, params)
        if _checksum(params) != about["checksums"][weights]:
            raise CheckpointError("the checksum is wrong")
    except Exception as error:
        raise CheckpointError(
            f"checkpoint {path} cannot be read ({type(error).__name__}: {error})"
        ) from error
    return params, {**about, "step": chosen}


def _best(directory: Path, steps: Sequence[int]) -> int:
    """The step with the best score; the latest where none was scored. A checkpoint that cannot tell is passed over."""
    scores = {}
    for step in steps:
        with suppress(OSError, ValueError, KeyError):
            path = directory / str(step)
            sign = -1 if _said(path)["higher_is_better"] else 1
            scores[step] = sign * json.loads((path / "metrics" / "metrics").read_text())["score"]
    return min(scores, key=scores.__getitem__) if scores else steps[-1]


def _said(path: Path) -> dict[str, Any]:
    return json.loads((path / "about" / "metadata").read_text())
