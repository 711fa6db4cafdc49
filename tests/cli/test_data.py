"""Data sets listed, and a laboratory's folder with everything that is wrong with it."""

import numpy as np
import pytest

from jaxdiff.data import catalogue
from jaxdiff.data.formats import write
from jaxdiff.data.recording import Recording

RECIPE = """
name: lab
files: "{subject}/{task}_ik.csv"
modalities:
  angles: {channels: [hip, knee], units: deg}
  grf: {files: "{subject}/{task}_grf.csv", channels: [Fz], units: N/kg}
"""


def recording(channels, unit, size=30.0, frames=200):
    time = np.arange(frames) / 100
    values = size * np.stack([np.sin(6 * time + i) for i in range(len(channels))], axis=1)
    return Recording(values, tuple(channels), (unit,) * len(channels), 100.0)


@pytest.fixture
def lab(tmp_path):
    for who in ("anna", "ben"):
        (tmp_path / who).mkdir()
        write(tmp_path / who / "walk_ik.csv", recording(("hip", "knee"), "deg"))
        write(tmp_path / who / "walk_grf.csv", recording(("Fz",), "N/kg"))
    (tmp_path / "lab.yaml").write_text(RECIPE)
    return tmp_path


def test_every_data_set_is_listed_with_licence_and_what_to_get(jaxdiff, tmp_path):
    code, out, _ = jaxdiff("data", "list", "--data-dir", tmp_path)
    assert code == 0
    for name in catalogue.names():
        assert f"\n{name}  (licence: " in "\n" + out
    assert "(licence: ;" not in out and "doi:10.21227/gk32-e868" in out


def test_a_sound_folder_is_sound_and_can_be_prepared(jaxdiff, lab, tmp_path):
    code, out, err = jaxdiff("data", "check", lab / "lab.yaml")
    assert (code, out, err) == (0, "checked 2 trials of 2 subjects\n", "")
    code, out, _ = jaxdiff(
        "data", "prepare", "folder", f"recipe={lab / 'lab.yaml'}", "--data-dir", tmp_path / "kept"
    )
    assert code == 0 and "2 trials of 2 subjects, 400 frames" in out and "grf (1, N/kg): Fz" in out


def test_all_problems_of_a_folder_are_told_at_once(jaxdiff, lab):
    holed = recording(("hip", "knee"), "deg")
    holed.values[10:30, 0] = np.nan
    write(lab / "anna" / "walk_ik.csv", holed)
    write(lab / "anna" / "run_ik.csv", recording(("hip", "kne"), "deg"))
    write(lab / "anna" / "run_grf.csv", recording(("Fz",), "N"))
    write(lab / "ben" / "run_ik.csv", recording(("hip", "knee"), "m"))
    write(lab / "ben" / "turn_ik.csv", recording(("hip", "knee"), "deg", size=1.0))
    (lab / "ben" / "turn_grf.csv").write_text("time,Fz\n0,1\n0.01,x\n")
    write(lab / "ben" / "emg.csv", recording(("soleus",), "uV"))
    code, out, err = jaxdiff("data", "check", lab / "lab.yaml")
    assert code == 2 and err.count("\n") == 1 and "6 problems" in err
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    for text in (
        "anna/run_ik.csv: no channel 'knee' for angles; did you mean 'kne'? (fix: channels of angles in lab.yaml)",
        "anna/run_grf.csv: Fz: converting 'N' to 'N/kg' needs the body mass",
        "ben/run_ik.csv: hip: 'm' (length) cannot be converted to 'deg' (angle)",
        "ben/run_ik.csv: knee: 'm'",
        "ben/run_grf.csv: does not exist",
        "ben/turn_grf.csv: line 3: 'x' in column 'Fz' is not a number",
    ):
        assert sum(text in line for line in problems) == 1, (text, out)
    for text in (
        "anna/walk_ik.csv: hip has gaps (10 % of its samples)",
        "ben/turn_ik.csv: angles: hip, knee are stated in deg, but the largest value is",
        "ben/emg.csv: fits no pattern",
    ):
        assert any(line.startswith("warning: ") and text in line for line in out.splitlines()), (
            text,
            out,
        )


def test_all_problems_of_a_recipe_are_told_at_once(jaxdiff, lab):
    (lab / "lab.yaml").write_text(
        "nam: lab\nfiles: x\nfields: {sid: left}\nmodalities:\n  a: {chanels: [b], units: deg}\n"
    )
    code, out, err = jaxdiff("data", "check", lab / "lab.yaml")
    assert code == 2 and out.count("problem: ") == 5 and "5 problems" in err
    for text in (
        "did you mean 'name'",
        "needs an entry 'name'",
        "did you mean 'channels'",
        "did you mean 'side'",
    ):
        assert text in out


def test_packed_trials_are_checked_array_by_array(jaxdiff, tmp_path):
    np.savez(
        tmp_path / "all.npz",
        x=np.zeros((4, 10, 2)),
        who=np.array(["a", "b", "c"]),
        mass=np.array(["70", "y", "80"]),
    )
    recipe = """
name: packed
files: all.npz
rate: 100
fields: {{subject: "{{who}}", mass: "{{mass}}"}}
modalities:
  angles: {{array: {array}, channels: [hip, knee], units: deg}}
"""
    (tmp_path / "lab.yaml").write_text(recipe.format(array="y"))
    code, out, _ = jaxdiff("data", "check", tmp_path / "lab.yaml")
    assert code == 2 and "no array 'y'" in out
    (tmp_path / "lab.yaml").write_text(recipe.format(array="x"))
    code, out, _ = jaxdiff("data", "check", tmp_path / "lab.yaml")
    assert code == 2 and "different numbers of trials: mass 3, who 3, x 4" in out


def test_a_file_is_checked_with_what_its_channels_mean(jaxdiff, tmp_path):
    names = ("hip_flexion_r", "knee_angle_r", "RHEE_x", "RHEE_y", "RHEE_z", "x7")
    write(tmp_path / "walk.csv", recording(names, "", frames=600))
    code, out, _ = jaxdiff("data", "check", tmp_path / "walk.csv")
    assert code == 0
    for text in (
        "hip_flexion_r (no unit): right hip flexion angle [opensim]",
        "no unit is stated; deg fits the values (fix: state the unit, for instance hip_flexion_r [deg])",
        "names that are not in the table: x7 (fix: --rename THEIRS=OURS)",
        "1 markers or joints",
        "strides of the right leg, found in hip flexion",
    ):
        assert text in out, (text, out)
    (tmp_path / "bad.csv").write_text("time,a\n0,x\n")
    code, out, err = jaxdiff("data", "check", tmp_path / "bad.csv")
    assert code == 2 and "problem: " in out and "1 problems" in err


def test_what_a_study_needs_of_a_folder_is_told(jaxdiff, lab):
    code, out, err = jaxdiff("data", "check", lab / "lab.yaml", "--study", "speed_transfer")
    assert code == 2 and "2 problems" in err
    assert "needs the modality 'sagittal'" in out and 'fields: {speed: "{task}"}' in out
    code, _, _ = jaxdiff("data", "check", lab / "lab.yaml", "--study", "llma")
    assert code == 0
    code, _, err = jaxdiff("data", "check", lab / "lab.yaml", "--study", "lma")
    assert code == 2 and "did you mean 'llma'" in err
