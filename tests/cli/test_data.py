"""Data sets listed, and a laboratory's files and folder with everything that is wrong with them."""

import dataclasses

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


def test_a_size_may_be_an_option(jaxdiff, tmp_path):
    where = ("--data-dir", tmp_path)
    words = [("--size", "huge"), ("size=huge",)]
    answers = [jaxdiff("data", "prepare", "simulated_gait", *size, *where) for size in words]
    assert answers[0] == answers[1] and answers[0][0] == 2
    assert "no size 'huge'" in answers[0][2]


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
        (
            "anna/run_ik.csv: no channel 'knee' for angles; did you mean 'kne'? (fix: channels of"
            " angles in lab.yaml)"
        ),
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
        (
            "no unit is stated; deg fits the values (fix: state the unit, for instance"
            " hip_flexion_r [deg])"
        ),
        "names that are not in the table: x7 (fix: --rename THEIRS=OURS)",
        "1 markers or joints",
        "strides of the right leg, found in hip flexion",
    ):
        assert text in out, (text, out)
    (tmp_path / "bad.csv").write_text("time,a\n0,x\n")
    code, out, err = jaxdiff("data", "check", tmp_path / "bad.csv")
    assert code == 2 and out.startswith("problem: ") and "1 problem," in err


def test_small_residuals_of_inverse_dynamics_are_no_doubtful_unit(jaxdiff, tmp_path):
    names = ("pelvis_ty_force", "pelvis_tilt_moment")
    moments = recording(names, "N", size=60.0, frames=300)
    write(tmp_path / "id.sto", dataclasses.replace(moments, units=("N", "N m")))
    code, out, _ = jaxdiff("data", "check", tmp_path / "id.sto")
    assert code == 0 and "pelvis vertical force" in out and "warning" not in out


def test_one_joint_in_radians_among_degrees_is_a_warning(jaxdiff, tmp_path):
    walk = recording(("hip_flexion_r", "knee_angle_r"), "deg", frames=600)
    walk.values[:, 0] = np.radians(walk.values[:, 0])
    write(tmp_path / "walk.mot", walk)
    code, out, _ = jaxdiff("data", "check", tmp_path / "walk.mot")
    assert code == 0 and "hip_flexion_r moves by 1 deg only, 60 deg if it is in rad" in out
    assert "knee_angle_r moves" not in out


def test_arrays_that_are_no_recording_are_listed(jaxdiff, tmp_path):
    np.savez(tmp_path / "trials.npz", angles=np.zeros((3, 4)), subject=np.array(["a"]))
    code, out, _ = jaxdiff("data", "check", tmp_path / "trials.npz")
    assert (
        code == 2 and "but 'angles', 'subject'; arrays of trials are described by a recipe" in out
    )


def test_what_a_study_needs_of_a_folder_is_told(jaxdiff, lab):
    code, out, err = jaxdiff("data", "check", lab / "lab.yaml", "--study", "speed_transfer")
    assert code == 2 and "1 problem," in err and 'fields: {speed: "{task}"}' in out
    code, _, _ = jaxdiff("data", "check", lab / "lab.yaml", "--study", "llma")
    assert code == 0
    code, _, err = jaxdiff("data", "check", lab / "lab.yaml", "--study", "lma")
    assert code == 2 and "did you mean 'llma'" in err


def test_speed_transfer_takes_angles_of_any_modality_under_known_names(jaxdiff, tmp_path):
    names = ("hip_flexion_r", "ankle_angle_r")
    for speed in ("0.8", "1.2"):
        write(tmp_path / f"anna_{speed}.csv", recording(names, "deg"))
    recipe = """
name: treadmill
files: "{{subject}}_{{speed}}.csv"
rate: 100
modalities:
  angles: {{channels: {channels}, units: deg}}
"""
    check = "data", "check", tmp_path / "lab.yaml", "--study", "speed_transfer"
    (tmp_path / "lab.yaml").write_text(recipe.format(channels=list(names)))
    assert jaxdiff(*check)[0] == 0
    renamed = "{trunk: hip_flexion_r, arm: ankle_angle_r}"
    (tmp_path / "lab.yaml").write_text(recipe.format(channels=renamed))
    code, out, _ = jaxdiff(*check)
    assert code == 2 and "needs flexion of hip, knee or ankle" in out


def test_every_problem_of_a_folder_has_the_line_that_mends_it(jaxdiff, lab):
    write(lab / "ben" / "run_ik.csv", recording(("hip", "knee"), "m"))
    write(lab / "anna" / "run_ik.csv", recording(("hip", "kne"), "deg"))
    (lab / "ben" / "turn_ik.csv").write_text("a,b\n0,1\n0.01,2\n")
    (lab / "ben" / "turn_grf.csv").write_bytes(b"time,Fz\n0,\xff\n")
    _, out, _ = jaxdiff("data", "check", lab / "lab.yaml", "--study", "speed_transfer")
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    assert len(problems) >= 7 and all("(fix: " in line for line in problems), out
    assert "(fix: rate: HZ in lab.yaml)" in out and "(fix: units of angles in lab.yaml)" in out


def test_all_files_of_a_folder_are_checked_for_a_model(jaxdiff, run, lab, walk):
    write(lab / "anna" / "good.mot", walk)
    write(lab / "ben" / "good.csv", walk.convert({"deg": "rad"}))
    (lab / "ben" / "cut.mot").write_text("name\nendheader\n")
    code, out, err = jaxdiff("data", "check", lab, "--model", run)
    assert code == 2 and out.startswith("2 of 7 files can be used\n"), out
    problems = [line for line in out.splitlines() if line.startswith("problem: ")]
    assert any("ben/cut.mot" in line for line in problems)
    assert any("anna/walk_ik.csv and 1 more: does not fit 'angles'" in line for line in problems)
    assert all("(fix: " in line for line in problems)
    code, out, _ = jaxdiff("data", "check", lab / "lab.yaml", "--model", run)
    assert code == 2 and "does not fit 'angles'" in out
    _, _, err = jaxdiff("data", "check", lab / "anna" / "good.mot", "--study", "llma")
    assert "give --model" in err
    (lab / "empty").mkdir()
    assert "holds no file of a known format" in jaxdiff("data", "check", lab / "empty")[2]


def test_a_model_of_any_channels_says_which_it_takes(jaxdiff, tmp_path):
    names = ("hip_flexion_r", "knee_angle_r", "x7")
    write(tmp_path / "walk.mot", recording(names, "deg", frames=600))
    code, out, _ = jaxdiff("data", "check", tmp_path / "walk.mot", "--model", "gait")
    assert code == 0 and "angles: 2 of 26 channels" in out and "hip_flexion_r (deg) = " in out
    write(tmp_path / "x.mot", recording(("x7",), "deg"))
    code, out, _ = jaxdiff("data", "check", tmp_path / "x.mot", "--model", "gait")
    assert code == 2 and "none of its channels is known to the model: x7" in out
    write(tmp_path / "m.sto", recording(("hip_flexion_r", "hip_flexion_r_moment"), "N m", 60.0))
    code, out, _ = jaxdiff("data", "check", tmp_path / "m.sto", "--model", "gait")
    assert code == 2 and "needs the body mass" in out and "(fix: --mass KG)" in out


@pytest.mark.parametrize("layout", ["SMPL+H", "SMPL-X"])
def test_amass_files_are_read_from_the_command_line(jaxdiff, tmp_path, monkeypatch, layout):
    """The keys, shapes and types of the published files; SMPL-X ones hold pickled labels that are
    never read.
    """
    from tests.data.formats.test_poses import body

    figure = body(shapes=10)
    tree = np.array([[2**32 - 1, *figure.parents[1:]], range(24)], np.uint32)
    arrays = {
        "v_template": figure.template,
        "shapedirs": figure.shape_directions,
        "posedirs": figure.pose_directions,
        "J_regressor": figure.joint_regressor,
        "weights": figure.weights,
        "f": figure.faces,
        "kintree_table": tree,
    }
    np.savez(tmp_path / "body.npz", **{k: np.asarray(v) for k, v in arrays.items()})
    frames, time = 120, np.arange(120)[:, None] / 60
    width = {"SMPL+H": 156, "SMPL-X": 165}[layout]
    poses = np.zeros((frames, width))
    poses[:, 0] = np.pi / 2  # AMASS has z up; the body's rest pose has y up
    poses[:, 3 * 4] = 0.5 + 0.4 * np.sin(6 * time[:, 0])  # the left knee
    common = {"poses": poses, "trans": time * [0.0, -1.2, 0.0] + [0, 0, 1.0], "gender": "female"}
    if layout == "SMPL+H":
        common |= {"betas": np.zeros(16), "dmpls": np.zeros((frames, 8)), "mocap_framerate": 60.0}
    else:
        common |= {"betas": np.zeros(16), "mocap_frame_rate": 60.0, "surface_model_type": "smplx"}
        common |= {"latent_labels": np.array([{"a": 1}], object), "root_orient": poses[:, :3]}
    np.savez(tmp_path / "walk.npz", allow_pickle=True, **common)
    _, out, _ = jaxdiff("data", "check", tmp_path / "walk.npz")
    assert "(fix: export JAXDIFF_BODY_MODEL=SMPL.npz)" in out
    monkeypatch.setenv("JAXDIFF_BODY_MODEL", str(tmp_path / "body.npz"))
    code, out, _ = jaxdiff("data", "check", tmp_path / "walk.npz")
    assert code == 0 and "120 samples of 66 channels at 60 Hz" in out and "22 joints" in out, out
    from jaxdiff.data.formats import read

    found = read(tmp_path / "walk.npz")
    assert found["head_y"].min() > found["pelvis_y"].max() > found["left_knee_y"].max()
    code, out, err = jaxdiff("score", tmp_path / "walk.npz")
    assert code == 0 and "speed" in out, err
