"""Training objectives, and the registry of all of them that the conformance suite runs over.

A method is registered with a small example: add its name and the place of a function that returns
an `Example` to `METHODS`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.typing import Batch, Method


class Example(NamedTuple):
    """A method at a tiny size with data of its kind.

    Attributes:
        method: The method.
        batch: Eight examples for `init` and `loss`.
        condition: Eight conditions for `generate`.
        deterministic: Whether what it generates does not depend on the key.
        slow: Whether it takes XLA minutes to compile.
        untrained: Ends of the paths of parameters that the loss does not reach.
    """

    method: Method
    batch: Batch
    condition: Any
    deterministic: bool = False
    slow: bool = False
    untrained: tuple[str, ...] = ()


_EXAMPLES = "jaxdiff.methods.examples"
METHODS: dict[str, str] = {
    "points": f"{_EXAMPLES}:points_example",
    "llma": f"{_EXAMPLES}:llma_example",
    "direct": f"{_EXAMPLES}:direct_example",
    "gait": f"{_EXAMPLES}:gait_example",
    "speed_transfer": f"{_EXAMPLES}:speed_transfer_example",
    "speed_regression": f"{_EXAMPLES}:speed_regression_example",
    "stride_transfer": f"{_EXAMPLES}:stride_transfer_example",
    "text_to_motion": f"{_EXAMPLES}:text_to_motion_example",
    "distillation": f"{_EXAMPLES}:distillation_example",
    "evaluator": f"{_EXAMPLES}:evaluator_example",
    "biovae": f"{_EXAMPLES}:biovae_example",
    "muscle_encoder": f"{_EXAMPLES}:muscle_encoder_example",
    "muscle_transformer": f"{_EXAMPLES}:muscle_transformer_example",
    "smoothing": f"{_EXAMPLES}:smoothing_example",
}
"""Method -> `module:function` of its example; imported on first use."""
SLOW = ("text_to_motion", "distillation", "biovae")
"""Methods whose example is slow, known without importing them."""


def example(name: str) -> Example:
    """The example of a registered method.

    Args:
        name: A key of `METHODS`.

    Raises:
        ConfigError: If there is no such method.
    """
    if name not in METHODS:
        raise ConfigError(f"no method {name!r}; {nearest(name, METHODS)}")
    module, _, function = METHODS[name].partition(":")
    return getattr(import_module(module), function)()
