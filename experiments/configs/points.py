"""A diffusion model of points on a line: the whole engine in half a minute.

    python -m experiments.points --config=experiments/configs/points.py

Expect both modes of the mixture found: weights 0.3 and 0.7, means -2 and 1, within a few per cent.
"""

from ml_collections import ConfigDict

from jaxdiff.training import settings


def get_config() -> ConfigDict:
    """The config; every field can be changed with `--config.FIELD=VALUE`."""
    config = ConfigDict()
    config.weights = (0.3, 0.7)  # of the two bumps
    config.means = (-2.0, 1.0)
    config.deviations = (0.3, 0.5)
    config.width = 64  # of the network
    config.samples = 4000  # drawn at the end
    config.batch_size = 256
    config.training = settings.config(steps=3000, log_every=500, save_every=1000, steps_per_dispatch=20)
    config.training.optimizer.learning_rate = 3e-3
    config.training.optimizer.decay = "cosine"
    config.lock()
    return config
