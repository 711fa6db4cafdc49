"""The state of training as trees of arrays that can be saved, and their checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdiff.training.state import TrainState
from jaxdiff.typing import Params


def checksum(tree: Any) -> str:
    """SHA-256 over the names, types, shapes and bytes of all arrays of a tree."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf)
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        total.update(f"{name} {array.dtype} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def digest(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def parts(state: TrainState) -> dict[str, Any]:
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


def to_host(state: TrainState) -> dict[str, Any]:
    raw = state.replace(key=jax.random.key_data(state.key))
    host = jax.device_get(raw)
    unpack, rest = state.layout.unpack, {"opt_state": host.opt_state, "step": host.step}
    rest |= {"skipped": host.skipped, "key": host.key}
    rest["weights"] = host.weights or {"none": np.zeros((), np.float32)}
    return {"params": unpack(host.vectors), "ema": unpack(host.averages), "rest": rest}


def from_parts(found: Mapping[str, Any], like: TrainState) -> TrainState:
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


def filled(tree: Any) -> Any:
    """The tree with one zero in place of every array without entries, which Orbax cannot save."""
    return jax.tree.map(lambda a: a if np.size(a) else np.zeros(1, a.dtype), tree)


def emptied(tree: Any, like: Any) -> Any:
    """The inverse of `filled`."""
    return jax.tree.map(lambda a, b: a if np.size(b) else b, tree, like)


def described(tree: Any) -> dict[str, str]:
    """Type and shape of every array, by name."""
    return {
        jax.tree_util.keystr(path): f"{np.dtype(leaf.dtype)}{list(leaf.shape)}"
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
