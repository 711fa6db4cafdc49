"""Pose errors, as WHAM (Shin et al. 2024), SLAHMR and SmoothNet (Zeng et al. 2022) compute them.

Joints are (T, J, 3), in metres unless said otherwise. Functions return one value per frame, in the
unit of the data; `pose` summarises sequences as tables do: frames of all sequences pooled,
positions in mm, accelerations in m/s².

Similarity fit (Umeyama 1991): `s, R, t` minimise `Σ |y - (s R x + t)|²`. With `C = Σ y xᵀ = U D Vᵀ`
(centred), `R = U S Vᵀ`, `s = tr(D S) / Σ |x|²`, where `S = diag(1, 1, det(U Vᵀ))` forbids a
reflection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, nearest


class Similarity(NamedTuple):
    """`y = scale · rotation x + translation`, with any leading axes."""

    scale: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Applies to points (..., N, 3)."""
        return (
            self.scale[..., None, None] * x @ np.swapaxes(self.rotation, -1, -2)
            + self.translation[..., None, :]
        )


def similarity(x: ArrayLike, y: ArrayLike, scaled: bool = True) -> Similarity:
    """The similarity (or, unscaled, the rigid motion) that brings points x (..., N, 3) closest to
    y.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    mean_x, mean_y = x.mean(-2), y.mean(-2)
    x, y = x - mean_x[..., None, :], y - mean_y[..., None, :]
    u, d, vt = np.linalg.svd(np.swapaxes(y, -1, -2) @ x)
    sign = np.ones_like(d)
    sign[..., 2] = np.where(np.linalg.det(u @ vt) < 0, -1, 1)
    rotation = (u * sign[..., None, :]) @ vt
    size = np.square(x).sum((-1, -2))
    scale = (d * sign).sum(-1) / np.where(size > 0, size, 1) if scaled else np.ones_like(size)
    return Similarity(
        scale, rotation, mean_y - scale[..., None] * (rotation @ mean_x[..., None])[..., 0]
    )


def aligned(pred: ArrayLike, truth: ArrayLike, over: str = "frame") -> np.ndarray:
    """`pred` after one similarity fit to `truth`: per `frame`, over the `first` two frames, or over
    `all`.
    """
    pred, truth = _pair(pred, truth)
    spans = {"frame": slice(None), "first": slice(2), "all": slice(None)}
    if over not in spans:
        raise ConfigError(f"no alignment over {over!r}; {nearest(over, spans)}")
    if over == "frame":
        return similarity(pred, truth)(pred)
    span = spans[over]
    return similarity(pred[span].reshape(-1, 3), truth[span].reshape(-1, 3))(pred)


def rooted(joints: ArrayLike, pelvis: Sequence[int] = (0,)) -> np.ndarray:
    """Joints minus the mean of the pelvis joints of each frame."""
    joints = np.asarray(joints, np.float64)
    return joints - joints[..., list(pelvis), :].mean(-2, keepdims=True)


def mpjpe(pred: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """Mean distance of the joints, (T,). Of vertices it is PVE; of `rooted` joints, WHAM's
    MPJPE.
    """
    pred, truth = _pair(pred, truth)
    return np.linalg.norm(pred - truth, axis=-1).mean(-1)


def pa_mpjpe(pred: ArrayLike, truth: ArrayLike) -> np.ndarray:
    """MPJPE after the best similarity of each frame, (T,)."""
    return mpjpe(aligned(pred, truth), truth)


def pve(
    pred: ArrayLike,
    truth: ArrayLike,
    pred_joints: ArrayLike,
    joints: ArrayLike,
    pelvis: Sequence[int],
) -> np.ndarray:
    """Mean distance of surface vertices (T, V, 3), each body relative to its own pelvis, (T,)."""
    centre, centre_truth = (
        np.asarray(j, np.float64)[:, list(pelvis)].mean(1, keepdims=True)
        for j in (pred_joints, joints)
    )
    return mpjpe(
        np.asarray(pred, np.float64) - centre, np.asarray(truth, np.float64) - centre_truth
    )


def accel_error(
    pred: ArrayLike,
    truth: ArrayLike,
    rate: float = 1.0,
    form: str = "inner",
    visible: ArrayLike | None = None,
) -> np.ndarray:
    """Mean over joints of |second difference of pred - of truth| rate².

    Forms: `inner`, the T-2 frames that have one, of them only those whose three frames are all
        `visible`; `wham`, the same
    without its first and last; `smoothnet`, T frames with a zero at each end (so its mean is
    slightly low).
    """
    if form not in ("inner", "wham", "smoothnet"):
        raise ConfigError(
            f"no acceleration error {form!r}; {nearest(form, ('inner', 'wham', 'smoothnet'))}"
        )
    pred, truth = _pair(pred, truth)
    error = np.linalg.norm(np.diff(pred - truth, n=2, axis=0), axis=-1).mean(-1) * rate**2
    if visible is not None:
        seen = np.asarray(visible, bool)
        error = error[seen[:-2] & seen[1:-1] & seen[2:]]
    return {"inner": error, "wham": error[1:-1], "smoothnet": np.pad(error, 1)}[form]


def accel(joints: ArrayLike, rate: float = 1.0) -> np.ndarray:
    """Mean size of the acceleration over joints, (T-2,)."""
    return (
        np.linalg.norm(np.diff(np.asarray(joints, np.float64), n=2, axis=0), axis=-1).mean(-1)
        * rate**2
    )


def jitter(joints: ArrayLike, rate: float) -> np.ndarray:
    """Mean size of the third difference times rate³ over joints, (T-3,), in 10 m/s³ as WHAM prints
    it.
    """
    return (
        np.linalg.norm(np.diff(np.asarray(joints, np.float64), n=3, axis=0), axis=-1).mean(-1)
        * rate**3
        / 10
    )


def root_translation_error(pred_root: ArrayLike, root: ArrayLike) -> np.ndarray:
    """RTE: distance of the rigidly aligned root path (T, 3) from the true one, as a share of the
    true path's length, (T,).
    """
    pred_root, root = np.asarray(pred_root, np.float64), np.asarray(root, np.float64)
    length = np.linalg.norm(np.diff(root, axis=0), axis=-1).sum()
    if length <= 0:
        raise DataError("the root translation error needs a true root that moves")
    return (
        np.linalg.norm(similarity(pred_root, root, scaled=False)(pred_root) - root, axis=-1)
        / length
    )


def foot_sliding(pred_feet: ArrayLike, feet: ArrayLike, still: float = 0.01) -> np.ndarray:
    """Step lengths of predicted foot points (T, F, 3) where the true point moves less than `still`
    per frame, in metres.
    """
    step, true_step = (
        np.linalg.norm(np.diff(np.asarray(x, np.float64), axis=0), axis=-1)
        for x in (pred_feet, feet)
    )
    return step[true_step < still]


def pose(
    preds: Sequence[ArrayLike],
    truths: Sequence[ArrayLike],
    rate: float,
    pelvis: Sequence[int] = (0,),
) -> dict[str, float]:
    """The pose table of sequences of joints in metres: `mpjpe` and `pa_mpjpe` [mm], `accel_error`
    [m/s²], `jitter` [10 m/s³].
    """
    pairs = [
        (rooted(pred, pelvis), rooted(truth, pelvis))
        for pred, truth in zip(preds, truths, strict=True)
    ]
    rows = {
        "mpjpe": [1000 * mpjpe(*pair) for pair in pairs],
        "pa_mpjpe": [1000 * pa_mpjpe(*pair) for pair in pairs],
        "accel_error": [accel_error(*pair, rate, form="wham") for pair in pairs],
        "jitter": [jitter(pred, rate) for pred in preds],
    }
    return {name: float(np.concatenate(values).mean()) for name, values in rows.items()}


def _pair(pred: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pred, truth = np.asarray(pred, np.float64), np.asarray(truth, np.float64)
    if pred.shape != truth.shape or pred.shape[-1] != 3:
        raise DataError(
            f"pose errors need two arrays (T, J, 3) of one shape; got {pred.shape} and"
            f" {truth.shape}"
        )
    return pred, truth
