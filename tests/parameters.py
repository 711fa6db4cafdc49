"""Parameters for tests of what holds whatever the parameters are."""

from typing import Any

import jax
import numpy as np


def drawn(init, *inputs: Any, seed: int = 0) -> Any:
    """Parameters of the shapes that `init` gives for these inputs, none of them zero, drawn by NumPy.

    A program that initialises a network takes XLA as long as the network itself.
    """
    rng = np.random.default_rng(seed)

    def leaf(path, shape):
        noise = rng.standard_normal(shape.shape, np.float32)
        if shape.ndim > 1:
            return noise / np.float32(np.sqrt(np.prod(shape.shape[:-1])))
        return 0.1 * noise + np.float32(str(getattr(path[-1], "key", "")) == "scale")

    shapes = jax.eval_shape(init, jax.random.key(0), *inputs)
    return jax.tree_util.tree_map_with_path(leaf, shapes)
