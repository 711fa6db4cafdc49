"""Fine-tune a trained model on a laboratory's own recordings.

LAB is the YAML recipe that describes the recordings (see `jaxdiff data check`).
The adapted model is one file that every other command takes.

example:
  jaxdiff adapt gait --data lab.yaml --output gait_lab.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxdiff.errors import ConfigError, FileError


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add("--data", type=Path, required=True, metavar="LAB", help="recipe of the recordings")
    add("--output", type=Path, required=True, metavar="FILE", help="a .safetensors file to write")
    add("--steps", type=int, metavar="N", help="training steps (default: the study's)")
    add("--seed", type=int, metavar="N", help="seed of the training (default: 0)")


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import prepare_jax, progress

    if options.output.suffix != ".safetensors":
        raise ConfigError(
            f"a model is saved as a .safetensors file, not as {options.output.name!r}"
        )
    if not options.data.is_file():
        raise FileError(f"{options.data}: does not exist")
    prepare_jax()
    from jaxdiff.studies.loading import load

    model = load(options.model)
    settings = {
        name: value for name in ("steps", "seed") if (value := getattr(options, name)) is not None
    }
    with progress(f"adapting {model.name}"):
        adapted = model.adapt(options.data, **settings)
    print(f"{adapted.save(options.output)}: try jaxdiff generate {options.output}")
