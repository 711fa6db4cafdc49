"""Write a run's whole sampler as a StableHLO artefact that runs with JAX alone.

The folder holds sampler.stablehlo (parameters inside), sampler.json (shapes, channels, units) and example.py, twenty lines
that load it. Without --batch the size of the batch is left open. Everything is in physical units on both sides:

  llma            signal -> the other modality
  speed_transfer  gait, source and target speed, strides per second -> the gait at the target speed
  text_to_motion  words of a text, length in frames -> joints
  biovae          the same and the factors of --edit, one a joint -> joints

example:
  jaxdiff export runs/llma-quick --batch 1
  jaxdiff export runs/llma-quick --given moments --platforms cpu cuda --output moments_to_angles
"""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("trained", metavar="RUN", type=Path, help="directory of a trained run")
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
        help="of llma: the modality that goes in (default: the run's first)",
    )
    add(
        "--steps",
        type=int,
        default=0,
        metavar="N",
        help="steps of the sampler (default: the run's)",
    )
    add(
        "--platforms",
        nargs="+",
        default=(),
        metavar="NAME",
        help="cpu, cuda, rocm, tpu (default: this machine's)",
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.trained import describe, of_this_version, positive, prepare_jax

    positive(options, "batch", "steps")
    place, about = describe(options.trained)
    prepare_jax()
    from jaxdiff.deployment import artefact, sampler

    with of_this_version(about):
        loaded = sampler.load(place, options.given, options.steps)
    folder = artefact.save(
        loaded, options.output or options.trained / "export", options.batch, options.platforms
    )
    size = (folder / "sampler.stablehlo").stat().st_size / 1e6
    batch = options.batch or "any"
    print(f"{folder}: sampler.stablehlo ({size:.2f} MB), sampler.json, example.py")
    for word, each in [("in:  ", each) for each in loaded.inputs] + [("out: ", loaded.made)]:
        shape, names = (
            ", ".join(map(str, (f"batch {batch}", *each.shape))),
            each.channels or each.units,
        )
        told = ", ".join(names if len(names) <= 20 else [*names[:8], "..."])
        print(f"{word}{each.name} ({shape}) {told}".rstrip())
    print(f"try: python {folder / 'example.py'}")
