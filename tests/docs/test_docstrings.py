"""The examples in docstrings run, and print what they say."""

import doctest
import inspect
from importlib import import_module

import pytest
from docs.pages import ROOT

import jaxdiff

ALIASES = ("Denoiser", "__version__")
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((ROOT / "jaxdiff").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    failed, tried = doctest.testmod(
        import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    )
    assert tried
    assert not failed


def test_every_public_name_has_an_example():
    named = [getattr(jaxdiff, name) for name in jaxdiff.__all__ if name not in ALIASES]
    lacking = [each.__name__ for each in named if ">>> " not in (inspect.getdoc(each) or "")]
    assert [name for name in lacking if "." not in name] == []


def test_every_public_function_lists_its_arguments_and_result():
    functions = [getattr(jaxdiff, name) for name in jaxdiff.__all__ if name not in ALIASES]
    for each in filter(inspect.isfunction, functions):
        text = inspect.getdoc(each) or ""
        assert "Args:" in text and "Returns:" in text, each.__name__
