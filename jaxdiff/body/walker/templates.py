"""What a gait should look like: normative joint angles, pelvis, trunk and arm motion at one speed
and slope.

Key points of stance ("st") and swing ("sw"), joined by a periodic monotone cubic and truncated to
nine harmonics. Degrees here; the angles are templates, made consistent with contact and with Newton
in `projection`.
"""

from __future__ import annotations

import numpy as np

from jaxdiff.body.walker.curves import fourier, fourier_fit, periodic_pchip
from jaxdiff.body.walker.subjects import Walker
from jaxdiff.body.walker.timing import duty, template_speed

HARMONICS = 9
SAMPLES = 96


def key_points(walker: Walker, leg: int, u: float, b: float) -> dict[str, tuple[list, list]]:
    """Per curve (stance fractions and values, swing fractions and values), for one leg."""
    p, n = max(b, 0.0), max(-b, 0.0)
    du = float(template_speed(walker, u)) - 0.4
    kst, ksw = walker.knee_stance[leg], walker.knee_swing[leg]
    apf, adf = walker.ankle_push[leg], walker.ankle_dorsi[leg]
    h0 = 26 + 22 * du + 1.9 * p - 0.45 * n + walker.hip_flexion[leg]
    hm = -11 - 22 * du + 0.2 * p + 1.1 * n + walker.hip_extension[leg]
    k1 = 18 + 30 * du + 1.4 * p + 1.1 * n + kst
    k2 = 6 + 0.6 * p + 1.7 * n + 0.6 * kst
    kx = 60 + 22 * du + 0.4 * p + 0.8 * n + ksw
    a0 = p - 0.3 * n + adf
    at = -16 - 16 * du - 0.3 * p + 0.8 * n + apf
    f0 = 20 + 24 * du - 0.3 * n - 0.9 * p + 0.7 * adf - 0.3 * kst
    ft = -60 - 28 * du + 0.6 * n + 0.2 * p + 0.5 * apf
    return {
        "hip": (
            [
                (0, h0),
                (0.18, h0 - 3),
                (0.5, 0.42 * h0 + 0.58 * hm - 1),
                (0.83, hm),
                (1, hm + 8 + 5 * du),
            ],
            [(0.4, 0.3 * hm + 0.7 * h0 + 1), (0.7, h0 + 3 + 0.2 * p)],
        ),
        "knee": (
            [
                (0, 5 + 2.2 * p + 0.3 * n + 0.5 * kst),
                (0.22, k1),
                (0.62, k2),
                (0.82, k2 + 6 + 0.4 * n),
                (1, 38 - 0.3 * p + 1.2 * n + 0.5 * ksw),
            ],
            [
                (0.28, kx),
                (0.55, 0.62 * kx),
                (0.8, 12 + 1.8 * p + 0.3 * kst),
                (0.95, 3 + 2 * p + 0.2 * n + 0.4 * kst),
            ],
        ),
        "ankle": (
            [
                (0, a0),
                (0.1, a0 - 5),
                (0.5, 7 + 0.9 * p + 0.2 * n + 0.6 * adf),
                (0.74, 13.5 + 0.7 * p + 0.7 * n + 0.6 * adf),
                (0.9, 0.45 * (13 + at)),
                (1, at),
            ],
            [(0.1, at - 1), (0.5, 1 + 0.6 * p + adf), (0.8, 2 + 0.8 * p + adf)],
        ),
        "foot": (
            [
                (0, f0),
                (0.07, 0.45 * f0),
                (0.15, 0),
                (0.3, 0),
                (0.5, 0),
                (0.63, -5),
                (0.8, -19),
                (0.91, -36),
                (1, ft),
            ],
            [(0.12, ft - 5), (0.35, -38), (0.58, -8), (0.78, 9), (0.92, f0)],
        ),
    }


def leg_templates(walker: Walker, u: float, b: float) -> np.ndarray:
    """Fourier coefficients (2 legs, 4 curves: hip, knee, ankle, foot pitch to the belt; 19) in each
    leg's own phase.
    """
    phase = np.arange(SAMPLES) / SAMPLES
    stance_end = duty(walker, u)
    coefficients = np.empty((2, 4, 1 + 2 * HARMONICS))
    for leg, end in enumerate(stance_end):
        for curve, (stance, swing) in enumerate(key_points(walker, leg, u, b).values()):
            knots = np.array([s * end for s, _ in stance] + [end + w * (1 - end) for w, _ in swing])
            values = np.array([value for _, value in stance + swing])
            coefficients[leg, curve] = fourier_fit(periodic_pchip(knots, values, phase), HARMONICS)
    own = [0, 1, 2, 3, 4, *(HARMONICS + k for k in range(1, 5))]
    coefficients[:, :3, own] += walker.signature
    return coefficients


def wave(phase: np.ndarray, shift: float = 0.0, harmonic: int = 1) -> np.ndarray:
    """`cos 2πk(phase - shift)`."""
    return np.cos(2.0 * np.pi * harmonic * (phase - shift))


def pelvis(
    walker: Walker, u: float, b: float, phase: np.ndarray, swing: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Pelvis yaw, list and tilt over the stride; a weak leg is hiked in its swing."""
    u = float(template_speed(walker, u))
    yaw = walker.yaw_factor * (3 + 8 * u) * wave(phase)
    hike = walker.hip_hike[:, None] * np.sin(np.pi * np.clip(swing, 0.0, 1.0)) ** 3
    obliquity = walker.list_factor * (2 + 6 * u) * wave(phase, 0.15) + hike[0] - hike[1]
    tilt = np.full(phase.shape, b + 3 + 0.2 * max(b, 0.0) + walker.tilt)
    return yaw, obliquity, tilt


def upper_body(
    walker: Walker, u: float, b: float, phase: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Trunk yaw in space, the trunk's target lean, and shoulder flexion (2, N)."""
    u = float(template_speed(walker, u))
    lean = b + 0.35 * max(b, 0.0) - 0.4 * max(-b, 0.0) + 2 + walker.lean
    swing = (5 + 50 * u) * wave(phase)
    return (
        -(2 + 3 * u) * wave(phase),
        lean,
        3 + walker.arm_factor[:, None] * np.stack([-swing, swing]),
    )


def transverse(
    walker: Walker, u: float, phase: np.ndarray, yaw: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Hip rotation, knee rotation and knee adduction (2, N) at the legs' own phases; small and
    prescribed.
    """
    k = walker.transverse_factor * (0.7 + 0.75 * float(template_speed(walker, u)))
    hip_rotation = walker.hip_rotation + 2 * k * wave(phase, 0.15) + 0.8 * np.stack([-yaw, yaw])
    knee_rotation = (
        walker.knee_rotation + 3.5 * k * wave(phase, 0.12) + 1.5 * k * wave(phase, 0.7, 2)
    )
    knee_adduction = (
        walker.knee_adduction + 1.2 * k * wave(phase, 0.72) + 0.6 * k * wave(phase, 0.15, 2)
    )
    return hip_rotation, knee_rotation, knee_adduction


def evaluate(coefficients: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Curves (2, …, N) from coefficients (2, …, 19) at the legs' own phases (2, N)."""
    return np.einsum("l...k,lnk->l...n", coefficients, fourier(phase, HARMONICS))
