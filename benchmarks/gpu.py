"""The measurements on a GPU, one row each, in order of weight: `benchmarks/gpu.sh [DIRECTORY]`.

    python -m benchmarks.gpu --out=DIRECTORY/gpu.json [--minutes=6.5] [--cases=paper128] [--tiny]

Every row is written as soon as it is measured. A row that fails is written with its error, and one
for which no time is left with the reason; neither ends the script. Inputs are random numbers of the
right shapes, so no data are needed.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import cases, report, timing
from benchmarks.cases import Case
from benchmarks.loader import Arrays
from benchmarks.training import OPTIMIZER, PAPER_STEPS, stepper
from jaxdiff.data.pipeline import Batches
from jaxdiff.training import launch
from jaxdiff.training.dispatch import MOST_STEPS
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import make_optimizer
from jaxdiff.training.settings import Settings
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_fold_step, make_generate
from jaxdiff.training.update import StepSettings, make_update

HALF: dict[str, Any] = {"dtype": jnp.bfloat16}
Result = dict[str, Any]


class Row(NamedTuple):
    """One question."""

    name: str
    goal: str
    measure: Callable[[report.Options, Mapping[str, Result]], Result]
    """Options and the rows before to the figures of this one."""


def reach(options: report.Options, before: Mapping[str, Result]) -> Result:
    """What the device reaches with large matrices, and with copying."""
    return timing.ceilings(tiny=options.tiny)


def training(case: Case, batch: int) -> Callable[..., Result]:
    """A step of training as `fit` dispatches it: several in one program."""

    def measure(options: report.Options, before: Mapping[str, Result]) -> Result:
        dispatch = 2 if options.tiny else MOST_STEPS
        measured = timing.median(
            stepper(case, batch, dispatch, devices=jax.devices()[:1]), options.seconds, chained=True
        )
        seconds, work = measured["median"] / dispatch, _work(case, batch)
        return {
            "ms": 1e3 * seconds,
            "compile, s": measured["first"] - measured["median"],
            "TFLOP/s": work / seconds / 1e12,
            "share": _share(work / seconds, before),
            "ten folds x 8000 steps, minutes": PAPER_STEPS * seconds / 60,
        }

    return measure


def fitted(case: Case, batch: int, bare: str) -> Callable[..., Result]:
    """A step of `fit`, with the data set on the device and with batches of the host, beside the row
    `bare`.
    """

    def measure(options: report.Options, before: Mapping[str, Result]) -> Result:
        data, few = Arrays(case, 4 * batch), 4 if options.tiny else 4 * MOST_STEPS

        def seconds(steps: int, resident_mb: int) -> float:
            settings = Settings(
                steps=steps,
                optimizer=OPTIMIZER,
                log_every=few,
                save_every=steps,
                resident_mb=resident_mb,
            )
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                fit(case.method, Batches(data, batch), settings, folder)
                return time.perf_counter() - start

        def step(resident_mb: int) -> float:
            """Milliseconds, from two lengths: starting, compiling and saving cost the same in
            both.
            """
            seconds(few, resident_mb)  # compiles
            short = seconds(few, resident_mb)
            return 1e3 * (seconds(5 * few, resident_mb) - short) / (4 * few)

        alone = before.get(bare, {}).get("ms")
        here = step(1000 if options.tiny else -1)
        found = {"ms": here, "batches of the host, ms": step(0)}
        return found | ({"over the bare step": here / alone} if alone else {})

    return measure


def folds(case: Case, batch: int, number: int) -> Callable[..., Result]:
    """A step of several trainings side by side."""

    def measure(options: report.Options, before: Mapping[str, Result]) -> Result:
        optimizer, data = make_optimizer(OPTIMIZER, 1000), case.batch(batch)
        keys = jax.random.split(jax.random.key(0), number)
        dispatch = 2 if options.tiny else MOST_STEPS
        init = jax.jit(jax.vmap(lambda key: init_state(case.method, optimizer, key, data)))
        state = [init(keys)]
        many = jax.tree.map(lambda a: np.stack([np.stack([a] * dispatch)] * number), data)
        step = make_fold_step(
            case.method,
            optimizer,
            StepSettings(steps_per_dispatch=dispatch),
            devices=jax.devices()[:1],
        )

        def run() -> Any:
            state[0], metrics = step(state[0], many)
            return metrics

        measured = timing.median(run, options.seconds, chained=True)
        seconds, work = measured["median"] / dispatch, number * _work(case, batch)
        return {
            "ms": 1e3 * seconds,
            "compile, s": measured["first"] - measured["median"],
            "TFLOP/s": work / seconds / 1e12,
            "share": _share(work / seconds, before),
        }

    return measure


def generation(case: Case, batch: int) -> Callable[..., Result]:
    """A batch of samples."""

    def measure(options: report.Options, before: Mapping[str, Result]) -> Result:
        generate, params = make_generate(case.method.generate, jax.devices()[:1]), case.params()
        condition = case.condition(batch)
        keys = jax.random.split(jax.random.key(0), batch)
        work = timing.products(case.method.generate, params, keys, condition)
        measured = timing.median(
            lambda: generate(params, jax.random.key(0), condition), options.seconds
        )
        return {
            "ms": 1e3 * measured["median"],
            "compile, s": measured["first"] - measured["median"],
            "samples/s": batch / measured["median"],
            "share": _share(work / measured["median"], before),
        }

    return measure


def against_pytorch(case: Case, batch: int, compile: bool) -> Callable[..., Result]:
    """The same training step in PyTorch on the same device, in turns."""

    def measure(options: report.Options, before: Mapping[str, Result]) -> Result:
        from benchmarks import peers
        from benchmarks.pytorch import methods

        if jax.default_backend() == "gpu" and methods.device() == "cpu":
            raise RuntimeError("PyTorch is installed without CUDA")
        params = case.params()
        peer = methods.peer(case, params)
        pair = peers.training(case, params, peer, batch, compile, options.seconds)
        return {
            "ms": 1e3 * pair["ours"],
            "PyTorch, ms": 1e3 * pair["theirs"],
            "ratio": pair["ratio"],
        }

    return measure


def _work(case: Case, batch: int) -> float:
    """Floating-point operations of the matrix products of a step."""
    data, optimizer = case.batch(batch), make_optimizer(OPTIMIZER, 1000)
    state = jax.eval_shape(lambda: init_state(case.method, optimizer, jax.random.key(0), data))
    state = state.replace(key=jax.random.key(0))
    return timing.products(
        make_update(case.method, optimizer), state, data, np.arange(batch, dtype=np.int32)
    )


def _share(rate: float, before: Mapping[str, Result]) -> float | None:
    ceiling = before.get("matrix rate", {}).get("bfloat16 GFLOP/s")
    return rate / 1e9 / ceiling if ceiling else None


def rows(tiny: bool) -> list[Row]:
    """All questions, at sizes for a test where `tiny`."""
    if tiny:
        llma, _, text, _ = cases.tiny()
        small, large, full, medium, batch, few = llma, llma, text, llma, 4, 8
    else:
        small, large = (cases.llma_case(n, 64, **HALF) for n in ("paper128", "paper25m"))
        full, batch, few = cases.text_case("full", 64, **HALF), 64, 256
        medium = cases.llma_case("medium", 64, **HALF)
    drawn = cases.llma_case("tiny", 4, 60, steps=3) if tiny else cases.llma_case(
        "paper128", 64, solver="dpm", steps=20, **HALF
    )  # fmt: skip
    bare = "paper128, bf16, 64 x 300: training"
    return [
        Row("matrix rate", "", reach),
        Row(bare, "5 ms, 10 minutes", training(small, batch)),
        Row("medium, bf16, 2 folds: training", "3 ms", folds(medium, batch, 2)),
        Row("paper25m, bf16: training", "40 % of the matrix rate", training(large, batch)),
        Row("20 steps, batch 256: generation", "25 % of the matrix rate", generation(drawn, few)),
        Row("U-Net full, bf16: training", "45 % of the matrix rate", training(full, batch)),
        Row("paper128, bf16: fit", "1.05 of the bare step", fitted(small, batch, bare)),
        Row("against PyTorch eager", "1.5 x", against_pytorch(small, batch, False)),
        Row("against torch.compile", "1.2 x", against_pytorch(small, batch, True)),
    ]


def main(options: report.Options) -> dict[str, Result]:
    """Measure rows while time remains; `options.out` is rewritten after each."""
    launch.use_cache(launch.CACHE)
    done: dict[str, Result] = {}
    for row in rows(options.tiny):
        start = time.perf_counter()
        if not options.wants(row.name) and row.name != "matrix rate":
            continue
        if options.over():
            done[row.name] = {"goal": row.goal, "not measured": "no time was left"}
        else:
            try:
                result = row.measure(options, done)
            except Exception as error:  # the other rows are measured all the same
                first = str(error).strip().splitlines() or [""]
                result = {"not measured": f"{type(error).__name__}: {first[0][:200]}"}
            done[row.name] = {"goal": row.goal, **result, "took, s": time.perf_counter() - start}
        print(f"{row.name}: {_shown(done[row.name])}", flush=True)
        if options.out:
            device = jax.devices()[0]
            about = {"device": device.device_kind, "jax": jax.__version__, "rows": done}
            Path(options.out).parent.mkdir(parents=True, exist_ok=True)
            Path(options.out).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return done


def _shown(result: Result) -> str:
    words = []
    for name, value in result.items():
        if name == "share":
            words.append("share unknown" if value is None else f"{value:.1%} of the matrix rate")
        else:
            words.append(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}")
    return ", ".join(words)


if __name__ == "__main__":
    main(report.options())
