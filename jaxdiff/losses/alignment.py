"""Alignment of the latents of two modalities, LLMA (section 3.3, eqs. 3-6; appendix A.4), selected
by name.

`llma = contrast + covariance`. Contrast: every window of C steps, represented by the mean of its
latents, must identify the window of the other modality with the same sequence and position among
all windows of the batch (cosine similarity over tau). Covariance: at each step, the covariances of
the two latents over the batch must agree.

The functions in `ALIGNMENTS` map latents [B, L, d] of both modalities, gathered over all devices,
to a scalar. `contrast`, `covariance` and `mse` see every step; `simclr`, `barlow` and `vicreg` see
one vector per sequence, the mean over time. Official forms are the default; `variant="paper"` takes
the printed ones where they differ (eqs. 11-13).

A contrast can only measure content if nothing else identifies the partner. Two things would: the
noise level, which the caller must therefore share between the sequences of a batch, and the
position within the sequence, which is why `negatives="balanced"` gives the windows of other
sequences at the same position half of the total weight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.typing import Array


class Settings(NamedTuple):
    """Options of the alignment losses."""

    tau: float = 0.1
    """Temperature of the contrastive losses."""
    window: int = 30
    """Steps in a window, C: a fifth of a stride of 150 samples."""
    symmetric: bool = False
    """Contrast x with y and y with x, instead of x with y only (eq. 4)."""
    negatives: str = "balanced"
    """Negatives of the windowed contrast: a key of `NEGATIVES`."""
    local: bool = False
    """Covariance over the steps of each window instead of over the batch at each step."""
    variant: str = "official"
    """`official`, or `paper` for the formulas as printed."""


def cosine(a: Array, b: Array) -> Array:
    """Cosine of every row of a (N, d) with every row of b (M, d)."""
    return _unit(a) @ _unit(b).T


def _unit(z: Array) -> Array:
    return z * jax.lax.rsqrt(jnp.maximum(jnp.square(z).sum(-1, keepdims=True), 1e-24))


def nt_xent(z1: Array, z2: Array, tau: float = 0.1) -> Array:
    """SimCLR (eqs. 9, 10): each of the 2N rows must find its partner among the other 2N-1 rows."""
    z = jnp.concatenate([z1, z2])
    n = z1.shape[0]
    logits = jnp.where(jnp.eye(2 * n, dtype=bool), -jnp.inf, cosine(z, z) / tau)
    partner = (jnp.arange(2 * n) + n) % (2 * n)
    return -jax.nn.log_softmax(logits)[jnp.arange(2 * n), partner].mean()


def info_nce(
    z1: Array,
    z2: Array,
    tau: float = 0.1,
    symmetric: bool = False,
    log_weights: ArrayLike = 0.0,
) -> Array:
    """Contrast of paired rows.

    Args:
      z1: rows [N, d]; each must identify the same row of `z2` among all of them.
      z2: rows [N, d].
      tau: temperature of the cosine similarities.
      symmetric: average over both directions.
      log_weights: logarithms of the weights of the candidates, [N, N], symmetric.

    Returns:
      The mean cross-entropy.
    """
    logits = cosine(z1, z2) / tau + log_weights
    loss = -jnp.diagonal(jax.nn.log_softmax(logits, axis=1)).mean()
    if not symmetric:
        return loss
    return 0.5 * (loss - jnp.diagonal(jax.nn.log_softmax(logits, axis=0)).mean())


def barlow(
    z1: Array, z2: Array, weight: float = 0.0051, eps: float = 1e-5, variant: str = "official"
) -> Array:
    """Barlow Twins: the cross-correlation of the columns must be the identity. The paper (eq. 11)
    does not normalise.
    """
    if _variant(variant) == "official":
        z1, z2 = ((z - z.mean(0)) * jax.lax.rsqrt(z.var(0) + eps) for z in (z1, z2))
    c = z1.T @ z2 / z1.shape[0]
    diagonal = jnp.diagonal(c)
    return jnp.square(diagonal - 1).sum() + weight * _off_diagonal_energy(c)


class VICReg(NamedTuple):
    """The parts of VICReg before weighting."""

    invariance: Array
    variance: Array
    covariance: Array


def vicreg_parts(z1: Array, z2: Array, eps: float = 1e-4, variant: str = "official") -> VICReg:
    """Invariance, variance and covariance of two views (N, d).

    The paper sums over entries instead of averaging, squares the hinge, and does not centre the
    covariance (A.4.3).
    """
    n, d = z1.shape
    std = [jnp.sqrt(z.var(0, ddof=1) + eps) for z in (z1, z2)]
    if _variant(variant) == "paper":
        hinge = sum(jnp.square(jax.nn.relu(1 - s)).sum() for s in std)
        return VICReg(
            jnp.square(z1 - z2).sum(),
            jnp.asarray(hinge),
            sum(_off_diagonal_energy(z.T @ z / n) for z in (z1, z2)),
        )
    hinge = 0.5 * sum(jax.nn.relu(1 - s).mean() for s in std)
    redundancy = sum(_off_diagonal_energy(_covariance(z)) / d for z in (z1, z2))
    return VICReg(jnp.square(z1 - z2).mean(), jnp.asarray(hinge), jnp.asarray(redundancy))


def vicreg(
    z1: Array,
    z2: Array,
    weights: tuple[float, float, float] = (25.0, 25.0, 1.0),
    eps: float = 1e-4,
    variant: str = "official",
) -> Array:
    """VICReg: 25 invariance + 25 variance + 1 covariance."""
    parts = vicreg_parts(z1, z2, eps, variant)
    return (
        weights[0] * parts.invariance + weights[1] * parts.variance + weights[2] * parts.covariance
    )


def windows(z: Array, length: int) -> Array:
    """Cuts (B, L, d) into (B, L // length, length, d); steps that fill no window are left out."""
    count = z.shape[1] // length
    if count < 1:
        raise DataError(
            f"windows of {length} steps do not fit latents of {z.shape[1]} steps: take a shorter"
            " window"
        )
    return z[:, : count * length].reshape(z.shape[0], count, length, z.shape[2])


def balanced(sequences: int, positions: int) -> np.ndarray:
    """Log-weights of candidates [N, N], N = sequences · positions, that make the position
    uninformative.

    Windows of other sequences at the same position weigh as much as all windows at other positions
    together, and all negatives together N - 1 as before, so that chance stays log N: whoever
    recognises the position only gains log 2 at most.
    """
    position = np.tile(np.arange(positions), sequences)
    count, near = sequences * positions, sequences - 1
    far = count - 1 - near
    if not near or not far:
        return np.zeros((count, count), np.float32)
    same = position[:, None] == position
    weights = np.where(same, (count - 1) / (2 * near), (count - 1) / (2 * far))
    np.fill_diagonal(weights, 1.0)
    return np.log(weights).astype(np.float32)


def same_position(sequences: int, positions: int) -> np.ndarray:
    """Log-weights of candidates [N, N] that leave only windows at the same position; chance is log
    of `sequences`.
    """
    position = np.tile(np.arange(positions), sequences)
    return np.where(position[:, None] == position, 0.0, -np.inf).astype(np.float32)


NEGATIVES: dict[str, Callable[[int, int], np.ndarray | float]] = {
    "balanced": balanced,
    "position": same_position,
    "all": lambda sequences, positions: 0.0,
}
"""Choices of negatives: `(sequences, positions) -> log-weights`; `all` is eq. 4 as printed."""


def llma_contrast(
    z_x: Array,
    z_y: Array,
    window: int = 30,
    tau: float = 0.1,
    symmetric: bool = False,
    negatives: str = "all",
) -> Array:
    """Sequence-contrastive alignment (eq. 4).

    Args:
      z_x: latents [B, L, d] of one modality.
      z_y: latents [B, L, d] of the other.
      window: steps per window, C.
      tau: temperature.
      symmetric: contrast in both directions.
      negatives: a key of `NEGATIVES`.

    Returns:
      The mean cross-entropy over all windows.
    """
    cut_x, cut_y = (windows(z, window).mean(2) for z in (z_x, z_y))
    log_weights = NEGATIVES[_known(negatives, NEGATIVES)](*cut_x.shape[:2])
    rows_x, rows_y = (cut.reshape(-1, cut.shape[-1]) for cut in (cut_x, cut_y))
    return info_nce(rows_x, rows_y, tau, symmetric, log_weights)


def llma_cov(z_x: Array, z_y: Array, window: int | None = None) -> Array:
    """Covariance alignment (eq. 5) of latents (B, L, d): over the batch at each step, or within
    each window.
    """
    if window is None:
        groups = [z.swapaxes(0, 1) for z in (z_x, z_y)]
    else:
        groups = [windows(z, window).reshape(-1, window, z.shape[-1]) for z in (z_x, z_y)]
    c_x, c_y = (jax.vmap(_covariance)(z) for z in groups)
    return jnp.square(c_x - c_y).mean()


def uncertainty_weighted(loss: Array, s: Array) -> Array:
    """`exp(-s) loss + s`: a learned weight that cannot collapse (the paper's learned alpha would
    run to zero).
    """
    return jnp.exp(-s) * loss + s


def _covariance(z: Array) -> Array:
    centred = z - z.mean(0)
    return centred.T @ centred / (z.shape[0] - 1)


def _off_diagonal_energy(c: Array) -> Array:
    return jnp.where(jnp.eye(c.shape[0], dtype=bool), 0, jnp.square(c)).sum()


def _variant(name: str) -> str:
    return _known(name, ("official", "paper"))


def _known(name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise ConfigError(f"no option {name!r} of an alignment loss; {nearest(name, names)}")
    return name


DEFAULT = Settings()


def _contrast(z_x: Array, z_y: Array, s: Settings = DEFAULT) -> Array:
    return llma_contrast(z_x, z_y, s.window, s.tau, s.symmetric, s.negatives)


def _cov(z_x: Array, z_y: Array, s: Settings = DEFAULT) -> Array:
    return llma_cov(z_x, z_y, s.window if s.local else None)


ALIGNMENTS: dict[str, Callable[..., Array]] = {
    "none": lambda z_x, z_y, s=DEFAULT: jnp.zeros((), jnp.float32),
    "llma": lambda z_x, z_y, s=DEFAULT: _contrast(z_x, z_y, s) + _cov(z_x, z_y, s),
    "contrast": _contrast,
    "covariance": _cov,
    "simclr": lambda z_x, z_y, s=DEFAULT: nt_xent(z_x.mean(1), z_y.mean(1), s.tau),
    "barlow": lambda z_x, z_y, s=DEFAULT: barlow(z_x.mean(1), z_y.mean(1), variant=s.variant),
    "vicreg": lambda z_x, z_y, s=DEFAULT: vicreg(z_x.mean(1), z_y.mean(1), variant=s.variant),
    "mse": lambda z_x, z_y, s=DEFAULT: jnp.square(z_x - z_y).mean(),
}
"""The alignments by name: `(z_x, z_y, settings=DEFAULT) -> loss`."""


def alignment(word: str, settings: Settings = DEFAULT) -> Callable[[Array, Array], Array]:
    """The alignment of this name.

    Args:
      word: a key of `ALIGNMENTS`.
      settings: its options.

    Returns:
      `(z_x, z_y) -> loss`, computed in float32 at least.

    Raises:
      ConfigError: no such alignment, variant or choice of negatives.
    """
    if word not in ALIGNMENTS:
        raise ConfigError(f"no alignment {word!r}; {nearest(word, ALIGNMENTS)}")
    _variant(settings.variant)
    _known(settings.negatives, NEGATIVES)

    def loss(z_x: Array, z_y: Array) -> Array:
        z_x, z_y = (z.astype(jnp.promote_types(z.dtype, jnp.float32)) for z in (z_x, z_y))
        return ALIGNMENTS[word](z_x, z_y, settings)

    return loss


class Content(NamedTuple):
    """How much of its partner a latent identifies: the contrast of true pairs, and of pairs that do
    not belong together.
    """

    paired: Array
    mispaired: Array


def content(z_x: Array, z_y: Array, settings: Settings = DEFAULT) -> Content:
    """The contrast, and the contrast when every y comes from the next sequence of the batch.

    Args:
      z_x: latents [B, L, d].
      z_y: latents [B, L, d], row by row of the same sequences.
      settings: window, temperature and negatives of the contrast.

    Returns:
      Both values; equal ones mean that the latents identify no content, however low the contrast
      is.
    """
    return Content(_contrast(z_x, z_y, settings), _contrast(z_x, jnp.roll(z_y, 1, 0), settings))
