"""Small stride data with known structure."""

import numpy as np

from jaxdiff.methods.gait_law import Modality
from jaxdiff.studies.gait.strides import Strides

STEPS = 10
DEGREES = 10
"""Scale of the angles: a plausible size for their unit."""
CHANNELS = {
    "angles": ("hip_flexion_r", "hip_flexion_l", "knee_flexion_r"),
    "moments": ("hip_extension_moment_r", "hip_extension_moment_l"),
    "scalars": ("speed", "mass"),
}
UNITS = {"angles": ("deg",) * 3, "moments": ("N m/kg",) * 2, "scalars": ("m/s", "kg")}
COMPONENTS = {"angles": 4, "moments": 4, "scalars": 2}


def layout():
    return tuple(
        Modality(n, CHANNELS[n], UNITS[n], 1 if n == "scalars" else STEPS, COMPONENTS[n])
        for n in CHANNELS
    )


def curves(rng, channels, count):
    """Smooth basis curves [STEPS, channels, count], orthogonal and of unit mean square."""
    phase = np.arange(STEPS) / STEPS
    waves = np.stack(
        [np.sin(2 * np.pi * (k * phase + s)) for k in (1, 2, 3) for s in (0, 0.25)], axis=1
    )
    drawn = np.einsum("tk,kcj->tcj", waves, rng.normal(size=(6, channels, count)))
    basis = np.linalg.qr(drawn.reshape(-1, count))[0] * np.sqrt(STEPS * channels)
    return basis.reshape(STEPS, channels, count)


def gaussian(rng, count, blocks=False, noise=0.05):
    """Gaussian strides: factors shared by angles and moments, or (`blocks`) apart."""
    maps = np.random.default_rng(0)  # the same law for all data
    a = curves(maps, 3, 4)
    m = curves(maps, 2, 4)
    z = rng.normal(size=(count, 4))
    own = rng.normal(size=(count, 4))
    values = {
        "angles": np.einsum("tcj,nj->ntc", a, z),
        "moments": np.einsum("tcj,nj->ntc", m, own if blocks else 0.8 * z + 0.6 * own),
        "scalars": np.stack([z[:, 0], own[:, 0]], axis=1)[:, None],
    }
    values = {
        k: (v + noise * rng.normal(size=v.shape)).astype(np.float32) for k, v in values.items()
    }
    values["angles"] = values["angles"] * DEGREES
    return Strides(values, np.arange(count), CHANNELS, UNITS)
