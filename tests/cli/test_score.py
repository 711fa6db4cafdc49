"""Scores against closed forms, and the metrics that apply."""

import dataclasses
import json

import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D, hang
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.models.scoring import _feet


def scored(jaxdiff, *words):
    code, out, err = jaxdiff("score", *words, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def values(scores):
    return {name: cell["value"] for name, cell in scores.items()}


def test_gait_of_a_walk(jaxdiff, walk, tmp_path):
    formats.write(tmp_path / "walk.csv", walk)
    shown = scored(jaxdiff, tmp_path / "walk.csv")["files"][str(tmp_path / "walk.csv")]
    found = values(shown)
    assert (
        found["stride_time"] == pytest.approx(1.2, abs=0.01) and shown["stride_time"]["unit"] == "s"
    )
    assert found["cadence"] == pytest.approx(100, rel=0.01) and found["strides"] >= 2
    assert (
        found["range/hip_flexion"] == pytest.approx(40, rel=0.01)
        and shown["range/hip_flexion"]["unit"] == "deg"
    )


def test_a_file_against_itself_and_against_a_shifted_one(jaxdiff, walk, tmp_path):
    formats.write(tmp_path / "walk.csv", walk)
    formats.write(tmp_path / "more.csv", dataclasses.replace(walk, values=walk.values + 3))
    words = tmp_path / "walk.csv", "--against", tmp_path / "walk.csv"
    same = scored(jaxdiff, *words)
    found = values(same["files"][str(tmp_path / "walk.csv")])
    assert found["mae/hip_flexion"] == pytest.approx(0, abs=1e-9) and found[
        "r2/hip_flexion"
    ] == pytest.approx(1)
    assert found["cycle_mae/hip_flexion"] == pytest.approx(0, abs=1e-9)
    assert values(same["distribution"])["frechet"] == pytest.approx(0, abs=1e-6)
    other = scored(jaxdiff, tmp_path / "more.csv", "--against", tmp_path / "walk.csv")
    found = values(other["files"][str(tmp_path / "more.csv")])
    assert found["mae/knee_flexion"] == pytest.approx(3) and found[
        "cycle_mae/knee_flexion"
    ] == pytest.approx(3)
    assert (
        found["pearson/knee_flexion"] == pytest.approx(1)
        and values(other["distribution"])["frechet"] > 1
    )


def test_only_the_time_both_cover_is_compared_and_the_spread_is_scored(jaxdiff, tmp_path):
    time = np.arange(100) / 50
    real = Recording(time[:, None], ("force",), ("N",), 50.0)
    middle = time[20:60, None]
    low, high = middle - 0.1, middle + np.where(np.arange(40) < 10, -0.05, 0.1)[:, None]
    made = Recording(
        np.concatenate([middle, low, high], 1),
        ("force", "force_p05", "force_p95"),
        ("N",) * 3,
        50.0,
        0.4,
    )
    formats.write(tmp_path / "real.csv", real)
    formats.write(tmp_path / "made.csv", made)
    shown = scored(jaxdiff, tmp_path / "made.csv", "--against", tmp_path / "real.csv")
    found = values(shown["files"][str(tmp_path / "made.csv")])
    assert found["mae/force"] == pytest.approx(0, abs=1e-9) and found[
        "coverage_90/force"
    ] == pytest.approx(0.75)


def test_files_are_compared_in_the_units_of_the_measured_one(jaxdiff, walk, tmp_path):
    formats.write(tmp_path / "deg.csv", walk)
    formats.write(tmp_path / "rad.csv", walk.convert({"deg": "rad"}))
    shown = scored(jaxdiff, tmp_path / "deg.csv", "--against", tmp_path / "rad.csv")
    found = shown["files"][str(tmp_path / "deg.csv")]["mae/hip_flexion"]
    assert found["unit"] == "rad" and found["value"] == pytest.approx(0, abs=1e-5)

    time = np.arange(50) / 50
    channels = ("hip_flexion_r_moment", "hip_flexion_r_moment_p05", "hip_flexion_r_moment_p95")
    per_mass = np.stack([time, time - 0.1, time + 0.1], 1)
    measured = Recording(60 * time[:, None], channels[:1], ("N m",), 50.0)
    formats.write(tmp_path / "per_mass.csv", Recording(per_mass, channels, ("N m/kg",) * 3, 50.0))
    formats.write(tmp_path / "measured.csv", measured)
    words = tmp_path / "per_mass.csv", "--against", tmp_path / "measured.csv"
    assert "--mass KG" in jaxdiff("score", *words)[2]
    shown = values(scored(jaxdiff, *words, "--mass", "60")["files"][str(words[0])])
    assert shown["mae/hip_flexion_r_moment"] == pytest.approx(0, abs=1e-5)
    assert shown["coverage_90/hip_flexion_r_moment"] == 1


def test_physics_of_joints_and_its_table(jaxdiff, tmp_path):
    time = np.arange(40) / 20
    rest = hang(HUMANML3D.parents, HUMANML3D.offsets.astype(np.float64), np.zeros(3))
    joints = np.tile(rest, (40, 1, 1))
    joints[..., 2] += (
        1.5 * time[:, None]
    )  # all joints at 1.5 m/s, the feet near the ground: they skate
    joints[..., 1] -= joints[..., 1].min()
    formats.write(tmp_path / "slide.npz", formats.joints_recording(joints, HUMANML3D, 20.0))
    found = values(scored(jaxdiff, tmp_path / "slide.npz")["files"][str(tmp_path / "slide.npz")])
    assert (
        found["speed"] == pytest.approx(1.5)
        and found["jerk"] == pytest.approx(0, abs=1e-3)
        and found["skating"] > 0.9
    )
    np.savez(tmp_path / "poses.npz", joints=joints, fps=20.0)  # as pose estimators write them
    poses = scored(jaxdiff, tmp_path / "poses.npz")["files"][str(tmp_path / "poses.npz")]
    assert values(poses)["speed"] == pytest.approx(1.5, abs=1e-4)
    code, out, _ = jaxdiff("score", tmp_path / "slide.npz")
    assert code == 0 and any(
        line.split()[:3] == ["speed", "m/s", "1.5"] for line in out.splitlines()
    )


def test_pose_errors_of_an_estimate_against_the_truth(jaxdiff, tmp_path):
    rng = np.random.default_rng(0)
    truth = np.cumsum(rng.normal(size=(30, 22, 3)), 0) * 0.01
    moved = truth + np.array([1.0, 0, 2])  # in another place: errors are relative to the pelvis
    bent = moved.copy()
    bent[:, 21, 1] += 0.22
    motions = {"truth": truth, "moved": moved, "bent": bent, "large": 1.1 * truth}
    for name, joints in motions.items():
        np.savez(tmp_path / f"{name}.npz", joints=joints, fps=30.0)
    paths = [tmp_path / f"{name}.npz" for name in ("moved", "bent", "large")]
    found = scored(jaxdiff, *paths, "--against", tmp_path / "truth.npz")["files"]
    same, other, large = (values(found[str(path)]) for path in paths)
    assert same["mpjpe"] == pytest.approx(0, abs=1e-3) and other["mpjpe"] == pytest.approx(
        10, abs=1e-3
    )
    assert other["accel_error"] == pytest.approx(0, abs=1e-2)
    assert large["mpjpe"] > 1 and large["pa_mpjpe"] == pytest.approx(0, abs=1e-3)


def test_what_no_metric_applies_to_and_what_does_not_fit_is_said(jaxdiff, walk, tmp_path):
    formats.write(tmp_path / "emg.csv", Recording(np.ones((9, 1)), ("soleus",), ("uV",), 100.0))
    formats.write(tmp_path / "walk.csv", walk)
    metres = dataclasses.replace(walk, units=("m",) * len(walk.units))
    formats.write(tmp_path / "metres.csv", metres)
    assert "no metric applies" in jaxdiff("score", tmp_path / "emg.csv")[2]
    assert (
        "'deg' (angle) cannot be converted to 'm'"
        in jaxdiff("score", tmp_path / "walk.csv", "--against", tmp_path / "metres.csv")[2]
    )
    three = [tmp_path / "walk.csv"] * 3
    assert "takes one file, or 3" in jaxdiff("score", *three, "--against", *three[:2])[2]


def test_a_channel_without_values_is_a_warning(jaxdiff, walk, tmp_path):
    holed = np.array(walk.values)
    holed[:, 1] = np.nan
    formats.write(tmp_path / "walk.csv", dataclasses.replace(walk, values=holed))
    code, out, err = jaxdiff("score", tmp_path / "walk.csv")
    assert code == 0 and err.count("\n") == 1
    assert f"walk.csv: {walk.channels[1]} holds only gaps" in err


def test_feet_are_known_by_the_names_that_skeletons_have():
    assert _feet(HUMANML3D.names) == (10, 11)
    assert _feet(["Hips", "Foot_L", "Foot_R"]) == (1, 2) and _feet(
        ["Hips", "RightToe", "LeftToe"]
    ) == (2, 1)
    assert _feet(["pelvis", "foot"]) is None


def test_a_file_without_units_is_told_so(jaxdiff, tmp_path):
    (tmp_path / "a.csv").write_text(
        "time,hip_flexion_r\n" + "".join(f"{i / 100},{i % 7}\n" for i in range(300))
    )
    code, _, err = jaxdiff("score", tmp_path / "a.csv")
    assert code == 2 and "states no unit for hip_flexion_r" in err
