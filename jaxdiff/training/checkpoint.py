"""Checkpoints that hold everything, under checksums that cover every byte of it.

A checkpoint of step n has five parts: `params`, `ema`, `rest` (optimiser, step, key, loss weights), `data` (state of the
data iterator) and `about` (config, normaliser, channels, units, the score, and a SHA-256 of each part, itself included).
Arrays are saved as host arrays, so a checkpoint written on four devices or hosts is read on one. Orbax writes in the
background and renames at the end. A half-written or damaged checkpoint is set aside with a warning and the one before
is used, in training and in inference; only a sound checkpoint of another run is refused.
"""

from __future__ import annotations

import errno
import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Params

FORMAT = 2
"""1 kept one array per parameter and had no checksum of metadata and data state."""
ARRAYS = ("params", "ema", "rest")
INTERNAL = ("format", "checksums", "arrays", "higher_is_better", "score")
"""Entries of `about` that belong to this module."""


class _Refused(CheckpointError):
    """A sound checkpoint that belongs to something else; never set aside."""


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
            for step in _steps(self.directory):
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
        args, host = self._ocp.args, _to_host(state)
        step = int(np.max(host["rest"]["step"]))
        if step in self._manager.all_steps():
            return
        about = {
            **about,
            "format": FORMAT,
            "higher_is_better": self._higher_is_better,
            "score": None if score is None else float(score),
            "arrays": {part: _described(host[part]) for part in ARRAYS},
            "checksums": {part: checksum(host[part]) for part in ARRAYS} | {"data": _digest(data)},
        }
        about["checksums"]["about"] = _digest(about)
        try:
            self._manager.save(
                step,
                args=args.Composite(
                    **{part: args.StandardSave(_filled(host[part])) for part in ARRAYS},
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
          accept: called with the metadata of a checkpoint before its arrays are read; raises a `ConfigError` if it is
            that of another run.

        Returns:
          State, data state and metadata; None where there is no checkpoint at all.

        Raises:
          CheckpointError: if the newest sound checkpoint is of another model or version, or none is sound.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return self._restored(step, like, accept)
            except (ConfigError, _Refused):
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
        internal = _read_about(path)
        about = {name: value for name, value in internal.items() if name not in INTERNAL}
        accept(about)
        target = jax.tree.map(lambda a: np.empty(a.shape, a.dtype), jax.eval_shape(_parts, like))
        for part in ARRAYS:
            _check_model(path, part, internal["arrays"][part], _described(target[part]))
        arrays = {part: args.StandardRestore(_filled(target[part])) for part in ARRAYS}
        found = self._manager.restore(step, args=args.Composite(**arrays, data=args.JsonRestore()))
        found = {**found, **{part: _emptied(found[part], target[part]) for part in ARRAYS}}
        sums = internal["checksums"]
        for part in ARRAYS:
            if checksum(found[part]) != sums[part]:
                raise CheckpointError(f"the checksum of {part!r} is wrong")
        if _digest(found["data"]) != sums["data"]:
            raise CheckpointError("the checksum of the data position is wrong")
        return _from_parts(found, like), found["data"], about

    def _set_aside(self, step: int, error: Exception) -> None:
        path = self.directory / str(step)
        warnings.warn(
            f"checkpoint {path} is broken ({_first_line(error)}); using the one before",
            stacklevel=4,
        )
        if path.exists() and jax.process_index() == 0:
            names = [f"broken-{step}", *(f"broken-{step}-{n}" for n in range(2, 1000))]
            path.rename(next(p for p in map(path.with_name, names) if not p.exists()))
        self._manager.reload()


def load_params(
    directory: str | Path, weights: str = "ema", step: int | str = "best"
) -> tuple[Params, dict[str, Any]]:
    """The parameters of a checkpoint, for inference.

    A damaged checkpoint is skipped with a warning and the next best, or the one before, is used, unless it was named by
    its number.

    Args:
      directory: the `checkpoints` directory of a run.
      weights: `"ema"` (the moving average) or `"params"`.
      step: a number, `"best"` (the latest where none was scored) or `"latest"`.

    Returns:
      The parameters and the metadata of the checkpoint, with its `step`.

    Raises:
      CheckpointError: if there is no such checkpoint, or none that is sound.
    """
    if weights not in ("ema", "params"):
        raise CheckpointError(f"weights are 'ema' or 'params', not {weights!r}")
    for chosen, about in _candidates(directory, step):
        path = Path(directory).absolute() / str(chosen)
        try:
            internal = _read_about(path) if about is None else about
            params = _read_params(path, weights, internal)
        except _Refused:
            raise
        except Exception as error:
            why = f"checkpoint {path} cannot be read ({_first_line(error)})"
            if str(step).isdigit():
                raise CheckpointError(why) from error
            warnings.warn(f"{why}; using the one before", stacklevel=2)
            continue
        metadata = {name: value for name, value in internal.items() if name not in INTERNAL}
        return params, {**metadata, "step": chosen}
    raise CheckpointError(f"none of the checkpoints under {directory} can be read")


def read_metadata(directory: str | Path) -> dict[str, Any]:
    """The metadata of the newest checkpoint whose metadata are sound.

    Args:
      directory: the `checkpoints` directory of a run.

    Raises:
      CheckpointError: if there is none.
    """
    for step in reversed(_existing(directory)):
        path = Path(directory).absolute() / str(step)
        try:
            about = _read_about(path)
        except _Refused:
            raise
        except Exception as error:
            warnings.warn(
                f"checkpoint {path} cannot be read ({_first_line(error)}); using the one before",
                stacklevel=2,
            )
            continue
        return {name: value for name, value in about.items() if name not in INTERNAL}
    raise CheckpointError(f"none of the checkpoints under {directory} can be read")


def _candidates(
    directory: str | Path, step: int | str
) -> list[tuple[int, Mapping[str, Any] | None]]:
    """Checkpoints in the order in which they are tried, with their metadata where those were read already."""
    steps = _existing(directory)
    if str(step).isdigit() and int(step) in steps:
        return [(int(step), None)]
    if step == "latest":
        return [(each, None) for each in reversed(steps)]
    if step != "best":
        raise CheckpointError(
            f"no checkpoint {step!r} under {directory}; there are 'best', 'latest' and {steps}"
        )
    read: dict[int, Mapping[str, Any]] = {}
    for each in steps:
        path = Path(directory).absolute() / str(each)
        try:
            read[each] = _read_about(path)
        except _Refused:
            raise
        except Exception as error:
            warnings.warn(
                f"checkpoint {path} cannot be read ({_first_line(error)}); using another one",
                stacklevel=3,
            )

    def rank(each: int) -> tuple[float, ...]:
        score = read[each]["score"]
        if score is None:
            return 1, -each
        return 0, -score if read[each]["higher_is_better"] else score

    return [(each, read[each]) for each in sorted(read, key=rank)]


def _existing(directory: str | Path) -> list[int]:
    steps = _steps(Path(directory)) if Path(directory).is_dir() else []
    if not steps:
        raise CheckpointError(f"no checkpoints under {Path(directory).absolute()}")
    return steps


def _steps(directory: Path) -> list[int]:
    return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())


def _read_about(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint; raises if they are damaged or of another version."""
    about = json.loads((path / "about" / "metadata").read_text(encoding="utf-8"))
    sums = about["checksums"]
    if "format" not in about and "about" not in sums:
        raise _Refused(
            f"checkpoint {path} was written by version 1 of jaxdiff, whose checkpoints this version cannot read; "
            "train again, or use version 1"
        )
    stated = sums.pop("about")
    if _digest(about) != stated:
        raise CheckpointError("the checksum of the metadata is wrong")
    if about["format"] != FORMAT:
        raise _Refused(
            f"checkpoint {path} has format {about['format']} and this version of jaxdiff reads format {FORMAT}"
        )
    return about


def _read_params(path: Path, weights: str, about: Mapping[str, Any]) -> Params:
    import orbax.checkpoint as ocp

    with ocp.StandardCheckpointer() as reader:
        params = jax.tree.map(np.asarray, reader.restore(path / weights))

    def like(path: Any, leaf: np.ndarray) -> np.ndarray:
        shape = about["arrays"][weights][jax.tree_util.keystr(path)].partition("[")[2]
        return np.empty([int(n) for n in shape.strip("]").split(",") if n], leaf.dtype)

    params = _emptied(params, jax.tree_util.tree_map_with_path(like, params))
    if checksum(params) != about["checksums"][weights]:
        raise CheckpointError(f"the checksum of {weights!r} is wrong")
    return params


def _repair_score(path: Path) -> None:
    """Rewrites the score that Orbax reads, where it is damaged, from the metadata under a checksum."""
    file = path / "metrics" / "metrics"
    if not file.exists():
        return
    try:
        float(json.loads(file.read_text())["score"])
    except (OSError, ValueError, KeyError, TypeError):
        with suppress(Exception):  # damaged metadata are found when the checkpoint is restored
            file.write_text(json.dumps({"score": _read_about(path)["score"] or 0.0}))


def checksum(tree: Any) -> str:
    """SHA-256 over the names, types, shapes and bytes of all arrays of a tree."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf)
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _parts(state: TrainState) -> dict[str, Any]:
    """The array parts as trees; the typed key as its raw data."""
    rest = {
        "opt_state": state.opt_state,
        "step": state.step,
        "skipped": state.skipped,
        "key": jax.random.key_data(state.key),
        "weights": state.weights or {"none": np.zeros((), np.float32)},
    }
    unpack = state.layout.unpack
    return {"params": unpack(state.vectors), "ema": unpack(state.averages), "rest": rest}


def _to_host(state: TrainState) -> dict[str, Any]:
    raw = state.replace(key=jax.random.key_data(state.key))
    host = jax.device_get(raw)
    unpack, rest = state.layout.unpack, {"opt_state": host.opt_state, "step": host.step}
    rest |= {"skipped": host.skipped, "key": host.key}
    rest["weights"] = host.weights or {"none": np.zeros((), np.float32)}
    return {"params": unpack(host.vectors), "ema": unpack(host.averages), "rest": rest}


def _from_parts(found: Mapping[str, Any], like: TrainState) -> TrainState:
    rest, lead = found["rest"], np.ndim(found["rest"]["step"])

    def pack(tree: Params) -> dict[str, np.ndarray]:
        parts: dict[str, list[np.ndarray]] = {}
        for group, leaf in zip(like.layout.groups, jax.tree.leaves(tree)):
            leaf = np.asarray(leaf)
            parts.setdefault(group, []).append(leaf.reshape(*leaf.shape[:lead], -1))
        return {group: np.concatenate(part, -1) for group, part in parts.items()}

    state = like.replace(
        step=rest["step"],
        vectors=pack(found["params"]),
        averages=pack(found["ema"]),
        opt_state=rest["opt_state"],
        key=rest["key"],
        weights={name: rest["weights"][name] for name in like.weights},
        skipped=rest["skipped"],
    )
    state = jax.tree.map(jax.numpy.asarray, state)
    return state.replace(key=jax.random.wrap_key_data(state.key))


def _filled(tree: Any) -> Any:
    """The tree with one zero in place of every array without entries, which Orbax cannot save."""
    return jax.tree.map(lambda a: a if np.size(a) else np.zeros(1, a.dtype), tree)


def _emptied(tree: Any, like: Any) -> Any:
    """The inverse of `_filled`."""
    return jax.tree.map(lambda a, b: a if np.size(b) else b, tree, like)


def _described(tree: Any) -> dict[str, str]:
    """Type and shape of every array, by name."""
    return {
        jax.tree_util.keystr(path): f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def _check_model(
    path: Path, part: str, saved: Mapping[str, str], wanted: Mapping[str, str]
) -> None:
    for name in sorted({*saved, *wanted}):
        was, made = saved.get(name, "absent"), wanted.get(name, "absent")
        if was != made:
            raise _Refused(
                f"checkpoint {path} belongs to another model: {part}{name} is {was}, this config makes {made}"
            )


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
