"""Recordings: the rate in time stamps, resampling, gaps, units, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdiff.data import units
from jaxdiff.data.gaps import Gap
from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.timestamps import StampError
from jaxdiff.errors import DataError, DataWarning


def one(values, rate=100.0, unit="", start=0.0):
    return Recording(np.asarray(values, np.float64)[:, None], ("a",), (unit,), rate, start)


@given(
    rate=st.sampled_from(
        [10.0, 25.0, 29.97, 30.0, 60.0, 100.0, 120.0, 148.148, 200.0, 240.0, 1000.0, 2000.0]
    ),
    decimals=st.integers(3, 12),
    samples=st.integers(200, 2000),
    start=st.floats(0, 100),
)
def test_uniform_stamps_give_the_rate_they_were_printed_from(rate, decimals, samples, start):
    time = np.round(start + np.arange(samples) / rate, decimals)
    if 10.0**-decimals > 0.25 / rate:
        return  # stamps too coarse to tell samples apart
    found = Recording.from_times(time, np.zeros((samples, 1)), ["a"], [""])
    assert found.rate == pytest.approx(rate, rel=4 * 10.0**-decimals * rate / samples + 1e-12)
    assert np.abs(found.time - time).max() <= 2.01 * 10.0**-decimals


def test_a_plain_rate_comes_back_exactly():
    for rate in (12.5, 30, 100, 120, 240, 1000):
        time = np.round(0.7 + np.arange(500) / rate, 4)
        assert Recording.from_times(time, np.zeros((500, 1)), ["a"], [""]).rate == rate


@given(dropped=st.integers(1, 48), samples=st.integers(3, 50))
def test_a_dropped_frame_is_not_uniform(dropped, samples):
    time = np.delete(np.arange(samples + 1) / 60, min(dropped, samples - 1))
    with pytest.raises(StampError, match="not uniform"):
        Recording.from_times(time, np.zeros((samples, 1)), ["a"], [""])


def test_irregular_stamps_are_interpolated_when_a_rate_is_asked_for():
    time = np.sort(np.random.default_rng(0).uniform(0, 4, 2000))
    found = Recording.from_times(time, np.sin(2 * np.pi * time)[:, None], ["a"], [""], rate=50.0)
    assert found.rate == 50
    assert np.abs(found.values[:, 0] - np.sin(2 * np.pi * found.time)).max() < 0.02


@pytest.mark.parametrize(
    "time", [[0, 0.1, 0.1], [0, 0.2, 0.1], [0, np.nan, 0.2], [0.0, 1e300, 2e300]]
)
def test_time_that_stands_still_or_is_missing_is_refused(time):
    for rate in (None, 10.0):
        with pytest.raises(StampError):
            Recording.from_times(np.array(time), np.zeros((3, 1)), ["a"], [""], rate)


@pytest.mark.parametrize("new", [20.0, 37.0, 100.0, 100.1, 250.0])
def test_resampling_keeps_slow_signals(new):
    time = np.arange(1000) / 100
    slow = one(np.sin(2 * np.pi * 3 * time) + 2, start=1.5)
    found = slow.resample(new)
    expected = np.sin(2 * np.pi * 3 * (found.time - 1.5)) + 2
    inner = slice(len(expected) // 5, -len(expected) // 5)
    assert found.rate == new and found.start == 1.5
    assert found.time[-1] == pytest.approx(slow.time[-1], abs=1 / new)
    assert np.abs(found.values[:, 0] - expected)[inner].max() < 2e-4


@given(frequency=st.floats(10.5, 49.0))
def test_resampling_down_does_not_alias(frequency):
    time = np.arange(1000) / 100
    found = one(np.sin(2 * np.pi * frequency * time)).resample(20.0).values[40:-40]
    assert np.abs(found).max() < 2e-4


@given(level=st.floats(-1e3, 1e3), new=st.floats(5, 400), samples=st.integers(1, 40))
def test_resampling_keeps_constants(level, new, samples):
    found = one(np.full(samples, level)).resample(new)
    assert len(found.values) == int(np.floor((samples - 1) * new / 100 + 1e-6)) + 1
    assert np.allclose(found.values, level, rtol=1e-12, atol=0)


def test_resampling_up_passes_through_the_samples():
    values = np.random.default_rng(0).normal(size=50)
    assert np.allclose(one(values).resample(300.0).values[::3, 0], values, atol=1e-12)


def test_resampling_keeps_the_dtype_and_gaps():
    values = np.sin(np.arange(200) / 20).astype(np.float32)[:, None]
    values[100:110] = np.nan
    found = Recording(values, ("a",), ("",), 100.0).resample(50.0)
    assert found.values.dtype == np.float32
    assert np.array_equal(np.flatnonzero(np.isnan(found.values[:, 0])), np.arange(50, 55))


def test_low_pass_splits_fast_from_slow_without_delay():
    time = np.arange(2000) / 1000
    slow, fast = np.sin(2 * np.pi * 2 * time), np.sin(2 * np.pi * 60 * time)
    found = one(slow + fast, 1000.0).low_pass(20.0).values[200:-200, 0]
    assert np.abs(found - slow[200:-200]).max() < 2e-4


def test_envelope_is_the_mean_rectified_amplitude():
    time = np.arange(3000) / 1000
    found = one(
        0.5 + (1 + 0.5 * np.sin(2 * np.pi * time)) * np.sin(2 * np.pi * 123 * time), 1000.0
    ).envelope()
    expected = 2 / np.pi * (1 + 0.5 * np.sin(2 * np.pi * time))
    assert np.abs(found.values[:, 0] - expected)[900:-900].max() < 2e-3


def test_gaps_are_reported_and_only_short_inner_ones_filled():
    values = np.arange(20.0)
    values[[0, 5, 6, 10, 11, 12, 13, 19]] = np.nan
    recording = one(values, 10.0, start=1.0)
    times = [(1.0, 1.0), (1.5, 1.6), (2.0, 2.3), (2.9, 2.9)]
    assert [(round(gap.start, 9), round(gap.stop, 9)) for gap in recording.gaps()] == times
    filled = recording.fill_gaps(0.2)
    assert np.array_equal(filled.values[5:7, 0], [5, 6])
    assert [gap.start for gap in filled.gaps()] == pytest.approx([1.0, 2.0, 2.9])
    assert recording.fill_gaps(10.0).gaps() == (
        Gap("a", 1.0, 1.0),
        Gap("a", recording.time[-1], recording.time[-1]),
    )


def test_crop_takes_start_and_leaves_stop():
    found = one(np.arange(100.0), 100.0, start=2.0).crop(2.1, 2.3)
    assert np.array_equal(found.values[:, 0], np.arange(10, 30)) and found.start == pytest.approx(
        2.1
    )
    with pytest.raises(DataError, match="no samples"):
        found.crop(9.0, 10.0)


@pytest.mark.parametrize(
    ("value", "old", "new", "expected"),
    [
        (180, "deg", "rad", np.pi),
        (1500, "mm", "m", 1.5),
        (70 * units.GRAVITY, "N", "BW", 1),
        (140, "Nm", "N m/kg", 2),
        (0.003, "V", "mV", 3),
        (2, "N m/kg", "N mm", 140000),
    ],
)
def test_units(value, old, new, expected):
    there = one([value], unit=old).convert({old: new}, mass=70)
    assert there.values[0, 0] == pytest.approx(expected) and there.units == (new,)
    assert there.convert({new: old}, mass=70).values[0, 0] == pytest.approx(value)


def test_units_that_do_not_fit_say_so():
    with pytest.raises(DataError, match="angle.*length"):
        one([1.0], unit="deg").convert({"deg": "m"})
    with pytest.raises(DataError, match="mass"):
        one([1.0], unit="N").convert({"N": "BW"})
    with pytest.raises(DataError, match="furlong"):
        one([1.0], unit="furlong").convert({"furlong": "m"})


def test_join_and_select():
    a, b = one(np.arange(5.0)), Recording(np.ones((5, 2)), ("b", "c"), ("m", "N"), 100.0)
    both = a.join(b)
    assert both.select(["c", "a"]).units == ("N", "")
    with pytest.raises(DataError, match="do not join"):
        a.join(b.resample(50.0))
    with pytest.raises(DataError, match="twice"):
        a.join(a)
    with pytest.raises(DataError, match="did you mean 'b'"):
        b.select(["bb"])


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf, 1e9])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(DataError):
        one(np.zeros(5)).resample(rate)


def walk():
    values = np.arange(600.0).reshape(300, 2)
    events = (
        Event(2.0, "foot_off", "right"),
        Event(0.5, "foot_strike", "right"),
        Event(1.5, "foot_strike", "right"),
    )
    return Recording(values, ("a", "b"), ("deg", "N"), 100.0, 0.0, {"subject": "S1"}, events)


def test_seconds_index_a_recording_and_its_events():
    part = walk()[0.5:1.75]
    assert (part.start, len(part)) == (0.5, 125)
    assert [event.time for event in part.events] == [0.5, 1.5]
    assert len(walk()[:]) == 300 and np.array_equal(walk()["b"], walk().values[:, 1])
    with pytest.raises(DataError, match="by seconds"):
        walk()[3]
    with pytest.raises(DataError, match="covers 0 to 2.99 s"):
        walk()[7:8]


def test_cycles_follow_the_events():
    (stride,) = walk().cycles("right")
    assert (stride.start, len(stride)) == (0.5, 100)


def test_renaming_keeps_everything_else():
    found = walk().rename({"b": "force"})
    assert found.channels == ("a", "force") and found.events == walk().events
    with pytest.raises(DataError, match="appears twice"):
        walk().rename({"a": "b"})
    with pytest.raises(DataError, match="did you mean"):
        walk().rename({"aa": "b"})


def test_pandas_and_back_keeps_everything():
    pandas = pytest.importorskip("pandas")
    frame = walk().to_pandas()
    assert list(frame.columns) == ["a", "b"] and frame.index.name == "time"
    back = Recording.from_pandas(frame)
    assert np.array_equal(back.values, walk().values)
    assert (back.channels, back.units, back.rate) == (("a", "b"), ("deg", "N"), 100.0)
    assert dict(back.meta) == {"subject": "S1"} and back.events == walk().events
    plain = pandas.DataFrame({"time": [0, 0.1, 0.2], "x": [1, 2, 3]})
    made = Recording.from_pandas(plain, units={"x": "m"})
    assert (made.rate, made.units, made.channels) == (10, ("m",), ("x",))


def test_the_repr_fits_on_a_line():
    assert "\n" not in repr(walk()) and "300 samples of 2 channels at 100 Hz" in repr(walk())
    many = Recording(np.zeros((4, 50)), tuple(f"c{i}" for i in range(50)), ("",) * 50, 10.0)
    assert len(repr(many)) < 160 and "and 44 more" in repr(many)


def test_a_plot_has_a_panel_per_unit():
    pytest.importorskip("matplotlib").use("Agg")
    figure = walk().plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["deg", "N"]


def test_resampling_is_bounded_in_both_directions():
    for rate in (0.05, 2e4):
        with pytest.raises(DataError, match="between 1/1000 and 100 times"):
            walk().resample(rate)


def test_numbers_of_the_metadata_are_read_with_their_units():
    stated = units.stated
    assert stated("60.8", "kg") == 60.8 and stated("70 kg", "kg") == 70 and stated("", "kg") is None
    assert stated("178 cm", "m") == pytest.approx(1.78) and stated("nan", "m/s") is None
    for text, unit in (("154 lb", "kg"), ("4.3 km/h", "m/s"), ("1.2 m", "m/s")):
        with pytest.warns(DataWarning, match="is not used"):
            assert stated(text, unit) is None
