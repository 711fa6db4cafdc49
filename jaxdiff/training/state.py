"""Everything that training carries from step to step, in few arrays.

The parameters are kept as one flat vector per top-level name (`Layout`), and so are their moving
average and the moments of the optimiser: what happens to every parameter then is a handful of
operations, however many arrays the network has. `TrainState.params` and `TrainState.ema` are the
trees that networks and users work with.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdiff.typing import Array, Batch, Key, Method, Params

FIXED = "fixed"
"""Parameters under this name are kept as they are: no gradient, no decay, no moments."""

Vectors = dict[str, Array]
"""Flat parameters `(..., n)` by group; a leading axis, if any, is that of the folds."""


class Layout(NamedTuple):
    """How a parameter tree and its flat vectors correspond; static and hashable."""

    tree: Any
    """The `PyTreeDef`."""
    groups: tuple[str, ...]
    """Of every leaf: its top-level name, followed by its dtype unless that is float32."""
    shapes: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(params: Params) -> Layout:
        """The layout of a tree of (possibly abstract) arrays."""
        paths, tree = jax.tree_util.tree_flatten_with_path(params)

        def group(path: tuple[Any, ...], leaf: Any) -> str:
            name = str(getattr(path[0], "key", path[0])) if path else "params"
            dtype = jnp.dtype(leaf.dtype)
            return name if dtype == jnp.float32 else f"{name}:{dtype}"

        return Layout(
            tree,
            tuple(group(path, leaf) for path, leaf in paths),
            tuple(tuple(leaf.shape) for _, leaf in paths),
        )

    def pack(self, params: Params) -> Vectors:
        """The flat vectors of a tree, one concatenation per group."""
        parts: dict[str, list[Array]] = {}
        for group, leaf in zip(self.groups, self.tree.flatten_up_to(params)):
            parts.setdefault(group, []).append(leaf.reshape(-1))
        return {g: jnp.concatenate(p) if len(p) > 1 else jnp.copy(p[0]) for g, p in parts.items()}

    def unpack(self, vectors: Vectors) -> Params:
        """The tree of flat vectors, whose leading axes every leaf gets."""
        start, leaves = dict.fromkeys(vectors, 0), []
        for group, shape in zip(self.groups, self.shapes):
            vector, first = vectors[group], start[group]
            start[group] = last = first + math.prod(shape)
            leaves.append(vector[..., first:last].reshape((*vector.shape[:-1], *shape)))
        return self.tree.unflatten(leaves)


def trainable(vectors: Vectors) -> Vectors:
    """The vectors that the optimiser changes: floating-point ones that are not under `FIXED`."""
    return {
        group: vector
        for group, vector in vectors.items()
        if group.split(":")[0] != FIXED and jnp.issubdtype(vector.dtype, jnp.floating)
    }


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def unpacked(layout: Layout, vectors: Vectors) -> Params:
    """`layout.unpack`, whose gradient is `layout.pack`: one concatenation, not a padded sum over
    all arrays.
    """
    return layout.unpack(vectors)


def _unpacked_forward(layout: Layout, vectors: Vectors) -> tuple[Params, None]:
    return layout.unpack(vectors), None


def _unpacked_backward(layout: Layout, _: None, slopes: Params) -> tuple[Vectors]:
    packed = layout.pack(slopes)
    return (packed,)


unpacked.defvjp(_unpacked_forward, _unpacked_backward)  # type: ignore[attr-defined]


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["step", "vectors", "averages", "opt_state", "key", "weights", "skipped"],
    meta_fields=["layout"],
)
@dataclasses.dataclass(frozen=True)
class TrainState:
    """Parameters and their moving average, optimiser state, step, key and loss weights: one pytree.

    `key` never changes: the randomness of step `n` is `fold_in(key, n)`, so a resumed run draws
        what it would have
    drawn. `weights` are loss weights that differ between folds or ablations trained side by side,
    else empty.
    """

    step: Array
    vectors: Vectors
    averages: Vectors
    opt_state: Any
    key: Key
    weights: dict[str, Array]
    skipped: Array
    """Steps skipped for non-finite gradients `(2,)`: in all, and in a row."""
    layout: Layout

    @property
    def params(self) -> Params:
        """The parameters as a tree."""
        return _tree(self.layout, self.vectors)

    @property
    def ema(self) -> Params:
        """The moving average of the parameters as a tree."""
        return _tree(self.layout, self.averages)

    def replace(self, **changes: Any) -> TrainState:
        """A copy with other values in some fields."""
        return dataclasses.replace(self, **changes)


_tree = jax.jit(lambda layout, vectors: layout.unpack(vectors), static_argnums=0)


def _average_of(vector: Array) -> Array:
    """The start of a moving average: a copy, in float32 at least, since a small step is lost in
    half precision.
    """
    wide = jnp.issubdtype(vector.dtype, jnp.floating)
    return jnp.array(vector, jnp.promote_types(vector.dtype, jnp.float32) if wide else None)


def init_state(
    method: Method,
    optimizer: optax.GradientTransformation,
    key: Key,
    batch: Batch,
    weights: dict[str, Any] | None = None,
    known: Params | None = None,
) -> TrainState:
    """A fresh state, whose moving average starts at the parameters.

    Args:
      method: what is trained.
      optimizer: acts on the dict of flat vectors.
      key: a typed key.
      batch: an example batch, for its shapes.
      weights: loss weights by name.
      known: parameters by their top-level names that take the place of those `method.init` gives.

    Returns:
      The state at step 0.
    """
    init_key, step_key = jax.random.split(key)
    params = method.init(init_key, batch)
    if known:
        params = {**params, **known}
    params = jax.tree.map(jnp.asarray, params)
    layout = Layout.of(params)
    vectors = layout.pack(params)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        vectors=vectors,
        averages=jax.tree.map(_average_of, vectors),
        opt_state=optimizer.init(trainable(vectors)),
        key=step_key,
        weights={name: jnp.asarray(value, jnp.float32) for name, value in (weights or {}).items()},
        skipped=jnp.zeros(2, jnp.int32),
        layout=layout,
    )
