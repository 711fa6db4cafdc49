"""What every test shares: four CPU devices, a compilation cache, few hypothesis examples with no deadline."""

import os

# Tests compile much and compute little: LLVM's optimiser would take more than half of their time.
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4 --xla_backend_optimization_level=0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small systems: threads would only wait for each other

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_compilation_cache_dir", os.environ.get("JAXDIFF_TEST_CACHE", ".cache/jax"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
settings.register_profile("jaxdiff", max_examples=25, deadline=None, derandomize=True)
settings.load_profile("jaxdiff")


def pytest_collection_modifyitems(config, items):
    """Slow tests run only when asked for by a marker expression, or by name."""
    if config.getoption("markexpr") or any("::" in argument for argument in config.args):
        return
    skip = pytest.mark.skip(reason="slow: run with  pytest -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
