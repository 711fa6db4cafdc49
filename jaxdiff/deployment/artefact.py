"""A program as StableHLO (`jax.export`): a folder that runs without this library, on any later JAX.

program.stablehlo   the program, its parameters inside
program.json        what goes in and comes out: shapes, channels, units, rate, phase, batch, an example of each input
example.py          a short script that loads it and draws, and for text a few lines that read it
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import export

from jaxdiff.data.formats.files import atomic
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import CheckpointError, ConfigError, MissingExtra

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
PROGRAM, DESCRIPTION = "program.stablehlo", "program.json"
EXAMPLE = '''"""Loads the program beside this file and draws from it. Needs jax, numpy and flatbuffers."""

import json
from pathlib import Path

import jax.export
import numpy as np

here = Path(__file__).parent
card = json.loads((here / "program.json").read_text())
program = jax.export.deserialize(bytearray((here / "program.stablehlo").read_bytes()))

inputs = {each["name"]: np.array(each["example"], each["dtype"]) for each in card["inputs"]}
# Put your own values here. Each input says its channels, units and rate; one with strides begins at its phase.
batch = card["batch"] or 8  # null: any
rows = [np.broadcast_to(inputs[each["name"]], (batch, *each["shape"])) for each in card["inputs"]]
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
    """Write the three files.

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
        "example.py": _example("words" in program.notes).encode(),
    }
    for name, content in contents.items():
        with atomic(folder / name) as file:
            file.write(content)
    return folder


def load(folder: str | Path) -> tuple[export.Exported, dict[str, Any]]:
    """The program, whose `call(seed, *inputs)` draws, and its description."""
    folder = Path(folder)
    try:
        card = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        return export.deserialize(bytearray((folder / PROGRAM).read_bytes())), card
    except ImportError:
        raise MissingExtra("loading an exported model", "export") from None
    except Exception as error:  # a damaged file makes flatbuffers fail in many ways
        raise CheckpointError(
            f"{folder} is no exported model ({type(error).__name__}: {error})"
        ) from None


def described(signal: Signal) -> dict[str, Any]:
    """A signal as JSON values; what does not apply to it is left out."""
    parts = {
        "name": signal.name,
        "shape": list(signal.array_shape),
        "dtype": str(signal.example.dtype),
        "channels": list(signal.channels),
        "units": list(signal.units),
        "rate": signal.rate,
        "strides": signal.strides,
        "phase": signal.phase,
    }
    kept = {name: value for name, value in parts.items() if value or name in ("shape", "channels")}
    return kept | {"example": signal.example.tolist()}


def _example(reads: bool) -> str:
    if not reads:
        return EXAMPLE
    place = EXAMPLE.index("# Put your own")
    return (EXAMPLE[:place] + READ + EXAMPLE[place:]).replace(
        "import json\n", "import json\nimport re\n"
    )
