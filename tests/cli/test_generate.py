"""Files in, files out, by what the run's checkpoint says it is."""

import dataclasses
import json
from pathlib import Path
from unittest.mock import create_autospec

import numpy as np
import pytest

from jaxdiff.cli.generate import METHODS, _edit, median_and_spread
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording


def test_angles_become_moments_with_their_spread(jaxdiff, run, walk, tmp_path):
    formats.write(tmp_path / "walk.mot", walk)
    code, out, err = jaxdiff(
        "generate",
        run,
        "--input",
        tmp_path / "walk.mot",
        "--output",
        tmp_path / "m.csv",
        "--samples",
        5,
    )
    assert (code, err) == (0, "") and "median and 5–95 % of 5" in out
    made = formats.read(tmp_path / "m.csv")
    assert made.channels[:4] == ("hip_moment", "knee_moment", "hip_moment_p05", "knee_moment_p05")
    assert made.rate == 100 and (made.values[:, 2:4] <= made.values[:, :2]).all()


def test_options_that_do_not_belong_to_the_method_are_refused(jaxdiff, run, tmp_path):
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.mot", "--text", "walk")
    assert "a run of llma has no use for --text; it takes --input, --output" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot")
    assert "a run of llma needs --output" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.pdf")
    assert "cannot write y.pdf" in err
    _, _, err = jaxdiff("generate", run, "--input", "x.mot", "--output", "y.mot", "--samples", "0")
    assert "--samples must be 1 or more" in err


@pytest.mark.parametrize(
    "place, method", [("arm-all", "biovae"), ("model", "text_to_motion"), ("", "speed_transfer")]
)
def test_the_method_is_recognised_wherever_a_study_puts_its_model(
    jaxdiff, tmp_path, monkeypatch, place, method
):
    about = tmp_path / place / "checkpoints" / "7" / "about"
    about.mkdir(parents=True)
    (about / "metadata").write_text(json.dumps({"method": method}))
    _, _, err = jaxdiff("generate", tmp_path, "--strikes", "1", "2")
    assert f"a run of {method} " in err
    called = []
    monkeypatch.setitem(METHODS, method, lambda run: called.append(run))
    assert jaxdiff("generate", tmp_path)[0] == 0 and called == [tmp_path / place]


def test_a_run_of_something_else_says_what_it_is(jaxdiff, tmp_path):
    checkpoint(tmp_path, "points")
    assert (
        "is a run of points, from which files cannot be generated"
        in jaxdiff("generate", tmp_path)[2]
    )
    assert "it holds the runs" in jaxdiff("generate", tmp_path.parent)[2]


def checkpoint(run, method):
    (run / "checkpoints/1/about").mkdir(parents=True)
    (run / "checkpoints/1/about/metadata").write_text(json.dumps({"method": method}))


def test_a_gait_at_other_speeds_is_asked_of_the_study_and_written(
    jaxdiff, walk, tmp_path, monkeypatch
):
    from jaxdiff.studies.speed_transfer import generation

    made = [dataclasses.replace(walk, values=walk.values + k) for k in range(4)]
    asked = create_autospec(generation.generate, return_value=made)
    monkeypatch.setattr(generation, "generate", asked)
    checkpoint(tmp_path / "run", "speed_transfer")
    formats.write(tmp_path / "walk.csv", walk)
    words = (
        "generate",
        tmp_path / "run",
        "--input",
        tmp_path / "walk.csv",
        "--source-speed",
        1,
        "--samples",
        2,
    )
    code, out, _ = jaxdiff(*words, "--target-speed", 0.6, 1.4, "--resample")
    assert code == 0 and out.count("m/s from 1 m/s") == 2
    assert (
        asked.call_args.args[2:4] == (1.0, [0.6, 0.6, 1.4, 1.4])
        and asked.call_args.kwargs["resample"]
    )
    slow, fast = (formats.read(tmp_path / f"walk_{speed}.csv") for speed in ("0.60", "1.40"))
    assert slow.channels[3] == "hip_flexion_p05"
    np.testing.assert_allclose(fast.values[:, :3] - slow.values[:, :3], 2)
    made[2:] = []
    assert jaxdiff(*words, "--target-speed", 0.6, "--output", tmp_path / "slow.mot")[0] == 0
    assert formats.read(tmp_path / "slow.mot").channels == slow.channels


def test_motions_are_asked_of_their_studies(jaxdiff, tmp_path, monkeypatch):
    from jaxdiff.studies.biovae import generation as mechanics
    from jaxdiff.studies.text_to_motion import generation as captions

    spies = {
        name: create_autospec(getattr(module, name))
        for module, names in (
            (mechanics, ("generate_file", "refine_file", "edit_file")),
            (captions, ("generate_files",)),
        )
        for name in names
    }
    for name, spy in spies.items():
        monkeypatch.setattr(captions if name == "generate_files" else mechanics, name, spy)
    checkpoint(tmp_path / "t2m" / "model", "text_to_motion")
    checkpoint(tmp_path / "bio" / "arm-all", "biovae")
    words = ("generate", tmp_path / "bio", "--output", "y.bvh")
    assert jaxdiff("generate", tmp_path / "t2m", "--text", "jump", "--output", "out")[0] == 0
    assert jaxdiff(*words, "--text", "jump", "--edit", "all=1.2")[0] == 0
    assert jaxdiff(*words, "--input", "x.npz", "--refine", "--trust", "0.02")[0] == 0
    assert jaxdiff(*words, "--input", "x.bvh", "--edit", "torso=2")[0] == 0
    assert spies["generate_files"].call_args.args == (tmp_path / "t2m", "jump", 6.0, Path("out"))
    assert (
        spies["generate_file"].call_args.args[0] == tmp_path / "bio"
        and spies["generate_file"].call_args.args[4] == 1.2
    )
    assert spies["refine_file"].call_args.kwargs == {"trust": 0.02}
    assert spies["edit_file"].call_args.args[3:] == (
        2.0,
        ["spine1", "spine2", "spine3", "neck", "head"],
    )
    for wrong in (
        (),
        ("--input", "x.bvh"),
        ("--text", "jump", "--refine"),
        ("--text", "jump", "--input", "x.bvh"),
    ):
        assert "needs --text, or --input with" in jaxdiff(*words, *wrong)[2]
    assert "--trust belongs to --refine" in jaxdiff(*words, "--text", "jump", "--trust", 1)[2]


def test_a_run_of_another_version_says_so(jaxdiff, run, tmp_path, monkeypatch):
    def older(run, input, output):
        raise AttributeError("'linear'")

    monkeypatch.setitem(METHODS, "llma", older)
    words = ("--input", "x.mot", "--output", "y.mot")
    with pytest.raises(AttributeError):  # a mistake of ours stays one
        jaxdiff("generate", run, *words)
    checkpoint(tmp_path, "llma")
    code, _, err = jaxdiff("generate", tmp_path, *words)
    assert code == 2 and "another version of jaxdiff, whose configs had no batch_size, data" in err


def test_an_edit_names_a_part_and_a_factor():
    assert _edit("left_arm=1.5") == (1.5, ["left_shoulder", "left_elbow", "left_wrist"])
    assert _edit("all=0.5") == (0.5, None) and _edit("neck,left_knee=2")[1] == ["neck", "left_knee"]
    with pytest.raises(Exception, match="PART=FACTOR"):
        _edit("left_arm")


def test_the_median_and_the_spread_of_recordings():
    drawn = [Recording(np.full((3, 1), k), ("a",), ("deg",), 10.0) for k in range(21)]
    made = median_and_spread(drawn)
    assert made.channels == ("a", "a_p05", "a_p95") and made.values[0].tolist() == [10, 1, 19]
    assert median_and_spread(drawn[:1]) is drawn[0]
