"""Alignment of the latents of two modalities, LLMA (section 3.3, eqs. 3-6; appendix A.4), selectable by one word.

`llma = contrast + covariance`. Contrast: windows of C steps, each the mean of its latents; every window of x must find the
window of y with its sequence and index among all windows of y in the batch (cosine similarity over tau). Covariance: at
each step, the covariance over the batch of the latents of x and of y must agree.

The words of `ALIGNMENTS` map latents (B, L, d) of both modalities, gathered over all devices, to a scalar. `contrast`,
`covariance` and `mse` see every step; `simclr`, `barlow` and `vicreg` see one vector per sequence, the mean over time.
Official forms are the default; `variant="paper"` takes the printed ones where they differ (eqs. 11-13).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.errors import ConfigError, DataError, nearest
from jaxdiff.typing import Array


class Settings(NamedTuple):
    """What the alignment words may be told."""

    tau: float = 0.1
    """Temperature of the contrastive losses."""
    window: int = 30
    """Steps in a window, C: a fifth of a stride of 150 samples."""
    symmetric: bool = False
    """Contrast x with y and y with x, instead of x with y only (eq. 4)."""
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


def info_nce(z1: Array, z2: Array, tau: float = 0.1, symmetric: bool = False) -> Array:
    """Each row of z1 must find the same row of z2 among all rows of z2; with `symmetric`, the mean of both directions."""
    logits = cosine(z1, z2) / tau
    loss = -jnp.diagonal(jax.nn.log_softmax(logits, axis=1)).mean()
    if not symmetric:
        return loss
    return 0.5 * (loss - jnp.diagonal(jax.nn.log_softmax(logits, axis=0)).mean())


def barlow(
    z1: Array, z2: Array, weight: float = 0.0051, eps: float = 1e-5, variant: str = "official"
) -> Array:
    """Barlow Twins: the cross-correlation of the columns must be the identity. The paper (eq. 11) does not normalise."""
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

    The paper sums over entries instead of averaging, squares the hinge, and does not centre the covariance (A.4.3).
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
            f"windows of {length} steps do not fit latents of {z.shape[1]} steps: take a shorter window"
        )
    return z[:, : count * length].reshape(z.shape[0], count, length, z.shape[2])


def llma_contrast(
    z_x: Array, z_y: Array, window: int = 30, tau: float = 0.1, symmetric: bool = False
) -> Array:
    """Sequence-contrastive alignment (eq. 4) of latents (B, L, d)."""
    w_x, w_y = (windows(z, window).mean(2).reshape(-1, z.shape[-1]) for z in (z_x, z_y))
    return info_nce(w_x, w_y, tau, symmetric)


def llma_cov(z_x: Array, z_y: Array, window: int | None = None) -> Array:
    """Covariance alignment (eq. 5) of latents (B, L, d): over the batch at each step, or within each window."""
    if window is None:
        groups = [z.swapaxes(0, 1) for z in (z_x, z_y)]
    else:
        groups = [windows(z, window).reshape(-1, window, z.shape[-1]) for z in (z_x, z_y)]
    c_x, c_y = (jax.vmap(_covariance)(z) for z in groups)
    return jnp.square(c_x - c_y).mean()


def uncertainty_weighted(loss: Array, s: Array) -> Array:
    """`exp(-s) loss + s`: a learned weight that cannot collapse (the paper's learned alpha would run to zero)."""
    return jnp.exp(-s) * loss + s


def _covariance(z: Array) -> Array:
    centred = z - z.mean(0)
    return centred.T @ centred / (z.shape[0] - 1)


def _off_diagonal_energy(c: Array) -> Array:
    return jnp.where(jnp.eye(c.shape[0], dtype=bool), 0, jnp.square(c)).sum()


def _variant(word: str) -> str:
    if word not in ("official", "paper"):
        raise ConfigError(
            f"no variant {word!r} of an alignment loss; {nearest(word, ('official', 'paper'))}"
        )
    return word


DEFAULT = Settings()


def _contrast(z_x: Array, z_y: Array, s: Settings = DEFAULT) -> Array:
    return llma_contrast(z_x, z_y, s.window, s.tau, s.symmetric)


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
"""The alignment words: `(z_x, z_y, settings=DEFAULT) -> loss`."""


def alignment(word: str, settings: Settings = DEFAULT) -> Callable[[Array, Array], Array]:
    """The alignment of that name as a function of the two latents, computed in float32 at least."""
    if word not in ALIGNMENTS:
        raise ConfigError(f"no alignment {word!r}; {nearest(word, ALIGNMENTS)}")
    _variant(settings.variant)

    def loss(z_x: Array, z_y: Array) -> Array:
        z_x, z_y = (z.astype(jnp.promote_types(z.dtype, jnp.float32)) for z in (z_x, z_y))
        return ALIGNMENTS[word](z_x, z_y, settings)

    return loss
