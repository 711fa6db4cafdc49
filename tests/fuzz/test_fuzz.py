"""Mutants of every format: a few of each in every run of the suite, a minute of all in the slow
one.
"""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from jaxdiff.errors import Error
from tests.fuzz.mutants import mutant
from tests.fuzz.targets import targets

ROOT = Path(__file__).parents[2]
MINUTES = os.environ.get("JAXDIFF_FUZZ_MINUTES", "1")
NAMES = (
    *(
        "b3d",
        "bvh",
        "c3d",
        "checkpoint",
        "csv",
        "metadata",
        "mot",
        "npy",
        "npz",
        "parquet",
        "pt",
        "run.json",
    ),
    *("safetensors", "sto", "trc", "tsv", "yaml"),
)


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return targets(tmp_path_factory.mktemp("sound"))


def test_every_reader_is_a_target(every):
    assert sorted(every) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_read_or_refused_in_one_sentence(every, name, tmp_path):
    target, path = every[name], tmp_path / f"mutant{every[name].extension}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(1000, 1010 if name == "checkpoint" else 1030):
            path.write_bytes(mutant(target.files, 1, number))
            try:
                target.read(path)
            except Error as error:
                assert "\n" not in str(error) and len(str(error)) < 2000, number


def test_mutants_are_functions_of_seed_and_number(every):
    files = every["csv"].files
    assert mutant(files, 0, 7) == mutant(files, 0, 7) != mutant(files, 1, 7)


@pytest.mark.slow
def test_a_minute_of_fuzzing_finds_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--minutes", MINUTES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
