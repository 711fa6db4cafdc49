"""The exchange of whole state dicts: what keys and shapes a checkpoint must have, from it, and back
to it.

Nothing of this is listed anywhere: it follows from the network itself, its parameter shapes renamed
by `names`. Our stacks of layers are one tree, `layers`, with a leading axis; PyTorch's are
numbered, so rules name `layers_0` and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from jaxdiff.errors import FileError
from jaxdiff.interop.layouts import Layout
from jaxdiff.interop.names import Rule


def torch_keys(path: str, rules: Iterable[Rule]) -> tuple[list[str], Layout]:
    """PyTorch's keys for our parameter at `path`, and how they are laid out."""
    for rule in rules:
        match = re.fullmatch(rule.pattern, path)
        if match:
            name = rule.name.replace(r"\g<last>", match.groups()[-1] if match.groups() else "")
            return _expand(match.expand(name)), rule.layout
    raise KeyError(f"no rule names {path}")


def shapes(network: Any, inputs: Iterable[jax.ShapeDtypeStruct]) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of a network, by path, without computing one."""
    variables = jax.eval_shape(network.init, jax.random.key(0), *inputs)
    return {path: leaf.shape for path, leaf in flatten_dict(variables["params"], sep="/").items()}


def expected(
    parameters: Mapping[str, tuple[int, ...]], rules: list[Rule]
) -> dict[str, tuple[int, ...]]:
    """The PyTorch keys and shapes of a network whose parameters have these shapes."""
    out = {}
    for path, shape in _numbered(parameters).items():
        names, layout = torch_keys(path, rules)
        pieces = layout.split(np.broadcast_to(np.float32(0), shape), len(names))
        out |= {name: piece.shape for name, piece in zip(names, pieces)}
    return out


def from_torch(
    state: Mapping[str, np.ndarray],
    parameters: Mapping[str, tuple[int, ...]],
    rules: list[Rule],
    where: str,
) -> dict[str, Any]:
    """Our parameters from a state dict; every key must be there, none may be left over, every shape
    must fit.
    """
    wanted = expected(parameters, rules)
    missing = [f"{key} {shape}" for key, shape in wanted.items() if key not in state]
    unknown = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} is {state[key].shape}, should be {shape}"
        for key, shape in wanted.items()
        if key in state and state[key].shape != shape
    ]
    problems = [("missing", missing), ("unknown", unknown), ("of another shape", misshapen)]
    if any(keys for _, keys in problems):
        listed = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems if keys)
        raise FileError(f"{where} does not fit the network: {listed}")
    broken = [key for key in wanted if not np.isfinite(state[key]).all()]
    if broken:
        raise FileError(f"{where} holds values that are not finite in {_some(broken)}")
    flat = {}
    for path in _numbered(parameters):
        names, layout = torch_keys(path, rules)
        flat[path] = np.ascontiguousarray(
            layout.join([np.asarray(state[name], np.float32) for name in names])
        )
    return unflatten_dict(stack(flat), sep="/")


def to_torch(parameters: Mapping[str, Any], rules: list[Rule]) -> dict[str, np.ndarray]:
    """The PyTorch state dict of our parameters."""
    state = {}
    for path, value in unstack(flatten_dict(parameters, sep="/")).items():
        names, layout = torch_keys(path, rules)
        state |= dict(zip(names, layout.split(np.asarray(value), len(names))))
    return state


def unstack(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"layers/w": (L, ...)}` to `{"layers_0/w": (...), ...}`, for every component of that
    name.
    """
    out = {}
    for path, value in flat.items():
        head, found, tail = f"/{path}".partition("/layers/")
        if found:
            out |= {f"{head}/layers_{i}/{tail}"[1:]: row for i, row in enumerate(value)}
        else:
            out[path] = value
    return out


def stack(flat: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `unstack`."""
    out, layers = {}, {}
    for path, value in flat.items():
        match = re.fullmatch(r"((?:.*/)?layers)_(\d+)/(.*)", path)
        if match:
            layers.setdefault(f"{match[1]}/{match[3]}", {})[int(match[2])] = value
        else:
            out[path] = value
    stacks = {path: [rows[i] for i in range(len(rows))] for path, rows in layers.items()}
    return out | {path: np.stack(rows) for path, rows in stacks.items()}


def _numbered(parameters: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The shapes of unstacked parameters, from those of our parameters."""
    arrays = {path: np.broadcast_to(np.float32(0), shape) for path, shape in parameters.items()}
    return {path: array.shape for path, array in unstack(arrays).items()}


def _expand(name: str) -> list[str]:
    head, brace, rest = name.partition("{")
    if not brace:
        return [name]
    choices, _, tail = rest.partition("}")
    return [head + choice + tail for choice in choices.split(",")]


def _some(keys: list[str], most: int = 12) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
