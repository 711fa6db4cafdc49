"""Our parameter trees into PyTorch modules of the same names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from flax.traverse_util import flatten_dict
from torch import Tensor, nn

from jaxdiff.interop.keys import unstack

LSTM = {"input_kernel_0": "weight_ih_l0", "hidden_kernel_0": "weight_hh_l0", "input_bias_0": "bias_ih_l0", "hidden_bias_0": "bias_hh_l0"}  # fmt: skip


def load(module: nn.Module, tree: Any) -> nn.Module:
    """Copies every array of `tree`; a parameter that gets none, or an array without a place, is an
    error.
    """
    places = dict(module.named_parameters())
    for path, array in unstack(flatten_dict(tree, sep="/")).items():
        *where, last = path.split("/")
        owner = module.get_submodule(".".join(where))
        for name, value in _as_pytorch(owner, last, torch.from_numpy(np.array(array, np.float32))):
            place = places.pop(".".join([*where, name]))
            if place.shape != value.shape:
                raise ValueError(
                    f"{name} of {where} has shape {tuple(place.shape)}, not {tuple(value.shape)}"
                )
            with torch.no_grad():
                place.copy_(value)
    if places:
        raise ValueError(f"no weights for {sorted(places)}")
    return module


def _as_pytorch(owner: nn.Module, name: str, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """PyTorch's names and layouts of one of our arrays."""
    if isinstance(owner, nn.LSTM):
        for way, suffix in enumerate(("", "_reverse")):
            yield LSTM[name] + suffix, value[way].T if value.ndim == 3 else value[way]
    elif isinstance(owner, nn.ConvTranspose1d) and name == "kernel":
        yield "weight", value.permute(1, 2, 0)
    elif name.endswith("kernel"):
        yield name.replace("kernel", "weight"), value.permute(*reversed(range(value.ndim)))
    else:
        yield name.replace("scale", "weight"), value
