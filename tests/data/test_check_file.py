"""A file checked for the inputs of a model."""

import numpy as np

from jaxdiff.data.check_file import check_file
from jaxdiff.data.formats import write
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.signal import Signal

ANGLES = Signal("angles", ("hip_flexion", "knee_flexion"), ("deg", "deg"), length=600, strides=4)
MOMENTS = Signal("moments", ("hip_extension_moment",), ("N m/kg",), length=600, strides=4)
PIECE = Signal("sagittal", ("hip_flexion_r", "knee_angle_r"), ("deg", "deg"), 20.0, 600)


def walk(names, signs=(1, 1), unit="deg"):
    phase = 2 * np.pi * np.arange(500) / 110
    hip, knee = 10 + 25 * np.cos(phase), 30 - 25 * np.cos(phase - 1)
    return Recording(np.stack([hip, knee], 1) * signs, names, (unit,) * 2, 100.0)


def test_what_fits_is_shown_with_its_mapping_and_strides(tmp_path):
    write(tmp_path / "a.mot", walk(("hip_flexion_l", "knee_angle_l"), (1, -1)))
    health = check_file(tmp_path / "a.mot", (MOMENTS, ANGLES))
    shown = "\n".join(health.facts)
    assert not health.problems
    assert "fits 'angles' (left leg)" in shown and "knee_flexion (deg) = -1 × knee_angle_l" in shown
    assert "3 strides, found in hip flexion" in shown
    assert any("3 whole strides; the model was trained on 4" in str(w) for w in health.warnings)


def test_every_input_that_does_not_fit_is_explained_with_a_fix(tmp_path):
    write(tmp_path / "a.csv", walk(("h", "k")))
    health = check_file(tmp_path / "a.csv", (MOMENTS, ANGLES))
    assert len(health.problems) == 2
    assert all("fix: --rename THEIRS=OURS" in str(problem) for problem in health.problems)
    names = {"h": "hip_flexion", "k": "knee_flexion"}
    assert not check_file(tmp_path / "a.csv", (ANGLES,), rename=names).problems


def test_rate_length_and_gaps_are_told_at_once(tmp_path):
    recording = walk(("hip_flexion_r", "knee_angle_r"))
    recording.values[20:30, 0] = np.nan
    write(tmp_path / "a.csv", recording)
    health = check_file(tmp_path / "a.csv", (PIECE,))
    assert "a gap in hip_flexion_r" in str(health.problems[0])
    shown = "\n".join(map(str, health.warnings))
    assert "100 Hz, the model has 20 Hz (fix: --resample)" in shown and "lasts 5 s" in shown
