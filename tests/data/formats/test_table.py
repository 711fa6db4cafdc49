"""Tables of text: separators, units, gaps, exact round trips."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jaxdiff.data.formats import read, write
from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import DataWarning, FileError


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "time,hip,force\ns,deg,N\n0,1.5,2\n0.01,-3,\n0.02,0.004,5\n"),
        ("a.csv", "# a comment\ntime [s],hip [deg],force (N)\n0,1.5,2\n0.01,-3,NaN\n0.02,4e-3,5\n"),
        ("a.csv", "Time;hip [deg];force [N]\n0;1,5;2\n0,01;-3;\n0,02;0,004;5\n"),
        (
            "a.csv",
            '"time","hip","force"\n"s","deg","N"\n"0","1.5","2"\n"0.01","-3",""\n"0.02","0.004","5"\n',
        ),
        ("a.tsv", "time_ms\thip\tforce\nms\tdeg\tN\n0\t1.5\t2\n10\t-3\tna\n20\t0.004\t5\n"),
        (
            "a.txt",
            "\ufefftime\thip (deg)\tforce (N)\r\n0\t1.5\t2\r\n0.01\t-3\t\r\n0.02\t0.004\t5\r\n",
        ),
    ],
)
def test_variants_give_the_same_numbers(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode())
    found = read(path)
    assert found.channels == ("hip", "force") and found.units == ("deg", "N") and found.rate == 100
    assert np.array_equal(found.values, [[1.5, 2], [-3, np.nan], [0.004, 5]], equal_nan=True)


@given(
    values=arrays(
        np.float64,
        st.tuples(st.integers(2, 5), st.just(2)),
        elements=st.floats(allow_infinity=False),
    ),
    extension=st.sampled_from(["csv", "tsv", "txt"]),
)
def test_every_number_survives(tmp_path_factory, values, extension):
    path = tmp_path_factory.getbasetemp() / f"round.{extension}"
    before = Recording(values, ("force (left)", "b"), ("N m/kg", ""), 60.0, 3.5)
    write(path, before)
    after = read(path)
    assert np.array_equal(after.values, before.values, equal_nan=True)
    assert (after.channels, after.units, after.rate, after.start) == (
        before.channels,
        before.units,
        60.0,
        3.5,
    )


def test_an_independent_reader_agrees(samples, gait):
    with open(samples[".csv"], newline="") as file:
        names, units, *rows = csv.reader(line for line in file if line[0] != "#")
    assert (*names[1:],) == gait.channels and (*units[1:],) == gait.units
    numbers = np.array([[float(cell or "nan") for cell in row] for row in rows])
    assert np.array_equal(numbers, np.column_stack([gait.time, gait.values]), equal_nan=True)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0,1\n1,2\n", "line 1: a name for every column"),
        ("time,\n0,1\n1,2\n", "line 1: a name for every column"),
        ("time,a\n0,1\n1,2,3\n", "line 3: 3 values in a table of 2 columns"),
        ("time,a\n0,1\n1,abc\n", "line 3: 'abc' in column 'a' is not a number"),
        ("time,a\n0,1\n1,inf\n", "line 3: inf in column 'a'"),
        ("time,a\n0,1\n,2\n", "line 3: nan s is no usable time stamp"),
        ("time,a\ns,N,m\n0,1\n1,2\n", "line 2: 3 units for 2 columns"),
        ("time\n0\n1\n", "no channels beside the time"),
        ("time,a\n", "rows of numbers are expected"),
        ("time,a\ns,N\n", "no rows of numbers"),
        ("a,b\n1,2\n", "no time column"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, match):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FileError, match=match):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "name", ["a,b", "a;b", 'a"b', "a\tb", "a\nb", " a", "", "time", "Time (s)", "12", "nan"]
)
def test_names_that_would_not_come_back_are_refused(tmp_path, name):
    with pytest.raises(FileError):
        write(tmp_path / "a.csv", Recording(np.zeros((2, 1)), (name,), ("",), 1.0))
    assert not list(tmp_path.iterdir())


def test_repeated_names_get_a_suffix_and_a_warning(tmp_path):
    (tmp_path / "a.csv").write_text("time,a,a,a_2\n0,1,2,3\n1,2,3,4\n")
    with pytest.warns(DataWarning, match="'a' as 'a_3'"):
        found = read(tmp_path / "a.csv")
    assert found.channels == ("a", "a_3", "a_2") and found["a_3"].tolist() == [2, 3]


def test_a_frame_column_is_no_channel(tmp_path):
    (tmp_path / "a.csv").write_text("sep=,\nFrame,Sub Frame,hip [deg],time\n7,0,1,0.1\n8,0,2,0.2\n")
    found = read(tmp_path / "a.csv")
    assert found.channels == ("hip",) and found.rate == 10
    (tmp_path / "b.csv").write_text("Frame,hip\n7,1\n8,2\n")
    assert read(tmp_path / "b.csv", 50).channels == ("hip",)
    with pytest.raises(FileError, match="give the rate"):
        read(tmp_path / "b.csv")


def test_events_return(tmp_path):
    events = (Event(0.25, "foot_strike", "right"), Event(0.5, "turn", ""))
    made = Recording(np.arange(20.0)[:, None], ("a",), ("deg",), 20.0, events=events)
    for name in ("a.csv", "a.tsv", "a.mot", "a.sto", "a.npz"):
        write(tmp_path / name, made)
        assert read(tmp_path / name).events == events
    (tmp_path / "a.csv").write_text("# event soon\ntime,a\n0,1\n1,2\n")
    with pytest.raises(FileError, match="line 1: an event is written"):
        read(tmp_path / "a.csv")


META = {
    "subject": "Ünø",
    "channel_mapping": "knee (deg) = -1 × knee_angle_r (deg); hip (deg) = hip_flexion_r (deg)",
    "two\nlines": "first\nsecond ",
    " odd: name": '"quoted"',
    "event x": "1",
    "empty": "",
}


@pytest.mark.parametrize("extension", ["csv", "tsv", "txt"])
def test_metadata_survive_in_comments_that_pandas_skips(tmp_path, extension):
    path = tmp_path / f"a.{extension}"
    before = Recording(np.ones((3, 1)), ("knee",), ("deg",), 50.0, 0.0, META)
    write(path, before)
    assert dict(read(path).meta) == META
    assert path.read_text().startswith("# subject: Ünø\n# channel_mapping: knee (deg) = -1")
    pandas = pytest.importorskip("pandas")
    separator = "\t" if extension == "tsv" else ","
    frame = pandas.read_csv(path, comment="#", header=[0, 1], sep=separator)
    assert list(frame.columns) == [("time", "s"), ("knee", "deg")] and len(frame) == 3


def test_comments_of_other_programs_are_metadata_or_passed_over(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        '# exported by X\n#mass: 70 kg\n# note: "not JSON\n# "\\x": y\ntime,a\n0,1\n# side:'
        " left\n.1,2\n"
    )
    found = read(path)
    assert dict(found.meta) == {"mass": "70 kg", "note": '"not JSON', '"\\x"': "y"}
