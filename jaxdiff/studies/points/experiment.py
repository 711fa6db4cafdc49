"""Trains a small diffusion model of points on a line and draws what it learned."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdiff.errors import ConfigError
from jaxdiff.methods.points import points
from jaxdiff.report.page import Page
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, provenance
from jaxdiff.studies.fitting import fit_once
from jaxdiff.training import distributed, settings
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config


class Mixture:
    """Endless batches of a mixture of Gaussians; batch number n depends on n alone."""

    def __init__(self, config: Config, seed: int = 0):
        if not len(config.weights) == len(config.means) == len(config.deviations):
            raise ConfigError("weights, means and deviations have one number for each bump")
        if min(config.weights) < 0 or abs(sum(config.weights) - 1) > 1e-6:
            raise ConfigError(
                f"the weights of the bumps add up to 1, and none is negative; got {config.weights}"
            )
        if config.batch_size < 1 or config.samples < 1:
            raise ConfigError("batch_size and samples are at least 1")
        self.config, self.seed, self.count = config, seed, 0

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        which = rng.choice(len(self.config.weights), size, p=self.config.weights)
        means, deviations = np.array(self.config.means), np.array(self.config.deviations)
        return (means[which] + deviations[which] * rng.normal(size=size)).astype(np.float32)[
            :, None
        ]

    def __next__(self) -> dict[str, Any]:
        self.count += 1
        whole = self.draw(np.random.default_rng([self.seed, self.count]), self.config.batch_size)
        return {"x": whole[distributed.share(len(whole))]}

    def get_state(self) -> dict[str, int]:
        return {"count": self.count}

    def set_state(self, state: dict[str, int]) -> None:
        self.count = state["count"]


def histogram(real: np.ndarray, generated: np.ndarray, bins: int = 24) -> str:
    """Two histograms side by side, in text."""
    edges = np.linspace(real.min(), real.max(), bins + 1)
    counts = [np.histogram(x, edges)[0] / len(x) for x in (real, generated)]
    scale = 30 / max(count.max() for count in counts)
    rows = [f"{'real':>38}   generated"]
    for low, a, b in zip(edges, *counts):
        rows.append(f"{low:6.2f} {'█' * round(a * scale):>31} │ {'█' * round(b * scale)}")
    return "\n".join(rows)


def run(config: Config, out: Path) -> None:
    """Trains, draws as many points as the data have, prints both, and leaves a page."""
    begin, method, data = time.perf_counter(), points(config.width), Mixture(config)
    about = {"method": "points", "config": config.to_dict()}
    params = fit_once(method, lambda: data, settings.from_config(config.training), out, about)
    generated = make_generate(method.generate)(
        params, jax.random.key(1), np.zeros((config.samples, 1), np.float32)
    )
    drawn = {
        "real": data.draw(np.random.default_rng(1), config.samples)[:, 0],
        "generated": np.asarray(generated)[:, 0],
    }
    print(histogram(drawn["real"], drawn["generated"]))
    seconds = time.perf_counter() - begin
    facts = provenance("a mixture of two Gaussians", config.training.seed, seconds)
    report = Report("Points on a line", facts)
    report.table(compared(drawn, float(np.mean(config.means))), "points")
    lines = {name: density(x, drawn["real"]) for name, x in drawn.items()}
    report.add(
        Page.chart, "Density", "x", lines, "Estimated densities of real and generated points"
    )
    report.curves("Training", out)
    publish(report, out)
    print(f"kept in {out}: the same command continues from there")


def compared(drawn: Mapping[str, np.ndarray], between: float) -> Table:
    """Where the points are; `between` parts the two bumps."""
    table = Table("Real and generated points", ("share left", "mean left", "mean", "sd"))
    for name, x in drawn.items():
        left = x[x < between]
        figures = len(left) / len(x), left.mean(), x.mean(), x.std()
        table.row(name, {column: f"{figure:.2f}" for column, figure in zip(table.columns, figures)})
    return table


def density(x: np.ndarray, real: np.ndarray, bins: int = 48) -> list[tuple[float, float]]:
    """A histogram of `x` over the range of the real points, as a line through the middles of its
    bins.
    """
    height, edges = np.histogram(x, np.linspace(real.min(), real.max(), bins + 1))
    height = height / (len(x) * (edges[1] - edges[0]))
    return list(zip(((edges[1:] + edges[:-1]) / 2).tolist(), height.tolist()))
