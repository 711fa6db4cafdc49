"""Recordings of any convention become strides of the model, and predictions return on their clock
and in their signs.
"""

import dataclasses

import numpy as np
import pytest

from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import DataError
from jaxdiff.methods.gait_law import Modality
from jaxdiff.studies.gait.recordings import back, events_of, mirrored, on_clock, read_strides

POINTS = 50
LAYOUT = (
    Modality(
        "angles",
        (
            "pelvis_tilt",
            "pelvis_list",
            "trunk_tilt",
            "hip_flexion_r",
            "knee_flexion_r",
            "hip_flexion_l",
        ),
        ("deg",) * 6,
        POINTS,
        4,
    ),
    Modality("moments", ("knee_extension_moment_r",), ("N m/kg",), POINTS, 2),
    Modality("grf", ("grf_normal_r", "grf_normal_l"), ("N/kg",) * 2, POINTS, 2),
    Modality("scalars", ("speed", "mass", "stride_time"), ("m/s", "kg", "s"), 1, 3),
)
STRIKES = (0.2, 1.3, 2.3)


def events(side="right"):
    return tuple(Event(t, "foot_strike", side) for t in STRIKES)


def recording(columns, units, side="right", meta=None):
    time = np.arange(260) / 100
    values = np.stack([f(time) for f in columns.values()], axis=1)
    return Recording(values, tuple(columns), tuple(units), 100.0, 0.0, meta or {}, events(side))


def knee(time):
    return 30 + 25 * np.sin(2 * np.pi * time)


def test_signs_units_and_names_of_opensim_are_understood():
    walk = recording(
        {
            "hip_flexion_r": lambda t: 20 * np.cos(6 * t),
            "knee_angle_r": lambda t: -knee(t),
            "pelvis_tilt": lambda t: 0 * t - 5,
            "lumbar_extension": lambda t: 0 * t - 10,
        },
        ["deg"] * 4,
    )
    given = read_strides(walk, LAYOUT, scalars={"speed": 1.2})
    angles = given.values["angles"]
    assert len(given) == 2
    phase = STRIKES[0] + np.arange(POINTS) / POINTS * (STRIKES[1] - STRIKES[0])
    np.testing.assert_allclose(angles[0, :, 4], knee(phase), atol=0.05)
    np.testing.assert_allclose(angles[..., 0], 5)  # OpenSim tilts backward
    np.testing.assert_allclose(angles[..., 2], 15)  # 5 of the pelvis and 10 of lumbar flexion
    assert not given.masks["angles"][..., 5].any()  # the left hip is unknown
    np.testing.assert_allclose(
        given.values["scalars"][:, 0], [[1.2, 0, 1.1], [1.2, 0, 1.0]], atol=1e-6
    )
    np.testing.assert_array_equal(given.masks["scalars"][0, 0], [True, False, True])
    values, names, units = back(np.ones((1, 3, 1)), ["knee_extension_moment_r"], ["N m/kg"], given)
    assert names == ("knee_angle_r_moment",)
    assert units == ("N m/kg",)  # the mass is unknown
    np.testing.assert_allclose(values, 1)  # extension positive, as the angle


def test_mass_is_read_from_the_forces_of_both_feet():
    half = 0.5 * 70 * 9.80665
    walk = recording(
        {"ground_force_vy": lambda t: 0 * t + half, "1_ground_force_vy": lambda t: 0 * t + half},
        ["N", "N"],
    )
    given = read_strides(walk, LAYOUT)
    np.testing.assert_allclose(given.values["grf"], half / 70, rtol=1e-5)
    np.testing.assert_allclose(given.values["scalars"][:, 0, 1], 70, rtol=1e-5)


def test_a_left_stride_is_a_right_one_with_the_legs_exchanged():
    walk = recording(
        {
            "pelvis_tilt": lambda t: 0 * t + 3,
            "pelvis_obliquity": lambda t: 0 * t + 4,
            "hip_flexion_l": knee,
        },
        ["deg"] * 3,
        side="left",
    )
    given = read_strides(walk, LAYOUT, side="left")
    assert given.side == "left"
    assert given.masks["angles"][..., 3].all() and not given.masks["angles"][..., 5].any()
    np.testing.assert_allclose(given.values["angles"][..., 0], 3)
    np.testing.assert_allclose(given.values["angles"][..., 1], -4)
    _, names, _ = back(np.ones((1, 1)), ["knee_extension_moment_r"], ["N m/kg"], given)
    assert names == ("knee_extension_moment_l",)


def test_gaps_are_left_to_the_model():
    def gappy(time):
        return np.where((time > 0.5) & (time < 0.7), np.nan, knee(time))

    walk = recording({"knee_flexion_r": gappy}, ["deg"])
    given = read_strides(walk, LAYOUT)
    mask = given.masks["angles"][..., 4]
    assert mask[1].all() and 30 < mask[0].sum() < 50
    assert np.isfinite(given.values["angles"]).all()


def test_a_channel_without_a_side_is_given_for_one_leg():
    walk = recording({"hip_flexion": knee}, ["deg"], meta={"side": "right"})
    given = read_strides(walk, LAYOUT)
    assert given.masks["angles"][..., 3].all() and not given.masks["angles"][..., 5].any()


def test_events_of_strides_are_on_the_clock_and_of_the_right_leg():
    times, phases = np.array([1.0, 2.0, 4.0]), np.array([[0.6, 0.5], [0.5, 0.25]])
    names = ("foot_off_r", "foot_strike_l")
    found = events_of(phases, names, times, "right")
    assert Event(1.6, "foot_off", "right") in found and Event(2.5, "foot_strike", "left") in found
    assert [e.time for e in found] == sorted(e.time for e in found) and len(found) == 7
    other = events_of(phases, names, times, "left")
    assert Event(1.6, "foot_off", "left") in other and Event(1.0, "foot_strike", "left") in other


def test_strides_return_on_the_clock_and_join_smoothly():
    times = np.array(STRIKES)
    phase = np.arange(POINTS) / POINTS
    strides = np.stack([np.sin(2 * np.pi * phase), 0.2 + np.sin(2 * np.pi * phase)])[..., None]
    clock = np.arange(20, 230) / 100
    found = on_clock(strides, times, clock)[:, 0]
    assert np.abs(np.diff(found)).max() < 0.08
    middle = (clock > 0.4) & (clock < 1.1)
    np.testing.assert_allclose(
        found[middle], np.sin(2 * np.pi * (clock[middle] - 0.2) / 1.1), atol=0.01
    )


@pytest.mark.parametrize(
    "name, other",
    [
        ("hip_flexion_r", "hip_flexion_l"),
        ("shank_l_gyro_x", "shank_r_gyro_x"),
        ("pelvis_tilt",) * 2,
    ],
)
def test_mirroring_exchanges_sides(name, other):
    assert mirrored(name) == other and mirrored(other) == name


def test_unknown_channels_are_named():
    walk = recording({"temperature": lambda t: 0 * t + 20}, ["K"])
    for each in (walk, dataclasses.replace(walk, events=())):  # also where no stride is found
        with pytest.raises(DataError, match=r"temperature.*known to the model"):
            read_strides(each, LAYOUT)
