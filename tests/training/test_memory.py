"""What a process keeps and what it lets go."""

import platform
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from jaxdiff.training import memory

FAULTS = """
import resource, sys
import numpy as np
from jaxdiff.training import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.full(1 << 24, 1.0)  # 128 MB, given back at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] != "given back":
    memory.keep_memory()
faults()
if sys.argv[1] == "let go":
    memory.let_go()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc alone can be told to keep memory")
def test_memory_once_had_is_kept_until_it_is_let_go():
    def second(how: str) -> int:
        said = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
        return int(said.stdout)

    assert second("kept") < 100 < min(second("given back"), second("let go"))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells of a process's regions")
def test_programs_are_forgotten_when_they_are_many(monkeypatch):
    traced = []
    program = jax.jit(lambda x: traced.append(x) or x + 1)
    program(jnp.ones(3))
    memory.let_go()
    program(jnp.ones(3))
    assert len(traced) == 1
    monkeypatch.setattr(memory, "REGIONS", 0)
    memory.let_go()
    program(jnp.ones(3))
    assert len(traced) == 2
