"""Every door of a model looks at what comes in: files and arrays, exports, streams."""

import json
import runpy

import jax.numpy as jnp
import numpy as np
import pytest
from models.tiny import ANGLES, trained, walk

from jaxdiff.deployment import artefact, window
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.deployment.streaming import Stream
from jaxdiff.errors import DataError, DataWarning
from jaxdiff.studies.study import STUDIES

STEPS = 50


def gait(phase):
    turn = 2 * np.pi * np.asarray(phase)
    hip, knee = 10 + 20 * np.cos(turn), 30 - 25 * np.cos(turn + 1) + 10 * np.cos(2 * turn)
    return np.stack([hip, knee], axis=-1).astype(np.float32)


PHASE = np.arange(2 * STEPS) / STEPS
SIGNAL = Signal(
    "angles",
    ("hip_flexion", "knee_flexion"),
    ("deg", "deg"),
    length=2 * STEPS,
    strides=2,
    phase="foot strike",
    example=gait(PHASE),
    centre=(10.0, 30.0),
    deviation=(14.0, 19.0),
)
CARD = SIGNAL.described() | {"example": SIGNAL.example.tolist()}


def test_sound_windows_pass():
    noise = np.random.default_rng(0).normal(size=(2 * STEPS, 2))
    for values in (gait(PHASE), gait(PHASE) + noise, gait(PHASE + 0.1), 1.5 * gait(PHASE)):
        assert window.errors(CARD, values) == [] and window.warnings(CARD, values) == []


@pytest.mark.parametrize(
    "values, text",
    [
        (gait(PHASE + 0.5), "begins 50% of a stride"),
        (gait(PHASE + 0.3), "begins 30% of a stride after foot strike"),
        (gait(PHASE - 0.3), "begins 30% of a stride before foot strike"),
        (gait(1.4 * PHASE), "does not repeat every 50 samples"),
        (gait(0.6 * PHASE), "does not repeat every 50 samples"),
        (gait(PHASE)[:60], r"has the shape (60, 2), the model takes (100, 2)"),
        (np.where(PHASE[:, None] == 0, np.nan, gait(PHASE)), "not finite; fill its gaps"),
    ],
)
def test_wrong_phase_rate_length_and_gaps_are_errors(values, text):
    (found,) = window.errors(CARD, values)
    assert text in found


@pytest.mark.parametrize(
    "unit, factor, text",
    [
        ("deg", 57.3, "hip_flexion (121 deviations); the values look like degrees where radians"),
        ("deg", 1 / 57.3, "times less than in training; the values look like radians stated as"),
        ("N/kg", 72.0, "the values look like not divided by the body mass"),
        ("N/kg", 9.81, "the values look like multiples of body weight where N/kg is expected"),
        ("N m/kg", 1000.0, "the values look like a factor of 1000, as between N mm and N m"),
        ("m", 1000.0, "the values look like mm where m is expected"),
        ("uV", 40.0, "far outside the training data: b (; check units and signs"),
    ],
)
def test_values_far_from_training_name_channel_amount_and_unit(unit, factor, text):
    signal = SIGNAL._replace(units=(unit, unit), channels=("hip_flexion", "b"))
    (found,) = signal.unusual(factor * gait(PHASE))
    assert text.split(" (")[0] in found and text.split("; ")[-1] in found, found


def test_a_recording_far_from_training_is_a_warning(recwarn):
    model = STUDIES["llma"].build(trained())
    far = walk()
    far.values[:, 1] += 150
    with pytest.warns(DataWarning, match=r"far outside .*: knee_flexion \(\d+(\.\d+)? deviations"):
        model.generate(far, samples=1)
    recwarn.clear()
    model.generate(walk(), samples=1)
    assert not [w for w in recwarn if issubclass(w.category, DataWarning)]


def test_a_stream_warns_once_of_a_wrong_unit():
    signal = SIGNAL._replace(strides=0, phase="", rate=100.0)
    stream = Stream(Program(lambda seed, x: x, (signal,), signal, "a"), ANGLES, ("", ""), 100.0)
    for row in np.radians(gait(np.arange(300) / 100)):
        stream.push(row)
    with pytest.warns(DataWarning, match="values look like radians stated as degrees") as caught:
        stream.newest(5)
        stream.newest(5)
    assert len(caught) == 1


def test_an_export_refuses_wrong_windows(tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    program = Program(lambda seed, x: x * jnp.float32(2) + seed, (SIGNAL,), SIGNAL, "llma")
    loaded = artefact.load(artefact.save(program, tmp_path))
    sound = np.stack([gait(PHASE)] * 3)
    np.testing.assert_allclose(loaded.draw(1, sound), 2 * sound + 1)
    with pytest.raises(DataError, match="of a stride after foot strike"):
        loaded.draw(1, np.stack([gait(PHASE), gait(PHASE + 0.4)]))
    with pytest.raises(DataError, match="the model takes angles; got 2 arrays"):
        loaded.draw(1, sound, sound)
    with pytest.warns(DataWarning, match="degrees where radians are expected"):
        loaded.draw(1, 57.3 * sound)

    card = json.loads((tmp_path / "program.json").read_text())
    runpy.run_path(str(tmp_path / "example.py"))
    assert "hip_flexion [deg]: " in capsys.readouterr().out
    card["inputs"][0]["example"] = gait(PHASE).tolist()
    text = (tmp_path / "example.py").read_text()
    shifted = text.replace(
        "for each, row in", "rows = [np.roll(rows[0], 20, axis=1)]\nfor each, row in"
    )
    (tmp_path / "shifted.py").write_text(shifted)
    with pytest.raises(SystemExit, match="of a stride"):
        runpy.run_path(str(tmp_path / "shifted.py"))
