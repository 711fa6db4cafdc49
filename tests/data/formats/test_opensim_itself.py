"""OpenSim 4.6 reads what we write, and we read what it writes. Skipped where the `opensim` package
is not installed.
"""

import tempfile
from contextlib import chdir

import numpy as np
import pytest

from jaxdiff.data.formats import read, write
from jaxdiff.data.recording import Event, Recording

with chdir(tempfile.gettempdir()):  # where it puts its log
    opensim = pytest.importorskip("opensim")

TIME = np.arange(50) / 100
NAMES = ("hip_flexion_r", "pelvis_tx", "ground_force_vy", "hip_flexion_r_moment")
VALUES = np.stack([30 * np.sin(6 * TIME), 1.2 * TIME, 700 + TIME, 50 * np.cos(TIME)], axis=1)
META = {"name": "walk", "subject": "S01", "channel_mapping": "hip (deg) = -1 × hip_flexion_r (deg)"}
WALK = Recording(
    VALUES, NAMES, ("deg", "m", "N", "N m"), 100.0, 0.5, META, (Event(0.6, "foot_strike", "right"),)
)


@pytest.fixture(autouse=True)
def quiet():
    opensim.Logger.setLevelString("error")


def values(table):
    """A copy of the numbers; what OpenSim returns is a view that dies with its table."""
    return np.array(table.getMatrix().to_numpy())


@pytest.mark.parametrize("extension", [".mot", ".sto"])
def test_opensim_reads_what_is_written(tmp_path, extension):
    path = tmp_path / f"walk{extension}"
    write(path, WALK)
    table = opensim.TimeSeriesTable(str(path))
    assert table.getColumnLabels() == NAMES
    np.testing.assert_array_equal(values(table), VALUES)
    np.testing.assert_allclose(table.getIndependentColumn(), WALK.time, atol=1e-12)
    assert table.getTableMetaDataString("inDegrees") == "yes"
    storage = opensim.Storage(str(path))
    labels = storage.getColumnLabels()
    assert [labels.get(i) for i in range(labels.getSize())] == ["time", *NAMES]
    assert storage.isInDegrees() and storage.getSize() == 50


def test_gaps_are_nan_in_opensim(tmp_path):
    holed = VALUES.copy()
    holed[3:5, 2] = np.nan
    path = tmp_path / "gaps.sto"
    write(path, Recording(holed, NAMES, WALK.units, 100.0))
    table = opensim.TimeSeriesTable(str(path))
    np.testing.assert_array_equal(values(table), holed)


def test_tables_written_by_opensim_are_read(tmp_path):
    write(tmp_path / "walk.mot", WALK)
    table = opensim.TimeSeriesTable(str(tmp_path / "walk.mot"))
    opensim.STOFileAdapter.write(table, str(tmp_path / "back.sto"))
    back = read(tmp_path / "back.sto")
    np.testing.assert_allclose(back.values, VALUES, atol=1e-12)
    assert (back.channels, back.units, back.rate, back.start) == (NAMES, WALK.units, 100, 0.5)
    assert back.events == WALK.events and back.meta["subject"] == "S01"
    storage = opensim.Storage(str(tmp_path / "walk.mot"))
    storage.printResult(storage, "stored", str(tmp_path), -1, ".sto")
    stored = read(tmp_path / "stored.sto")
    np.testing.assert_allclose(stored.values, VALUES, atol=1e-7)  # eight decimals
    assert stored.channels == NAMES and stored.units == WALK.units


def test_markers_written_by_opensim_are_read(tmp_path):
    table = opensim.TimeSeriesTableVec3()
    table.setColumnLabels(["LASI", "RASI"])
    for i in range(6):
        row = opensim.RowVectorVec3(2)
        row[0] = opensim.Vec3(i, 2, 3)
        row[1] = opensim.Vec3(4, 5, 6 + i) if i != 3 else opensim.Vec3(float("nan"))
        table.appendRow(i / 60, row)
    table.addTableMetaDataString("DataRate", "60")
    table.addTableMetaDataString("Units", "mm")
    opensim.TRCFileAdapter().write(table, str(tmp_path / "markers.trc"))
    found = read(tmp_path / "markers.trc")
    assert found.channels[:2] == ("LASI_x", "LASI_y") and found.units == ("mm",) * 6
    assert found.rate == 60 and found.values[2].tolist() == [2, 2, 3, 4, 5, 8]
    assert np.isnan(found.values[3, 3:]).all()


def test_angles_in_radians_stay_radians(tmp_path):
    path = tmp_path / "radians.mot"
    write(path, Recording(np.radians(VALUES[:, :1]), NAMES[:1], ("rad",), 100.0))
    assert not opensim.Storage(str(path)).isInDegrees()
