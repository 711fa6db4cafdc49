"""One diffusion model for all signals of a stride: any subset given, the others generated.

The Gaussian law (`methods.gait_law`) says what the given samples imply for all others, with its
uncertainty. The diffusion models the whitened deviation u from that law. On the circle
`cos(theta) u + sin(theta) eps` a network is trained to return `F = sin(theta) u - cos(theta) eps`:
EDM preconditioning for data of unit variance, where `F = 0` is the exact answer for Gaussian u.
Sampling integrates `dx/dtheta = -F` from noise to data; because u is nearly Gaussian the path is
nearly constant, and one or two steps go most of the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.diffusion.circle import circle, rotation
from jaxdiff.diffusion.sampling import sample
from jaxdiff.losses.alignment import info_nce, llma_cov
from jaxdiff.methods.gait_law import Modality
from jaxdiff.methods.gait_posterior import summary_sizes
from jaxdiff.nets.gait_denoiser import GaitDenoiser, Part, Size
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params

CONDITION = ("mean", "deviation", "alone", "given")


class Settings(NamedTuple):
    """What distinguishes one gait model from another."""

    size: Size = Size()
    alignment: float = 0.02
    """Weight of the alignment of the modalities' latents; 0 switches it off."""
    aligned: tuple[str, ...] = ()
    """Modalities whose latents are aligned, of those there are; empty: all."""
    temperature: float = 0.1
    pure: float = 0.3
    """Share of the examples trained at pure noise, where the network learns the conditional mean.
    """
    spread: float = 1.4
    """Deviation of the logarithm of tan(theta) of the others."""
    steps: int = 6
    """Steps of generation."""
    deterministic: bool = False
    """Regress u without noise: the same network as a point predictor, for comparison."""


def parts_of(layout: Sequence[Modality]) -> tuple[Part, ...]:
    """Sizes that the network needs of a law's layout."""
    sizes = summary_sizes(layout)
    return tuple(Part(p.name, p.components, sizes[p.name]) for p in layout)


def gait(settings: Settings, parts: Sequence[Part]) -> Method:
    """The method.

    Batches have `target` (u, [B, K]), the conditioning of `Conditional.condition`, `weights` [B, K]
    of the loss, and `whole` [B, K], the coefficients of the complete stride. Conditions have the
    conditioning alone, or also `start`, the noise [B, K] that sampling begins with in place of one
    drawn from the keys; `generate` returns u, [B, K].
    """
    network = GaitDenoiser(tuple(parts), settings.size)
    known = [part.name for part in parts]
    names = [name for name in settings.aligned or known if name in known]

    def init(key: Key, batch: Batch) -> Params:
        first = {name: jnp.asarray(batch[name][0]) for name in CONDITION}
        return dict(network.init(key, first["mean"], jnp.asarray(1.0), first))

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        own = {"params": params["params"]}  # beside the law, which is fixed

        def error(key: Key, row: Batch) -> tuple[Array, Array]:
            k = jax.random.split(key, 3)
            theta = jnp.arctan(jnp.exp(settings.spread * jax.random.normal(k[0])))
            theta = jnp.where(jax.random.uniform(k[1]) < settings.pure, jnp.pi / 2, theta)
            u, eps = row["target"], jax.random.normal(k[2], row["target"].shape)
            if settings.deterministic:
                theta, eps = jnp.pi / 2, 0.0 * eps
            cos, sin = jnp.cos(theta), jnp.sin(theta)
            output = network.apply(own, cos * u + sin * eps, theta, row)
            square = jnp.square(output - (sin * u - cos * eps))
            return (row["weights"] * square).mean(), square.mean()

        weighted, plain = jax.vmap(error)(keys, dict(batch))
        metrics = {"denoising": weighted.mean(), "plain": plain.mean()}
        total = metrics["denoising"]
        if settings.alignment:
            z = jax.vmap(lambda a: network.apply(own, a, method="latents"))(batch["whole"])
            metrics["alignment"] = _aligned([gather(z[name]) for name in names], settings)
            total = total + weights.get("alignment", settings.alignment) * metrics["alignment"]
        return total, metrics

    def generate(params: Params, keys: Key, condition: Batch, steps: int = 0) -> Array:
        given = {name: condition[name] for name in CONDITION}
        own = {"params": params["params"]}

        def denoise(x: Array, theta: Array) -> Array:
            output = jax.vmap(lambda x, row: network.apply(own, x, theta, row))(x, given)
            return jnp.cos(theta) * x + jnp.sin(theta) * output

        if settings.deterministic:
            return denoise(jnp.zeros_like(given["mean"]), jnp.asarray(jnp.pi / 2))
        start = condition.get("start")
        if start is None:
            start = jax.vmap(lambda key: jax.random.normal(key, given["mean"].shape[1:]))(keys)
        return sample(None, denoise, circle(steps or settings.steps), rotation(2), start)

    return Method(init, loss, generate)


def _aligned(latents: list[Array], settings: Settings) -> Array:
    """Contrast and covariance alignment, averaged over all pairs of modalities."""
    pairs = list(combinations(latents, 2))
    if not pairs:
        return jnp.zeros(())
    contrast: Any = sum(info_nce(a, b, settings.temperature, symmetric=True) for a, b in pairs)
    covariance: Any = sum(llma_cov(a[:, None], b[:, None]) for a, b in pairs)
    return (contrast + covariance) / len(pairs)
