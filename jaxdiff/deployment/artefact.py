"""A program as StableHLO (`jax.export`): a folder that runs without this library, on any later JAX.

program.stablehlo   the program, its parameters inside
program.json        what goes in and comes out: shapes, channels, units, rate, phase, batch, an example of each input
check.py            what is wrong with a window: shape, phase, rate (errors), values far from training (warnings)
example.py          a short script that loads it, checks its inputs and draws, and for text a few lines that read it
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import export

from jaxdiff.deployment import window
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.disk import atomic
from jaxdiff.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    DataWarning,
    FileError,
    MissingExtra,
)

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
PROGRAM, DESCRIPTION = "program.stablehlo", "program.json"
EXAMPLE = '''"""Loads the program beside this file and draws from it. Needs jax, numpy and flatbuffers."""

import json
import runpy
from pathlib import Path

import jax.export
import numpy as np

here = Path(__file__).parent
check = runpy.run_path(str(here / "check.py"))
card = json.loads((here / "program.json").read_text())
program = jax.export.deserialize(bytearray((here / "program.stablehlo").read_bytes()))

inputs = {each["name"]: np.array(each["example"], each["dtype"]) for each in card["inputs"]}
# Put your own values here. Each input says its channels, units and rate; one with strides begins at its phase.
batch = card["batch"] or 8  # null: any
rows = [np.broadcast_to(inputs[each["name"]], (batch, *each["shape"])) for each in card["inputs"]]
for each, row in zip(card["inputs"], rows):
    check["look"](each, row)  # ends the script if a window cannot be used
drawn = np.asarray(jax.jit(program.call)(np.uint32(0), *rows))  # another seed, other samples

for channel, unit, values in zip(card["output"]["channels"], card["output"]["units"], np.moveaxis(drawn, -1, 0)):
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    print(f"{channel} [{unit}]: {middle:.3g} ({low:.3g} to {high:.3g})")
'''
READ = """

def ids(text):  # 0 padding, 1 start, 2 end, then the 256 bytes for unknown words, then the words
    known = {word: [259 + i] for i, word in enumerate(card["words"])}
    words = re.findall(r"\\w+|[^\\w\\s]", text.lower())
    found = [i for word in words for i in known.get(word) or [3 + byte for byte in word.encode()]]
    return np.array(([1, *found, 2] + 32 * [0])[:32], np.int32)


inputs["text"] = ids("a person walks")
"""


def save(
    program: Program, folder: str | Path, batch: int = 0, platforms: Sequence[str] = ()
) -> Path:
    """Write the files.

    Args:
        program: What to export.
        folder: Where to write.
        batch: Examples per call; 0 leaves it open.
        platforms: `cpu`, `cuda`, `rocm`, `tpu`; default: this machine's.

    Returns:
        The folder.
    """
    for platform in platforms:
        if platform not in PLATFORMS:
            raise ConfigError(f"no platform {platform!r}; known are {', '.join(PLATFORMS)}")
    size: Any = batch or export.symbolic_shape("batch")[0]
    seed = jax.ShapeDtypeStruct((), np.uint32)
    inputs = [
        jax.ShapeDtypeStruct((size, *each.array_shape), each.example.dtype)
        for each in program.inputs
    ]
    try:
        exported = export.export(jax.jit(program.draw), platforms=list(platforms) or None)(
            seed, *inputs
        )
        serialised = exported.serialize()
    except ImportError:
        raise MissingExtra("exporting a model", "export") from None
    card = {
        "study": program.study,
        "batch": batch or None,
        "inputs": [described(each) for each in program.inputs],
        "output": described(program.output),
        **program.notes,
        "platforms": list(exported.platforms),
        "jax": jax.__version__,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        PROGRAM: bytes(serialised),
        DESCRIPTION: json.dumps(card, indent=1).encode(),
        "check.py": (resources.files("jaxdiff.deployment") / "window.py").read_bytes(),
        "example.py": _example("words" in program.notes).encode(),
    }
    with ExitStack() as complete:  # nothing is replaced before everything is on the disk
        for name, content in contents.items():
            file = complete.enter_context(atomic(folder / name))
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError as error:
                raise FileError(
                    f"{folder / name}: cannot be written ({error.strerror or error})"
                ) from None
    return folder


class Artefact(NamedTuple):
    """An exported model: its program, whose `call(seed, *inputs)` draws unchecked, and its
    description.
    """

    program: export.Exported
    card: dict[str, Any]

    def draw(self, seed: int, *inputs: np.ndarray) -> np.ndarray:
        """Check every window, then draw.

        Args:
            seed: Seed of the samples.
            *inputs: Arrays [B, ...] in the order of the description.

        Returns:
            The output [B, T, C].

        Raises:
            DataError: If a window has another shape, holds gaps, or is not cut at its event and at
                the model's rate.
        """
        cards = self.card["inputs"]
        if len(inputs) != len(cards):
            raise DataError(
                f"the model takes {', '.join(each['name'] for each in cards)}; got {len(inputs)}"
                " arrays"
            )
        for each, rows in zip(cards, inputs):
            for row in np.asarray(rows):
                if wrong := window.errors(each, row):
                    raise DataError(wrong[0])
            for text in window.warnings(each, rows):
                warnings.warn(text, DataWarning, stacklevel=2)
        return np.asarray(self.program.call(np.uint32(seed), *inputs))


def load(folder: str | Path) -> Artefact:
    """The exported model in a folder."""
    folder = Path(folder)
    try:
        card = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return Artefact(export.deserialize(bytearray((folder / PROGRAM).read_bytes())), card)
    except ImportError:
        raise MissingExtra("loading an exported model", "export") from None
    except Exception as error:  # a damaged file makes flatbuffers fail in many ways
        raise CheckpointError(
            f"{folder} is no exported model ({type(error).__name__}: {error})"
        ) from None


def described(signal: Signal) -> dict[str, Any]:
    """A signal as JSON values; what does not apply to it is left out."""
    return signal.described() | {"example": signal.example.tolist()}


def _example(reads: bool) -> str:
    if not reads:
        return EXAMPLE
    place = EXAMPLE.index("# Put your own")
    return (EXAMPLE[:place] + READ + EXAMPLE[place:]).replace(
        "import json\n", "import json\nimport re\n"
    )
