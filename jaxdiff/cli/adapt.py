"""Fine-tune a trained model on a laboratory's own recordings.

LAB is the YAML recipe that describes the recordings (see `jaxdiff data check`).
The adapted model is one file that every other command takes. `speed` has the
option --modality: the recipe's name for the angles, where it has several.

example:
  jaxdiff adapt gait --data lab.yaml --output gait_lab.safetensors
"""

from __future__ import annotations

import argparse
from pathlib import Path

from jaxdiff.errors import ConfigError, FileError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(extra=[])  # the model's own options, parsed once it is loaded
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add("--data", type=Path, required=True, metavar="LAB", help="recipe of the recordings")
    add(
        "--output",
        type=Path,
        metavar="FILE",
        help="a .safetensors file to write (default: named after MODEL)",
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.options import own_options
    from jaxdiff.cli.start import prepare_jax, progress

    output = options.output or Path(f"{Path(options.model).stem}-adapted.safetensors")
    if output.suffix != ".safetensors":
        raise ConfigError(f"a model is saved as a .safetensors file, not as {output.name!r}")
    if not options.data.is_file():
        raise FileError(f"{options.data}: does not exist")
    prepare_jax()
    from jaxdiff.studies.loading import load

    model = load(options.model)
    own = own_options(type(model), (), "adapt", options.parser)
    parsed = vars(own.parse_args(options.extra))
    with progress(f"adapting {model.name}"):
        adapted = model.adapt(options.data, **{k: v for k, v in parsed.items() if v is not None})
    if found := adapted.trained.metadata.get("adaptation"):
        before, after = found["crps"]["inf"], min(found["crps"].values())
        print(
            f"{found['people']} people, {found['strides']} strides; CRPS on left-out people"
            f" {before:.3g} before, {after:.3g} after"
        )
    print(f"{adapted.save(output)}: try jaxdiff generate {output}")
