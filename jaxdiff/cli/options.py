"""The options of a model, made from the signature and the docstring of its `generate`: one
vocabulary in Python and here.
"""

from __future__ import annotations

import argparse
import inspect
import re
import types
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from jaxdiff.cli import Parser
from jaxdiff.errors import ConfigError

SEVERAL = ("target_speed",)
"""Parameters for which the command takes several values and calls `generate` once for each."""


def own_options(
    model: type, common: Collection[str], name: str = "generate", command: Parser | None = None
) -> Parser:
    """A parser of the parameters that a model's method has beyond the common ones.

    Args:
        model: A subclass of `Model`.
        common: Parameters that are parsed elsewhere.
        name: The method.
        command: The parser of the command, whose options are suggested for misspelt ones too.

    Returns:
        The parser; parameters that are not given are None.
    """
    parser = Parser(prog="", add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    parser.also = tuple(command._option_string_actions) if command else ()
    group = parser.add_argument_group(f"options of {model.__name__}")
    function = getattr(model, name)
    hints, texts = get_type_hints(function), argument_texts(inspect.getdoc(function) or "")
    for word, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and word not in common:
            text, reading = texts.get(word, "").replace("%", "%%"), _reading(word, hints[word])
            group.add_argument("--" + word.replace("_", "-"), dest=word, help=text, **reading)
    return parser


def argument_texts(doc: str) -> dict[str, str]:
    """The texts of a Google-style `Args:` section by name."""
    section = re.search(r"^Args:\n(.*?)(?:\n\S|\Z)", doc, re.DOTALL | re.MULTILINE)
    found: dict[str, str] = {}
    for name, text in re.findall(
        r"^ +(\w+): (.*?)(?=^ +\w+: |\Z)", section[1] if section else "", re.DOTALL | re.MULTILINE
    ):
        found[name] = " ".join(text.split())
    return found


def _reading(name: str, hint: Any) -> dict[str, Any]:
    """How argparse reads a value of a type."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if bool in kinds:
        return {"action": "store_const", "const": True}
    if any(get_origin(kind) in (Mapping, dict) for kind in kinds):
        return {"nargs": "+", "metavar": "NAME=VALUE", "action": _Pairs}
    sequences = [kind for kind in kinds if get_origin(kind) in (Sequence, list, tuple)]
    number: Callable[[str], Any] = str
    for kind in (float, int):
        if kind in kinds or any(kind in get_args(sequence) for sequence in sequences):
            number = kind
    metavar = "TEXT" if number is str else "N"
    if name in SEVERAL:
        return {"nargs": "+", "type": number, "metavar": metavar}
    if sequences:
        alone = str in kinds or float in kinds or int in kinds
        action = _OneOrMore if alone else "store"
        return {"nargs": "+", "type": number, "metavar": metavar, "action": action}
    return {"type": number, "metavar": metavar}


class _Pairs(argparse.Action):
    """`A=B C=D` as a dictionary."""

    def __call__(self, parser, namespace, values: Any, option_string=None):
        pairs = [text.partition("=") for text in values]
        if wrong := [a + equals + b for a, equals, b in pairs if not (a and equals)]:
            raise ConfigError(f"{option_string} takes NAME=VALUE, not {wrong[0]!r}")
        setattr(namespace, self.dest, {a: b for a, _, b in pairs})


class _OneOrMore(argparse.Action):
    """A single value as itself, several as a list."""

    def __call__(self, parser, namespace, values: Any, option_string=None):
        setattr(namespace, self.dest, values[0] if len(values) == 1 else values)
