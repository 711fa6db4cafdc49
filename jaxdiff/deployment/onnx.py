"""A program as ONNX: a folder that runs with onnxruntime and NumPy, without JAX.

program.onnx   the program for a fixed batch, its parameters inside
program.json   what goes in and comes out, and the shapes of the noise
example.py     a short script that draws from it

ONNX has no counter-based random numbers, so that the program takes its noise as its first
arguments: standard-normal arrays that the caller draws. Only programs that separate noise and
network (`Program.from_noise`) can be written. The conversion is done by `jax2onnx` from the traced
program, so that it meets the operators of JAX alone and none of Flax.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import jaxpr_as_fun

from jaxdiff.data.formats.files import atomic
from jaxdiff.deployment.artefact import DESCRIPTION, described
from jaxdiff.deployment.program import Program
from jaxdiff.errors import ConfigError, MissingExtra

PROGRAM = "program.onnx"
TOLERANCE = 1e-4
"""Largest difference between onnxruntime and JAX, relative to the largest value."""
EXAMPLE = '''"""Loads the program beside this file and draws from it. Needs onnxruntime and numpy."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

here = Path(__file__).parent
card = json.loads((here / "program.json").read_text())
session = onnxruntime.InferenceSession(here / "program.onnx")

rng = np.random.default_rng(0)  # another seed, other samples
noise = [rng.standard_normal((card["batch"], *shape), np.float32) for shape in card["noise"]]
# Put your own values here. Each input says its channels, units and rate; one with strides begins at its phase.
inputs = [np.array(each["example"], each["dtype"]) for each in card["inputs"]]
rows = [np.broadcast_to(x, (card["batch"], *x.shape)) for x in inputs]
names = [each.name for each in session.get_inputs()]
drawn = session.run(None, dict(zip(names, [*noise, *rows])))[0]

for channel, unit, values in zip(card["output"]["channels"], card["output"]["units"], np.moveaxis(drawn, -1, 0)):
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    print(f"{channel} [{unit}]: {middle:.3g} ({low:.3g} to {high:.3g})")
'''


def save(program: Program, folder: str | Path, batch: int = 8) -> Path:
    """Write the three files, and compare with onnxruntime.

    Args:
        program: What to export.
        folder: Where to write.
        batch: Examples per call.

    Returns:
        The folder.

    Raises:
        MissingExtra: If jax2onnx or onnxruntime is not installed.
        ConfigError: If the program cannot be converted, or onnxruntime computes something else.
    """
    try:
        import onnxruntime
        from jax2onnx import to_onnx
    except ImportError:
        raise MissingExtra("exporting a model as ONNX", "onnx") from None
    if program.from_noise is None:
        raise ConfigError(
            f"a program of {program.study} draws its noise inside, for which ONNX has no operators;"
            " export it as StableHLO"
        )
    rng = np.random.default_rng(0)
    noise = [rng.standard_normal((batch, *shape), np.float32) for shape in program.noise]
    rows = [np.broadcast_to(x.example, (batch, *x.array_shape)).copy() for x in program.inputs]
    arguments = [*noise, *rows]
    traced = jax.make_jaxpr(program.from_noise)(*arguments)
    run = jaxpr_as_fun(traced)
    shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arguments]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PROGRAM
    try:
        to_onnx(lambda *x: run(*x)[0], shapes, return_mode="file", output_path=str(path))
    except NotImplementedError as error:
        raise ConfigError(f"ONNX lacks an operator of this program: {error}") from None
    session = onnxruntime.InferenceSession(path)
    names = [each.name for each in session.get_inputs()]
    made = np.asarray(session.run(None, dict(zip(names, arguments)))[0])
    expected = np.asarray(jax.jit(program.from_noise)(*arguments))
    error = float(np.abs(made - expected).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        path.unlink()
        raise ConfigError(f"onnxruntime differs from JAX by {error:.1e} of the largest value")
    card: dict[str, Any] = {
        "study": program.study,
        "batch": batch,
        "noise": [list(shape) for shape in program.noise],
        "inputs": [described(each) for each in program.inputs],
        "output": described(program.output),
        **program.notes,
        "difference from JAX": error,
    }
    for name, content in ((DESCRIPTION, json.dumps(card, indent=1)), ("example.py", EXAMPLE)):
        with atomic(folder / name) as file:
            file.write(content.encode())
    return folder
