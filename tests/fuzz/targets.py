"""What is fuzzed: sound files of every kind that jaxdiff reads, and the function that reads each.

A reader returns, or raises an error of the library's family whose message is one sentence.
"""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdiff.data import formats
from jaxdiff.data.builders import pattern, recipe_file
from tests.data.formats import made

VICON = """Model Outputs
100
,,Anna:RHipAngles,,,Anna:RHipMoment,,
Frame,Sub Frame,X,Y,Z,X,Y,Z
,,deg,deg,deg,N.mm/kg,N.mm/kg,N.mm/kg
5,0,10,2,3,400,5,6
6,0,20,2,3,500,5,6

Events
100
Subject,Context,Name,Time (s),Description
Anna,Right,Foot Strike,0.05,The instant the heel strikes the ground
"""
QUALISYS = (
    "NO_OF_FRAMES\t2\nFREQUENCY\t200\nEVENT\tRight Foot Strike\t2\t0.005\n"
    "MARKER_NAMES\tRHEE\tLHEE\nFrame\tTime\tRHEE X\tRHEE Y\tRHEE Z\tLHEE X\tLHEE Y\tLHEE Z\n"
    "1\t0.0\t1\t2\t3\t4\t5\t6\n2\t0.005\t1\t2\t3\t0\t0\t0\n"
)
VISUAL3D = (
    "\ta.c3d\ta.c3d\n\tRIGHT_HIP_ANGLE\tRIGHT_KNEE_ANGLE\n\tLINK_MODEL_BASED\tL\n\tORIGINAL\tO\n"
    "ITEM\tX\tX\n1\t10\t-5\n2\t12\t-60\n"
)
RUN = json.dumps(
    {
        "about": {"method": "llma"},
        "status": "running",
        "step": 3,
        "steps": 9,
        "best": 0.5,
        "resume": "x",
    }
)
METADATA = json.dumps({"method": "llma", "config": {"data": {"name": "a"}}, "length": 600})
RECIPE = """name: lab
files: "{subject}/{task}_*.csv"
rate: 100
fields: {side: right, speed: "{task}"}
captions: "{subject}/{task}.txt"
modalities:
  angles: {channels: [a, b], units: deg}
  grf: {files: "{subject}/{task}_grf.csv", channels: {x: Fx, y: Fy}, units: [N, N]}
"""


class Target(NamedTuple):
    """One kind of file."""

    extension: str
    files: list[bytes]
    read: Callable[[Path], object]


def targets(folder: Path, checkpoints: bool = True) -> dict[str, Target]:
    """Every target by name; the sound files are made in `folder`, those of a checkpoint only on
    demand.
    """
    found = {
        extension[1:]: Target(extension, [path.read_bytes()], _recording)
        for extension, path in made.write_samples(folder).items()
    }
    found["c3d"].files.extend(_c3ds())
    found["csv"].files.extend(text.encode() for text in (VICON, QUALISYS, VISUAL3D))
    found["tsv"].files.append(QUALISYS.encode())
    found["npz"].files.append(_poses())
    found["yaml"] = Target(".yaml", [RECIPE.encode()], _recipe)
    found["safetensors"] = Target(".safetensors", [_model(folder)], _trained)
    found["pt"] = Target(".pt", [_torch()], _converted)
    found["run.json"] = Target(".json", [RUN.encode()], _listed)
    found["metadata"] = Target(".json", [METADATA.encode()], _opened)
    if checkpoints:
        found["checkpoint"] = _checkpoint(folder)
    return found


def _recording(path):
    first = formats.read(path)
    formats.read(path, 50.0)
    return first


def _recipe(path):
    contents = recipe_file.read_yaml(path)
    if not recipe_file.faults(contents):
        rules = recipe_file.read_recipe(path)
        fits = pattern.matcher(rules.files)
        for name in ("anna/slow_1.csv", "a" * 200 + "_1.csv", "/" * 50):
            fits(name)


def _trained(path):
    from jaxdiff.models import file

    file.load(path)


def _converted(path):
    from jaxdiff.interop.files import read

    read(path)


def _listed(path):
    from jaxdiff.cli.runs import runs

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(path, Path(folder) / "run.json")
        list(runs(Path(folder)))


def _opened(path):
    """The metadata of a checkpoint, of which nothing else is there."""
    from jaxdiff.studies.run import Run

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "checkpoints" / "10" / "about"
        place.mkdir(parents=True)
        shutil.copy(path, place / "metadata")
        Run.open(folder)


def _checkpoint(folder):
    """The files of a checkpoint's arrays; the first byte of a mutant says which of them it
    replaces.
    """
    from jaxdiff.training.checkpoint import load_params
    from jaxdiff.training.loop import fit
    from jaxdiff.training.settings import Settings
    from tests.regression import METHOD, Batches

    fit(METHOD, Batches(), Settings(steps=1), folder / "run")
    sound = folder / "run" / "checkpoints"
    parts = [path for part in ("params", "ema") for path in sorted((sound / "1" / part).rglob("*"))]
    names = [path.relative_to(sound) for path in parts if path.is_file()]

    def read(path):
        content = path.read_bytes()
        with tempfile.TemporaryDirectory() as place:
            copy = Path(shutil.copytree(sound, Path(place) / "checkpoints"))
            if content:
                (copy / names[content[0] % len(names)]).write_bytes(content[1:])
            return [load_params(copy, weights, "latest") for weights in ("params", "ema")]

    files = [bytes([i]) + (sound / name).read_bytes() for i, name in enumerate(names)]
    return Target(".part", files, read)


def _c3ds():
    random = np.random.default_rng(2)
    points, analog = random.normal(size=(5, 2, 3)) * 100, random.normal(size=(20, 7)) * 50
    more = {"EVENT": {"USED": 1, "LABELS": ["Foot Strike"], "CONTEXTS": ["Left"]}}
    more["EVENT"]["TIMES"] = np.array([[0.0], [0.02]])
    more["POINT"] = {}
    for processor, integers in ((made.DEC, False), (made.MIPS, True)):
        options = {"processor": processor, "integers": integers, **made.LAB}
        yield made.c3d_bytes(points, analog, **options)
    more.pop("POINT")
    yield made.c3d_bytes(points, analog, more=more, **made.LAB)


def _poses():
    buffer = io.BytesIO()
    np.savez_compressed(buffer, joints=np.random.default_rng(0).normal(size=(6, 22, 3)), fps=20.0)
    return buffer.getvalue()


def _model(folder):
    from jaxdiff.models import file
    from jaxdiff.models.trained import Trained

    params = {"layer": {"kernel": np.ones((3, 4), np.float32), "bias": np.zeros(4, np.float32)}}
    path = file.save(
        folder / "model.safetensors", Trained("llma", params, {"config": {"a": 1}}, None)
    )
    content = path.read_bytes()
    path.unlink()
    return content


def _torch():
    """A zip with the members of a PyTorch checkpoint; its pickle is a small state dictionary
    written by hand.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", b"\x80\x02}q\x00X\x01\x00\x00\x00aK\x01s.")
        archive.writestr("m/version", b"3\n")
        archive.writestr("m/data/0", json.dumps([1, 2, 3]).encode())
    return buffer.getvalue()
