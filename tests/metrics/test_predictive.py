"""Predictive scores: data like the real data train better than noise, and equal seeds agree."""

import numpy as np
import pytest

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.metrics.predictive import predictive_score

RNG = np.random.default_rng(0)
TIME = np.arange(24) / 8


def waves(count, amplitude=1.0, channels=2):
    phase = RNG.uniform(0, 2 * np.pi, (count, 1, 1))
    return amplitude * np.sin(2 * np.pi * 0.6 * TIME[:, None] + phase + np.arange(channels))


REAL, ALIKE, NOISE = waves(64), waves(64), RNG.normal(size=(64, 24, 2))


@pytest.mark.parametrize(
    "settings", [{"form": "seq2seq", "hidden": 16}, {"form": "next_step", "hidden": 8}]
)
def test_generated_data_that_are_alike_teach_better_than_noise(settings):
    good, bad = (
        predictive_score(REAL, fake, steps=200, batch=32, **settings) for fake in (ALIKE, NOISE)
    )
    assert good < 0.5 * bad
    assert good == predictive_score(REAL, ALIKE, steps=200, batch=32, **settings)


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="seq2seq"):
        predictive_score(REAL, ALIKE, form="seq2sec")
    with pytest.raises(DataError, match="2 channels"):
        predictive_score(REAL[..., :1], ALIKE[..., :1], form="next_step")
    with pytest.raises(DataError, match="equal T and D"):
        predictive_score(REAL, ALIKE[:, :5])
