"""Pictures of LLMA: real against generated, single cases with their error bars, maps of the
latents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxdiff.errors import MissingExtra
from jaxdiff.metrics.probing import latent_correlation, picture
from jaxdiff.report import legs
from jaxdiff.studies.llma.preparation import Fold

REAL, GENERATED = "black", ("tab:blue", "tab:red")
"""Colours: of measurements, and of one or two models."""
SAGITTAL = (("hip_flexion", "knee_flexion", "ankle_dorsiflexion"), ("hip_x", "knee_x", "ankle_x"))
"""Names under which data sets have the three angles that a leg is drawn from."""
LEG_RATE = 120.0
"""Hz at which windows are played whose samples are shares of a stride: a stride in 1.25 s."""


def _axes(count: int) -> tuple[Any, Any]:
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtra("drawing", "viz") from error
    columns = min(3, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(3.4 * columns, 2.2 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.ravel()[count:]:
        axis.axis("off")
    return figure, axes.ravel()


def windows(
    fold: Fold, side: dict[str, np.ndarray], drawn: dict[str, np.ndarray], target: str
) -> Iterator[tuple[str, Any, str]]:
    """Title, figure and description of samples for the test windows.

    Args:
      fold: the split.
      side: the test windows.
      drawn: samples [S, N, L, d] of each model by its label; single windows are shown of the last
        one.
      target: the generated modality.
    """
    name = getattr(fold.test, target)
    yield (
        f"Real and generated {name}: mean and spread over the window",
        bands(fold, side, drawn, target),
        (
            f"Curves of {name} over two strides, real in black, generated in colour, bands of one"
            " standard deviation"
        ),
    )
    yield (
        f"The best, median and worst window of {name}",
        cases(fold, side, list(drawn.values())[-1], target),
        "Single windows with the 5 to 95 % interval of the samples",
    )


def maps(
    codes: dict[str, dict[str, np.ndarray]], task: np.ndarray
) -> Iterator[tuple[str, Any, str]]:
    """Title, figure and description of the latents of each model by its label (paper, Figs. 3 and
    6).
    """
    for label, each in codes.items():
        alike = latent_correlation(flat(each["x"]), flat(each["y"]))
        title = f"Latents of both modalities {label}".strip()
        yield (
            f"{title}, correlation {alike:.2f}",
            latent_map(each, task),
            "Map of latents coloured by task, and by modality",
        )


def flat(codes: np.ndarray) -> np.ndarray:
    """One row per window."""
    return codes.reshape(len(codes), -1)


def bands(
    fold: Fold,
    side: dict[str, np.ndarray],
    drawn: dict[str, np.ndarray],
    target: str,
    most: int = 9,
) -> Any:
    """Mean and standard deviation over the test windows, real and generated (paper, Figs. 2 and
    4).
    """
    scale = fold.scale[target]
    shown = [(fold.physical(side[target], target), REAL, "real")]
    shown += [
        (fold.physical(samples[0], target), colour, label)
        for (label, samples), colour in zip(drawn.items(), GENERATED[-len(drawn) :])
    ]
    figure, axes = _axes(min(most, len(scale.channels)))
    percent = np.linspace(0, 200, side[target].shape[1])
    for c, axis in zip(range(len(scale.channels)), axes):
        for values, colour, label in shown:
            mean, sd = values[..., c].mean(0), values[..., c].std(0)
            axis.plot(percent, mean, color=colour, label=label, lw=1.2)
            axis.fill_between(percent, mean - sd, mean + sd, color=colour, alpha=0.18, lw=0)
        axis.set_title(f"{scale.channels[c]} [{scale.units[c]}]", fontsize=8)
        axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7)
    figure.supxlabel("% of stride", fontsize=8)
    return figure


def representative(side: dict[str, np.ndarray], drawn: np.ndarray, target: str) -> dict[str, int]:
    """The best, the median and the worst window, by the mean of its samples."""
    order = np.argsort(np.square(drawn.mean(0) - side[target]).mean((1, 2)))
    return {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}


def walks(
    fold: Fold, side: dict[str, np.ndarray], drawn: np.ndarray, target: str
) -> dict[str, dict[str, np.ndarray]]:
    """The measured leg of these windows, real and as one sample has it, both where the angles to
    draw it are generated.
    """
    channels = fold.scale[target].channels
    names = next((names for names in SAGITTAL if set(names) <= set(channels)), None)
    if names is None:
        return {}
    columns = [channels.index(name) for name in names]
    windows = {"real": side[target], "generated": drawn[0]}
    shown = {name: fold.physical(values, target)[..., columns] for name, values in windows.items()}
    return {
        f"{label} window": {
            name: legs.joints(values[i], LEG_RATE, sides=("right",))
            for name, values in shown.items()
        }
        for label, i in representative(side, drawn, target).items()
    }


def cases(fold: Fold, side: dict[str, np.ndarray], drawn: np.ndarray, target: str) -> Any:
    """The best, the median and the worst window (paper, Fig. 5), in the three channels that vary
    most.
    """
    scale = fold.scale[target]
    truth = fold.physical(side[target], target)
    samples = fold.physical(drawn, target)
    chosen = representative(side, drawn, target)
    channels = np.argsort(side[target].var((0, 1)))[::-1][:3]
    figure, axes = _axes(3 * len(channels))
    percent = np.linspace(0, 200, truth.shape[1])
    for row, (label, window) in enumerate(chosen.items()):
        for column, c in enumerate(channels):
            axis = axes[row * len(channels) + column]
            low, middle, high = np.quantile(samples[:, window, :, c], (0.05, 0.5, 0.95), axis=0)
            axis.fill_between(
                percent, low, high, color=GENERATED[-1], alpha=0.25, lw=0, label="5–95 %"
            )
            axis.plot(percent, middle, color=GENERATED[-1], lw=1.2, label="median")
            axis.plot(percent, truth[window, :, c], color=REAL, lw=1.2, label="real")
            axis.set_title(f"{label}: {scale.channels[c]} [{scale.units[c]}]", fontsize=8)
            axis.tick_params(labelsize=7)
    axes[0].legend(fontsize=7)
    figure.supxlabel("% of stride", fontsize=8)
    return figure


def latent_map(codes: dict[str, np.ndarray], task: np.ndarray, method: str = "umap") -> Any:
    """Latents of both modalities in one plane, coloured by task (paper, Fig. 3)."""
    codes = {name: flat(each) for name, each in codes.items()}
    try:
        plane = picture(np.concatenate([codes["x"], codes["y"]]), method)
    except MissingExtra:
        plane, method = picture(np.concatenate([codes["x"], codes["y"]]), "pca"), "pca"
    figure, axes = _axes(2)
    halves = plane[: len(task)], plane[len(task) :]
    for points, marker, label in zip(halves, "ox", ("x", "y")):
        axes[0].scatter(*points.T, c=task, cmap="turbo", s=12, marker=marker, label=label, lw=0.8)
    axes[0].set_title(f"colour: task ({method})", fontsize=8)
    axes[0].legend(fontsize=7)
    for points, colour, label in zip(halves, ("tab:blue", "tab:orange"), ("x", "y")):
        axes[1].scatter(*points.T, color=colour, s=8, label=label)
    axes[1].set_title("colour: modality", fontsize=8)
    axes[1].legend(fontsize=7)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure
