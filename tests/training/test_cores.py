"""Cores as devices: who makes them, who uses them, and who keeps to one."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from regression import METHOD, Batches

from jaxdiff.training import cores
from jaxdiff.training.state import init_state
from jaxdiff.training.step import make_generate, make_step

DEVICES = """
import jax
from jaxdiff.training import cores

{before}
cores.as_devices()
print(jax.device_count(), cores.are_devices())
"""
ROOT = Path(__file__).parents[2]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


@pytest.mark.parametrize(
    ("flags", "before", "devices", "separate"),
    [
        (
            "",
            "import experiments.llma, jaxdiff.studies.biovae.model, benchmarks.sampling",
            min(CORES, cores.MOST),
            CORES > 1,
        ),
        ("--xla_force_host_platform_device_count=3", "", 3, False),
        ("", "jax.devices()", 1, False),
        ("", "jax.config.update('jax_num_cpu_devices', 5)", 5, True),
    ],
    ids=["in a command", "set by XLA_FLAGS", "too late", "set by JAX"],
)
def test_every_core_is_a_device_unless_configured_otherwise(flags, before, devices, separate):
    done = subprocess.run(
        [sys.executable, "-c", DEVICES.format(before=before)],
        cwd=ROOT,
        env=os.environ | {"XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(devices), str(separate)]


def test_a_training_step_keeps_to_one_core_and_all_devices_otherwise(monkeypatch):
    def devices_of_a_step():
        state = init_state(METHOD, optax.sgd(0.1), jax.random.key(0), next(Batches()))
        state, _ = make_step(METHOD, optax.sgd(0.1))(state, next(Batches()))
        return len(state.params["w"].sharding.device_set)

    assert devices_of_a_step() == jax.device_count() == 4
    monkeypatch.setattr(cores, "are_devices", lambda: True)
    assert devices_of_a_step() == 1


def test_generation_takes_no_more_devices_than_it_has_samples():
    shares = []

    def generate(params, keys, condition):
        shares.append(len(keys))
        return METHOD.generate(params, keys, condition)

    params = init_state(METHOD, optax.sgd(0.1), jax.random.key(0), next(Batches())).params
    spread = make_generate(generate)
    for size, share in ((1, 1), (3, 1), (5, 2)):
        shares.clear()
        assert spread(params, jax.random.key(1), np.zeros((size, 3), np.float32)).shape[0] == size
        assert set(shares) == {share}
    assert spread(params, jax.random.key(1), np.zeros((0, 3), np.float32)).shape[0] == 0
