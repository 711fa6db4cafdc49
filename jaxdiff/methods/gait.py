"""One diffusion model for all signals of a stride: any subset given, the others generated.

The Gaussian law (`methods.gait_law`) says what the given samples imply for all others, with its
uncertainty. A network refines it in two stages, both on the coefficients u whitened by the law's
posterior. The first is a regression without noise, trained on every example: mean m and deviation s
of u given the conditions. The second is a diffusion of what it leaves, `z = (u - m) / s`. On the
circle `cos(theta) z + sin(theta) eps` it returns `F = sin(theta) z - cos(theta) eps`: EDM
preconditioning for data of unit variance, where `F = 0` is the exact answer for Gaussian z.
Sampling integrates `dx/dtheta = -F` from noise to data; because z is nearly Gaussian the path is
nearly constant, and one or two steps go most of the way.

One network for both, trained on noisy u alone, learned little beyond the law in ten minutes: the
noise hid in most of its examples what the conditions say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.diffusion.circle import circle, rotation
from jaxdiff.diffusion.sampling import sample
from jaxdiff.losses.alignment import info_nce, llma_cov
from jaxdiff.methods.gait_law import Modality
from jaxdiff.methods.gait_posterior import summary_sizes
from jaxdiff.nets.gait_denoiser import GaitDenoiser, Part, Regression, Size
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
    every: int = 4
    """Denoising and alignment see every n-th example of a batch: most of the time goes to the
    regression, which has most to learn. Where n does not divide the batch of a device, their
    greatest common divisor takes its place."""
    spread: float = 1.4
    """Deviation of the logarithm of tan(theta) of the noise angle."""
    steps: int = 6
    """Steps of generation."""
    deterministic: bool = False
    """The regression's mean alone: a point predictor, for comparison."""


def parts_of(layout: Sequence[Modality]) -> tuple[Part, ...]:
    """Sizes that the network needs of a law's layout."""
    sizes = summary_sizes(layout)
    return tuple(Part(p.name, p.components, sizes[p.name]) for p in layout)


def gait(settings: Settings, parts: Sequence[Part]) -> Method:
    """The method.

    Batches have `target` (u, [B, K]), the conditioning of `Conditional.condition`, `weights` [B, K]
    of the loss, and `whole` [B, K], the coefficients of the complete stride. Conditions have the
    conditioning alone, or also `start`, the noise that sampling begins with in place of one drawn
    from the keys: [B, K], or [B, S, K] for S samples of each example. `generate` returns u, of the
    noise's shape.

    The terms of the loss have parameters of their own: no gradient of the denoising reaches the
    regression, and none of the deviation its mean's head.
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
        given = {name: batch[name] for name in CONDITION}
        known = jax.vmap(lambda row: network.apply(own, row, method="regress"))(given)
        left = batch["target"] - known.mean
        terms = {"regression": (batch["weights"] * jnp.square(left)).mean()}
        if settings.deterministic:
            return terms["regression"], terms
        log = known.log_deviation
        left = jax.lax.stop_gradient(left)
        likely = jnp.square(left) * jnp.exp(-2 * log) + 2 * log
        terms["deviation"] = (batch["weights"] * likely).mean()

        every = math.gcd(settings.every, len(left))
        few = jax.tree.map(lambda x: jax.lax.stop_gradient(x[::every]), (known, left))
        terms["denoising"] = jax.vmap(partial(_denoising, own))(
            keys[::every], *few, batch["weights"][::every]
        ).mean()
        total = sum(terms.values())
        if settings.alignment:
            whole = batch["whole"][::every]
            z = jax.vmap(lambda a: network.apply(own, a, method="latents"))(whole)
            terms["alignment"] = _aligned([gather(z[name]) for name in names], settings)
            total = total + weights.get("alignment", settings.alignment) * terms["alignment"]
        return total, terms

    def _denoising(own: Params, key: Key, known: Regression, left: Array, weights: Array) -> Array:
        """Weighted error of F for one example, in units of u."""
        k = jax.random.split(key, 2)
        z, eps = left * jnp.exp(-known.log_deviation), jax.random.normal(k[0], left.shape)
        theta = jnp.arctan(jnp.exp(settings.spread * jax.random.normal(k[1])))
        cos, sin = jnp.cos(theta), jnp.sin(theta)
        output = network.apply(own, cos * z + sin * eps, theta, known, method="denoise")
        square = jnp.square(output - (sin * z - cos * eps))
        return (weights * jnp.exp(2 * known.log_deviation) * square).mean()

    def generate(params: Params, keys: Key, condition: Batch, steps: int = 0) -> Array:
        given = {name: condition[name] for name in CONDITION}
        own = {"params": params["params"]}
        known = jax.vmap(lambda row: network.apply(own, row, method="regress"))(given)
        if settings.deterministic:
            return known.mean

        start = condition.get("start")
        if start is None:
            start = jax.vmap(lambda key: jax.random.normal(key, given["mean"].shape[1:]))(keys)

        def denoise(x: Array, theta: Array) -> Array:
            def one(x: Array, known: Regression) -> Array:
                return network.apply(own, x, theta, known, method="denoise")

            output = jax.vmap(jax.vmap(one, (0, None)) if x.ndim == 3 else one)(x, known)
            return jnp.cos(theta) * x + jnp.sin(theta) * output

        z = sample(None, denoise, circle(steps or settings.steps), rotation(2), start)
        mean, log = (x[:, None] if z.ndim == 3 else x for x in (known.mean, known.log_deviation))
        return mean + jnp.exp(log) * z

    return Method(init, loss, generate)


def _aligned(latents: list[Array], settings: Settings) -> Array:
    """Contrast and covariance alignment, averaged over all pairs of modalities."""
    pairs = list(combinations(latents, 2))
    if not pairs:
        return jnp.zeros(())
    contrast: Any = sum(info_nce(a, b, settings.temperature, symmetric=True) for a, b in pairs)
    covariance: Any = sum(llma_cov(a[:, None], b[:, None]) for a, b in pairs)
    return (contrast + covariance) / len(pairs)
