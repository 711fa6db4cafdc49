"""How well one modality is generated from the other: points, distributions, dynamics, and the honesty of the spread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxdiff.baselines import BASELINES
from jaxdiff.methods.llma import Settings, make_networks
from jaxdiff.metrics import uncertainty
from jaxdiff.metrics.distribution import frechet
from jaxdiff.metrics.pointwise import pointwise
from jaxdiff.metrics.predictive import predictive_score
from jaxdiff.metrics.probing import latent_correlation, probe
from jaxdiff.studies.generation import in_chunks
from jaxdiff.studies.llma.preparation import Fold
from jaxdiff.typing import Params

OTHER = {"x": "y", "y": "x"}
CHUNK = 128
COMPARED = ("training_mean", "ridge", "nearest_neighbours")
"""Baselines of every table."""


def draw(
    generate: Callable, params: Params, given: str, signals: np.ndarray, samples: int, seed: int = 0
) -> np.ndarray:
    """`(samples, N, L, d)` of the other modality, in normalised units, for conditions `(N, L, d)`."""
    conditions = {given: np.concatenate([signals] * samples)}
    drawn = in_chunks(generate, params, jax.random.key(seed), conditions, CHUNK)
    return drawn.reshape(samples, len(signals), *drawn.shape[1:])


def score(
    fold: Fold, side: dict[str, np.ndarray], target: str, drawn: np.ndarray, predictive_steps: int
) -> dict[str, float]:
    """Every figure of one direction. `drawn` is `(S, N, L, d)`, normalised; S = 1 for methods that give one answer.

    `mse` is that of a single sample, as in the paper; `mse_mean` that of the mean of the samples.
    """
    truth, mean = side[target], drawn.mean(0)
    scale = fold.scale[target]
    reference = fold.physical(fold.side("train")[target].mean(0), target)
    best = pointwise(
        fold.physical(mean, target),
        fold.physical(truth, target),
        channels=scale.channels,
        units=scale.units,
        scale=scale.scale,
        baseline=reference,
    )
    figures = {
        "mse": float(np.square(drawn - truth).mean()),
        "mse_mean": best["mse"],
        "mae_mean": best["mae"],
        "r2_mean": best["r2"],
        "fid": frechet(truth, drawn[0]),
        **{name: value for name, value in best.items() if name.startswith("mae/")},
    }
    if predictive_steps:
        every = max(1, truth.shape[1] // 60)
        figures["pred"] = predictive_score(
            truth[:, ::every], drawn[0][:, ::every], steps=predictive_steps
        )
    if len(drawn) > 1:
        figures["crps"] = uncertainty.crps(drawn, truth)
        figures["coverage_90"] = uncertainty.coverage(drawn, truth, (0.9,))["coverage_90"]
        figures["spread_skill"] = uncertainty.spread_skill(drawn, truth)["spread_skill"]
    return figures


def baseline_predictions(
    fold: Fold, side: dict[str, np.ndarray], target: str
) -> dict[str, np.ndarray]:
    """What simple methods say of the test windows, `(1, N, L, d)` each."""
    train = fold.side("train", most=600)
    given, wanted, groups = train[OTHER[target]], train[target], train["subject"]
    return {
        name: BASELINES[name](given, wanted, groups)(side[OTHER[target]])[None] for name in COMPARED
    }


def encoded(
    settings: Settings, params: Params, side: dict[str, np.ndarray], modality: str
) -> np.ndarray:
    """Latents of clean signals, `(N, tokens · width)`: what the probes and the pictures look at."""
    networks = make_networks(settings)
    run = jax.jit(lambda signals: networks.latents(params, modality, signals))
    parts = [
        np.asarray(run(side[modality][i : i + CHUNK])) for i in range(0, len(side[modality]), CHUNK)
    ]
    return np.concatenate(parts).reshape(len(side[modality]), -1)


def probes(settings: Settings, params: Params, fold: Fold, most: int = 600) -> dict[str, Any]:
    """Accuracy of task classification from the latents, linear and not, and how alike the two latents are.

    All subjects' windows of steady walking are encoded; each probe is tested on subjects it was not trained on.
    """
    parts = [fold.side(which, most, steady=True) for which in ("train", "validation", "test")]
    side = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    codes = {m: encoded(settings, params, side, m) for m in ("x", "y")}
    figures: dict[str, Any] = {
        f"{kind}_{m}": probe(_reduced(codes[m]), side["task"], side["subject"], hidden=hidden)[
            "accuracy"
        ]
        for m in codes
        for kind, hidden in (("linear", 0), ("nonlinear", 128))
    }
    figures["latent_correlation"] = latent_correlation(codes["x"], codes["y"])
    return figures


def _reduced(codes: np.ndarray, components: int = 64) -> np.ndarray:
    """Leading principal components: probes on thousands of dimensions would measure their own overfitting."""
    centred = codes - codes.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return (u * s)[:, :components]
