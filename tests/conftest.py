"""What every test shares: four CPU devices, a compilation cache, few hypothesis examples with no
deadline, and draws that depend on the test alone and not on which tests this worker ran before it.
"""

import ctypes
import gc
import os
from collections import Counter
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

# Tests compile much and compute little: LLVM's optimiser would take more than half of their time,
# and JAX 0.10's emitters of fusions half of the rest (0.12 has no others).
FLAGS = "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0"
if version("jax").startswith("0.10."):
    FLAGS += " --xla_cpu_use_fusion_emitters=false"
os.environ.setdefault("XLA_FLAGS", FLAGS)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "GLIBC_TUNABLES", "glibc.malloc.hugetlb=1"
)  # else a command line would start pytest again
os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # small systems: threads would only wait for each other
# All that is compiled is kept, be it small, also by the processes that tests start: a second run, on another Python too,
# compiles next to nothing.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(
    Path(os.environ.get("JAXDIFF_TEST_CACHE", ".cache/jax")).absolute()
)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"

import jax
import pytest
from hypothesis import HealthCheck, settings
from numpy.random import Generator

from jaxdiff.training.memory import forget_programs

slowness = [HealthCheck.too_slow]  # that would be the machine's
settings.register_profile(
    "jaxdiff", max_examples=25, deadline=None, derandomize=True, suppress_health_check=slowness
)
settings.load_profile("jaxdiff")


MOST_MEMORY = 1.5e9
"""Bytes of a worker from which on it gives up its programs between two files; the cache on disk has
them all.
"""


def memory():
    """Resident bytes of this process, where Linux tells."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") if statm.exists() else 0


@pytest.fixture(autouse=True, scope="module")
def forgetful():
    yield
    forget_programs()
    if memory() > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()
        with suppress(OSError, AttributeError):  # glibc alone returns what is free to the system
            ctypes.CDLL(None).malloc_trim(0)


DEAREST = [
    "methods/test_conformance.py",
    "methods/test_llma.py",
    "methods/test_biovae.py",
    "studies/test_llma.py",
    "studies/test_text_to_motion.py",
    "studies/biovae/test_study.py",
    "benchmarks/test_gpu.py",
    "benchmarks/test_scripts.py",
    "docs/test_notebooks.py",
    "diffusion/test_conformance.py",
    "methods/test_text_to_motion.py",
    "body/walker/test_batch.py",
    "nets/test_blocks.py",
    "nets/test_unet.py",
    "nets/test_networks.py",
    "studies/speed_transfer/test_study.py",
    "cli/test_export.py",
    "interop/test_golden_networks.py",
    "training/test_loop.py",
    "diffusion/test_golden.py",
    "studies/speed_transfer/test_program.py",
    "benchmarks/test_operations.py",
    "studies/speed_transfer/test_regression.py",
    "methods/test_gait.py",
    "models/test_model.py",
    "models/test_motion.py",
    "studies/test_llma_words.py",
    "studies/test_constrained_model.py",
    "studies/speed_transfer/test_laboratory.py",
]
"""Files that take longest. They come first, so that none is left to one worker at the end; the
others follow by their number of tests.
"""
TESTS = Path(__file__).parent
RANK = {TESTS / name: rank for rank, name in enumerate(DEAREST)}
NEWER = {TESTS / name for name in ("cli", "data", "diffusion", "models", "nets", "training")}
"""Folders that are tested on a newer Python too, with the files beside this one: they depend on
what differs, the interpreter, JAX, NumPy and the command line.
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Dearest files first. Slow tests run only when asked for by a marker expression, or by
    name.
    """
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (RANK.get(item.path, len(RANK)), -count[item.path]))
    for item in items:
        if item.path.parent == TESTS or NEWER.intersection(item.path.parents):
            item.add_marker("newer")
    if config.getoption("markexpr") or any("::" in argument for argument in config.args):
        return
    skip = pytest.mark.skip(reason="slow: run with  pytest -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """A file is tested by one worker, in its order: what it trains and compiles is made once."""
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # files come in order
    return LoadFileScheduling(config, log)


def pytest_collection_finish(session):
    """Generators that a test module draws from are remembered as they are after its import …"""
    for module in {item.module for item in session.items}:
        module.generators = [
            (g, g.bit_generator.state) for g in vars(module).values() if isinstance(g, Generator)
        ]
    # Tracing allocates much, and every full collection would go through all that was imported.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for generator, state in item.module.generators:
        generator.bit_generator.state = state


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    """… and every test begins there, whatever its fixtures drew."""
    pytest_runtest_setup(item)
