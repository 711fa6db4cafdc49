"""The size of the GPU's programs, counted without a GPU: operations of StableHLO after lowering for
CUDA.

    python -m benchmarks.operations

Compilation time and launch overhead on a GPU follow the number of operations. Scanned layers and
sampler steps count once, so the numbers must not depend on depth or on the number of steps.
Constants and their broadcasts are half of a program's text and no work of their own: they are
counted apart.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.config import threefry_gpu_kernel_lowering  # as `launch.use_cache` sets it

from benchmarks import cases
from benchmarks.cases import Case
from jaxdiff.nets.backend import override
from jaxdiff.training.optimizer import OptimizerSettings, make_optimizer
from jaxdiff.training.state import init_state
from jaxdiff.training.update import make_update

OPTIMIZER = OptimizerSettings(1e-3, clip_norm=1.0, decay="cosine", weight_decay=1e-2)


def lowered(function: Callable, *arguments: Any) -> str:
    """The StableHLO of `function` for a GPU; `arguments` may be abstract."""
    with override("gpu"), _cudnn(), threefry_gpu_kernel_lowering(True):
        return jax.jit(function).trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()


@contextmanager
def _cudnn() -> Iterator[None]:
    """Lets the fused attention be lowered where no cuDNN is installed, as for an H100 with a
    current one.
    """
    from jax._src.cudnn import fused_attention_stablehlo as fused

    with (
        mock.patch.object(fused, "check_cudnn_version", lambda: 91300),
        mock.patch.object(fused, "check_compute_capability", lambda capability: True),
    ):
        yield


def count(program: str) -> int:
    """Operations in a program's text, without constants and broadcasts."""
    found = kinds(program)
    return sum(found.values()) - found["constant"] - found["broadcast_in_dim"]


def total(program: str) -> int:
    """All operations in a program's text."""
    return sum(kinds(program).values())


def kinds(program: str) -> Counter[str]:
    """Operations by name."""
    return Counter(re.findall(r"(?:^ *|= )\"?stablehlo\.(\w+)", program, re.MULTILINE))


def custom_calls(program: str) -> set[str]:
    """Targets of the custom calls of a program."""
    return set(re.findall(r"custom_call @(\w+)", program))


def training_step(case: Case, batch: int = 0) -> str:
    """The program of one training step: loss, gradient, clipping, AdamW, moving average."""
    data = case.batch(batch or case.train or 4)
    optimizer = make_optimizer(OPTIMIZER, 1000)
    state = jax.eval_shape(lambda: init_state(case.method, optimizer, jax.random.key(0), data))
    rows = np.arange(len(jax.tree.leaves(data)[0]), dtype=np.int32)
    return lowered(make_update(case.method, optimizer), state, data, rows)


def sampler(case: Case, batch: int = 8) -> str:
    """The program that generates a batch."""
    condition = case.condition(batch)
    params = jax.eval_shape(lambda: case.method.init(jax.random.key(0), case.batch(1)))
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), batch))
    return lowered(case.method.generate, params, keys, condition)


def plan() -> list[Case]:
    """One case per study, at the sizes that a GPU trains, in the precision that it trains them
    in.
    """
    half: dict[str, Any] = {"dtype": jnp.bfloat16}
    return [
        cases.llma_case("medium", 64, **half),
        cases.llma_case("paper128", 64, **half),
        cases.gait_case(256),
        cases.speed_case("paper", 16, **half),
        cases.stride_case("small", 64),
        cases.text_case("full", 64, **half),
        cases.text_case("mini", 16, mechanics=True),
    ]


def main() -> None:
    print("| case | training step | with constants | sampler | with constants | custom calls |")
    print("|---|---|---|---|---|---|")
    for case in plan():
        step, draw = training_step(case), sampler(case)
        calls = ", ".join(sorted(custom_calls(step) | custom_calls(draw))) or "none"
        cells = [case.name, count(step), total(step), count(draw), total(draw), calls]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
