"""A sampler as StableHLO (`jax.export`): a folder that runs without this library, on any later JAX.

sampler.stablehlo   the program, its parameters inside
sampler.json        what goes in and comes out: shapes, channels, units, batch, an example of each input
example.py          twenty lines that load it and draw, and for text a few that read it
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
from jaxdiff.deployment.sampler import Sampler, Signal
from jaxdiff.errors import CheckpointError, ConfigError, MissingExtra

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
EXAMPLE = '''"""Loads the sampler beside this file and draws from it. Needs jax, numpy and flatbuffers."""

import json
from pathlib import Path

import jax.export
import numpy as np

here = Path(__file__).parent
about = json.loads((here / "sampler.json").read_text())
sampler = jax.export.deserialize(bytearray((here / "sampler.stablehlo").read_bytes()))

given = {each["name"]: np.array(each["example"], each["dtype"]) for each in about["given"]}  # put yours here
batch = about["batch"] or 8  # null: any
rows = [np.broadcast_to(given[each["name"]], (batch, *each["shape"])) for each in about["given"]]
drawn = np.asarray(jax.jit(sampler.call)(np.uint32(0), *rows))  # another seed, other samples

for channel, unit, values in zip(about["made"]["channels"], about["made"]["units"], np.moveaxis(drawn, -1, 0)):
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    print(f"{channel} [{unit}]: {middle:.3g} ({low:.3g} to {high:.3g})")
'''
READ = """

def ids(text):  # 0 padding, 1 start, 2 end, then the 256 bytes for words not known, then the words
    known = {word: [259 + i] for i, word in enumerate(about["words"])}
    words = re.findall(r"\\w+|[^\\w\\s]", text.lower())
    found = [i for word in words for i in known.get(word) or [3 + byte for byte in word.encode()]]
    return np.array(([1, *found, 2] + 32 * [0])[:32], np.int32)


given["text"] = ids("a person walks")
"""


def save(
    sampler: Sampler, folder: str | Path, batch: int = 0, platforms: Sequence[str] = ()
) -> Path:
    """Writes the three files; `batch` 0 leaves the size of the batch open."""
    for platform in platforms:
        if platform not in PLATFORMS:
            raise ConfigError(f"no platform {platform!r}; known are {', '.join(PLATFORMS)}")
    size: Any = batch or export.symbolic_shape("batch")[0]
    seed = jax.ShapeDtypeStruct((), np.uint32)
    inputs = [
        jax.ShapeDtypeStruct((size, *each.shape), each.example.dtype) for each in sampler.inputs
    ]
    try:
        exported = export.export(jax.jit(sampler.draw), platforms=list(platforms) or None)(
            seed, *inputs
        )
        program = exported.serialize()
    except ImportError:
        raise MissingExtra("exporting a sampler", "export") from None
    about = {
        "method": sampler.method,
        "batch": batch or None,
        "strides": sampler.strides or None,
        "rate": sampler.rate or None,
        "given": [
            _described(each) | {"dtype": str(each.example.dtype), "example": each.example.tolist()}
            for each in sampler.inputs
        ],
        "made": _described(sampler.made),
        **sampler.notes,
        "platforms": list(exported.platforms),
        "jax": jax.__version__,
    }
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "sampler.stablehlo": bytes(program),
        "sampler.json": json.dumps(about, indent=1).encode(),
        "example.py": _example("words" in sampler.notes).encode(),
    }
    for name, content in contents.items():
        with atomic(folder / name) as file:
            file.write(content)
    return folder


def load(folder: str | Path) -> tuple[export.Exported, dict[str, Any]]:
    """The program (its `call(seed, *inputs)` draws) and what is said of it."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "sampler.json").read_text(encoding="utf-8"))
        return export.deserialize(bytearray((folder / "sampler.stablehlo").read_bytes())), about
    except ImportError:
        raise MissingExtra("loading an exported sampler", "export") from None
    except Exception as error:  # a damaged file makes flatbuffers stumble in many ways
        raise CheckpointError(
            f"{folder} is no exported sampler ({type(error).__name__}: {error})"
        ) from None


def _described(signal: Signal) -> dict[str, Any]:
    return {
        name: list(value) if name != "name" else value
        for name, value in signal._asdict().items()
        if name != "example"
    }


def _example(reads: bool) -> str:
    if not reads:
        return EXAMPLE
    place = EXAMPLE.index("batch = ")
    return (EXAMPLE[:place] + READ + EXAMPLE[place:]).replace(
        "import json\n", "import json\nimport re\n"
    )
