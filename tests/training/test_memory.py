"""Huge pages, and clearing of compiled programs."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxdiff.training import memory

FAULTS = """
import ctypes, resource, sys
from jaxdiff.training import memory

memory.huge_pages()
libc, size = ctypes.CDLL(None), 1 << 27
libc.malloc.restype = ctypes.c_void_p
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
ctypes.memset(libc.malloc(ctypes.c_size_t(size)), 1, size)
print(sys.argv[1], resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def available() -> bool:
    return (
        memory.HUGE.exists()
        and "[madvise]" in memory.HUGE.read_text()
        and "CS_GNU_LIBC_VERSION" in os.confstr_names
    )


@pytest.mark.skipif(not available(), reason="huge pages are not available, or are the default")
def test_a_command_starts_again_with_huge_pages_and_its_own_arguments():
    env = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    counted = {}
    for how, tunables in {
        "requests them": env,
        "has settings": env | {"GLIBC_TUNABLES": f"{memory.TUNABLE}=0"},
    }.items():
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how],
            env=tunables,
            capture_output=True,
            text=True,
            check=True,
        )
        word, faults = done.stdout.rsplit(maxsplit=1)
        assert word == how
        counted[how] = int(faults)
    assert counted["requests them"] < 2000 < counted["has settings"]


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="only Linux lists a process's regions"
)
def test_programs_are_forgotten_when_they_are_many(monkeypatch):
    traced = []
    program = jax.jit(lambda x: traced.append(x) or x + 1)
    program(jnp.ones(3))
    memory.forget_programs()
    program(jnp.ones(3))
    assert len(traced) == 1
    monkeypatch.setattr(memory, "REGIONS", 0)
    memory.forget_programs()
    program(jnp.ones(3))
    assert len(traced) == 2
