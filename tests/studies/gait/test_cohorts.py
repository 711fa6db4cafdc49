"""Published recordings become strides of the model, and are scored before and after adaptation."""

import numpy as np
import pytest

from jaxdiff.errors import FileError
from jaxdiff.methods.gait_law import Modality
from jaxdiff.models.trained import Trained
from jaxdiff.studies.gait import cohorts, real
from jaxdiff.studies.gait.strides import Strides

PHASE = 2 * np.pi * np.arange(101) / 100


def layout():
    angles = tuple(f"{name}_{leg}" for leg in "rl" for name in cohorts.SAGITTAL)
    moments = tuple(f"{name}_{leg}" for leg in "rl" for name in cohorts.MOMENTS)
    forces = tuple(f"{name}_{leg}" for leg in "rl" for name in cohorts.FORCES)
    return (
        Modality("angles", angles, ("deg",) * 6, 100, 4),
        Modality("moments", moments, ("N m/kg",) * 6, 100, 4),
        Modality("grf", forces, ("N/kg",) * 6, 100, 4),
        Modality(
            "scalars", ("speed", "mass", "stature", "stride_time"), ("m/s", "kg", "m", "s"), 1, 2
        ),
    )


def test_both_ankles_of_an_amputee_are_on_one_time_base(tmp_path):
    rows = {"subject": ["A", "A"], "speed_nominal": [1.0, 1.0]}
    rows["side"] = ["ipsilateral", "contralateral"]
    np.savez(
        tmp_path / "hood.npz",
        angle=np.stack([np.cos(PHASE)] * 2),
        moment=np.stack([np.sin(PHASE)] * 2),
        mass=[70.0, 70.0],
        height=[1.8, 1.8],
        **rows,
    )
    found = cohorts.hood(tmp_path / "hood.npz", layout())
    assert len(found) == 1 and found.subject.tolist() == ["A"]
    angles, moments = found.values["angles"][0], found.values["moments"][0]
    np.testing.assert_allclose(angles[:, 2], np.cos(PHASE[:-1]))
    np.testing.assert_allclose(angles[:, 5], -np.cos(PHASE[:-1]), atol=1e-12)  # half a stride later
    np.testing.assert_allclose(moments[:, 2], -np.sin(PHASE[:-1]))  # plantarflexor positive
    assert found.values["scalars"][0, 0, :3].tolist() == [1.0, 70.0, 1.8]
    assert np.isnan(angles[:, 0]).all()


def test_a_stance_phase_fills_the_first_part_of_a_stride(tmp_path):
    np.savez(
        tmp_path / "verheul.npz",
        angles=np.full((2, 101, 3), 20.0),
        moments=np.full((2, 101, 3), -1.0),
        grf=np.full((2, 101, 3), 1.5),
        subject=["S1", "S2"],
    )
    found = cohorts.verheul(tmp_path / "verheul.npz", layout())
    moments = found.values["moments"][..., 0]
    assert (moments[:, : cohorts.STANCE] == 1.0).all() and np.isnan(
        moments[:, cohorts.STANCE :]
    ).all()
    np.testing.assert_allclose(found.values["grf"][0, 0, 2], 1.5 * 9.80665)


def test_sagittal_angles_of_a_figure_that_walks(tmp_path):
    """A straight leg that swings as a pendulum, the foot at right angles to the shank."""
    names = ["hip", *[leg + n for leg in "rl" for n in ("Thigh", "Shin", "Foot", "FootEnd")]]
    time = np.arange(60) / 20
    swing = np.radians(25) * np.cos(2 * np.pi * time[:, None] / 1.1 + [0, np.pi])
    positions = np.zeros((60, 9, 3))
    positions[..., 2] += 1.2 * time[:, None]
    for leg in range(2):
        down = np.stack([0 * time, -np.cos(swing[:, leg]), np.sin(swing[:, leg])], axis=1)
        ahead = np.stack([0 * time, np.sin(swing[:, leg]), np.cos(swing[:, leg])], axis=1)
        for place, (along, off) in enumerate([(0, 0), (0.4, 0), (0.8, 0), (0.8, 0.15)]):
            positions[:, 1 + 4 * leg + place] += along * down + off * ahead
    offsets = np.zeros((9, 3))
    offsets[[3, 7]], offsets[[4, 8]] = (0, -0.4, 0), (0, 0, 0.15)
    np.savez(
        tmp_path / "cmu.npz",
        positions=positions,
        joint_names=names,
        bone_offsets=offsets,
        captions=["walk"],
        offsets=[0, 60],
        subject=[7],
        fps=20,
    )
    found = cohorts.cmu(tmp_path / "cmu.npz", layout())
    assert len(found) >= 1 and (found.subject == 7).all()
    hip, knee, ankle = (found.values["angles"][..., i] for i in range(3))
    assert np.abs(hip).max() == pytest.approx(25, abs=1.5)
    np.testing.assert_allclose([knee, ankle], 0, atol=0.1)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="nowhere.npz cannot be read"):
        cohorts.hood(tmp_path / "nowhere.npz", layout())


def test_scores_on_a_real_person_are_kept_with_the_model():
    found = [real.Outcome(1.0, 0.5, 0.6), real.Outcome(1.0, 0.75, 0.9)]
    metadata = real.stated(Trained("gait", {}, {"card": {"scores": {"a": "b"}}}), found).metadata
    assert metadata["real"]["coverage"] == [0.6, 0.9]
    assert "0.50 to 0.75" in list(metadata["card"]["scores"].values())[1]


def test_the_mean_of_the_others_leaves_out_the_person():
    values = {"moments": np.array([0.0, 0.0, 1.0, 1.0])[:, None, None] * np.ones((4, 3, 1))}
    strides = Strides(values, np.array([0, 0, 1, 1]), {}, {})
    assert real._mean_of_others(strides, "moments", 0) == pytest.approx(1.0)
