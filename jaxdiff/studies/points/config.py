"""The config of points on a line."""

from __future__ import annotations

from ml_collections import ConfigDict

from jaxdiff.errors import ConfigError, nearest
from jaxdiff.training import settings

WORDS = ("quick",)


def get_config(word: str = "quick") -> ConfigDict:
    """The config; there is one word, `quick`."""
    if word not in WORDS:
        raise ConfigError(f"no config {word!r}; {nearest(word, WORDS)}")
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
