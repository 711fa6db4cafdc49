"""Write a model as StableHLO, which runs with JAX alone, or as ONNX.

The folder holds program.stablehlo (parameters inside), program.json (shapes,
channels, units, rate and phase) and example.py, which loads it. Without --batch
the size of the batch is left open. With --onnx a program that takes its noise
as an input is written for onnxruntime (extra onnx; models `gait`). Both sides
are in physical units:

  gait            one stride of the given channels -> moments and forces
  llma            one modality -> the other
  speed_transfer  mean stride, both speeds, stride time -> mean stride
  text_to_motion  words of a text, length in frames -> joints
  biovae          the same and a factor of acceleration per joint -> joints

example:
  jaxdiff export gait --batch 1
  jaxdiff export gait --given "sagittal angles" --platforms cpu cuda
  jaxdiff export runs/llma-quick --given moments --output moments_to_angles
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add("--output", type=Path, metavar="DIR", help="folder to write (default: RUN/export)")
    add(
        "--batch",
        type=int,
        default=0,
        metavar="N",
        help="examples drawn in one call (default: any)",
    )
    add(
        "--given",
        default="",
        metavar="MODALITY",
        help="of llma: the modality that goes in (default: the first); of gait also "
        "a typical subset, or channels joined by commas (default: angles)",
    )
    speeds(parser)
    add(
        "--steps",
        type=int,
        default=0,
        metavar="N",
        help="steps of the sampler (default: the run's)",
    )
    add(
        "--onnx",
        action="store_true",
        help="write ONNX for onnxruntime instead, for a fixed batch (default: 8)",
    )
    add(
        "--platforms",
        nargs="+",
        default=(),
        metavar="NAME",
        help="cpu, cuda, rocm, tpu (default: this machine's)",
    )


def speeds(parser: argparse.ArgumentParser) -> None:
    """Add the options that fix the speeds of a model of speed transfer."""
    for name, what in (("source", "of the stride that goes in"), ("target", "to generate")):
        parser.add_argument(
            f"--{name}-speed",
            type=float,
            metavar="V",
            help=f"of speed transfer: fix the speed {what}, m/s (default: an input)",
        )


def chosen(options: argparse.Namespace) -> dict[str, Any]:
    """The choices of the options that were made, for `Model.program`."""
    names = "given", "source_speed", "target_speed"
    return {name: value for name in names if (value := getattr(options, name))}


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import positive, prepare_jax, progress

    positive(options, "batch", "steps")
    prepare_jax()
    from jaxdiff.deployment import artefact
    from jaxdiff.studies.loading import load

    choice = chosen(options)
    model = load(options.model)
    program = model.program(steps=options.steps, **choice)
    beside = Path(options.model) if Path(options.model).is_dir() else Path(model.name)
    target = options.output or beside / ("onnx" if options.onnx else "export")
    if options.onnx:
        from jaxdiff.deployment import onnx

        name, batch = onnx.PROGRAM, options.batch or 8
        with progress(f"converting {model.name}"):
            folder = onnx.save(program, target, batch)
    else:
        name, batch = artefact.PROGRAM, options.batch or "any"
        with progress(f"exporting {model.name}"):
            folder = artefact.save(program, target, options.batch, options.platforms)
    size = (folder / name).stat().st_size / 1e6
    print(f"{folder}: {name} ({size:.2f} MB), {artefact.DESCRIPTION}, example.py")
    for word, each in [("in:  ", each) for each in program.inputs] + [("out: ", program.output)]:
        shape = ", ".join(map(str, (f"batch {batch}", *each.array_shape)))
        print(f"{word}{each} ({shape})")
    print(f"try: python {folder / 'example.py'}")
