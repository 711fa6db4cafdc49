"""How well one modality is generated from the other: points, distributions, dynamics, intervals;
and what latents hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.baselines import BASELINES
from jaxdiff.losses import alignment as align
from jaxdiff.methods.cross_modal import OTHER
from jaxdiff.methods.llma import Settings, make_networks
from jaxdiff.metrics import uncertainty
from jaxdiff.metrics.distribution import frechet
from jaxdiff.metrics.pointwise import pointwise
from jaxdiff.metrics.predictive import predictive_score
from jaxdiff.metrics.probing import latent_correlation, transfer
from jaxdiff.models.calibration import Calibration
from jaxdiff.studies.generation import evenly, in_chunks
from jaxdiff.studies.llma.preparation import Fold
from jaxdiff.typing import Config, Params

__all__ = [
    "OTHER",
    "baseline_predictions",
    "calibrated",
    "content",
    "draw",
    "encoded",
    "probes",
    "score",
]
CHUNK = 128
CONTENT_STEP = 100.0
"""Step at which latents are contrasted in tables: a noise level of a tenth of the signal."""


def draw(
    generate: Callable,
    params: Params,
    condition: Mapping[str, np.ndarray],
    samples: int,
    seed: int = 0,
) -> np.ndarray:
    """Samples of the other modality.

    Args:
      generate: `(params, key, condition) -> samples`, compiled.
      params: parameters.
      condition: arrays [N, ...].
      samples: samples per condition.
      seed: seed of the samples.

    Returns:
      Samples [S, N, L, d], normalised.
    """
    repeated = {name: np.concatenate([values] * samples) for name, values in condition.items()}
    drawn = in_chunks(generate, params, jax.random.key(seed), repeated, CHUNK)
    return drawn.reshape(samples, -1, *drawn.shape[1:])


def score(
    fold: Fold,
    side: dict[str, np.ndarray],
    target: str,
    drawn: np.ndarray,
    predictive_steps: int,
    calibration: Calibration | None = None,
) -> dict[str, float]:
    """Every figure of one direction.

    Args:
      fold: the split.
      side: windows with the truth, as `Fold.side` gives them.
      target: the generated modality.
      drawn: samples [S, N, L, d], normalised; S = 1 for methods that give one answer.
      predictive_steps: training steps behind the predictive score; 0 for none.
      calibration: of the target, for the coverage of calibrated intervals.

    Returns:
      Figures by name. `mse` is that of a single sample, as in the paper; `mse_mean` that of the
      mean of the samples. `rmse_expected` is the error of the mean of infinitely many samples,
      without the variance of a mean of S.
    """
    truth, mean = side[target], drawn.mean(0)
    scale = fold.scale[target]
    reference = fold.physical(fold.side("train", 600)[target].mean(0), target)
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
        "rmse_mean": float(np.sqrt(np.square(mean - truth).mean())),
        "mae_mean": best["mae"],
        "r2_mean": best["r2"],
        "fid": frechet(truth, drawn[0]),
        **{name: value for name, value in best.items() if name.startswith("mae/")},
    }
    unseen = fold.unseen_task(side)
    if unseen.any() and not unseen.all():
        error = np.square(mean - truth).mean((1, 2))
        figures["mse_mean_seen_tasks"] = float(error[~unseen].mean())
        figures["mse_mean_unseen_tasks"] = float(error[unseen].mean())
    if predictive_steps:
        every = max(1, truth.shape[1] // 60)
        figures["pred"] = predictive_score(
            truth[:, ::every], drawn[0][:, ::every], steps=predictive_steps
        )
    if len(drawn) > 1:
        noise = drawn.var(0, ddof=1).mean() / len(drawn)
        figures["rmse_expected"] = float(np.sqrt(max(np.square(mean - truth).mean() - noise, 0.0)))
        figures["crps"] = uncertainty.crps(drawn, truth)
        figures["coverage_90"] = uncertainty.coverage(drawn, truth, (0.9,))["coverage_90"]
        figures["spread_skill"] = uncertainty.spread_skill(drawn, truth)["spread_skill"]
        if calibration is not None:
            low, high = calibration.interval(drawn, 0.9)
            figures["calibrated_90"] = float(((low <= truth) & (truth <= high)).mean())
    return figures


def calibrated(
    fold: Fold, generate: Callable, params: Params, condition: Callable, target: str, config: Config
) -> Calibration | None:
    """The calibration of a modality on the validation subjects, where these were not trained on."""
    if not config.data.calibrate:
        return None
    side = fold.side("validation", config.data.windows)
    given = OTHER[target]
    drawn = draw(generate, params, condition(given, side[given]), config.sampling.samples, seed=1)
    channels = fold.scale[target].channels
    return Calibration.fit(drawn, side[target], side["subject"], channels, (0.9,))


def baseline_predictions(
    fold: Fold, side: dict[str, np.ndarray], target: str, names: tuple[str, ...], most: int = 800
) -> dict[str, np.ndarray]:
    """Predictions [1, N, L, d] of baselines for the windows of `side`, fitted to at most `most`
    training windows.
    """
    train = fold.side("train", most)
    given, wanted, groups = train[OTHER[target]], train[target], train["subject"]
    return {
        name: BASELINES[name](given, wanted, groups)(side[OTHER[target]])[None] for name in names
    }


def encoded(
    settings: Settings,
    params: Params,
    side: dict[str, np.ndarray],
    modality: str,
    t: float = 0.0,
) -> np.ndarray:
    """Latents [N, tokens, width] of clean signals."""
    run = _encoder(settings, modality)
    count = len(side[modality])
    parts = []
    for first in range(0, count, CHUNK):
        part = side[modality][first : first + CHUNK]
        filled = np.resize(part, (CHUNK, *part.shape[1:]))
        parts.append(np.asarray(run(params, filled, t))[: len(part)])
    return np.concatenate(parts)


@lru_cache(maxsize=32)
def _encoder(settings: Settings, modality: str) -> Callable[..., jax.Array]:
    networks = make_networks(settings)
    return jax.jit(lambda params, signals, t: networks.latents(params, modality, signals, t))


def content(
    settings: Settings, params: Params, side: dict[str, np.ndarray], rows: int = 64
) -> dict:
    """Contrast of true and of false pairs among `rows` evenly spread windows, which are of
    different people if they can be.

    Only windows at the same position are negatives: chance is log `rows`, and neither position nor
    noise level helps.
    """
    index = evenly(len(side["x"]), rows)
    part = {name: side[name][index] for name in OTHER}
    x, y = (jnp.asarray(encoded(settings, params, part, own, CONTENT_STEP)) for own in OTHER)
    found = align.content(x, y, settings.options._replace(negatives="position"))
    return {"contrast": float(found.paired), "mispaired": float(found.mispaired)}


def probes(
    settings: Settings, params: Params | None, fold: Fold, most: int = 1200
) -> dict[str, Any]:
    """What latents say of the task, on people that neither the encoder nor the probe has seen.

    Args:
      settings: of the method.
      params: parameters, or None to probe the raw signals.
      fold: probes are trained on its training subjects and tested on its test subjects, in steady
        walking.
      most: windows of either.

    Returns:
      Accuracies `linear_x`, `linear_y`, `nonlinear_x`, `nonlinear_y`, and `latent_correlation` on
      the test subjects.
    """
    sides = [fold.side(which, most, steady=True) for which in ("train", "test")]
    figures: dict[str, Any] = {}
    codes: dict[str, np.ndarray] = {}
    for m in OTHER:
        train, test = (
            (side[m] if params is None else encoded(settings, params, side, m)).reshape(
                len(side[m]), -1
            )
            for side in sides
        )
        reduced = _principal(train, test)
        for kind, hidden in (("linear", 0), ("nonlinear", 128)):
            accuracy = transfer(
                reduced[0], sides[0]["task"], reduced[1], sides[1]["task"], hidden=hidden
            )
            figures[f"{kind}_{m}"] = accuracy
        codes[m] = test
    if codes["x"].shape == codes["y"].shape:
        figures["latent_correlation"] = latent_correlation(codes["x"], codes["y"])
    return figures


def _principal(
    train: np.ndarray, test: np.ndarray, components: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Both projected on the training set's leading components: a probe on thousands of dimensions
    would overfit.
    """
    mean = train.mean(0)
    directions = np.linalg.svd(train - mean, full_matrices=False)[2][:components]
    return (train - mean) @ directions.T, (test - mean) @ directions.T
