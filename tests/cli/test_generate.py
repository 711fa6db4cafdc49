"""Files in, files out: which model a path names, which options it takes, what is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from jaxdiff.cli.generate import places
from jaxdiff.cli.options import own_options
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.biovae.model import parse_edit
from jaxdiff.studies.run import Run


def test_angles_become_moments_with_their_interval(jaxdiff, run, walk, tmp_path):
    formats.write(tmp_path / "walk.mot", walk)
    words = ("--input", tmp_path / "walk.mot", "--output", tmp_path / "new" / "m.csv")
    code, out, err = jaxdiff("generate", run, *words, "--samples", 5)
    assert (code, err) == (0, "") and "median and 90% interval of 5 samples" in out
    made = formats.read(tmp_path / "new" / "m.csv")
    assert made.channels[:4] == ("hip_moment", "knee_moment", "hip_moment_p05", "knee_moment_p05")
    assert made.rate == 100 and (made.values[:, 2:4] <= made.values[:, :2]).all()


def test_without_options_the_model_is_shown(jaxdiff, run):
    code, out, _ = jaxdiff("generate", run)
    assert code == 0 and "angles; hip_flexion [deg]" in out and "2 strides from foot strike" in out
    assert "--fill-gaps N" in out and "Bridge gaps of up to this many seconds." in out


class Motions:
    """Stands for a model whose samples are alternatives."""

    def generate(self, recording=None, *, samples: int = 1, seed: int = 0, text: str = ""):
        like = Recording(np.zeros((4, 1)), ("pelvis_x",), ("m",), 20.0)
        return Prediction(np.arange(samples)[:, None, None] * np.ones((1, 4, 1)), like, None, False)


def test_several_motions_go_to_numbered_files(jaxdiff, monkeypatch, tmp_path):
    monkeypatch.setattr("jaxdiff.studies.loading.load", lambda what: Motions())
    words = ("generate", "motion", "--text", "a person walks", "--output", tmp_path / "walk.npz")
    code, out, err = jaxdiff(*words, "--samples", 3)
    assert (code, err) == (0, "") and "walk-0.npz" in out and not (tmp_path / "walk.npz").exists()
    assert [formats.read(tmp_path / f"walk-{i}.npz")["pelvis_x"][0] for i in range(3)] == [0, 1, 2]
    assert jaxdiff(*words, "--samples", 1)[0] == 0 and (tmp_path / "walk.npz").exists()


def test_options_and_outputs_are_checked_before_work_begins(jaxdiff, run, tmp_path):
    words = ("generate", run, "--input", "x.mot")
    _, _, err = jaxdiff(*words, "--output", "y.mot", "--text", "walk")
    assert "there is no option --text; known: --fill-gaps, --given" in err
    assert "--output is missing" in jaxdiff(*words)[2]
    assert "cannot write y.pdf" in jaxdiff(*words, "--output", "y.pdf")[2]
    (tmp_path / "file").write_text("")
    assert "is not a directory" in jaxdiff(*words, "--output", tmp_path / "file" / "y.mot")[2]
    _, _, err = jaxdiff(*words, "--output", "y.mot", "--samples", "0")
    assert "--samples must be 1 or more" in err
    for seed in (-1, 2**32, 2**70):
        _, _, err = jaxdiff(*words, "--output", "y.mot", f"--seed={seed}")
        assert f"--seed must be in 0 … 4294967295, not {seed}" in err


class Refusing(Model):
    """A model that is not to be reached in a test."""

    def generate(self, recording=None, *, samples: int = 1, seed: int = 0, steps: int = 0):
        raise ConfigError("refused")


def test_a_channel_without_values_is_a_warning(jaxdiff, walk, tmp_path, monkeypatch):
    model = Refusing(Trained("llma", {}, {}))
    monkeypatch.setattr("jaxdiff.studies.loading.load", lambda what: model)
    holed = np.array(walk.values)
    holed[:, 1] = np.nan
    formats.write(tmp_path / "walk.csv", replace(walk, values=holed))
    words = ("--input", tmp_path / "walk.csv", "--output", tmp_path / "out.csv")
    code, _, err = jaxdiff("generate", "x", *words)
    assert code == 2 and "refused" in err
    assert f"walk.csv: {walk.channels[1]} holds only gaps" in err


def checkpoint(network, method):
    about = network / "checkpoints" / "7" / "about"
    about.mkdir(parents=True)
    (about / "metadata").write_text(json.dumps({"method": method}))


@pytest.mark.parametrize(
    "place, study", [("arm-all", "biovae"), ("model", "text_to_motion"), ("", "speed_transfer")]
)
def test_a_run_is_recognised_wherever_its_study_puts_the_network(tmp_path, place, study):
    checkpoint(tmp_path / place, study)
    opened = Run.open(tmp_path)
    assert (opened.study, opened.arm, opened.path) == (study, place, tmp_path / place)


def test_the_arm_that_is_named_is_the_one_that_is_opened(tmp_path):
    for arm in ("arm-all", "arm-backbone", "arm-all-2", "encoder"):
        checkpoint(tmp_path / arm, "biovae")
    assert Run.open(tmp_path).arm == "arm-all"
    assert Run.open(tmp_path / "arm-backbone").arm == "arm-backbone"
    assert Run.open(tmp_path, "arm-all-2").path == tmp_path / "arm-all-2"
    with pytest.raises(CheckpointError, match="did you mean 'arm-backbone'"):
        Run.open(tmp_path, "backbone")
    with pytest.raises(CheckpointError, match="holds no network that generates"):
        Run.open(tmp_path / "encoder").model()


def test_a_run_of_something_else_says_what_it_is(jaxdiff, tmp_path):
    checkpoint(tmp_path / "here", "evaluator")
    assert "is a run of evaluator, from which nothing" in jaxdiff("generate", tmp_path / "here")[2]
    assert f"it holds {tmp_path / 'here'}" in jaxdiff("generate", tmp_path)[2]
    assert "neither a model file, a run directory" in jaxdiff("generate", tmp_path / "no")[2]


class Pretended:
    """A model that remembers what it was given."""

    study = "speed_transfer"

    def __init__(self, walk):
        self.walk, self.calls = walk, []

    def generate(
        self,
        recording=None,
        *,
        samples: int = 3,
        source_speed: float | None = None,
        target_speed: float | None = None,
        resample: bool = False,
        given: Sequence[str] | str = "",
        rename: Mapping[str, str] | None = None,
    ):
        self.calls.append((recording, source_speed, target_speed, resample))
        values = np.stack([self.walk.values + k for k in range(samples)])
        return Prediction(values, self.walk)


def test_a_gait_is_generated_and_written_at_every_speed(jaxdiff, walk, tmp_path, monkeypatch):
    model = Pretended(walk)
    monkeypatch.setattr("jaxdiff.studies.loading.load", lambda what: model)
    formats.write(tmp_path / "walk.csv", walk)
    words = ("generate", "speed", "--input", tmp_path / "walk.csv", "--source-speed", 1)
    code, out, _ = jaxdiff(*words, "--target-speed", 0.6, 1.4, "--resample")
    assert code == 0 and out.count("m/s") == 2
    assert [call[1:] for call in model.calls] == [(1.0, 0.6, True), (1.0, 1.4, True)]
    slow = formats.read(tmp_path / "walk_0.60.csv")
    assert slow.channels[3] == "hip_flexion_p05" and (tmp_path / "walk_1.40.csv").exists()
    code, *_ = jaxdiff(
        *words, "--target-speed", 0.6, "--output", tmp_path / "s.mot", "--interval", 0
    )
    assert code == 0 and formats.read(tmp_path / "s.mot").channels == walk.channels


def test_options_are_read_as_the_types_of_the_parameters():
    parser = own_options(Pretended, ("samples",))
    words = ["--given", "a", "b", "--rename", "Fz=grf", "--source-speed", "1.5", "--resample"]
    read = parser.parse_args(words)
    assert (read.given, read.rename, read.source_speed) == (["a", "b"], {"Fz": "grf"}, 1.5)
    assert read.resample is True and read.target_speed is None
    assert parser.parse_args(["--given", "a"]).given == "a"
    with pytest.raises(ConfigError, match="takes NAME=VALUE"):
        parser.parse_args(["--rename", "Fz"])
    with pytest.raises(ConfigError, match="did you mean '--resample'"):
        parser.parse_args(["--resampel"])


def test_a_run_of_another_version_says_so(tmp_path):
    from jaxdiff.models.trained import Trained
    from jaxdiff.studies.study import STUDIES

    with pytest.raises(CheckpointError, match="which had no batch_size, "):
        STUDIES["llma"].build(Trained("llma", {}, {"config": {}}))


def test_an_edit_names_a_part_and_a_factor():
    assert parse_edit("left_arm=1.5") == (1.5, ["left_shoulder", "left_elbow", "left_wrist"])
    assert parse_edit("all=0.5") == (0.5, None)
    assert parse_edit("neck,left_knee=2")[1] == ["neck", "left_knee"]
    with pytest.raises(ConfigError, match="PART=FACTOR"):
        parse_edit("left_arm")


def test_places_follow_the_input_or_the_output(tmp_path):
    walk = tmp_path / "walk.csv"
    assert places(walk, [0.6], None) == [tmp_path / "walk_0.60.csv"]
    assert places(walk, [0.6], tmp_path / "x.mot") == [tmp_path / "x.mot"]
    assert places(walk, [0.6, 1], tmp_path / "x.mot")[1] == tmp_path / "x_1.00.mot"
    assert places(walk, [0.6], tmp_path / "new") == [tmp_path / "new" / "walk_0.60.csv"]
    with pytest.raises(ConfigError, match="cannot be written as .trc"):
        places(tmp_path / "walk.trc", [0.6], None)


def test_values_that_are_not_finite_are_an_error_before_anything_is_written(walk):
    values = np.stack([walk.values, walk.values])
    values[1, 3, 0] = np.nan
    with pytest.raises(Exception, match="not finite in hip_flexion; nothing is written"):
        Prediction(values, walk)


def test_the_summary_of_a_prediction():
    like = Recording(np.zeros((3, 1)), ("a",), ("deg",), 10.0)
    made = Prediction(np.arange(19.0)[:, None, None] + np.zeros((3, 1)), like)
    assert made.summary(0.9).channels == ("a", "a_p05", "a_p95")
    assert made.summary(0.9).values[0].tolist() == [9, 0, 18]
    assert made.summary(0).channels == ("a",) and made.interval(0.5)[0].channels == ("a",)


def test_names_and_units_of_a_file_can_be_stated(jaxdiff, run, walk, tmp_path):
    names = dict(zip(walk.channels, ("H", "K", "A")))
    formats.write(tmp_path / "a.csv", replace(walk.rename(names), units=("",) * 3))
    words = ("generate", run, "--input", tmp_path / "a.csv", "--output", tmp_path / "m.csv")
    code, _, err = jaxdiff(*words, "--samples", 1)
    assert code == 2 and "--rename" in err
    pairs = [f"{new}={old}" for old, new in names.items()]
    code, out, err = jaxdiff(*words, "--samples", 1, "--rename", *pairs)
    assert code == 0 and "deg is inferred from the values" in err, err
    assert "channels:" not in out  # renamed by the user, so that nothing changes
    (tmp_path / "map.yaml").write_text(
        "rename: {H: hip_flexion, K: knee_flexion, A: ankle_dorsiflexion}\nunits: {angle: deg}\n"
    )
    code, out, err = jaxdiff(*words, "--samples", 1, "--channel-map", tmp_path / "map.yaml")
    assert (code, err) == (0, "")
    _, _, err = jaxdiff(*words, "--units", "H=degg")
    assert "the unit 'degg' of 'H' is not known" in err


def test_only_channels_that_change_are_listed():
    from jaxdiff.cli.generate import changed

    assert changed("a (deg) = a (deg); b (deg) = -1 × B (deg)") == "b (deg) = -1 × B (deg)"
    assert changed("a (deg) = a (deg)") == changed("") == ""
