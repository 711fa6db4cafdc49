"""What holds for every command: help, one-line errors, exit codes, a fast start."""

import importlib
import subprocess
import sys

import pytest

from jaxdiff import cli
from jaxdiff.errors import CheckpointError

ACTIONS = ["data list", "data prepare", "data check", "weights convert"]


@pytest.mark.parametrize("name", [*cli.COMMANDS, *ACTIONS])
def test_every_command_has_help_in_80_columns_and_verbose(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main([*name.split(), "--help"])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80 and "--verbose" in shown


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_every_command_has_an_example(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    shown = capsys.readouterr().out
    assert stop.value.code == 0 and f"\n  jaxdiff {name}" in shown.partition("example:")[2]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_no_option_takes_the_place_of_what_the_parser_sets(name):
    parser = cli.Parser()
    importlib.import_module(f"jaxdiff.cli.{name}").arguments(parser)
    assert {action.dest for action in parser._actions} & {"run", "parser", "extra"} == set()


@pytest.mark.parametrize(
    "words, message",
    [
        (["generat"], "did you mean 'generate'"),
        (["generate"], "required: MODEL"),
        (["demo", "--ouut", "x"], "there is no option --ouut; did you mean '--out'?"),
        (["data", "chek", "x"], "did you mean 'check'"),
        (["generate", "gait", "--ouput", "x"], "no option --ouput; did you mean '--output'?"),
        (["generate", "nowhere"], "nowhere is neither a model file, a run directory"),
        (["runs", "nowhere"], "there is no directory nowhere"),
        (["data", "prepare", "embry"], "did you mean 'embry2018'"),
        (["data", "prepare", "folder", "recipe"], "such as size=tiny"),
        (["data", "check", "x", "--rot", "y"], "did you mean '--root'"),
        (["train", "llma:quik"], "did you mean 'quick'"),
        (["train", "lma"], "did you mean 'llma'"),
        (["train", "llma", "--set", "model.sise=x"], "did you mean 'model.size'"),
        (["train", "llma", "--set", "training.steps=many"], "training.steps takes int"),
        (["train", "llma", "--set", "model=small"], "model is a group of fields"),
        (["adapt", "gait", "--data", "x", "--output", "y"], "a .safetensors file"),
        (["weights", "convert", "--from", "clib", "x", "--out", "y"], "did you mean 'clip'"),
        (["score"], "score needs files, or --study"),
        (["score", "--model", "x"], "a model is scored with --study text_to_motion"),
        (["score", "nothing.csv"], "nothing.csv: does not exist"),
    ],
)
def test_an_error_is_one_line_and_exit_code_2(jaxdiff, words, message):
    code, out, err = jaxdiff(*words)
    assert (
        (code, out, err.count("\n")) == (2, "", 1) and err.startswith("error: ") and message in err
    )


@pytest.mark.parametrize("words", [(), ("data",), ("weights",)])
def test_without_arguments_the_help_is_printed(jaxdiff, words):
    code, out, err = jaxdiff(*words)
    assert (code, err) == (0, "") and "usage: jaxdiff" in out


def test_train_lists_studies_shows_configs_and_sets_fields(jaxdiff):
    assert "llma: demo, quick" in jaxdiff("train")[1]
    words = ("--set", "data.folds=3", "--set", "training.log=tensorboard,wandb", "--show")
    shown = jaxdiff("train", "llma", *words)[1]
    assert "folds: 3" in shown and "- wandb" in shown


def test_verbose_gives_the_traceback(jaxdiff):
    with pytest.raises(CheckpointError):
        jaxdiff("generate", "nowhere", "--verbose")
    with pytest.raises(CheckpointError):
        jaxdiff("--verbose", "generate", "nowhere")


def test_an_interruption_is_exit_code_130(jaxdiff, monkeypatch, tmp_path):
    for stop in (
        KeyboardInterrupt,
        SystemExit,
    ):  # while reading; and in training, once the engine has saved

        def interrupted(config, out, stop=stop):
            raise stop(0)

        monkeypatch.setattr("jaxdiff.studies.llma.demo.run", interrupted)
        code, _, err = jaxdiff("demo", "--train", "--out", tmp_path)
        assert code == 130 and err.strip().startswith("interrupted")


def test_the_command_line_starts_without_jax():
    """JAX alone takes a second; help, errors and `runs` need none of it."""
    code = (
        "import sys, jaxdiff.cli; jaxdiff.cli.parser(); print([m for m in ('jax', 'numpy',"
        " 'tensorflow_datasets') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=1200
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_public_names_come_on_first_use():
    import jaxdiff

    for name in jaxdiff.__all__:
        assert getattr(jaxdiff, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'solverz'"):
        _ = jaxdiff.solverz
