"""Training a gait model: law, network, calibration, and the file that `jaxdiff.load` reads."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.data.pipeline import Batches
from jaxdiff.methods import gait_discrepancy
from jaxdiff.methods.gait import gait, parts_of
from jaxdiff.methods.gait_fit import fit_law
from jaxdiff.methods.gait_law import Law
from jaxdiff.models import file
from jaxdiff.models.trained import Trained
from jaxdiff.studies.budget import steps_within
from jaxdiff.studies.fitting import fit_once
from jaxdiff.studies.gait import data, evaluation, real, subsets
from jaxdiff.studies.gait.imputation import settings_of
from jaxdiff.studies.gait.model import GaitModel
from jaxdiff.studies.gait.strides import Bank, Conditioned, Strides, recorded
from jaxdiff.studies.loading import load
from jaxdiff.training import settings
from jaxdiff.training.settings import Settings
from jaxdiff.training.state import TrainState
from jaxdiff.typing import Config, Params

VALIDATION = 512
"""Strides of the validation loss."""


def run_train(config: Config, out: Path) -> Trained:
    """Train on simulated people and write `gait.safetensors` into the run's directory.

    Returns:
      The trained model with its calibration and scores.
    """
    train = data.kept(config.data, "train", Path(out) / "data")
    held_out = data.kept(config.data, "calibration", Path(out) / "data")
    start = load(config.training.start) if config.training.start else None
    law = start.imputer.law if isinstance(start, GaitModel) else law_of(config, train)
    source = source_of(config, law, train)
    if config.training.minutes:
        config = within(config, law, source, Path(out))
    first = start.trained.params["params"] if start else None
    params = train_network(config, law, source, held_out, out, first)
    cohort = {"people": len(np.unique(train.subject)), "strides": len(train)}
    trained = Trained("gait", params, {**metadata(config, law), "cohort": cohort})
    test = data.kept(config.data, "test", Path(out) / "data")
    few, fewer = (
        recorded(evaluation.spread(each, config.evaluation.strides), law, config.data.seed + number)
        for number, each in enumerate((held_out, test))
    )
    trained = evaluation.assessed(trained, few, fewer, config.evaluation.samples)
    if config.evaluation.real:
        walk = Path(config.evaluation.real) / "opensim_walk"
        trained = real.measured(trained, walk, config.evaluation.samples)
    file.save(Path(out) / "gait.safetensors", trained, "float16", kernel_bits=5)
    return trained


def law_of(config: Config, strides: Strides) -> Law:
    """The Gaussian law of some strides."""
    layout = strides.layout(config.law.components.to_dict())
    discrepancy = gait_discrepancy.from_json(config.law.discrepancy.to_dict())
    fitted = fit_law(
        strides.values,
        layout,
        floor=config.law.floor,
        shrinkage=config.law.shrinkage,
        discrepancy={
            part.name: discrepancy[part.name] for part in layout if part.name in discrepancy
        },
    )
    doubt = {f"{name}_{side}": size for name, size in config.law.doubt.items() for side in "rl"}
    return replace(fitted, doubt=doubt)


def source_of(config: Config, law: Law, train: Strides) -> Conditioned:
    """Training batches: strides as recordings have them, under random masks."""
    started = time.perf_counter()
    bank = Bank(law, mask_list(law, config.law.masks, config.data.seed))
    source = Conditioned(train, law, bank)
    print(f"prepared {len(source)} strides in {time.perf_counter() - started:.0f} s", flush=True)
    return source


def within(config: Config, law: Law, source: Conditioned, out: Path) -> Config:
    """The config with as many steps as `training.minutes` allow."""
    found = config.copy_and_resolve_references()
    found.training.steps = steps_within(
        config.training.minutes,
        gait(settings_of(config.model), parts_of(law.layout)),
        lambda: Batches(source, config.batch_size, config.training.seed),
        _settings(config),
        out,
        {"fixed": law.to_params()},
    )
    return found


def _settings(config: Config) -> Settings:
    """Settings of the loop, without those that only this study knows."""
    plain = config.training.copy_and_resolve_references()
    del plain.minutes, plain.start
    return settings.from_config(plain)


def train_network(
    config: Config,
    law: Law,
    source: Conditioned,
    held_out: Strides,
    out: Path,
    first: Params | None = None,
) -> Params:
    """Averaged parameters of the network, with the law under `fixed`; `first`: those it begins
    with.
    """
    method = gait(settings_of(config.model), parts_of(law.layout))
    if first:
        method = method._replace(init=lambda key, batch: {"params": first})
    return fit_once(
        method,
        lambda: Batches(source, config.batch_size, config.training.seed),
        _settings(config),
        Path(out),
        metadata(config, law),
        validation(config, law, held_out),
        {"fixed": law.to_params()},
    )


def mask_list(law: Law, count: int, seed: int) -> list[subsets.Masks]:
    """Random masks, a tenth of them the typical subsets in turn."""
    rng = np.random.default_rng([seed, 7])
    names = list(subsets.TYPICAL)
    return [
        subsets.typical(law.layout, names[i // 10 % len(names)])
        if i % 10 == 0
        else subsets.drawn(law.layout, rng)
        for i in range(count)
    ]


def validation(
    config: Config, law: Law, held_out: Strides
) -> Callable[[TrainState], Mapping[str, float]]:
    """Loss on held-out people and its terms, the same noise and masks at every call."""
    rng = np.random.default_rng([config.data.seed, 8])
    rows = rng.permutation(len(held_out))[:VALIDATION]
    bank = Bank(law, mask_list(law, max(10, config.law.masks // 8), config.data.seed + 1))
    source = Conditioned(held_out[np.sort(rows)], law, bank)
    batch = source(np.arange(len(source)), rng.random((len(source), 4)))
    keys = jax.random.split(jax.random.key(11), len(source))
    own = settings_of(config.model)._replace(alignment=0.0, every=1)
    method = gait(own, parts_of(law.layout))
    measure = jax.jit(lambda params: method.loss(params, batch, keys, lambda z: z, {}))

    def evaluate(state: TrainState) -> dict[str, float]:
        total, terms = measure({"params": state.ema["params"]})
        found = {f"validation_{name}": float(value) for name, value in terms.items()}
        return {"validation": float(total), **found}

    return evaluate


def metadata(config: Config, law: Law) -> dict[str, Any]:
    """What is needed to use the parameters; JSON, without the paths of this machine."""
    plain = config.to_dict()
    del plain["training"]["start"], plain["data"]["folders"]
    plain["evaluation"] = {name: plain["evaluation"][name] for name in ("samples", "strides")}
    return {
        "study": "gait",
        "config": plain,
        "layout": [part._asdict() for part in law.layout],
        "shrinkage": law.shrinkage,
        "discrepancy": {name: size._asdict() for name, size in law.discrepancy.items()},
        "doubt": dict(law.doubt),
    }
