"""The shipped gait model as a pure function of arrays: the numbers of `generate`, without files."""

import json
import runpy

import jax
import numpy as np
import pytest

from jaxdiff.deployment import onnx
from jaxdiff.errors import ConfigError, DataError
from jaxdiff.studies.gait.program import program
from jaxdiff.studies.loading import load

SCALARS = {"mass": 60.0, "speed": 1.2}


@pytest.fixture(scope="module")
def model():
    return load("gait")


def test_the_program_draws_what_the_imputer_draws(model):
    """Up to the residual, which the imputer draws with NumPy."""
    masks = model._masks("sagittal angles")
    columns = [("moments", 3), ("grf", 2)]
    made = program(model.imputer, masks, columns, SCALARS, steps=1, residual=False)
    rng = np.random.default_rng(0)
    x = made.inputs[0].example + rng.normal(size=(3, 100, 1)).cumsum(1) * 0.1
    values = {part.name: np.zeros((1, part.steps, len(part.channels))) for part in model.layout}
    values["angles"] = np.repeat(values["angles"], 3, axis=0)
    values["angles"][:, masks["angles"]] = x.reshape(3, -1)
    values["scalars"][0, 0, [0, 2]] = SCALARS["speed"], SCALARS["mass"]
    given = {**masks, "scalars": np.array([[True, False, True, False, False]])}
    drawn = []
    for number in range(3):  # example n of a batch has the noise of pair n
        one = {**values, "angles": values["angles"][number : number + 1]}
        a = model.imputer.coefficients(one, given, samples=6, seed=5, steps=1)[2 * number, 0]
        found = model.imputer.law.decode(a, ("moments", "grf"))
        drawn.append(np.stack([found[name][:, i] for name, i in columns], axis=-1))
    got = np.asarray(jax.jit(made.draw)(np.uint32(5), x.astype(np.float32)))
    np.testing.assert_allclose(got, drawn, atol=2e-4)


def test_channels_of_a_source_choose_the_program(model):
    choice = model.given(("time", "hip_flexion_r", "elbow", "knee_flexion_r"))
    made = model.program(**choice, outputs=["moments"], steps=1)
    assert made.inputs[0].channels == ("hip_flexion_r", "knee_flexion_r")
    assert len(made.output.channels) == 18 and made.calibration.channels == made.output.channels
    with pytest.raises(DataError, match="did you mean 'hip_flexion_r'"):
        model.program(given="hip_flexion")


def test_drawing_is_the_program_of_its_noise(model):
    made = model.program(given="sagittal angles", outputs=["moments"], steps=1)
    law = model.imputer.law
    assert made.noise == ((len(law.centre),), (100 + law.directions["moments"].shape[-1], 18))
    with pytest.raises(ConfigError, match="export it as StableHLO"):
        pytest.importorskip("jax2onnx")
        onnx.save(made._replace(from_noise=None), "nowhere")


def test_onnxruntime_computes_what_jax_does(model, tmp_path, capsys):
    """`save` compares; the example beside the program runs."""
    pytest.importorskip("jax2onnx")
    made = model.program(given="sagittal angles", outputs=["moments"], steps=1)
    onnx.save(made, tmp_path, batch=2)
    runpy.run_path(str(tmp_path / "example.py"))
    assert "knee_extension_moment_r [N m/kg]: " in capsys.readouterr().out
    card = json.loads((tmp_path / "program.json").read_text())
    assert card["difference from JAX"] < 1e-4 and card["batch"] == 2
