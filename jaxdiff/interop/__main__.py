"""`python -m jaxdiff.interop convert --from SOURCE FILE --out DIR`: a PyTorch checkpoint to safe files of ours.

--from   stablemofusion | gaitdynamics | t2m | clip | smoothnet | mia
FILE     .pt, .pth, .tar or .safetensors, as published; PyTorch is not needed and no code in it can run
--out    a folder (params.npz and config.json are written there) or a path ending in .npz
--set    what shapes cannot tell, if not as released: unet.heads=4, unet.linear=false (repeatable)
"""

from __future__ import annotations

import argparse
import json
import sys

from jaxdiff.cli import Parser
from jaxdiff.errors import ConfigError, Error
from jaxdiff.interop.sources import SOURCES, convert
from jaxdiff.interop.store import save
from jaxdiff.interop.store import settings as fields_of


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(
        prog="python -m jaxdiff.interop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command = parser.add_subparsers(
        metavar="convert", required=True, parser_class=Parser
    ).add_parser("convert")
    command.add_argument("--from", dest="source", required=True, choices=sorted(SOURCES))
    command.add_argument("file")
    command.add_argument("--out", required=True)
    command.add_argument(
        "--set", action="append", default=[], metavar="NETWORK.FIELD=VALUE", dest="fields"
    )
    try:
        options = parser.parse_args(arguments)
        converted = convert(options.source, options.file, _settings(options.fields))
        path = save(converted, options.out)
    except Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, weights in converted.networks.items():
        fields = ", ".join(f"{key}={value}" for key, value in fields_of(weights.network).items())
        print(f"{name}: {type(weights.network).__name__}({fields})")
    print(f"written to {path}")
    return 0


def _settings(fields: list[str]) -> dict[str, dict[str, object]]:
    out: dict[str, dict[str, object]] = {}
    for field in fields:
        place, equals, value = field.partition("=")
        network, dot, name = place.partition(".")
        if not (equals and dot and name):
            raise ConfigError(
                f"--set {field}: should read network.field=value, for example unet.heads=4"
            )
        try:
            out.setdefault(network, {})[name] = json.loads(value)
        except ValueError as error:
            raise ConfigError(
                f"--set {field}: {value!r} is neither a number nor true or false"
            ) from error
    return out


if __name__ == "__main__":
    sys.exit(main())
