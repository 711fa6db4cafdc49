"""One network in a checkpoint: how its arrays are found, what its shapes tell, and how it is
filled.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError, FileError, nearest
from jaxdiff.interop import keys
from jaxdiff.interop.names import Rule
from jaxdiff.interop.store import Weights
from jaxdiff.interop.store import settings as fields_of
from jaxdiff.interop.values import Numpy, Tensor


class State(dict[str, Any]):
    """A state dict: PyTorch's parameter names to arrays (or tensors not read yet)."""

    def dim(self, key: str, axis: int) -> int:
        if key not in self or len(self[key].shape) <= axis:
            raise FileError(
                f"there is no usable {key!r} among its {len(self)} arrays, so it is not such a"
                " checkpoint"
            )
        return self[key].shape[axis]

    def count(self, pattern: str) -> int:
        """How many different numbers stand at the group of `pattern`."""
        return len({match[1] for key in self if (match := re.match(pattern, key))})

    def under(self, prefix: str) -> State:
        return State(
            {
                key.removeprefix(prefix): value
                for key, value in self.items()
                if key.startswith(prefix)
            }
        )

    def without(self, pattern: str) -> State:
        return State({key: value for key, value in self.items() if not re.fullmatch(pattern, key)})


class Part(NamedTuple):
    """One network found in a checkpoint: its class, the fields its shapes tell, example inputs,
    names, arrays.
    """

    kind: type
    fields: dict[str, Any]
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    rules: list[Rule]
    state: State

    def fill(self, overrides: Mapping[str, Any], where: str) -> Weights:
        known = {field.name for field in dataclasses.fields(self.kind)}
        for name in overrides:
            if name not in known:
                raise ConfigError(
                    f"{self.kind.__name__} has no field {name!r}; {nearest(name, known)}"
                )
        network = self.kind(**(self.fields | dict(overrides)))
        try:
            shapes = keys.shapes(network, self.inputs)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise FileError(
                f"{where}: no network can be made of {fields_of(network)}: {error}"
            ) from error
        arrays = {}
        for key, value in self.state.items():
            try:
                arrays[key] = array(value)
            except FileError as error:
                raise FileError(f"{where}, {key}: {error}") from error
        params = jax.tree.map(jnp.asarray, keys.from_torch(arrays, shapes, self.rules, where))
        return Weights(network, {"params": params}, self.inputs)


def state_dict(tree: Any, names: tuple[str, ...], where: str) -> State:
    """The state dict under the first of `names` that is there, or `tree` itself."""
    if isinstance(tree, Mapping):
        tree = next((tree[name] for name in names if name in tree), tree)
    lacks = f"{where} holds no state dict" + (f" under {' or '.join(names)}" if names else "")
    if not isinstance(tree, Mapping) or not tree:
        raise FileError(lacks)
    tree = {key: value for key, value in tree.items() if key != "n_averaged"}
    odd = [
        key
        for key, value in tree.items()
        if not isinstance(key, str) or not isinstance(value, (Tensor, np.ndarray))
    ]
    if odd:
        raise FileError(f"{lacks}: {odd[0]!r} is not an array")
    wrapped = all(key.startswith("module.") for key in tree)
    return State(
        {key.removeprefix("module.") if wrapped else key: value for key, value in tree.items()}
    )


def array(value: Any) -> np.ndarray:
    """The numbers of anything numeric."""
    if isinstance(value, (Tensor, Numpy)):
        return value.array()
    flat = value if isinstance(value, (list, tuple)) else [value]
    if not isinstance(value, np.ndarray) and not all(isinstance(n, (int, float)) for n in flat):
        raise FileError(f"numbers expected where the checkpoint has a {type(value).__name__}")
    return np.asarray(value)


def same_table(state: State, key: str, table: Callable[[tuple[int, ...]], np.ndarray]) -> None:
    """Checks a stored constant table against the formula this library computes it with."""
    if key in state:
        stored = array(state[key])
        try:
            same = np.allclose(stored, table(stored.shape), rtol=0, atol=2e-3)
        except (IndexError, TypeError, ValueError):
            same = False
        if not same:
            raise FileError(
                f"{key} is not the usual table of sinusoids or frequencies, so the network is"
                " another one"
            )


def floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
