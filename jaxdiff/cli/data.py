"""List the data sets, prepare one, or check a file or a laboratory's folder.

  list     names, licences, what is prepared, and where the others come from
  prepare  make or read a data set once and keep it; settings as NAME=VALUE
           (size=tiny, kind=stroke, recipe=lab.yaml)
  check    all problems of a file, of all files in a folder, or of a folder and
           its YAML (see docs/data.md), at once, each with its remedy; with
           --model or --study for that model or study; exit code 2 if any

example:
  jaxdiff data list
  jaxdiff data prepare simulated_gait --size large
  jaxdiff data prepare embry2018 --manual-dir ~/downloads/embry
  jaxdiff data check my_lab.yaml --root /data/my_lab --study speed_transfer
  jaxdiff data check walk.mot --model runs/llma-quick
  jaxdiff data check recordings --model gait
"""

from __future__ import annotations

import argparse
import importlib
import json
import textwrap
from pathlib import Path
from typing import Any

from jaxdiff.cli import common
from jaxdiff.errors import ConfigError, DataError, counted


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION")
    parser.set_defaults(act=lambda options: parser.print_help())
    every = actions.add_parser(
        "list",
        help="list data sets",
        parents=[common()],
        description="Data sets, their licences, and where they come from.",
    )
    every.set_defaults(parser=every, act=show)
    one = actions.add_parser(
        "prepare",
        help="prepare one",
        parents=[common()],
        description="Make or read a data set once and keep it.",
    )
    one.add_argument("name", metavar="NAME", help="a name of the list")
    one.add_argument(
        "settings",
        metavar="SETTING=VALUE",
        nargs="*",
        help="the data set's own settings, such as size=tiny",
    )
    one.add_argument("--size", metavar="SIZE", help="short for size=SIZE: tiny, quick, full ...")
    one.add_argument(
        "--manual-dir", type=Path, metavar="DIR", help="folder of the files downloaded by hand"
    )
    one.set_defaults(parser=one, act=prepare)
    lab = actions.add_parser(
        "check",
        help="check your own files",
        parents=[common()],
        description="Everything that is wrong with a file or a folder, at once.",
    )
    lab.add_argument(
        "path", metavar="PATH", type=Path, help="a recording, a folder, or its YAML recipe"
    )
    lab.add_argument("--model", metavar="MODEL", help="a model or run that the file is for")
    lab.add_argument(
        "--study",
        metavar="NAME",
        help="study that the folder is for: llma, speed_transfer, text_to_motion, biovae",
    )
    lab.add_argument("--rate", type=float, metavar="HZ", help="the rate of a file that states none")
    lab.add_argument(
        "--rename", nargs="+", default=(), metavar="THEIRS=OURS", help="channels with other names"
    )
    lab.add_argument("--mass", type=float, metavar="KG", help="body mass of the recorded person")
    lab.add_argument(
        "--root", type=Path, metavar="DIR", help="where the recordings are, if not beside the YAML"
    )
    lab.set_defaults(parser=lab, act=check)
    for each in (every, one):
        each.add_argument(
            "--data-dir", type=Path, metavar="DIR", help="where prepared data are kept"
        )


def run(options: argparse.Namespace) -> None:
    options.act(options)


def show(options: argparse.Namespace) -> None:
    from jaxdiff.data import catalogue

    directory = options.data_dir or catalogue.data_directory()
    for name, place in catalogue.BUILDERS.items():
        module, kind = place.split(".")
        builder: Any = getattr(importlib.import_module(f"jaxdiff.data.builders.{module}"), kind)
        size = sum(file.stat().st_size for file in (directory / name).rglob("*") if file.is_file())
        state = f"prepared, {size / 1e6:.1f} MB" if size else "not prepared"
        print(f"{name}  (licence: {builder.licence}; {state})")
        text = [builder.description]
        if sizes := getattr(builder, "sizes", None):
            text.append(f"Sizes: {', '.join(sizes)}.")
        manual = directory / "manual" / name
        text.append(
            f"Manual download into {manual} or --manual-dir: {builder.source}"
            if builder.source
            else "No download needed."
        )
        print(
            textwrap.indent(
                "\n".join(
                    line
                    for part in text
                    for line in textwrap.wrap(part, 76, break_on_hyphens=False)
                ),
                "    ",
            )
        )
    print(f"\nprepared data are kept in {directory} ($JAXDIFF_DATA)")


def prepare(options: argparse.Namespace) -> None:
    from jaxdiff.data import load

    settings = _settings(options.settings)
    if options.size:
        settings["size"] = options.size
    trials = load(
        options.name, data_dir=options.data_dir, manual_dir=options.manual_dir, **settings
    )
    print(
        f"{options.name}: {counted(len(trials), 'trial')} of"
        f" {counted(len(trials.subjects), 'subject')},"
        f" {trials.length.sum()} frames"
    )
    for name, channels in trials.channels.items():
        units = ", ".join(dict.fromkeys(unit for unit in trials.units[name] if unit))
        shown = ", ".join(channels) if len(channels) <= 20 else f"{', '.join(channels[:8])}, ..."
        line = f"{name} ({len(channels)}{', ' + units if units else ''}): {shown}"
        print(textwrap.fill(line, 80, initial_indent="  ", subsequent_indent="      "))


def check(options: argparse.Namespace) -> None:
    if options.path.suffix.lower() not in (".yaml", ".yml"):
        return check_one(options)
    from jaxdiff.cli.start import progress
    from jaxdiff.data.check import check

    with progress(f"checking the files of {options.path}"):
        health = check(options.path, options.root, options.study or "", _inputs(options))
    for kind, findings in (("problem", health.problems), ("warning", health.warnings)):
        for finding in findings:
            print(f"{kind}: {finding}")
    if health.trials:
        print(
            f"checked {counted(health.trials, 'trial')} of {counted(len(health.subjects), 'subject')}"
        )
    if health.problems:
        raise DataError(
            f"{options.path} cannot be loaded: {counted(len(health.problems), 'problem')}, listed above"
        )


def check_one(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import progress
    from jaxdiff.data.channel_map import ChannelMap
    from jaxdiff.data.check_file import check_file, check_folder

    if options.study:
        raise ConfigError("--study checks a recipe; for recordings, give --model")
    renamed = dict(ChannelMap.from_words(options.rename).rename)
    look = check_folder if options.path.is_dir() else check_file
    with progress(f"checking {options.path}"):
        health = look(options.path, _inputs(options), options.rate, renamed, options.mass)
    for fact in health.facts:
        print(fact)
    for kind, findings in (("problem", health.problems), ("warning", health.warnings)):
        for finding in findings:
            print(f"{kind}: {finding}")
    if health.problems:
        raise DataError(
            f"{options.path} cannot be used: {counted(len(health.problems), 'problem')}, listed above"
        )


def _inputs(options: argparse.Namespace) -> tuple[Any, ...]:
    """What the model that is named takes."""
    if not options.model:
        return ()
    from jaxdiff.studies.loading import load

    return load(options.model).inputs


def _settings(texts: list[str]) -> dict[str, Any]:
    """`size=tiny`, `seed=3`, `speeds=[0.8,1.0]`: JSON where it is JSON, else text."""
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError(f"settings are NAME=VALUE, such as size=tiny; got {text!r}")
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings
