import os
from pathlib import Path

import numpy as np
import pytest
import yaml

from jaxdiff.data import catalogue, splits, text, windows
from jaxdiff.data.builders.pattern import matcher
from jaxdiff.data.builders.recipe_file import faults
from jaxdiff.data.formats import write
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError, FileError

SHARED = Path(os.environ.get("JAXDIFF_SHARED") or Path(__file__).parents[3] / "shared") / "data"
RECIPES = Path(catalogue.__file__).parent / "recipes"


def shared(name):
    if not (SHARED / name).exists():
        pytest.skip(
            f"no {SHARED / name}: put the shared pack beside the repository, or name it in"
            " JAXDIFF_SHARED"
        )
    return SHARED


def recording(rate, seconds, start=0.0, channels=("a", "b"), unit="deg"):
    time = start + np.arange(round(rate * seconds)) / rate
    values = np.stack([np.sin(2 * np.pi * time + k) for k in range(len(channels))], axis=1).astype(
        np.float32
    )
    return Recording(values, tuple(channels), (unit,) * len(channels), rate, start)


@pytest.fixture
def lab(tmp_path):
    """Writes files into a folder, a recipe beside them, and loads the lot."""

    def load(recipe, files):
        for name, contents in files.items():
            path = tmp_path / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(contents, Recording):
                write(path, contents)
            elif isinstance(contents, dict):
                np.savez(path, **contents)
            else:
                path.write_text(contents)
        (tmp_path / "lab.yaml").write_text(recipe)
        return catalogue.load(
            "folder",
            recipe=tmp_path / "lab.yaml",
            root=tmp_path / "files",
            data_dir=tmp_path,
            progress=False,
        )

    return load


ONE = """
name: one
files: "{subject}/{task}.*"
modalities:
  angles: {channels: [b, a], units: deg}
"""


@pytest.mark.parametrize("extension", ["csv", "mot", "sto", "npz"])
def test_any_format_is_read_by_its_recipe(lab, extension):
    expected = recording(100, 2)
    trials = lab(ONE, {f"anna/walk.{extension}": expected, f"ben/run.{extension}": expected})
    assert trials.subjects == ("anna", "ben") and trials.column("task").tolist() == ["walk", "run"]
    assert trials.channels["angles"] == ("b", "a") and set(trials.column("rate")) == {100}
    np.testing.assert_allclose(
        trials.recording(0, "angles").values, expected.values[:, ::-1], atol=1e-6
    )


JOINED = """
name: joined
files: "{subject}_{trial}_ik.csv"
rate: 50
fields: {task: walk, side: left, mass: 80, speed: "1.2"}
modalities:
  angles: {channels: {hip: a}, units: rad}
  grf:
    files: "{subject}_{trial}_force.csv"
    channels: [Fz]
    units: BW
captions: "{subject}_{trial}.txt"
"""


def test_files_of_one_trial_are_joined_on_one_clock_and_converted(lab):
    force = Recording(np.full((1000, 1), 784.532, np.float32), ("Fz",), ("N",), 1000.0, 0.5)
    trials = lab(
        JOINED,
        {
            "anna_01_ik.csv": recording(100, 2),
            "anna_01_force.csv": force,
            "anna_01.txt": "a woman walks\nshe walks\n\n",
        },
    )
    assert (
        len(trials) == 1 and trials.column("speed")[0] == 1.2 and trials.column("trial")[0] == "01"
    )
    angles = trials.recording(0, "angles")
    assert angles.rate == 50 and angles.start == 0.5 and len(angles.values) == 50
    inner = slice(10, -10)
    expected = np.deg2rad(np.sin(2 * np.pi * angles.time))
    np.testing.assert_allclose(angles.values[inner, 0], expected[inner], atol=1e-4)
    np.testing.assert_allclose(trials.signals["grf"], 1.0, rtol=1e-6)
    assert trials.captions == (("a woman walks", "she walks"),)


PEOPLE = """
name: people
files: "{subject}.csv"
people: {anna: {mass: 50}, ben: {mass: 80.0, side: left}}
modalities:
  grf: {channels: [Fz], units: N/kg}
"""


def test_fields_that_depend_on_the_subject(lab):
    force = Recording(np.full((100, 1), 800.0, np.float32), ("Fz",), ("N",), 100.0)
    trials = lab(PEOPLE, {"anna.csv": force, "ben.csv": force})
    assert [trials.recording(i, "grf")["Fz"][0] for i in (0, 1)] == pytest.approx([16, 10])
    assert trials.column("side").tolist() == ["", "left"]
    wrong = yaml.safe_load(PEOPLE)
    wrong["people"]["anna"] = {"weight": 50}
    assert ["no field 'weight'" in fault for fault in faults(wrong)] == [True]
    wrong["people"] = ["anna"]
    assert ["{anna: {mass: 61.5}}" in fault for fault in faults(wrong)] == [True]


PACKED = """
name: packed
files: data.npz
rate: 20
fields: {subject: "{who}", task: "{what} {who}"}
offsets: edges
drop: "{bad}"
captions: "{said}"
modalities:
  joints: {array: positions, channels: "{names}", units: m}
"""


def packed_arrays():
    return {
        "positions": np.arange(10 * 2 * 3).reshape(10, 2, 3).astype(np.float32),
        "edges": np.array([0, 3, 4, 10]),
        "who": np.array(["x", "y", "z"]),
        "what": np.array(["walk", "run", "hop"]),
        "bad": np.array([False, True, False]),
        "said": np.array([["one", "two"], ["three", "four"], ["five", "six"]]),
        "names": np.array(["hip", "knee"]),
    }


def test_packed_trials_are_unpacked(lab):
    trials = lab(PACKED, {"data.npz": packed_arrays()})
    assert trials.channels["joints"] == ("hip_x", "hip_y", "hip_z", "knee_x", "knee_y", "knee_z")
    assert trials.length.tolist() == [3, 6] and trials.column("task").tolist() == [
        "walk x",
        "hop z",
    ]
    assert trials.captions == (("one", "two"), ("five", "six"))
    np.testing.assert_array_equal(trials.recording(1, "joints").values.ravel(), np.arange(24, 60))


def test_a_changed_file_is_prepared_anew(lab):
    first = lab(ONE, {"anna/walk01.csv": recording(100, 2)})
    second = lab(ONE, {"anna/walk01.csv": recording(100, 3)})
    assert first.length.tolist() == [200] and second.length.tolist() == [300]


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [
        (("units: deg", "units: deg, colour: red"), ConfigError, "colour"),
        (("files:", "fles:"), ConfigError, "files"),
        (("[b, a]", "[b, c]"), DataError, "no channel 'c'"),
        (("{subject}", "{who}"), ConfigError, "subject is not stated"),
        (("{task}.*", "{task}.mot"), FileError, "no file"),
        (("units: deg", "units: [deg, deg, deg]"), ConfigError, "2 channels, but 3 units"),
        (("units: deg", "units: N"), DataError, "cannot be converted"),
        (("modalities:", "fields: {speed: fast}\nmodalities:"), ConfigError, "not a number"),
        (("modalities:", "fields: {pace: 3}\nmodalities:"), ConfigError, "no field 'pace'"),
        (
            ("modalities:", 'fields: {side: "{leg}"}\nmodalities:'),
            ConfigError,
            "no field is called 'leg'",
        ),
        (("channels: [b, a]", "array: x, channels: [b, a]"), ConfigError, "rate"),
        (("name: one", "name: [one"), FileError, "YAML"),
    ],
)
def test_a_wrong_recipe_is_answered_with_its_name_and_what_is_wrong(lab, change, error, what):
    with pytest.raises(error, match=what):
        lab(ONE.replace(*change), {"anna/walk01.csv": recording(100, 2)})


def test_packed_captions_and_flags_are_arrays_in_braces(lab):
    with pytest.raises(ConfigError, match="drop of packed trials"):
        lab(PACKED.replace('"{bad}"', "bad"), {"data.npz": packed_arrays()})
    with pytest.raises(DataError, match="no array 'wrong'"):
        lab(
            PACKED.replace("{bad}", "wrong").replace('"wrong"', '"{wrong}"'),
            {"data.npz": packed_arrays()},
        )
    with pytest.raises(DataError, match="2 entries for 3 trials"):
        lab(PACKED, {"data.npz": {**packed_arrays(), "who": np.array(["x", "y"])}})


def test_wrong_files_are_named(lab):
    with pytest.raises(FileError, match="captions: .*anna_01.txt"):
        lab(
            JOINED,
            {
                "anna_01_ik.csv": recording(100, 2),
                "anna_01_force.csv": recording(100, 2, 0, ("Fz",), "N"),
            },
        )
    with pytest.raises(FileError, match="walk01.csv"):
        lab(ONE, {"anna/walk01.csv": "not a table at all\n\x00"})
    both = ONE + '  grf: {files: "{subject}/{task}_force.csv", channels: [a], units: deg}\n'
    files = {"anna/walk01.csv": recording(100, 2), "anna/walk_force.csv": recording(200, 2)}
    with pytest.raises(DataError, match="rates"):
        lab(both.replace("{task}.*", "{task}01.csv"), files)


def test_the_verheul_stances_are_read_through_their_recipe(tmp_path):
    root = shared("verheul2024.npz")
    trials = catalogue.load(
        "folder", recipe=RECIPES / "verheul2024.yaml", root=root, data_dir=tmp_path, progress=False
    )
    assert len(trials) == 110 and len(trials.subjects) == 11 and (trials.length == 101).all()
    with np.load(root / "verheul2024.npz") as file:
        for name in ("angles", "moments", "grf"):
            np.testing.assert_array_equal(trials.signals[name].reshape(110, 101, 3), file[name])
        np.testing.assert_array_equal(trials.column("subject"), file["subject"])
    assert (
        trials.channels["grf"] == ("anteroposterior", "mediolateral", "vertical")
        and trials.units["grf"][0] == "BW"
    )
    for split in splits.leave_one_subject_out(trials):
        assert len(windows.cut(split.train, "angles", "moments", length=101)) == len(split.train)


def test_the_bandai_clips_are_read_through_their_recipe(tmp_path):
    root = shared("bandai_namco_2.npz")
    trials = catalogue.load(
        "folder",
        recipe=RECIPES / "bandai_namco_2.yaml",
        root=root,
        data_dir=tmp_path,
        progress=False,
    )
    assert (
        len(trials) == 2902 - 4
        and trials.signals["joints"].shape[1] == 63
        and len(trials.subjects) == 70
    )
    assert trials.channels["joints"][:2] == ("Hips_x", "Hips_y") and set(
        map(len, trials.captions)
    ) == {3}
    clips = text.captioned(trials, "joints", 1, 400, length=320)
    assert len(clips.captions) == 210


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1]\nb: *a\n",
        "[" * 300,
        "{a: 2020-99-99}",
        "!!python/object/apply:os.system [ls]",
        "? [a, b]\n: c\n",
        "- x",
        "3",
        "",
        "name: [one]\nfiles: 3\nmodalities: {a: 3}",
        "name: ../one\nfiles: a\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: /etc/passwd\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '../{subject}.csv'\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{subject}{task}.csv'\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{1}.csv'\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: [1, 2], units: m}}",
        "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: {x: [y]}, units: m}}",
        "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: x, units: {m: m}}}",
        "name: one\nfiles: '{subject}.csv'\nrate: .nan\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{subject}.csv'\nrate: yes\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{subject}.csv'\nfields: [a]\nmodalities: {a: {channels: x, units: m}}",
        (
            "name: one\nfiles: '{subject}.csv'\nfields: {speed: [1]}\nmodalities: {a: {channels: x,"
            " units: m}}"
        ),
        "name: one\nfiles: '{subject}.csv'\ncaptions: 3\nmodalities: {a: {channels: x, units: m}}",
        "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: x, units: m, files: ../b}}",
        "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: [x, x], units: m}}",
        "name: one\nfiles: '{subject}.csv'\n3: 4\nmodalities: {a: {channels: x, units: m}}",
    ],
)
def test_every_bad_recipe_ends_in_one_sentence(lab, text):
    with pytest.raises((ConfigError, FileError, DataError)) as error:
        lab(text, {"anna.csv": recording(100, 1, channels=("x", "y"), unit="m")})
    assert "\n" not in str(error.value) and len(str(error.value)) < 1500


def test_nothing_outside_the_root_is_read(lab, tmp_path):
    (tmp_path / "secret.txt").write_text("a secret")
    outside = recording(100, 1, channels=("x", "y"), unit="m")
    write(tmp_path / "outside.csv", outside)
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "anna.csv").symlink_to(tmp_path / "outside.csv")
    (tmp_path / "files" / "ben.txt").symlink_to(tmp_path / "secret.txt")
    recipe = "name: one\nfiles: '{subject}.csv'\nmodalities: {a: {channels: x, units: m}}\n"
    with pytest.raises(FileError, match="lies outside"):
        lab(recipe, {})
    (tmp_path / "files" / "anna.csv").unlink()
    captions = "captions: '{subject}.txt'\n"
    with pytest.raises(FileError, match="lies outside"):
        lab(recipe + captions, {"ben.csv": outside})
    with pytest.raises(ConfigError, match="inside the folder"):
        lab(recipe + "captions: '../secret.txt'\n", {"ben.csv": outside})
    indirect = recipe + "fields: {task: '../secret'}\ncaptions: '{task}.txt'\n"
    with pytest.raises((FileError, ConfigError)):
        lab(indirect, {"ben.csv": outside})


def test_patterns_that_would_backtrack_take_linear_time():
    fits = matcher("*a*a*a*a*a*a*a*a*a*a*b")
    assert fits("a" * 250) is None and fits("a" * 250 + "b") is not None
    assert matcher("{subject}_{task}/{subject}_x.csv")("S_1_walk/S_1_x.csv") == {
        "subject": "S_1",
        "task": "walk",
    }
    assert matcher("**/{subject}.csv")("a/b/anna.csv") == {"subject": "anna"}
    assert matcher("**/{subject}.csv")("anna.csv") == {"subject": "anna"}
    assert matcher("{subject}.csv")("a/anna.csv") is None and matcher("x*.csv")("x.csv") == {}
