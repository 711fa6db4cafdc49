"""C3D files: three processors, two kinds of words, force plates; ezc3d is the oracle."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from jaxdiff.data.formats import read, read_c3d, write
from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import DataWarning, FileError

INTEL, DEC, MIPS = 84, 85, 86


@pytest.fixture
def trial():
    """Points with a gap at 100 Hz, plate and EMG at 1000 Hz; the plate is loaded in the middle of
    the trial.
    """
    random = np.random.default_rng(0)
    points = np.round(random.normal(size=(20, 2, 3)) * 100, 2)
    points[4:6, 1] = np.nan
    load = np.where((np.arange(200) > 50) & (np.arange(200) < 150), 1.0, 0.0)[:, None]
    plate = load * random.normal([10, 5, -15, 3, 2, 1], [1, 1, 2, 1, 1, 1], (200, 6))
    return points, np.round(np.concatenate([plate, random.normal(size=(200, 1))], axis=1), 3)


def oracle(path, plates=True):
    ezc3d = pytest.importorskip("ezc3d")
    return ezc3d.c3d(str(path), extract_forceplat_data=plates)


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS], ids=["intel", "dec", "mips"])
@pytest.mark.parametrize("integers", [False, True], ids=["floats", "integers"])
def test_points_and_analogs_are_what_was_measured(tmp_path, make_c3d, trial, processor, integers):
    path = tmp_path / "a.c3d"
    path.write_bytes(
        make_c3d(
            *trial, processor=processor, integers=integers, plates={"USED": 0}, offset=7, first=11
        )
    )
    points, forces, analog, *_ = read_c3d(path)
    assert forces is None and points is not None and analog is not None
    assert points.channels == ("LASI_x", "LASI_y", "LASI_z", "RASI_x", "RASI_y", "RASI_z")
    assert set(points.units) == {"mm"} and (points.rate, points.start) == (100, 0.1)
    assert np.allclose(points.values.reshape(20, 2, 3), trial[0], atol=1e-5, equal_nan=True)
    assert (
        analog.channels[-1] == "EMG_TA"
        and analog.units == ("N",) * 3 + ("Nmm",) * 3 + ("V",)
        and analog.rate == 1000
    )
    assert np.allclose(analog.values, trial[1], atol=1e-5)


@pytest.mark.parametrize(
    "processor", [INTEL, DEC], ids=["intel", "dec"]
)  # ezc3d does not read MIPS
@pytest.mark.parametrize("integers", [False, True], ids=["floats", "integers"])
def test_ezc3d_agrees(tmp_path, make_c3d, trial, processor, integers):
    path = tmp_path / "a.c3d"
    path.write_bytes(make_c3d(*trial, processor=processor, integers=integers, offset=3))
    expected, found = oracle(path), read_c3d(path)
    assert found.points is not None and found.analog is not None
    places = expected["data"]["points"][:3].transpose(2, 1, 0).reshape(20, 6)
    assert np.allclose(found.points.values, places, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert np.allclose(
        found.analog.values[:, 0], expected["data"]["analogs"][0, 6], rtol=1e-6, atol=1e-6
    )
    compare_plate(found.forces, expected["data"]["platform"][0])


def compare_plate(forces: Recording | None, plate):
    assert forces is not None
    assert forces.channels[:4] == tuple(
        f"ground_force_1_{name}" for name in ("vx", "vy", "vz", "px")
    )
    assert forces.units == ("N",) * 3 + ("mm",) * 3 + ("N mm",) * 3
    assert np.allclose(forces.values[:, :3], plate["force"].T, rtol=1e-5, atol=1e-5)
    loaded = ~np.isnan(forces.values[:, 3])
    assert loaded.sum() > 50 and not loaded[:50].any()
    for columns, key in ((slice(3, 6), "center_of_pressure"), (slice(6, 9), "Tz")):
        assert np.allclose(
            forces.values[loaded, columns], plate[key].T[loaded], rtol=1e-4, atol=1e-3
        )


TILTED = np.array(
    [[10, 20, 5], [-390, 60, 5], [-450, -540, 40], [-50, -580, 40]], float
)  # nothing is parallel to an axis


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("upwards", [False, True], ids=["origin below", "origin above"])
def test_plates_of_every_type(tmp_path, make_c3d, kind, upwards):
    if kind == 3 and upwards:
        pytest.skip("a type 3 origin above the surface means nothing")
    random, path, count = np.random.default_rng(kind), tmp_path / "a.c3d", 8 if kind == 3 else 6
    load = np.where(np.arange(200) > 60, 1.0, 0.0)[:, None]
    means = [5, 4, 3, 2, 200, 150, 180, 170] if kind == 3 else [10, 5, -600, 30, 20, 10]
    analog = load * random.normal(means, 1.0, (200, count))
    origin = (
        np.array([120.0, 200.0, -45.0])
        if kind == 3
        else np.array([1.0, -2.0, 45.0 if upwards else -45.0])
    )
    plates = {
        "USED": 1,
        "TYPE": np.array([kind]),
        "CORNERS": TILTED.T[:, :, None],
        "ORIGIN": origin[:, None],
        "CHANNEL": np.arange(1, count + 1)[:, None],
        "CAL_MATRIX": (np.eye(6) + 0.1 * random.normal(size=(6, 6)))[:, :, None],
    }
    wires = [(f"c{i}", "N") for i in range(count)]
    path.write_bytes(make_c3d(np.zeros((20, 2, 3)), analog, plates=plates, wires=wires))
    compare_plate(read_c3d(path).forces, oracle(path)["data"]["platform"][0])


def test_a_plate_of_unknown_type_stays_raw(tmp_path, make_c3d, trial):
    plates = {
        "USED": 1,
        "TYPE": np.array([6]),
        "CORNERS": TILTED.T[:, :, None],
        "ORIGIN": np.zeros((3, 1)),
    }
    (tmp_path / "a.c3d").write_bytes(
        make_c3d(*trial, plates={**plates, "CHANNEL": np.arange(1, 7)[:, None]})
    )
    found = read_c3d(tmp_path / "a.c3d")
    assert found.forces is None and found.analog is not None and len(found.analog.channels) == 7


def test_two_plates_and_more_labels_than_needed(tmp_path, make_c3d, trial):
    points, analog = trial
    plates = {
        "USED": 2,
        "TYPE": np.array([2, 2]),
        "CORNERS": np.stack([TILTED.T, TILTED.T + 500], axis=-1),
        "ORIGIN": np.array([[0.0, 0, -40], [0, 0, -30]]).T,
        "CHANNEL": np.array([[1, 2, 3, 4, 5, 6], [8, 9, 10, 11, 12, 13]]).T,
    }
    wires = [(f"c{i}", "") for i in range(13)]
    path = tmp_path / "a.c3d"
    path.write_bytes(
        make_c3d(
            points, np.concatenate([analog, analog[:, :6]], axis=1), plates=plates, wires=wires
        )
    )
    found = read_c3d(path)
    assert (
        found.forces is not None and found.analog is not None and found.analog.channels == ("c6",)
    )
    moved = found.forces.values[:, 12:15] - found.forces.values[:, 3:6]
    assert found.forces.channels[9] == "ground_force_2_vx" and np.allclose(
        found.forces.values[:, :3], found.forces.values[:, 9:12]
    )
    assert np.nanmin(moved) > 400


def test_one_recording_at_the_rate_of_the_points(tmp_path, make_c3d, trial):
    points, analog = trial
    time = np.arange(2000) / 1000
    analog = np.tile(analog[60:61], (2000, 1))
    analog[:, 6] = (1 + time) * np.sin(2 * np.pi * 90 * time)
    path = tmp_path / "a.c3d"
    path.write_bytes(make_c3d(np.zeros((200, 2, 3)), analog))
    found = read(path)
    assert (
        found.rate == 100
        and found.values.shape == (200, 6 + 9 + 1)
        and found.channels[-1] == "EMG_TA"
    )
    parts = read_c3d(path)
    assert parts.forces is not None
    assert np.allclose(found.values[:, 6:15], parts.forces.values[::10], rtol=1e-9)
    envelope = found.values[50:-50, -1]
    assert np.abs(envelope - 2 / np.pi * (1 + found.time[50:-50])).max() < 0.01
    assert read(path, rate=50.0).values.shape == (100, 16)


def test_long_trials_count_their_frames_in_trial_parameters(tmp_path, make_c3d):
    trial = {
        "ACTUAL_START_FIELD": np.array([1, 0]),
        "ACTUAL_END_FIELD": np.array([70000 - 65536, 1]),
    }
    options = {
        "labels": ("A",),
        "wires": [("x", "V")],
        "plates": {"USED": 0},
        "more": {"TRIAL": trial},
    }
    (tmp_path / "a.c3d").write_bytes(
        make_c3d(np.zeros((70000, 1, 3)), np.zeros((70000, 1)), **options)
    )
    points = read_c3d(tmp_path / "a.c3d").points
    assert points is not None and len(points.values) == 70000


@pytest.mark.parametrize(
    ("at", "value", "match"),
    [
        (1, b"\x51", "does not start with a C3D header"),
        (8, b"\xff\xf0", "announces 61695 frames"),
        (2, b"\xff\xff", "room for 0"),
        (18, b"\x00\x00", "header is damaged"),
        (0, b"\x00", "more than its"),
        (0, b"\x03", "processor type"),
        (0, b"\xff", "more than its"),
    ],
)
def test_headers_that_lie_are_refused(tmp_path, make_c3d, trial, at, value, match):
    content = bytearray(make_c3d(*trial))
    content[at : at + len(value)] = value
    (tmp_path / "a.c3d").write_bytes(content)
    with pytest.raises(FileError, match=match):
        read(tmp_path / "a.c3d")


def test_a_file_written_by_ezc3d_is_read(tmp_path, trial):
    ezc3d = pytest.importorskip("ezc3d")
    points, analog = trial
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
    file["parameters"]["POINT"]["LABELS"]["value"] = ("LASI", "RASI")
    file["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    file["parameters"]["ANALOG"]["LABELS"]["value"] = tuple(f"c{i}" for i in range(7))
    file["data"]["points"] = np.concatenate([points.transpose(2, 1, 0), np.ones((1, 2, 20))])
    file["data"]["analogs"] = analog.T[None]
    file.write(str(tmp_path / "a.c3d"))
    found = read_c3d(tmp_path / "a.c3d")
    assert (
        found.points is not None and found.analog is not None and set(found.points.units) == {"m"}
    )
    assert np.allclose(found.points.values, points.reshape(20, 6), rtol=1e-6, equal_nan=True)
    assert np.allclose(found.analog.values, analog, rtol=1e-6, atol=1e-9)


def outputs():
    """A recording of everything a C3D file can hold."""
    values = np.random.default_rng(0).normal(size=(50, 14))
    values[:, 3:6] *= 30
    values[:, 6:9] *= 500
    values[5, 0:3] = np.nan
    triples = ("RHEE", "RHipAngles", "RHipMoment", "RHipPower")
    names = (*(f"{n}_{a}" for n in triples for a in "xyz"), "shank", "acc")
    units = ("mm",) * 3 + ("deg",) * 3 + ("N mm/kg",) * 3 + ("W/kg",) * 3 + ("rad", "g")
    events = (
        Event(0.3, "foot_strike", "right"),
        Event(0.5, "foot_off", "left"),
        Event(61.5, "turn", ""),
    )
    return Recording(values, names, units, 100.0, 0.25, events=events)


def test_what_is_written_is_read_back_by_ours_and_by_ezc3d(tmp_path):
    write(tmp_path / "a.c3d", outputs())
    found = read(tmp_path / "a.c3d")
    assert found.channels == outputs().channels and found.units == outputs().units
    assert found.events == outputs().events
    assert (found.rate, found.start) == (100, 0.25)
    np.testing.assert_allclose(found.values, outputs().values, rtol=1e-6)
    theirs = oracle(tmp_path / "a.c3d", plates=False)
    point = theirs["parameters"]["POINT"]
    assert point["ANGLES"]["value"] == ["RHipAngles"]
    assert point["MOMENT_UNITS"]["value"] == ["N mm/kg"]
    assert theirs["parameters"]["EVENT"]["CONTEXTS"]["value"] == ["Right", "Left", "General"]
    marker = theirs["data"]["points"][:3, 0].T
    np.testing.assert_allclose(marker, outputs().values[:, :3], rtol=1e-6)
    np.testing.assert_allclose(
        theirs["data"]["analogs"][0].T, outputs().values[:, 12:], rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("length", [1, 40, 3000])
def test_metadata_are_kept_beside_the_parameters_of_other_programs(tmp_path, length):
    meta = {"subject": "Ünø", "channel_mapping": "a (deg) = -1 × b; " * length, " x": " y "}
    path, before = tmp_path / "a.c3d", replace(outputs(), meta=meta)
    if length == 3000:
        with pytest.warns(DataWarning, match="too long"):
            write(path, before)
        meta = {}
    else:
        write(path, before)
    assert dict(read(path).meta) == meta and read(path).channels == outputs().channels


def test_model_outputs_have_their_units_and_small_moments_are_per_mass(tmp_path, make_c3d):
    points = np.random.default_rng(0).normal(size=(5, 3, 3)) * [[[1], [30], [700]]]
    more = {
        "EVENT": {
            "USED": 1,
            "LABELS": ["Foot Strike"],
            "CONTEXTS": ["Left"],
            "TIMES": np.array([[0.0], [0.02]]),
        }
    }
    labels = ("LASI", "LHipAngles", "LHipMoment")
    content = make_c3d(points, np.zeros((20, 7)), labels=labels, more=more)
    (tmp_path / "plain.c3d").write_bytes(content)
    assert set(read_c3d(tmp_path / "plain.c3d").points.units) == {"mm"}
    write(
        tmp_path / "a.c3d",
        Recording(
            points[:, 1:].reshape(5, -1),
            tuple(f"{n}_{a}" for n in labels[1:] for a in "xyz"),
            ("deg",) * 3 + ("N mm",) * 3,
            100.0,
        ),
    )
    with pytest.warns(DataWarning, match="read as N mm/kg"):
        found = read_c3d(tmp_path / "a.c3d")
    assert found.points is None and found.model.units == ("deg",) * 3 + ("N mm/kg",) * 3
    assert read_c3d(tmp_path / "plain.c3d").events == (Event(0.02, "foot_strike", "left"),)


def test_overlapping_parameters_and_many_dimensions_are_refused(tmp_path, make_c3d):
    content = bytearray(make_c3d(np.zeros((5, 2, 3)), np.zeros((20, 7))))
    at = content.index(b"CORNERS") + 9  # type, number of dimensions
    content[at + 1] = 200
    (tmp_path / "a.c3d").write_bytes(content)
    with pytest.raises(FileError, match="200 dimensions"):
        read(tmp_path / "a.c3d")
    groups = b"\x05\xffPOINT" + struct.pack("<H", 3) + b"\0"
    entry = b"\x01\x01A" + struct.pack("<H", 7) + bytes([255, 2, 255, 255, 0])
    block = bytes([1, 80, 255, 84]) + groups + entry * 10000
    (tmp_path / "b.c3d").write_bytes(content[:512] + block.ljust(150_000, b"\0"))
    with pytest.raises(FileError, match="overlap"):
        read(tmp_path / "b.c3d")
