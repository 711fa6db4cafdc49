"""Convert a published PyTorch checkpoint to safe files. PyTorch is not needed.

  convert  --from stablemofusion | mdm | gaitdynamics | t2m | clip | smoothnet
                  | mia
           FILE   .pt, .pth, .tar or .safetensors, as published; no code in it
                  can run
           --out  a folder (params.npz and config.json are written there) or a
                  path ending in .npz
           FILE may be the folder of a release of stablemofusion, mdm or t2m:
           with its means and deviations it becomes a model,
           OUT/model.safetensors
           --set  what shapes do not show, if not as released: unet.heads=4,
                  unet.linear=false (may be repeated)

example:
  jaxdiff weights convert --from clip model.safetensors --out weights/clip
  jaxdiff weights convert --from stablemofusion t2m_condunet1d --out weights/smf
  jaxdiff generate weights/smf --text "a person walks" --output motions
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from jaxdiff.cli import common
from jaxdiff.errors import ConfigError, nearest


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(act=lambda options: parser.print_help())
    actions = parser.add_subparsers(metavar="ACTION")
    one = actions.add_parser(
        "convert",
        help="convert a checkpoint",
        parents=[common()],
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one.set_defaults(parser=one, act=convert)
    one.add_argument("--from", dest="source", required=True, metavar="SOURCE", help="its origin")
    one.add_argument("file", metavar="FILE", help="the checkpoint")
    one.add_argument("--out", required=True, metavar="PATH", help="folder or .npz to write")
    one.add_argument(
        "--vocabulary", metavar="FILE", help="CLIP's merge table, where the folder has none"
    )
    one.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NETWORK.FIELD=VALUE",
        dest="fields",
        help="a setting that shapes do not show",
    )


def run(options: argparse.Namespace) -> None:
    options.act(options)


def convert(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import progress
    from jaxdiff.interop import sources, store

    if options.source not in sources.SOURCES:
        raise ConfigError(
            f"no source {options.source!r}; {nearest(options.source, sources.SOURCES)}"
        )
    if Path(options.file).is_dir():
        _released(options)
        return
    with progress(f"converting {options.file}"):
        converted = sources.convert(options.source, options.file, _settings(options.fields))
        path = store.save(converted, options.out)
    for name, weights in converted.networks.items():
        fields = store.settings(weights.network).items()
        values = ", ".join(f"{key}={value}" for key, value in fields)
        print(f"{name}: {type(weights.network).__name__}({values})")
    print(f"written to {path}")


def _released(options: argparse.Namespace) -> None:
    """A whole release: network, normaliser and vocabulary as one model file."""
    from jaxdiff.cli.start import progress
    from jaxdiff.models import file
    from jaxdiff.studies.text_to_motion import published

    if options.source not in published.SOURCES:
        raise ConfigError(
            f"{options.file} is a folder; of {options.source}, name the checkpoint file in it."
            f" Folders are converted --from {' or '.join(published.SOURCES)}"
        )
    with progress(f"converting {options.file}"):
        found = published.trained(
            options.source, options.file, _settings(options.fields), options.vocabulary
        )
    out = Path(options.out)
    out = out if out.suffix == ".safetensors" else out / published.MODEL_FILE
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"written to {file.save(out, found)}")


def _settings(fields: list[str]) -> dict[str, dict[str, Any]]:
    """`unet.heads=4` as `{"unet": {"heads": 4}}`."""
    out: dict[str, dict[str, Any]] = {}
    for field in fields:
        place, equals, value = field.partition("=")
        network, dot, name = place.partition(".")
        if not (equals and dot and name):
            raise ConfigError(
                f"--set takes NETWORK.FIELD=VALUE, such as unet.heads=4, not {field!r}"
            )
        try:
            out.setdefault(network, {})[name] = json.loads(value)
        except ValueError as error:
            raise ConfigError(
                f"--set {field}: {value!r} is neither a number nor true or false"
            ) from error
    return out
