"""Edges of numbers and names in files and signals: denormals, unicode, a million rows with gaps."""

import time

import numpy as np
import pytest

from jaxdiff.data import formats
from jaxdiff.data.normalise import fit_values
from jaxdiff.data.recording import Event, Recording

DENORMAL = np.array([[5e-324, -1e-310, 1e-45], [2.2e-308, 0.0, -0.0], [1e300, -5e-324, 3e-39]])
NAMES = ("Hüfte_θ", "膝_角度", "ankle_🦶")
LOSSLESS = [".mot", ".sto", ".csv", ".tsv", ".txt", ".npz", ".parquet"]


@pytest.mark.parametrize("extension", LOSSLESS)
def test_denormals_and_unicode_survive(tmp_path, extension):
    event = Event(0.01, "Fersenauftritt_é", "right")
    before = Recording(
        DENORMAL, NAMES, ("deg",) * 3, 100.0, meta={"name": "Übung"}, events=(event,)
    )
    path = tmp_path / f"größe{extension}"
    formats.write(path, before)
    after = formats.read(path)
    np.testing.assert_array_equal(after.values, before.values)
    assert np.array_equal(np.signbit(after.values), np.signbit(before.values))
    assert after.channels == NAMES and after.events == (event,) and after.meta["name"] == "Übung"


def test_unicode_names_survive_in_c3d(tmp_path):
    pytest.importorskip("ezc3d")
    before = Recording(np.ones((4, 3)), NAMES, ("deg",) * 3, 100.0)
    formats.write(tmp_path / "a.c3d", before)
    assert formats.read(tmp_path / "a.c3d").channels == NAMES


@pytest.mark.parametrize("kind", ["minmax", "zscore"])
def test_denormal_spreads_do_not_blow_up_a_normaliser(kind):
    values = np.array([[1e-310, 1.0], [-1e-42, 2.0], [1e-40, 3.0]])
    scale = fit_values(values, ("a", "b"), ("deg", "deg"), kind)
    assert scale.scale[0] == 1 and np.isfinite(scale(values.astype(np.float32))).all()
    np.testing.assert_allclose(scale.inverse(scale(values)), values, atol=1e-6)


def holed(rows):
    """Three channels of noise with a gap in every hundred samples."""
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, 3))
    values[np.arange(0, rows, 100)[:, None] + np.arange(10), [0]] = np.nan
    return Recording(values, ("a", "b", "c"), ("deg",) * 3, 1000.0)


def seconds(rows, folder):
    """Processor time of everything that gaps touch, and of writing and reading them as CSV."""
    recording = holed(rows)
    begin = time.process_time()
    recording.gaps()
    recording.fill_gaps(0.02)
    recording.resample(250.0)
    recording.low_pass(6.0)
    formats.write(folder / f"{rows}.csv", recording)
    found = formats.read(folder / f"{rows}.csv")
    assert np.isnan(found.values).sum() == rows // 10
    return time.process_time() - begin


def test_gaps_take_linear_time(tmp_path):
    seconds(2000, tmp_path)
    few, many = seconds(10_000, tmp_path), seconds(40_000, tmp_path)
    assert many < 10 * few + 0.2  # four times as long; sixteen times if anything were quadratic


@pytest.mark.slow
def test_a_million_rows_with_gaps(tmp_path):
    few, many = seconds(100_000, tmp_path), seconds(1_000_000, tmp_path)
    assert many < 20 * few + 1.0
