"""Every builder on a small data set of the published layout, written here; what they must share is
tested on all.
"""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from data.pretended import pretended_gait, pretended_speeds

from docs.skeletons import builder as skeleton
from jaxdiff.body import humanml3d
from jaxdiff.body.humanml3d import LAYOUT_21, LAYOUT_22, names
from jaxdiff.data import catalogue, splits
from jaxdiff.data.builders import simulated
from jaxdiff.data.pipeline import Batches
from jaxdiff.data.text import captioned
from jaxdiff.data.windows import cut
from jaxdiff.errors import ConfigError, FileError

RNG = np.random.default_rng(0)


def write_embry(root, subjects=3):
    """Four strides a trial; on the left the second is an outlier and the last is empty."""
    import h5py

    with h5py.File(root / "InclineExperiment.mat", "w") as file:

        def cell(value):
            data = (
                np.array([[ord(c)] for c in value], np.uint16)
                if isinstance(value, str)
                else np.array([[value]])
            )
            hidden = file.create_dataset(f"#refs#/{len(file.require_group('#refs#'))}", data=data)
            return hidden.ref

        for subject in range(subjects):
            person = file.create_group(f"Gaitcycle/AB{subject + 1:02d}")
            details = {"Gender": 1.0, "Age": 30.0, "Height": 1700.0, "Weight": 60.0 + subject}
            table = np.array(
                [[cell(k) for k in details], [cell(v) for v in details.values()]], h5py.ref_dtype
            )
            person.create_dataset("subjectdetails", data=table, dtype=h5py.ref_dtype)
            for task in ("s0x8i0", "s1d7x5", "s1x2i10"):
                for side in ("left", "right"):

                    def put(name, value, task=task, side=side, person=person):
                        strides = np.full((4, 150), value) + np.arange(4)[:, None]
                        strides[3] = 0 if side == "left" else strides[3]
                        person[f"{task}/{name}"] = strides

                    for j, joint in enumerate(("hip", "knee", "ankle", "foot", "pelvis")):
                        for a, axis in enumerate("xyz"):
                            put(
                                f"kinematics/jointangles/{side}/{joint}/{axis}",
                                100.0 * j + 10 * a + 1,
                            )
                            if j < 3:
                                put(f"kinetics/jointmoment/{side}/{joint}/{axis}", 1000.0 * j + 1)
                    for axis in "xyz":
                        put(f"kinetics/forceplate/{side}/force/{axis}", 600.0)
                    person[f"{task}/cycles/{side}/time"] = np.arange(4)[
                        :, None
                    ] * 1.1 + np.linspace(0, 1.1, 150)
                    outliers = [[2.0]] if side == "left" else [[np.nan]]
                    person[f"{task}/stepsout/{side}"] = np.array(outliers)


def write_camargo(root, subjects=3):
    """A trial of four speeds, 12 s each at 200 Hz; every angle is a 1 Hz sine with the speed as its
    mean.
    """
    import matio
    import pandas

    for subject in range(subjects):
        folder = root / f"AB{subject + 6:02d}" / "10_09_18" / "treadmill"
        time = 5 + np.arange(200 * 48) / 200
        speed = np.array([0.5, 1.2, 0.8, 1.55])[(np.arange(len(time)) // 2400)]
        angle = speed * 10 + np.sin(2 * np.pi * time)
        sides = [
            f"{joint}_{side}"
            for side in "rl"
            for joint in ("hip_flexion", "knee_angle", "ankle_angle")
        ]
        signs = {name: -1 if "knee" in name else 1 for name in sides}
        tables = {
            "ik": {
                "Header": time,
                "pelvis_tilt": time * 0,
                **{name: signs[name] * angle for name in sides},
            },
            "conditions": {"Header": time, "Speed": speed},
        }
        for kind, columns in tables.items():
            (folder / kind).mkdir(parents=True)
            variable = "data" if kind == "ik" else "speed"
            matio.save_to_mat(
                folder / kind / "treadmill_01_01.mat",
                {variable: pandas.DataFrame(columns)},
                version="v7",
            )


def write_fukuchi(root, subjects=3):
    (root / "WBDSascii").mkdir()
    rows = []
    for subject in range(1, subjects + 1):
        for task, files in (("T03", ["T03"]), ("OC", ["O01C", "O02C"])):
            stem = f"WBDS{subject:02d}walk"
            rows += [
                {"FileName": f"{stem}{name}.c3d", "GaitSpeed(m/s)": f"{0.8 + 0.1 * k}"}
                for k, name in enumerate(files)
            ]
            rows.append({"FileName": f"{stem}{task}ang.txt", "GaitSpeed(m/s)": "--"})
            joints = ("Pelvis", "Hip", "Knee", "Ankle", "Foot")
            angles = [
                f"{side}{joint}Angle{axis}" for joint in joints for side in "RL" for axis in "XYZ"
            ]
            kinetics = [
                f"{side}{joint}Moment{axis}"
                for joint in joints[1:4]
                for side in "RL"
                for axis in "XYZ"
            ]
            kinetics += [f"{side}GRF{axis}" for side in "RL" for axis in "XYZ"]
            for kind, columns in (("ang", angles), ("knt", kinetics)):
                values = np.arange(101)[:, None] + np.r_[0, np.arange(len(columns))]
                lines = [
                    "\t".join(["Time", *columns]),
                    *("\t".join(map(str, row)) for row in values),
                ]
                (root / "WBDSascii" / f"{stem}{task}{kind}.txt").write_text("\n".join(lines) + "\n")
    with open(root / "WBDSinfo.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["FileName", "GaitSpeed(m/s)"])
        writer.writeheader()
        writer.writerows(rows)


def write_humanml3d(root, width=263):
    """Four clips and their mirror images; one has a part with its own caption, one has a gap."""
    for folder in ("new_joint_vecs", "texts"):
        (root / folder).mkdir()
    for n in range(4):
        for clip in (f"{n:06d}", f"M{n:06d}"):
            motion = np.full((60 + n, width), n, np.float32)
            motion[5] = np.nan if n == 3 else n
            np.save(root / "new_joint_vecs" / f"{clip}.npy", motion)
            lines = [
                f"a person walks {n}.#a/DET person/NOUN walk/VERB#0.0#0.0",
                "someone goes#someone/PRON go/VERB#nan#nan",
            ]
            lines += ["they stop#they/PRON stop/VERB#1.0#2.5"] * (n == 1)
            (root / "texts" / f"{clip}.txt").write_text("\n".join(lines) + "\n")
    for split, clips in {"train": (0, 1), "val": (3,), "test": (2,)}.items():
        (root / f"{split}.txt").write_text("".join(f"{n:06d}\nM{n:06d}\n" for n in clips))


def write_kit(root):
    write_humanml3d(root, 251)


def write_mia(root):
    for split, subjects in (("train", 3), ("val", 3)):
        for subject in range(subjects):
            folder = root / split / f"Subject{subject}" / "ElbowPunch" / "188"
            folder.mkdir(parents=True)
            np.save(folder / "emgvalues.npy", np.full((30, 8), subject) + np.arange(8))
            np.save(folder / "joints3d.npy", RNG.normal(size=(30, 49, 3)))


def write_skeleton(root, subjects=3):
    """Angles in rad, at 50 Hz."""
    for subject in range(subjects):
        for task in ("walk", "run"):
            rows = [f"{frame / 50},{subject + frame / 100},{frame / 200}" for frame in range(60)]
            text = "\n".join(["time,hip,knee", "s,rad,rad", *rows])
            (root / f"S{subject}_{task}.csv").write_text(text + "\n")


def write_folder(root):
    """One CSV per subject and task, and the forces at another rate in a file of their own; a YAML
    describes them.
    """
    for subject in ("anna", "ben", "carl"):
        (root / subject).mkdir()
        for task in ("0.8", "1.2"):
            time, quick = np.arange(100) / 100, np.arange(500) / 500
            rows = np.stack([time, 10 * time, 20 * time, 30 * time], axis=1)
            text = "time,knee,hip,spare\ns,deg,deg,deg\n" + "\n".join(
                ",".join(map(str, row)) for row in rows
            )
            (root / subject / f"walk_{task}_angles.csv").write_text(text + "\n")
            rows = np.stack([quick + 0.25, 700 + 70 * quick], axis=1)
            text = "time,Fz\ns,N\n" + "\n".join(",".join(map(str, row)) for row in rows)
            (root / subject / f"walk_{task}_forces.csv").write_text(text + "\n")
    (root / "lab.yaml").write_text(
        """
name: lab
files: "{subject}/walk_{speed}_angles.csv"
rate: 100
fields: {task: "walk at {speed}", side: right, mass: 70}
modalities:
  angles: {channels: {hip_flexion: hip, knee_flexion: knee}, units: deg}
  grf: {files: "{subject}/walk_{speed}_forces.csv", channels: [Fz], units: BW}
"""
    )


LAYOUTS = {
    "embry2018": write_embry,
    "camargo2021": write_camargo,
    "fukuchi2018": write_fukuchi,
    "humanml3d": write_humanml3d,
    "kit_ml": write_kit,
    "mia": write_mia,
    "my_lab": write_skeleton,
    "folder": write_folder,
}
NAMES = (*LAYOUTS, "simulated_gait", "simulated_speeds", "simulated_motion")


@pytest.fixture(scope="module", autouse=True)
def listed():
    """The skeleton of the docs as if it had been copied beside the builders and listed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "jaxdiff.data.builders.my_lab", skeleton)
        patch.setitem(catalogue.BUILDERS, "my_lab", "my_lab.MyLab")
        yield


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Loads a data set of its fixture (the first time), quietly."""
    folder, found, patch = tmp_path_factory.mktemp("data"), {}, pytest.MonkeyPatch()
    patch.setattr(simulated.SimulatedGait, "simulator", staticmethod(pretended_gait))
    patch.setattr(simulated.SimulatedSpeeds, "simulator", staticmethod(pretended_speeds))

    def load(name, **settings):
        key = name, *settings.items()
        if key not in found:
            if name in LAYOUTS:
                files = folder / f"{name}_files"
                files.mkdir()
                LAYOUTS[name](files)
                settings |= (
                    {"recipe": files / "lab.yaml"} if name == "folder" else {"manual_dir": files}
                )
                settings |= {"seconds": 10.0} if name == "camargo2021" else {}
            else:
                settings["size"] = "tiny"
            found[key] = catalogue.load(name, data_dir=folder, progress=False, **settings)
        return found[key]

    yield load
    patch.undo()


@pytest.mark.parametrize("name", NAMES)
def test_every_trial_carries_names_units_rate_subject_task_and_side(prepared, name):
    trials = prepared(name)
    assert len(trials) and trials.signals.keys() == trials.channels.keys() == trials.units.keys()
    for modality, values in trials.signals.items():
        assert values.dtype == np.float32 and len(values) == trials.length.sum() == len(trials.time)
        assert values.shape[1] == len(trials.channels[modality]) == len(trials.units[modality])
        assert len(set(trials.channels[modality])) == values.shape[1] and all(
            trials.units[modality]
        )
    assert (trials.column("rate") > 0).all() == (name != "simulated_gait") and (
        trials.column("subject") != ""
    ).all()
    assert len(set(trials.column("trial"))) == len(trials)
    if name not in ("humanml3d", "kit_ml"):
        assert (trials.column("task") != "").all() and (trials.column("side") != "").all()


@pytest.mark.parametrize("name", NAMES)
def test_no_subject_ever_stands_on_both_sides(prepared, name):
    trials = prepared(name)
    count = len(trials.subjects)
    found = [*splits.leave_one_subject_out(trials), splits.by_counts(trials, count - 2, 1, 1)]
    found += [*splits.k_fold(trials, 3, hold_out_tasks=len(trials.levels["task"]) >= 3)]
    if set(trials.column("split")) >= {"train", "test"}:
        found.append(splits.as_published(trials))
    for split in found:
        sides = [set(side.subjects) for side in split[:3]]
        assert sum(map(len, sides)) == len(set.union(*sides))


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "folder"])
def test_without_its_files_a_data_set_says_what_is_needed_and_where_from(tmp_path, name):
    with pytest.raises(FileError, match=r"(?s)manual_dir.*(Put|Download) .*(from|there)"):
        catalogue.load(name, data_dir=tmp_path, progress=False)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileError, match=r"(Put|Download) .*(from|there)"):
        catalogue.load(name, data_dir=tmp_path, manual_dir=tmp_path / "empty", progress=False)


def test_embry_drops_outliers_and_empty_strides_and_converts_units(prepared):
    trials = prepared("embry2018")
    assert len(trials) == 3 * 3 * 2
    assert trials.levels["task"] == ("s0x8i0", "s1d7x5", "s1x2i10")
    np.testing.assert_array_equal(trials.where(task="s1d7x5").column("incline"), -7.5)
    np.testing.assert_allclose(trials.where(task="s0x8i0").column("speed"), 0.8)
    left, right = (
        trials.where(subject="AB02", task="s0x8i0", side=side) for side in ("left", "right")
    )
    strides = [left.stride[left.start[0] : left.start[0] + left.length[0]][::150].tolist()]
    strides += [right.stride[right.start[0] : right.start[0] + right.length[0]][::150].tolist()]
    assert strides == [[0, 2], [0, 1, 2, 3]]
    first = {name: left.frames(name)[0] for name in trials.signals}
    np.testing.assert_allclose(
        first["angles"], [100 * j + 10 * a + 1 for j in range(5) for a in range(3)]
    )
    np.testing.assert_allclose(
        first["moments"], [j + 1e-3 for j in range(3) for _ in range(3)], rtol=1e-6
    )
    np.testing.assert_allclose(first["grf"], 600 / 61, rtol=1e-6)
    np.testing.assert_allclose(left.column("rate"), 149 / 1.1)


def test_camargo_cuts_and_decimates_every_speed(prepared):
    trials = prepared("camargo2021").where(subject="AB06")
    np.testing.assert_allclose(trials.column("speed"), [0.5, 1.2, 0.8, 1.55])
    assert (trials.length == 200).all() and (trials.column("rate") == 20).all()
    for i in range(4):
        recording = trials.recording(i, "sagittal")
        expected = 10 * trials.column("speed")[i] + np.sin(2 * np.pi * recording.time)
        np.testing.assert_allclose(
            recording.values[20:-20], np.tile(expected[20:-20, None], 6), atol=2e-3
        )


def test_fukuchi_reads_each_leg_of_each_average_stride(prepared):
    trials = prepared("fukuchi2018")
    assert len(trials) == 3 * 2 * 2 and (trials.length == 101).all()
    np.testing.assert_allclose(trials.where(task="T03").column("speed"), 0.8)
    np.testing.assert_allclose(trials.where(task="OC").column("speed"), 0.85)
    right = trials.where(subject="WBDS01", task="T03", side="right")
    hip_x = right.channels["angles"].index("hip_x")
    np.testing.assert_allclose(right.frames("angles")[:, hip_x], np.arange(101) + 6)
    np.testing.assert_allclose(right.frames("grf")[0], np.arange(18, 21), rtol=1e-6)


@pytest.mark.parametrize(("name", "layout"), [("humanml3d", LAYOUT_22), ("kit_ml", LAYOUT_21)])
def test_captioned_clips_and_their_parts(prepared, name, layout):
    trials = prepared(name)
    assert trials.channels["motion"] == names(layout) and set(trials.column("rate")) == {layout.fps}
    assert sorted(trials.column("trial")) == sorted(
        f"{mirror}{clip}"
        for mirror in ("", "M")
        for clip in ("000000", "000001", "000001#3", "000002")
    )
    row = trials.column("trial").tolist().index("000001#3")
    assert trials.captions[row] == ("they stop",) and trials.tokens[row] == ("they/PRON stop/VERB",)
    assert trials.length[row] == 30
    row = trials.column("trial").tolist().index("M000000")
    assert (
        trials.captions[row] == ("a person walks 0.", "someone goes")
        and trials.column("subject")[row] == "000000"
    )
    assert set(trials.where(split="test").column("subject")) == {"000002"}


def test_mia_keeps_25_joints_and_eight_muscles(prepared):
    trials = prepared("mia")
    assert trials.signals["joints"].shape[1] == 75 and trials.units["emg"][0] == "a.u."
    np.testing.assert_array_equal(
        trials.where(subject="Subject2").frames("emg")[0], 2 + np.arange(8)
    )


def test_simulated_gait_keeps_its_strides_its_transitions_and_its_clock(prepared):
    trials = prepared("simulated_gait")
    assert trials.levels["task"] == ("s0.8i0", "s1.2i0", "schangei0")
    steady = trials.where(transition=False).recoded()
    assert steady.levels["task"] == ("s0.8i0", "s1.2i0") and set(steady.codes("task")) == {0, 1}
    assert trials.units["moments"][0] == "N m/kg"
    assert cut(steady, "angles", "grf").length == 300 and len(
        cut(steady, "angles", "grf")
    ) == 3 * len(steady)
    recording = trials.recording(0, "grf")
    assert recording.rate == pytest.approx(140, rel=1e-3) and len(recording.values) == 600


def test_a_stroke_cohort_keeps_its_own_speeds_and_the_paretic_side(prepared):
    able, stroke = prepared("simulated_speeds"), prepared("simulated_speeds", kind="stroke")
    assert set(able.column("speed")) == {0.6, 0.9, 1.2}
    assert set(stroke.column("speed")) == {0.3, 0.6, 1.2}
    assert set(stroke.column("paretic")) == {"left"} and set(able.column("paretic")) == {""}
    assert (able.length == 120).all()


def test_simulated_motion_has_features_joints_muscles_and_captions_on_one_clock(prepared):
    trials = prepared("simulated_motion")
    assert {name: values.shape[1] for name, values in trials.signals.items()} == {
        "motion": 263,
        "joints": 66,
        "emg": 8,
    }
    assert len(trials) == 40 and all(trials.captions) and set(trials.column("rate")) == {20}
    for i in (0, 7):
        motion, joints = (trials.recording(i, name).values for name in ("motion", "joints"))
        recovered = humanml3d.joints_from_features(motion)
        np.testing.assert_allclose(recovered, joints.reshape(-1, 22, 3), atol=2e-4)
    batch = next(Batches(captioned(trials, extra=("emg",), crop=True), 16))
    assert batch["motion"].shape == (16, 196, 263) and batch["emg"].shape == (16, 196, 8)


def test_lengthening_a_clip_changes_none_of_its_features(prepared):
    joints = prepared("simulated_motion").recording(3, "joints").values.reshape(-1, 22, 3)
    plain = humanml3d.features_from_joints(joints, humanml3d.LAYOUT_22, "fixed")
    np.testing.assert_allclose(simulated.features(joints), plain, atol=1e-5)


def test_what_is_simulated_is_kept_by_settings_and_by_source(tmp_path, monkeypatch):
    calls = []

    def simulator(subjects=3, strides=4, progress=None):
        calls.append(subjects)
        return pretended_gait(subjects, strides=strides, progress=progress)

    monkeypatch.setattr(simulated.SimulatedGait, "simulator", staticmethod(simulator))
    monkeypatch.setattr(simulated.SimulatedGait, "sizes", {"tiny": {"subjects": 1}})
    first, again = (
        catalogue.load("simulated_gait", data_dir=tmp_path, size="tiny", progress=False)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.signals["grf"], again.signals["grf"])
    assert calls == [1]
    catalogue.load("simulated_gait", data_dir=tmp_path, size="tiny", strides=5, progress=False)
    assert calls == [1, 1]
    monkeypatch.setattr(simulated, "fingerprint", lambda *parts: "another")
    catalogue.load("simulated_gait", data_dir=tmp_path, size="tiny", progress=False)
    assert calls == [1, 1, 1]
    with pytest.raises(ConfigError, match="strides"):
        catalogue.load("simulated_gait", data_dir=tmp_path, size="tiny", stride=5)
    with pytest.raises(ConfigError, match="tiny"):
        catalogue.load("simulated_gait", data_dir=tmp_path, size="teeny")


def test_only_one_of_many_prepares_a_data_set(tmp_path, monkeypatch):
    calls = []

    def simulator(progress=None):
        calls.append(1)
        return pretended_gait(progress=progress)

    monkeypatch.setattr(simulated.SimulatedGait, "simulator", staticmethod(simulator))
    monkeypatch.setattr(simulated.SimulatedGait, "sizes", {"tiny": {}})
    with ThreadPoolExecutor(4) as pool:
        load = partial(
            catalogue.load, "simulated_gait", data_dir=tmp_path, size="tiny", progress=False
        )
        found = list(pool.map(lambda _: load(), range(4)))
    assert calls == [1] and len({trials.signals["emg"].tobytes() for trials in found}) == 1


def test_a_broken_file_is_named(tmp_path):
    for folder in ("embry", "mia", "camargo", "kit"):
        (tmp_path / folder).mkdir()
    (tmp_path / "embry" / "InclineExperiment.mat").write_bytes(b"MATLAB 5.0 but not really")
    write_mia(tmp_path / "mia")
    np.save(
        tmp_path / "mia" / "val" / "Subject1" / "ElbowPunch" / "188" / "emgvalues.npy",
        np.zeros((29, 8)),
    )
    write_camargo(tmp_path / "camargo", 1)
    (
        tmp_path / "camargo" / "AB06" / "10_09_18" / "treadmill" / "ik" / "treadmill_01_01.mat"
    ).write_bytes(b"x" * 500)
    write_kit(tmp_path / "kit")
    (tmp_path / "kit" / "texts" / "000001.txt").write_text("no hash signs here\n")
    for name, folder, what in (
        ("embry2018", "embry", "InclineExperiment.mat is not an HDF5"),
        ("mia", "mia", r"Subject1.*shape \(29, 8\)"),
        ("camargo2021", "camargo", "treadmill_01_01.mat cannot be read"),
        ("kit_ml", "kit", r"000001.txt, line 1"),
    ):
        with pytest.raises(FileError, match=what):
            catalogue.load(name, data_dir=tmp_path, manual_dir=tmp_path / folder, progress=False)


def test_unknown_names_and_settings_are_answered():
    assert "simulated_gait" in catalogue.names()
    with pytest.raises(ConfigError, match="embry2018"):
        catalogue.load("embry")
    with pytest.raises(ConfigError, match="has no settings"):
        catalogue.load("mia", size="tiny")
    with pytest.raises(ConfigError, match="speed"):
        catalogue.load("camargo2021", speed=3)
    with pytest.raises(ConfigError, match="needs recipe="):
        catalogue.load("folder")
    with pytest.raises(ConfigError, match="seed is a number, such as 0; got 'x'"):
        catalogue.load("simulated_gait", size="tiny", seed="x")
    with pytest.raises(ConfigError, match="speeds is a list, such as .*; got 0.8"):
        catalogue.load("simulated_gait", size="tiny", speeds=0.8)


def test_embry_s_empty_lists_of_outliers_hold_no_outlier(tmp_path):
    """MATLAB v7.3 stores the dimensions of an empty array in its place; read as values they would
    name stride 1.
    """
    h5py = pytest.importorskip("h5py")
    from jaxdiff.data.builders.embry2018 import _numbers

    with h5py.File(tmp_path / "empty.mat", "w") as file:
        file["none"] = np.array([1, 0], np.uint64)
        file["none"].attrs["MATLAB_empty"] = np.uint8(1)
        file["two"] = np.array([[2.0], [5.0]])
        assert _numbers(file["none"]).size == 0
        np.testing.assert_array_equal(_numbers(file["two"]), [2.0, 5.0])
