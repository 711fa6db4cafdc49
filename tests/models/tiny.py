"""A tiny model of two modalities with random parameters: everything a model does, without a
training.
"""

from pathlib import Path

import jax
import numpy as np
import pytest

from jaxdiff.data.normalise import Normaliser
from jaxdiff.data.recording import Recording
from jaxdiff.methods.llma import llma
from jaxdiff.models.trained import Trained
from jaxdiff.studies.llma.config import get_config
from jaxdiff.studies.llma.preparation import method_settings

ANGLES = ("hip_flexion", "knee_flexion")
MOMENTS = ("hip_moment", "knee_moment", "ankle_moment")
STRIDE = 1.2
"""Seconds."""


def trained(strides=True):
    """Parameters of a network of 60 samples: two strides, or 0.6 s at 100 Hz."""
    config = get_config("quick")
    with config.unlocked():
        config.model.size, config.model.start, config.sampling.steps = "tiny", "none", 2
        config.model.alignment, config.data.length = "none", 60
    rng = np.random.default_rng(0)
    batch = {
        name: rng.uniform(-1, 1, (8, 60, d)).astype(np.float32) for name, d in (("x", 2), ("y", 3))
    }
    params = jax.jit(llma(method_settings(config)).init)(jax.random.key(0), batch)
    ones = np.ones(3, np.float32)
    x = Normaliser("minmax", 5 * ones[:2], 30 * ones[:2], ANGLES, ("deg", "deg"))
    y = Normaliser("minmax", 0 * ones, ones, MOMENTS, ("N m/kg",) * 3)
    metadata = {
        "method": "llma",
        "config": config.to_dict(),
        "modalities": {"x": "angles", "y": "moments"},
        "normaliser": {"x": x.state(), "y": y.state()},
        "length": 60,
        "samples_per_stride": 30 if strides else None,
        "rate": None if strides else 100.0,
        "examples": {
            "x": walk(1.2, 50).values.repeat(2, axis=0)[:60].tolist(),
            "y": np.zeros((60, 3)).tolist(),
        },
        "card": {"summary": "A test.", "licence": "Apache-2.0", "scores": {"RMSE": "1 N m/kg"}},
    }
    return Trained("llma", jax.tree.map(np.asarray, params), metadata)


def walk(seconds=4.0, rate=100.0):
    """Steady walking."""
    turn = 2 * np.pi * np.arange(round(seconds * rate)) / rate / STRIDE
    angles = np.stack([10 + 20 * np.cos(turn), 30 - 25 * np.cos(turn + 1)], axis=-1)
    return Recording(angles, ANGLES, ("deg", "deg"), rate)


needs_maps = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="only Linux lists memory maps"
)


def maps():
    """Memory maps of this process, of which Linux allows 65 530."""
    return Path("/proc/self/maps").read_bytes().count(b"\n")


def resident():
    """MB in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6
