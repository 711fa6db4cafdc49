"""Signals stored as 16-bit integers come back within half a step of their range."""

import json

import numpy as np
import pytest

from jaxdiff.data.builders.base import compacted, decoded
from jaxdiff.data.builders.example import example
from jaxdiff.errors import DataError


def test_compacted_signals_come_back_within_half_a_step():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 3)).astype(np.float32) * [1e-3, 1.0, 2e4]
    values[:, 1] = 7.0  # a constant channel
    trial = example("one", {"grf": values}, rate=100.0, subject="S")
    stored = compacted(trial)
    assert stored["signals"]["grf"].dtype == np.int16
    names = json.dumps({"grf": ["a", "b", "c"]})
    back = decoded({**stored, "channels": names, "units": names})
    step = np.ptp(values, axis=0) / 65535
    error = np.abs(back["signals"]["grf"] - values).max(0)
    assert np.all(error <= 0.51 * step + 1e-6 * np.abs(values).max(0))
    assert back["signals"]["grf"].dtype == np.float32
    assert "scales" not in back


def test_values_that_are_not_finite_are_refused():
    trial = example("one", {"grf": np.full((4, 1), np.nan)}, rate=100.0, subject="S")
    with pytest.raises(DataError, match="'one': grf has values that are not finite"):
        compacted(trial)
