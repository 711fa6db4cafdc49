"""OpenSim tables and marker files: header variants, exact round trips, and OpenSim itself as a
reader.
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxdiff.data.formats import read, write
from jaxdiff.data.formats.opensim import read_opensim
from jaxdiff.data.recording import Recording
from jaxdiff.errors import FileError

ROWS = "0.00\t1.5\t2\n0.01\t-3\tnan\n0.02\t4e-3\t5\n"


def file(folder, text, name="a.mot"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "Coordinates\nversion=1\nnRows=3\nnColumns=3\ninDegrees=yes\n\nUnits are S.I."
        " units\nendheader\ntime\thip_flexion_r\tpelvis_tx\n" + ROWS,
        "name walk\ndatacolumns 3\ndatarows 3\nrange 0 0.02\nendheader\ntime hip_flexion_r"
        " pelvis_tx\n" + ROWS,
        "inDegrees=no\nDataType=double\nversion=3\nOpenSimVersion=4.5\nEndHeader\nTime\thip_flexion_r\tpelvis_tx\t\n"
        + ROWS,
        "endheader\n\n  time   hip_flexion_r   pelvis_tx \n" + ROWS.replace("\t", "   "),
        "title\nNROWS = 3\nNCOLUMNS = 3\nINDEGREES ="
        " YES\nENDHEADER\r\ntime\thip_flexion_r\tpelvis_tx\r\n" + ROWS.replace("\n", "\r\n"),
        "\ufefftitle\nendheader\nhip_flexion_r\ttime\tpelvis_tx\n1.5\t0\t2\n-3\t0.01\t-1.#IND\n0.004\t0.02\t5\n\n\n",
        "title\nendheader\ntime\thip_flexion_r\ttime\tpelvis_tx\n0\t1.5\t0\t2\n.01\t-3\t.01\tNaN\n.02\t4e-3\t.02\t5\n",
    ],
)
def test_header_variants_give_the_same_numbers(tmp_path, text):
    found = read(file(tmp_path, text))
    assert found.channels == ("hip_flexion_r", "pelvis_tx")
    assert found.rate == 100 and found.start == 0
    assert np.array_equal(found.values, [[1.5, 2], [-3, np.nan], [0.004, 5]], equal_nan=True)


@pytest.mark.parametrize(
    ("name", "degrees", "unit"),
    [
        ("hip_flexion_r", "yes", "deg"),
        ("hip_flexion_r", "no", "rad"),
        ("pelvis_tx", "yes", "m"),
        ("ground_force_vy", "yes", "N"),
        ("1_ground_force_px", "yes", "m"),
        ("ground_torque_y", "yes", "N m"),
        ("knee_angle_r_moment", "no", "N m"),
        ("pelvis_tx_force", "no", "N"),
        ("soleus_r", "no", ""),
        ("/jointset/hip_r/hip_flexion_r/value", "no", "rad"),
        ("/jointset/ground_pelvis/pelvis_tx/value", "no", "m"),
        ("/jointset/hip_r/hip_flexion_r/speed", "no", ""),
    ],
)
def test_units_follow_the_naming_rules(tmp_path, name, degrees, unit):
    text = f"t\ninDegrees={degrees}\nendheader\ntime\t{name}\n0\t1\n1\t2\n"
    assert read(file(tmp_path, text)).units == (unit,)


def test_missing_time_needs_a_rate(tmp_path):
    path = file(tmp_path, "t\nnRows=2\nendheader\na\tb\n1\t2\n3\t4\n")
    with pytest.raises(FileError, match="no time column.*rate"):
        read(path)
    assert read(path, rate=50.0).rate == 50


def test_two_different_time_columns_are_refused(tmp_path):
    with pytest.raises(FileError, match="differ"):
        read(file(tmp_path, "t\nendheader\ntime\ta\ttime\n0\t1\t0\n1\t2\t3\n"))


def test_irregular_time_names_its_line_and_resamples_on_request(tmp_path):
    path = file(tmp_path, "t\nendheader\ntime\ta\n0\t1\n1\t2\n\n2.5\t3.5\n3\t4\n")
    with pytest.raises(FileError, match="line 7: time is not uniform.*rate"):
        read(path)
    found = read(path, rate=1.0)
    assert np.allclose(found.values[:, 0], [1, 2, 3, 4]) and found.rate == 1


@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(2, 5), st.just(2)),
        elements=st.floats(allow_infinity=False),
    ),
    extension=st.sampled_from(["mot", "sto"]),
)
def test_every_number_survives(tmp_path_factory, values, extension):
    path = tmp_path_factory.getbasetemp() / f"round.{extension}"
    before = Recording(
        values, ("a", "b"), ("deg", "N m/kg"), 148.148, 0.25, {"name": "trial 1", "side": "left"}
    )
    write(path, before)
    after = read(path)
    assert np.array_equal(after.values, before.values, equal_nan=True)
    assert (after.channels, after.units, dict(after.meta)) == (
        before.channels,
        before.units,
        dict(before.meta),
    )
    assert after.start == before.start and after.rate == pytest.approx(before.rate, rel=1e-9)


def test_long_tables_are_read_fast(tmp_path, calls):
    """A few calls a row and none for a number: NumPy's parser reads those."""

    def reading(rows, channels=40):
        path, values = tmp_path / "long.mot", np.random.default_rng(0).normal(size=(rows, channels))
        write(
            path,
            Recording(values, tuple(f"c{i}" for i in range(channels)), ("",) * channels, 1000.0),
        )
        assert np.array_equal(read_opensim(path).values, values)
        return calls(partial(read_opensim, path))

    assert reading(1100) - reading(100) < 10 * 1000


def test_what_opensim_would_split_or_confuse_is_not_written(tmp_path, gait):
    spaced = Recording(gait.values, ("hip flexion", *gait.channels[1:]), gait.units, gait.rate)
    with pytest.raises(FileError, match="space"):
        write(tmp_path / "a.mot", spaced)
    with pytest.raises(FileError, match="deg and in rad"):
        write(tmp_path / "a.mot", Recording(gait.values[:, :2], ("a", "b"), ("deg", "rad"), 100.0))
    assert not list(tmp_path.iterdir())


def test_markers(samples):
    found = read(samples[".trc"])
    assert found.channels == (
        "R.ASIS_x",
        "R.ASIS_y",
        "R.ASIS_z",
        "L.ASIS_x",
        "L.ASIS_y",
        "L.ASIS_z",
    )
    assert set(found.units) == {"mm"} and found.rate == 60
    assert np.array_equal(found.values[3], [1.5, -2, np.nan, 4, 5.25, 6], equal_nan=True)


def test_markers_without_blank_line_tabs_or_trailing_cells(tmp_path, samples):
    lines = samples[".trc"].read_text().splitlines()
    expected = read(samples[".trc"]).values
    compact = file(tmp_path, "\n".join([*lines[:5], *lines[6:]]), "a.trc")
    surplus = file(
        tmp_path, "\n".join([*lines[:6], *(line + "\t\t" for line in lines[6:])]), "b.trc"
    )
    words = [line.replace("\t\t", "\tnan\t") for line in lines[6:]]
    spaces = file(
        tmp_path, "\n".join([*lines[:6], *(line.replace("\t", "  ") for line in words)]), "c.trc"
    )
    for path in (compact, surplus, spaces):
        assert np.array_equal(read(path).values, expected, equal_nan=True)


@pytest.mark.parametrize("extension", ["mot", "sto"])
def test_opensim_opens_what_is_written(tmp_path, monkeypatch, gait, extension):
    monkeypatch.chdir(tmp_path)  # OpenSim leaves a log where it is
    opensim = pytest.importorskip("opensim")
    path = tmp_path / f"walk.{extension}"
    write(path, gait)
    table = opensim.TimeSeriesTable(str(path))
    assert tuple(table.getColumnLabels()) == gait.channels
    assert table.getTableMetaDataAsString("inDegrees") == "yes"
    assert np.array_equal(table.getMatrix().to_numpy(), gait.values, equal_nan=True)
    assert np.array_equal(np.array(table.getIndependentColumn()), gait.time)
    filled = tmp_path / f"filled.{extension}"
    write(filled, gait.fill_gaps(1.0))
    storage = opensim.Storage(str(filled))
    assert storage.getSize() == len(gait.values) and storage.isInDegrees()
    assert storage.getColumnLabels().getSize() == len(gait.channels) + 1


def test_what_opensim_writes_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opensim = pytest.importorskip("opensim")
    table = opensim.TimeSeriesTable()
    table.setColumnLabels(["hip_flexion_r", "pelvis_tx"])
    for i in range(4):
        table.appendRow(0.5 + i / 100, opensim.RowVector([1.25 * i, -i / 3]))
    table.addTableMetaDataString("inDegrees", "yes")
    opensim.STOFileAdapter.write(table, str(tmp_path / "a.sto"))
    found = read(tmp_path / "a.sto")
    assert (
        found.channels == ("hip_flexion_r", "pelvis_tx")
        and found.units == ("deg", "m")
        and found.rate == 100
    )
    assert np.allclose(found.values[:, 1], -np.arange(4) / 3, rtol=1e-12)
