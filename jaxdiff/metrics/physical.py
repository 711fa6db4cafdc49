"""Physical plausibility of joint positions (BioVAE IV.B, eqs. 12-18). Real motion is the value to
be close to.

Skating, floating, penetration and clipping are amounts per frame, in m/s (skating) or metres:

    skating      |horizontal speed of the feet that slide|; a foot slides if it is below 5 cm in both frames of a step and its
                 speed and its 5-frame mean speed exceed 0.5 m/s (GMD; the mean counts zeros beyond
                 the clip)
    floating     height of the lowest joint above 5 cm
    penetration  depth of the lowest joint below the ground
    clipping     how much closer than 5 cm the two feet are

The paper prints `exp(-amount)` (form `reward`), but its tables hold shares of frames (form `ratio`,
the default); `distance` is the mean amount. It also prints 5 cm for penetration and "exceeds" for
clipping, which would flag nearly every real frame.

`smoothness` is 1 / eq. 18 (`|a_i - a_{i-1}| / Δt`, a per frame²), an interpretation: only so do the
paper's tables make sense; `jerk` is the plain third difference in m/s³. VC and AC are the share of
high over that of low frequencies in the spectrum of velocity and acceleration (form `ratio`); eq.
12 as printed, on a spectrum of sum 1, is `literal`. The paper gives no bands; with a quarter and
seven tenths of the Nyquist frequency, captured motion at 20 frames a second has VC 0.11 and AC
0.61, with 1 cm of jitter 2.1 and 8.0 (the paper: real 0.12 and 0.68, its most jittery method 2.4
and 7.2). Compare at one frame rate only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, nearest


class Scene(NamedTuple):
    """What the joints are in: frame rate, feet, axes and units."""

    rate: float = 20.0
    """Frames per second."""
    feet: tuple[int, int] = (10, 11)
    """Joints of the left and the right foot."""
    up: int = 1
    """The vertical axis."""
    metres: float = 1.0
    """Metres per unit of the data."""
    ground: float = 0.0
    """Height of the ground in metres."""


HUMANML3D = Scene()
KIT = Scene(rate=12.5, feet=(20, 15), metres=1e-3)


class Limits(NamedTuple):
    """Thresholds, in metres and m/s; bands as shares of the Nyquist frequency."""

    contact: float = 0.05
    slide: float = 0.5
    window: int = 5
    floating: float = 0.05
    penetration: float = 0.0
    clipping: float = 0.05
    low: float = 0.25
    """Frequencies below count as low in VC and AC."""
    high: float = 0.7
    """Frequencies from here on count as high."""


LIMITS = Limits()
FORMS = ("ratio", "reward", "distance")


def skating(
    joints: ArrayLike, scene: Scene = HUMANML3D, limits: Limits = LIMITS
) -> tuple[np.ndarray, np.ndarray]:
    """One clip (T, J, 3) -> whether each foot slides in each step (2, T-1), and GMD's mean speed
    while in contact (2, T-1).
    """
    feet = _metres(joints, scene)[:, list(scene.feet)]
    low = feet[..., scene.up] < limits.contact
    contact = (low[1:] & low[:-1]).T
    speed = _horizontal_speed(feet, scene)
    half = limits.window // 2
    padded = np.pad(speed, ((0, 0), (half, limits.window - 1 - half)))
    mean = np.lib.stride_tricks.sliding_window_view(padded, limits.window, axis=1).mean(-1)
    return contact & (speed > limits.slide) & (mean > limits.slide), contact * mean


def amounts(
    joints: ArrayLike, scene: Scene = HUMANML3D, limits: Limits = LIMITS
) -> dict[str, np.ndarray]:
    """Per-frame amounts of the four artefacts of one clip (T, J, 3): zero where there is none."""
    x = _metres(joints, scene)
    lowest = x[..., scene.up].min(1)
    feet = x[:, list(scene.feet)]
    apart = np.linalg.norm(feet[:, 0] - feet[:, 1], axis=-1)
    slides, _ = skating(joints, scene, limits)
    return {
        "skating": np.linalg.norm(_horizontal_speed(feet, scene) * slides, axis=0),
        "floating": np.maximum(lowest - limits.floating, 0),
        "penetration": np.where(lowest < -limits.penetration, -lowest, 0),
        "clipping": np.maximum(limits.clipping - apart, 0),
    }


def derivative(joints: ArrayLike, order: int, scene: Scene = HUMANML3D) -> np.ndarray:
    """Mean over joints of the size of the order-th time derivative, (T - order,), in m/s^order."""
    return np.linalg.norm(_difference(joints, order, scene), axis=-1).mean(-1)


def consistency(
    joints: ArrayLike,
    order: int,
    scene: Scene = HUMANML3D,
    limits: Limits = LIMITS,
    form: str = "ratio",
) -> float:
    """VC (order 1) or AC (order 2) of one clip, from the magnitudes of its spectrum."""
    if form not in ("ratio", "literal"):
        raise ConfigError(f"no form {form!r} of VC and AC; {nearest(form, ('ratio', 'literal'))}")
    x = _difference(joints, order, scene)
    spectrum = np.abs(np.fft.rfft(x.reshape(len(x), -1), axis=0)).sum(1)
    spectrum = spectrum / max(spectrum.sum(), 1e-12)
    frequency = 2 * np.fft.rfftfreq(len(x))  # 1 is Nyquist
    low, high = spectrum[frequency < limits.low].sum(), spectrum[frequency >= limits.high].sum()
    if form == "literal":
        return float((1 - low - high) / max(low + high, 1e-12))
    return float(high / max(low, 1e-12))


def physical(
    clips: Sequence[ArrayLike],
    scene: Scene = HUMANML3D,
    *,
    lengths: Sequence[int] | None = None,
    form: str = "ratio",
    limits: Limits = LIMITS,
) -> dict[str, float]:
    """The physical table of clips (T_i, J, 3), or of a padded batch (B, T, J, 3) with `lengths`;
    each clip weighs the same.

    Names: skating, floating, penetration, clipping (see `form`), speed [m/s], accel [m/s²], jerk
        [m/s³], smoothness, vc, ac.
    """
    if form not in FORMS:
        raise ConfigError(f"no form {form!r} of the physical metrics; {nearest(form, FORMS)}")
    if lengths is not None:
        clips = [np.asarray(clip)[: int(n)] for clip, n in zip(clips, lengths, strict=True)]
    reduce = {
        "ratio": lambda a: (a > 0).mean(),
        "reward": lambda a: np.exp(-a).mean(),
        "distance": np.mean,
    }[form]
    rows = []
    for clip in clips:
        row = {name: reduce(amount) for name, amount in amounts(clip, scene, limits).items()}
        row |= {
            name: derivative(clip, order, scene).mean()
            for order, name in enumerate(("speed", "accel", "jerk"), 1)
        }
        row |= {
            name: consistency(clip, order, scene, limits)
            for order, name in enumerate(("vc", "ac"), 1)
        }
        rows.append(row)
    scores = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    scores["smoothness"] = scene.rate**2 / scores["jerk"] if scores["jerk"] > 0 else float("inf")
    return scores


def _horizontal_speed(feet: np.ndarray, scene: Scene) -> np.ndarray:
    """(T, 2, 3) -> (2, T-1) in m/s."""
    return (
        np.linalg.norm(np.delete(np.diff(feet, axis=0), scene.up, axis=-1), axis=-1).T * scene.rate
    )


def _difference(joints: ArrayLike, order: int, scene: Scene) -> np.ndarray:
    return np.diff(_metres(joints, scene), n=order, axis=0) * scene.rate**order


def _metres(joints: ArrayLike, scene: Scene) -> np.ndarray:
    """Positions in metres above the ground, checked."""
    x = np.asarray(joints, np.float64)
    if x.ndim != 3 or x.shape[-1] != 3 or max(scene.feet) >= x.shape[1]:
        raise DataError(
            f"a clip must be (T, J, 3) with feet {scene.feet} among its joints; got shape {x.shape}"
        )
    if len(x) < 4:
        raise DataError(f"physical metrics need clips of 4 frames or more; got {len(x)}")
    x = x * scene.metres
    x[..., scene.up] -= scene.ground
    return x
