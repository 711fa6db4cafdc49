"""Commands held against the programs they call: the real parsers, flags and configs, without
running anything.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence

from docs.pages import ROOT, Command

from jaxdiff import cli
from jaxdiff.cli.generate import COMMON
from jaxdiff.cli.options import own_options
from jaxdiff.cli.train import set_field
from jaxdiff.errors import Error
from jaxdiff.models.model import Model
from jaxdiff.studies.study import STUDIES

OTHERS = ("bash", "cd", "git", "mkdocs", "my_sensors", "pre-commit", "pyright", "ruff", "source")
"""Programs that are not ours to check, beyond the files they are given."""


def complaints(commands: Sequence[Command]) -> list[str]:
    """What is wrong with them, with the place."""
    experiments, found = [], []
    for command in commands:
        program, rest = _program(command.words)
        if program.startswith("experiments."):
            experiments.append((command, (program, *rest)))
            continue
        wrong = _complaint(program, list(rest), command)
        found += [f"{command.place}: {' '.join(command.words)}: {wrong}"] if wrong else []
    for (command, _), wrong in zip(experiments, _flags([words for _, words in experiments])):
        found += [f"{command.place}: {' '.join(command.words)}: {wrong}"] if wrong else []
    return found


def _program(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """`.venv/bin/python -m x y` as `x`, `(y,)`."""
    name = words[0].rpartition("/")[2]
    if name.startswith("python") and len(words) > 2 and words[1] == "-m":
        return words[2], words[3:]
    return name, words[1:]


def _complaint(program: str, rest: list[str], command: Command) -> str:
    if program == "jaxdiff":
        return _jaxdiff(rest, refused=any(line.startswith("error:") for line in command.shown))
    if program == "pip":
        return _extras(rest)
    if program.startswith("benchmarks.") or (
        program.startswith("python") and rest and rest[0].startswith("bench")
    ):
        place = program if program.startswith("benchmarks.") else rest.pop(0)
        return _script(place.removesuffix(".py").replace("/", "."), rest)
    if program in ("pytest", *OTHERS):
        absent = [
            word for word in rest if "/" in word and ":" not in word and not (ROOT / word).exists()
        ]
        return f"there is no {absent[0]}" if absent and program in ("pytest", "bash") else ""
    if program == "venv" or program.startswith("python"):
        return ""
    if program.endswith(".sh"):
        return "" if (ROOT / command.words[0]).exists() else "there is no such script"
    return f"what is {program!r}? Say in OTHERS of {__name__}, or mark the block as not run"


MODELS = {"gait": "gait", "speed": "speed_transfer", "motion": "text_to_motion"}
"""Shipped models that the documentation uses, and their studies."""


def _jaxdiff(arguments: list[str], refused: bool) -> str:
    try:
        options = cli.parser().parse_args(arguments)
    except Error as error:
        return str(error)
    except SystemExit:  # --help, --version
        return ""
    if arguments[:1] == ["train"] and options.study:
        return _trains(options)
    if arguments[:1] != ["generate"] or refused:
        return ""
    name = str(options.model)
    study = MODELS.get(name) or next(
        (each for each in STUDIES if name.startswith(f"runs/{each}")),
        "llma" if name == "runs/demo" else None,
    )
    if study is None:
        return f"of which study is {name}? Call the run runs/STUDY-..."
    try:
        own_options(_model_class(study), COMMON).parse_args(options.extra)
    except Error as error:
        return f"{study}: {error}"
    return ""


def _trains(options: argparse.Namespace) -> str:
    name, _, word = options.study.partition(":")
    try:
        config = STUDIES[name].get_config(word or STUDIES[name].words[0])
        for setting in options.settings:
            set_field(config, setting)
    except Error as error:
        return str(error)
    return ""


def _model_class(study: str) -> type:
    """The class in the study's `model.py`."""
    module = importlib.import_module(f"jaxdiff.studies.{study}.model")
    found = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Model) and each.__module__ == module.__name__
    ]
    return found[-1]


def _extras(arguments: list[str]) -> str:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = [
        extra
        for word in arguments
        for found in re.findall(r"\[(.+)\]$", word)
        for extra in found.split(",")
    ]
    unknown = [extra for extra in asked if extra not in known]
    return f"there is no extra {unknown[0]!r}" if unknown else ""


def _script(module: str, arguments: list[str]) -> str:
    if importlib.util.find_spec(module) is None:
        return f"there is no module {module}"
    text = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").rglob("*.py")
    )  # they share options
    unknown = [
        word
        for word in arguments
        if word.startswith("--") and f'"{word.partition("=")[0]}"' not in text
    ]
    return f"{module} has no {unknown[0]}" if unknown else ""


def _flags(commands: Sequence[tuple[str, ...]]) -> list[str]:
    """The experiments define absl's flags, which are global: each command is parsed in a process of
    its own.
    """
    if not commands:
        return []
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


FORKED = """
import importlib, json, os, sys
import jaxdiff.training.settings  # JAX, once for all of them
from jaxdiff.training import launch

answers = []
for module, *arguments in json.load(sys.stdin):
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            found = importlib.import_module(module)
            words = [module, *arguments]
            if "config" not in launch.flags.FLAGS:
                launch.define_flags()
            if not any(word.startswith("--config=") for word in words):
                words.insert(1, f"--config={found.DEFAULT}")
            sys.argv = words  # where config flags look for overrides
            launch._parse(words)
            answer = ""
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(writing, answer.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answers.append(pipe.read().decode())
print(json.dumps(answers))
"""
