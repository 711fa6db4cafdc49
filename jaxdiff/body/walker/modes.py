"""How gaits change with small deviations of their traits: the images by which strides are made to
vary.

A deviation (more knee flexion in swing, a narrower step, a longer stride) moves the gait along its
contact- and Newton-consistent image: the solution of the changed design minus that of the reference
subject. Images are computed at nine speeds and slopes once, kept in `modes.npz`, and interpolated.
`python -m jaxdiff.body.walker.modes` renews the file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from jaxdiff.body.walker.curves import lagrange, natural_spline
from jaxdiff.body.walker.model import ARM, COORDINATES, LEG
from jaxdiff.body.walker.traits import Traits, reference
from jaxdiff.body.walker.variability import BODY_MODES, LEG_MODES, MODES
from jaxdiff.body.walker.whole import HARMONICS

FILE = Path(__file__).with_name("modes.npz")
SPEEDS, SLOPES = (0.20, 0.35, 0.50), (-10.0, 0.0, 10.0)
SIDEWAYS = ("pelvis_ty", "pelvis_yaw", "pelvis_roll", "lumbar_yaw", "lumbar_roll")
STEP = 0.05
"""Step in log speed for the image of a faster gait."""


def mirror(coefficients: np.ndarray) -> np.ndarray:
    """The same gaits [..., 25, 29] with left and right exchanged, half a stride later."""
    half = (-1.0) ** np.concatenate([[0], np.tile(np.arange(1, HARMONICS + 1), 2)])
    swapped = coefficients.copy()
    swapped[..., [*LEG[0], *LEG[1], *ARM]] = coefficients[..., [*LEG[1], *LEG[0], *ARM[::-1]]]
    swapped[..., [COORDINATES.index(name) for name in SIDEWAYS]] *= -1.0
    return swapped * half[:, None]


def compute() -> np.ndarray:
    """Images [9, 17, 25, 29]: right leg (8), whole body (8), log speed."""
    from jaxdiff.body.walker.batch import solve_gaits

    changes: list[tuple[Traits, float]] = [(reference(), 1.0)]
    for name, spread in LEG_MODES.items():
        value = getattr(reference(), name) + spread * np.array([1.0, 0.0])
        changes.append((reference()._replace(**{name: value}), 1.0))
    for name, spread in BODY_MODES.items():
        changes.append((reference()._replace(**{name: getattr(reference(), name) + spread}), 1.0))
    changes.append((reference(), float(np.exp(STEP))))
    traits = Traits(*(np.concatenate(values) for values in zip(*(t for t, _ in changes))))
    faster = np.array([factor for _, factor in changes])
    images = []
    for speed in SPEEDS:
        for slope in SLOPES:
            found = solve_gaits(
                traits, np.ones(len(faster)), speed * faster, np.full(len(faster), slope), 12
            )
            image = found[1:] - found[0]
            image[-1] /= STEP
            images.append(image)
    return np.stack(images)


@cache
def table() -> np.ndarray:
    """Images [9, MODES + 1, 25, 29] of right leg, left leg, whole body and log speed, float32."""
    with np.load(FILE, allow_pickle=False) as file:
        images = file["images"].astype(np.float32)
    n = len(LEG_MODES)
    return np.concatenate([images[:, :n], mirror(images[:, :n]), images[:, n:]], axis=1)


def at(u: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Images [M, MODES + 1, 25, 29] at speeds u [M] and slopes b [M]; outside the nodes, as at the
    nearest one.
    """
    by_speed = lagrange(np.array(SPEEDS), np.clip(u, SPEEDS[0], SPEEDS[-1]))
    by_slope = natural_spline(np.array(SLOPES), np.clip(b, SLOPES[0], SLOPES[-1]))
    weights = (by_speed[:, :, None] * by_slope[:, None, :]).reshape(len(u), -1)
    images = table()
    mixed = weights.astype(np.float32) @ images.reshape(len(images), -1)
    return mixed.reshape(len(u), MODES + 1, *images.shape[2:])


if __name__ == "__main__":
    np.savez_compressed(FILE, images=compute().astype(np.float16))
