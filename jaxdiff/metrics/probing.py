"""Analysis of latent spaces: classification probes, correlation between modalities, and
two-dimensional maps.

A probe is softmax regression (linear) or one hidden layer (nonlinear) on frozen features,
standardised on its training part and trained on all but the held-out subjects (LLMA 4.6, 27 tasks):
the split is by subject, so a probe cannot score by recognising people. All folds train at once, as
one `vmap` over weights that are 0 for held-out rows.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import ArrayLike

from jaxdiff.errors import ConfigError, DataError, MissingExtra, nearest
from jaxdiff.typing import Array, Key


class Probe(nn.Module):
    """Linear (`hidden` 0) or one ReLU layer."""

    classes: int
    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return nn.Dense(self.classes)(nn.relu(nn.Dense(self.hidden)(x)) if self.hidden else x)


def probe(
    features: ArrayLike,
    labels: ArrayLike,
    subjects: ArrayLike,
    *,
    hidden: int = 0,
    folds: int = 5,
    steps: int = 300,
    decay: float = 1e-2,
    seed: int = 0,
) -> dict[str, float]:
    """Accuracy on held-out subjects: mean `accuracy` and `accuracy_sd` over folds of subjects, and
    `chance`.

    `features` (n, d), one row per sequence; `hidden` 0 is the linear probe, 128 a good nonlinear
    one. `chance` is the share of the commonest label.
    """
    x, subjects = np.asarray(features, np.float32), np.asarray(subjects)
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    people = np.unique(subjects)
    if x.ndim != 2 or len(y) != len(x) or len(subjects) != len(x):
        raise DataError(
            f"a probe needs features (n, d) and n labels and subjects; got {x.shape}, {len(y)},"
            f" {len(subjects)}"
        )
    if len(people) < 2:
        raise DataError(
            "a probe is tested on subjects it was not trained on: it needs two subjects or more"
        )
    parts = np.array_split(np.random.default_rng(seed).permutation(people), min(folds, len(people)))
    train = np.stack([~np.isin(subjects, part) for part in parts]).astype(np.float32)
    right = np.asarray(_probe(jax.random.key(seed), x, y, train, len(names), hidden, steps, decay))
    accuracy = [row[held == 0].mean() for row, held in zip(right, train)]
    return {
        "accuracy": float(np.mean(accuracy)),
        "accuracy_sd": float(np.std(accuracy)),
        "chance": float(np.bincount(y).max() / len(y)),
    }


def transfer(
    features: ArrayLike,
    labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    *,
    hidden: int = 0,
    steps: int = 300,
    decay: float = 1e-2,
    seed: int = 0,
) -> float:
    """Accuracy on a test set of a probe fitted to a training set.

    Args:
      features: training features [n, d].
      labels: their labels [n].
      test_features: features [m, d] of other subjects.
      test_labels: their labels [m].
      hidden: width of the hidden layer; 0 for the linear probe.
      steps: training steps.
      decay: weight decay.
      seed: seed of the initial weights.

    Returns:
      Share of the test rows whose label is predicted.
    """
    x = np.concatenate([features, test_features]).astype(np.float32)
    names, y = np.unique(np.concatenate([labels, test_labels]), return_inverse=True)
    train = (np.arange(len(x)) < len(np.asarray(labels))).astype(np.float32)
    key = jax.random.key(seed)
    right = _probe(key, x, y, train[None], len(names), hidden, steps, decay)
    return float(np.asarray(right)[0][train == 0].mean())


@partial(jax.jit, static_argnames=("classes", "hidden", "steps"))
def _probe(
    key: Key, x: Array, y: Array, train: Array, classes: int, hidden: int, steps: int, decay: float
) -> Array:
    """Which rows each fold's probe gets right, (folds, n)."""
    net = Probe(classes, hidden)

    def fold(weight):
        share = weight / weight.sum()
        mean = share @ x
        z = (x - mean) / jnp.sqrt(share @ jnp.square(x - mean) + 1e-6)

        def loss(params):
            kernels = sum(jnp.square(k).sum() for k in jax.tree.leaves(params) if k.ndim == 2)
            return (
                share @ optax.softmax_cross_entropy_with_integer_labels(net.apply(params, z), y)
                + decay * 0.5 * kernels
            )

        optimiser = optax.adam(optax.cosine_decay_schedule(3e-2 if not hidden else 3e-3, steps))

        def step(carry, _):
            params, state = carry
            updates, state = optimiser.update(jax.grad(loss)(params), state)
            return (optax.apply_updates(params, updates), state), None

        params = net.init(key, z[:1])
        (params, _), _ = jax.lax.scan(step, (params, optimiser.init(params)), None, length=steps)
        return net.apply(params, z).argmax(-1) == y

    return jax.vmap(fold)(train)


def latent_correlation(
    z_x: ArrayLike, z_y: ArrayLike, form: str = "dimension", components: int = 10
) -> float:
    """How alike the latents (n, d) of two modalities are on the same sequences; 1 is the most.

    `dimension`: mean Pearson's r of each dimension with its namesake, which alignment of the axes
        themselves raises; `cca`:
    mean of the leading canonical correlations after reduction of both to `components` principal
    components, blind to invertible maps of them.
    """
    if form not in ("dimension", "cca"):
        raise ConfigError(f"no latent correlation {form!r}; {nearest(form, ('dimension', 'cca'))}")
    x, y = (np.asarray(z, np.float64) for z in (z_x, z_y))
    if x.ndim != 2 or len(x) != len(y) or len(x) < 3:
        raise DataError(
            f"latents must be (n, d) of the same n sequences; got {x.shape} and {y.shape}"
        )
    x, y = x - x.mean(0), y - y.mean(0)
    if form == "dimension":
        norm = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
        return float(((x * y).sum(0) / np.where(norm > 0, norm, np.inf)).mean())
    k = min(components, x.shape[1], y.shape[1])
    if len(x) <= 2 * k:
        raise DataError(
            f"canonical correlations of {k} components need more than {2 * k} sequences; got"
            f" {len(x)}"
        )
    bases = [np.linalg.svd(z, full_matrices=False)[0][:, :k] for z in (x, y)]
    return float(np.clip(np.linalg.svd(bases[0].T @ bases[1], compute_uv=False), 0, 1).mean())


def picture(latents: ArrayLike, method: str = "umap", seed: int = 0) -> np.ndarray:
    """Two-dimensional embedding of latents [n, d], by `umap` or `pca`."""
    if method not in ("umap", "pca"):
        raise ConfigError(f"no picture {method!r}; {nearest(method, ('umap', 'pca'))}")
    latents = np.asarray(latents, np.float64)
    if method == "pca":
        u, s, _ = np.linalg.svd(latents - latents.mean(0), full_matrices=False)
        return u[:, :2] * s[:2]
    try:
        from umap import UMAP
    except ImportError as error:
        raise MissingExtra("the UMAP picture", "eval") from error
    return np.asarray(UMAP(n_components=2, random_state=seed, n_jobs=1).fit_transform(latents))
