"""Points on a line: a small diffusion model through the real engine, and a drawing of what it learned. No data, no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.methods.points import points
from jaxdiff.training import settings
from jaxdiff.training.loop import fit
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Config


def get_config() -> ConfigDict:
    """The config; every field can be changed with `--config.FIELD=VALUE`."""
    config = ConfigDict()
    config.weights = (0.3, 0.7)  # of the two bumps
    config.means = (-2.0, 1.0)
    config.deviations = (0.3, 0.5)
    config.width = 64  # of the network
    config.samples = 4000  # drawn at the end
    config.batch_size = 256
    config.training = settings.config(
        steps=3000,
        log_every=500,
        save_every=1000,
        steps_per_dispatch=20,
        optimizer={"learning_rate": 3e-3, "decay": "cosine"},
    )
    config.lock()
    return config


class Mixture:
    """Endless batches of a mixture of Gaussians; batch number n depends on n alone."""

    def __init__(self, config: Config, seed: int = 0):
        self.config, self.seed, self.count = config, seed, 0

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        which = rng.choice(len(self.config.weights), size, p=self.config.weights)
        means, deviations = np.array(self.config.means), np.array(self.config.deviations)
        return (means[which] + deviations[which] * rng.normal(size=size)).astype(np.float32)[:, None]

    def __next__(self) -> dict[str, Any]:
        self.count += 1
        return {"x": self.draw(np.random.default_rng([self.seed, self.count]), self.config.batch_size)}

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
    """Trains, draws as many points as the data have, and prints both."""
    method, data = points(config.width), Mixture(config)
    about = {"method": "points", "config": config.to_dict()}
    state = fit(method, data, settings.from_config(config.training), out, about=about)
    generated = make_generate(method.generate)(state.ema, jax.random.key(1), np.zeros((config.samples, 1), np.float32))
    generated, real = np.asarray(generated)[:, 0], data.draw(np.random.default_rng(1), config.samples)[:, 0]
    print(histogram(real, generated))
    between = float(np.mean(config.means))
    for name, x in (("real", real), ("generated", generated)):
        left = x[x < between]
        print(
            f"{name:>9}: {len(left) / len(x):.2f} of the points left, mean {left.mean():.2f}; mean {x.mean():.2f}, sd {x.std():.2f}"
        )
    print(f"kept in {out}: the same command goes on from there")
