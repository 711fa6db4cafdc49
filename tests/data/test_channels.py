"""Names, sides, signs and units of files mapped onto a model's channels, and back."""

import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jaxdiff.data import channels, formats
from jaxdiff.data.aliases import ALIASES
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, DataWarning

SHARED = Path(os.environ.get("JAXDIFF_SHARED", "shared")) / "data"
LEG = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
MOMENTS = ("hip_extension_moment", "knee_extension_moment", "ankle_plantarflexion_moment")
GRF = ("grf_forward", "grf_medial", "grf_normal")


def leg(rate=100.0, seconds=4):
    """Hip, knee and ankle angles of a walking leg in the reference sense, degrees [T, 3]."""
    phase = 2 * np.pi * np.arange(int(rate * seconds)) / rate
    hip = 10 + 25 * np.cos(phase)
    knee = 30 - 25 * np.cos(phase - 1) + 8 * np.cos(2 * phase)
    return np.stack([hip, knee, 5 + 12 * np.sin(phase)], axis=1)


def recording(names, values=None, unit="deg", **more):
    values = leg() if values is None else values
    units = (unit,) * len(names) if isinstance(unit, str) else unit
    return Recording(values, tuple(names), units, 100.0, **more)


CONVENTIONS = [
    (("hip_flexion_r", "knee_angle_r", "ankle_angle_r"), (1, -1, 1)),  # gait2392
    (("hip_flexion_r", "knee_angle_r", "ankle_angle_r"), (1, 1, 1)),  # Rajagopal, OpenCap
    (("RHipAngles_x", "RKneeAngles_x", "RAnkleAngles_x"), (1, 1, 1)),
    (("Anna:RHipAngles:X", "Anna:RKneeAngles:X", "Anna:RAnkleAngles:X"), (1, 1, 1)),
    (("RIGHT_HIP_ANGLE_X", "RIGHT_KNEE_ANGLE_X", "RIGHT_ANKLE_ANGLE_X"), (1, -1, 1)),
    (
        (
            "Right Hip Flexion/Extension",
            "Right Knee Flexion/Extension",
            "Right Ankle Dorsiflexion/Plantarflexion",
        ),
        (1, 1, 1),
    ),
    (("hip_flexion", "knee_flexion", "ankle_dorsiflexion"), (1, 1, 1)),
    (("hip", "knee", "ankle"), (1, 1, 1)),
    (
        (
            "/jointset/hip_r/hip_flexion_r/value",
            "/jointset/walker_knee_r/knee_angle_r/value",
            "/jointset/ankle_r/ankle_angle_r/value",
        ),
        (1, 1, 1),
    ),
    (("right_hip_extension", "right_knee_flex", "right_ankle_plantarflexion"), (-1, 1, -1)),
]


@pytest.mark.parametrize(("names", "signs"), CONVENTIONS)
def test_every_convention_maps_to_the_reference_sense_and_back(names, signs):
    given = recording(names, leg() * signs)
    found = channels.match(given, LEG, ("deg",) * 3)
    assert found.recording.channels == LEG
    np.testing.assert_allclose(found.recording.values, leg())
    back = found.inverse(found.recording)
    assert back.channels == names and back.units == given.units
    np.testing.assert_allclose(back.values, given.values)


def test_the_left_leg_is_mapped_when_it_is_chosen():
    names = [f"{n}_{s}" for s in "rl" for n in ("hip_flexion", "knee_angle", "ankle_angle")]
    both = recording(names, np.concatenate([leg(), leg()[::-1]], axis=1))
    assert channels.sides(both, LEG, ("deg",) * 3) == ("right", "left")
    for side, expected in (("right", leg()), ("left", leg()[::-1]), ("", leg())):
        found = channels.match(both, LEG, ("deg",) * 3, side=side)
        np.testing.assert_allclose(found.recording.values, expected)
        assert found.side == (side or "right") == found.recording.meta["side"]


def test_a_moment_is_not_an_angle():
    names = ("hip", "knee", "ankle")
    moments = recording(names, leg() / 20, "N m/kg")
    found = channels.match(moments, names, ("N m/kg",) * 3)
    np.testing.assert_allclose(found.recording.values, leg() / 20)
    with pytest.raises(DataError, match="hip is in 'N m/kg', which cannot be converted to 'deg'"):
        channels.match(moments, names, ("deg",) * 3)
    with pytest.raises(DataError, match="no hip_flexion"):
        channels.match(moments, LEG, ("deg",) * 3)


def test_moments_of_opensim_become_internal_extensor_moments_and_return():
    names = ("hip_flexion_r_moment", "knee_angle_r_moment", "ankle_angle_r_moment")
    given = recording(names, leg(), "N m", meta={"mass": "70 kg", "knee": "extension positive"})
    found = channels.match(given, MOMENTS, ("Nm/kg",) * 3)
    np.testing.assert_allclose(found.recording.values, leg() * [-1, 1, -1] / 70)
    back = found.inverse(found.recording)
    np.testing.assert_allclose(back.values, given.values)
    assert back.channels == names and back.units == ("N m",) * 3


def test_outputs_get_the_names_signs_and_bounds_of_the_input_convention():
    names = ("RHipAngles_x", "RKneeAngles_x", "RAnkleAngles_x")
    found = channels.match(recording(names), LEG, ("deg",) * 3)
    spread = tuple(name + e for e in ("", "_p05", "_p95") for name in MOMENTS)
    values = np.concatenate([leg(), leg() - 1, leg() + 1], axis=1)
    made = found.inverse(recording(spread, values, "N m/kg"))
    assert made.channels[0] == "RHipMoment_x" and made.units[0] == "N mm/kg"
    np.testing.assert_allclose(made["RHipMoment_x"], 1000 * leg()[:, 0])

    opensim = channels.match(
        recording(("hip_flexion_r", "knee_angle_r", "ankle_angle_r"), leg() * [1, -1, 1]),
        LEG,
        ("deg",) * 3,
    )
    made = opensim.inverse(recording(spread, values, "N m/kg"))
    assert made.channels[0] == "hip_flexion_r_moment"
    np.testing.assert_allclose(made["hip_flexion_r_moment"], -leg()[:, 0])
    np.testing.assert_allclose(made["knee_angle_r_moment"], leg()[:, 1])  # extension positive
    assert (made["hip_flexion_r_moment_p05"] <= made["hip_flexion_r_moment_p95"]).all()
    low, high = opensim.inverse.interval(
        recording(MOMENTS, leg() - 1, "N m/kg"), recording(MOMENTS, leg() + 1, "N m/kg")
    )
    assert (low.values < high.values).all()


def test_ground_reactions_of_both_plates():
    names = [f"{p}ground_force_v{a}" for p in ("", "1_") for a in "xyz"]
    force = np.abs(leg()) * [1, 30, 1]
    given = recording(names, np.concatenate([force, -force], axis=1), "N")
    right = channels.match(given, GRF, ("N/kg",) * 3, mass=70).recording
    left = channels.match(given, GRF, ("N/kg",) * 3, mass=70, side="left").recording
    np.testing.assert_allclose(right.values, force[:, [0, 2, 1]] * [1, -1, 1] / 70)
    np.testing.assert_allclose(left.values, -force[:, [0, 2, 1]] / 70)


def test_unstated_units_are_inferred_with_a_warning_or_refused():
    names = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    for scale, unit in ((1, "deg"), (np.pi / 180, "rad")):
        with pytest.warns(DataWarning, match=f"{unit} is inferred"):
            found = channels.match(recording(names, leg() * scale, ""), LEG, ("deg",) * 3)
        np.testing.assert_allclose(found.recording.values, leg())
    for scale in (1e6, 1e-4):
        with pytest.raises(DataError, match=r"no unit .*deg: 8 to 400, rad: 0.14 to 7"):
            channels.match(recording(names, leg() * scale, ""), LEG, ("deg",) * 3)
    with pytest.raises(DataError, match="fit more than one unit|fit no unit"):
        channels.match(recording(GRF, leg() * 0 + 130, ""), GRF, ("N/kg",) * 3)
    stated = channels.match(
        recording(names, leg() * 1e-4, ""), LEG, ("deg",) * 3, stated={"angle": "rad"}
    )
    np.testing.assert_allclose(stated.recording.values, np.degrees(leg() * 1e-4))


@pytest.mark.parametrize(("unit", "scale"), [("deg", np.pi / 180), ("rad", 1.0), ("deg", 1e6)])
def test_units_that_the_values_contradict_are_refused(unit, scale):
    with pytest.raises(DataError, match=f"stated in {unit}"):
        channels.match(recording(LEG, leg() * scale, unit), LEG, ("deg",) * 3)


def test_one_channel_a_million_times_too_large_is_named():
    values = leg() * [1, 1e6, 1]
    with pytest.raises(DataError, match=r"knee_flexion is stated in deg and reaches .*e\+07"):
        channels.match(recording(LEG, values), LEG, ("deg",) * 3)


def test_a_static_trial_in_degrees_is_not_doubted():
    values = 3 + 0.05 * leg() / 30
    found = channels.match(recording(LEG, values), LEG, ("deg",) * 3)
    np.testing.assert_allclose(found.recording.values, values)


def test_unknown_names_are_listed_and_can_be_renamed():
    names = ("H", "K", "A")
    with pytest.raises(DataError, match=r"has no hip_flexion, knee_flexion.*--rename"):
        channels.match(recording(names), LEG, ("deg",) * 3)
    found = channels.match(recording(names), LEG, ("deg",) * 3, rename=dict(zip(names, LEG)))
    assert found.inverse(found.recording).channels == names


def test_a_model_trained_on_extension_positive_knees_gets_them():
    names = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    found = channels.match(
        recording(LEG), names, ("deg",) * 3, ranges=[(-20, 40), (-70, 5), (-20, 20)]
    )
    np.testing.assert_allclose(found.recording["knee_angle_r"], -leg()[:, 1])


def test_the_mapping_is_told_in_words():
    names = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    found = channels.match(recording(names, leg() * [1, -1, 1]), LEG, ("deg",) * 3)
    assert [str(link) for link in found.mapping][
        1
    ] == "knee_flexion (deg) = -1 × knee_angle_r (deg)"
    assert "knee_angle_r" in found.metadata["channel_mapping"]


def test_names_of_the_library_itself_are_in_the_table():
    from jaxdiff.body.walker import CHANNELS, UNITS

    for modality in ("angles", "moments", "grf", "emg", "sagittal"):
        for name, unit in zip(CHANNELS[modality], UNITS[modality]):
            found = channels.identify(name, unit, "jaxdiff")
            assert found is not None and found.quantity, name
    assert len({row.convention for row in ALIASES}) == 5


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the shared data")
def test_a_real_walk_of_opensim():
    folder = SHARED / "opensim_walk"
    angles = formats.read(folder / "gait10dof18musc_walk_IK.mot")
    moments = formats.read(folder / "gait10dof18musc_walk_ID.sto")
    forces = formats.read(folder / "gait10dof18musc_walk_grf.mot")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        for side in ("right", "left"):
            a = channels.match(angles, LEG, ("deg",) * 3, side=side).recording
            m = channels.match(moments, MOMENTS, ("N m/kg",) * 3, side=side, mass=72.6).recording
            f = channels.match(forces, GRF, ("N/kg",) * 3, side=side, mass=72.6).recording
            assert 50 < a["knee_flexion"].max() < 80
            assert 1.2 < m["ankle_plantarflexion_moment"].max() < 2
            assert 0.3 < m["knee_extension_moment"].max() < 1
            assert f["grf_medial"].mean() > 0 and 10 < f["grf_normal"].max() < 13
    radians = replace(angles, units=("rad",) * 10)  # inDegrees=no over values in degrees
    with pytest.raises(DataError, match="stated in rad"):
        channels.match(radians, LEG, ("deg",) * 3)
