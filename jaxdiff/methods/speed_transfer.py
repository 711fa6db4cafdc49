"""Speed transfer: subject-conditioned diffusion of the residual between two walking speeds (paper,
section II).

    r = x_tgt - x_src,   r_t = alpha_t r + sigma_t eps,   x_tgt_hat = x_src + r_hat                  (eqs. 1, 2, 6)
    L = L_noise + λ1 L_residual + λ2 L_identity + λ3 L_subject                                      (eq. 7)

Gaits are sequences in time, as in the paper. The auxiliary losses depend on r_hat = (r_t - sigma_t
eps_hat) / alpha_t, whose error grows as 1/SNR (24777-fold at the last step). They are weighted by
`alpha_bar` or min-SNR, and by ramps of
|v_tgt - v_src|. `methods.stride_transfer` is the method of the shipped model.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import Prediction, convert, from_prediction, target
from jaxdiff.diffusion.sampling import sample
from jaxdiff.losses.denoising import alpha_bar_weight, denoising, min_snr_weight
from jaxdiff.losses.identity import identity, speed_ramps, subject_contrast
from jaxdiff.nets.residual_denoiser import ResidualDenoiser, Size
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule


def speed_vector(source: ArrayLike, target: ArrayLike) -> np.ndarray:
    """`[v_src, v_tgt, v_tgt - v_src, v_tgt / (v_src + 1e-6)]` (eq. 4), (..., 4)."""
    terms = speed_terms(*(np.asarray(a, np.float64) for a in (source, target)))
    return np.stack(terms, -1).astype(np.float32)


def speed_terms(source: Any, target: Any) -> list[Any]:
    """The terms of `speed_vector` as a list of NumPy or JAX arrays."""
    return [source, target, target - source, target / (source + 1e-6)]


class Settings(NamedTuple):
    """Hyperparameters of the method."""

    size: Size = Size()
    channel_weights: tuple[float, ...] = (1.0, 2.0, 1.0, 1.0, 2.0, 1.0)
    """Weights of the noise loss per channel, not normalised; the paper weights the knees twice."""
    residual: float = 1.0
    identity: float = 1.0
    subject: float = 0.1
    """λ1, λ2, λ3, which the paper does not give."""
    snr: str = "alpha_bar"
    """Weight of the auxiliary losses over noise levels: `alpha_bar` or `min_snr`."""
    temperature: float = 0.1
    """Temperature of the contrast between subjects."""
    prediction: Prediction = "eps"
    """Target of the network: `eps` in the paper."""
    schedule: str = "linear"
    steps: int = 100
    """Steps of generation, by DDIM."""
    grid: str = "gaitdynamics"
    dtype: Any = jnp.float32


def speed_transfer(settings: Settings) -> Method:
    """The method.

    Batches have `source` and `target` (B, T, C), normalised, `speeds` (B, 4) from `speed_vector`,
    and `subject` (B,). Conditions have `source` and `speeds`; `who`, if given, is encoded in place
    of the source.
    """
    schedule, net = _parts(settings)

    def init(key: Key, batch: Batch) -> Params:
        r_t, t = jnp.zeros_like(batch["source"][0]), jnp.zeros((), jnp.int32)
        return net.init(key, r_t, batch["source"][0], t, batch["speeds"][0], method=net.everything)

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        one = lambda key, example: _example(settings, schedule, net, params, key, example, True)  # noqa: E731
        parts, generated, trust, z_source = jax.vmap(one)(keys, dict(batch))
        ramps = speed_ramps(batch["speeds"][:, 2])
        terms = {
            name: (getattr(ramps, name) * trust * parts[name]).mean()
            for name in ("residual", "identity")
        }

        z_generated = _embed(net, params, generated)
        z_generated, z_source, subject = (
            gather(a) for a in (z_generated, z_source, batch["subject"])
        )
        contrast = subject_contrast(z_generated, z_source, subject, settings.temperature)
        terms["subject"] = (gather(ramps.subject * trust) * contrast).mean()

        noise = parts["noise"].mean()
        total = noise + sum(
            weights.get(k, getattr(settings, k)) * term for k, term in terms.items()
        )
        return total, {"noise": noise, **terms}

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        """The gait at the target speed (B, T, C), normalised."""

        def one(key: Key, given: Batch) -> Array:
            z = _embed(net, params, given.get("who", given["source"]))
            c = net.apply(params, z, given["speeds"], method=net.condition)

            start = jax.random.normal(key, given["source"].shape)
            network = lambda r_t, t: net.apply(params, r_t, given["source"], t, c)  # noqa: E731
            denoise = from_prediction(settings.prediction, schedule, network)  # type: ignore[arg-type]
            grid = grids.GRIDS[settings.grid](schedule, settings.steps)
            return given["source"] + sample(None, denoise, grid, solvers.ddim(), start)

        return jax.vmap(one)(keys, dict(condition))

    return Method(init, loss, generate)


def noise_error(settings: Settings, params: Params, batch: Batch, keys: Key) -> Array:
    """Noise loss of each pair (B,) without dropout, for validation (paper, II.E)."""
    schedule, net = _parts(settings)

    def one(key, example):
        return _example(settings, schedule, net, params, key, example, False)[0]["noise"]

    return jax.vmap(one)(keys, dict(batch))


def embed(settings: Settings, params: Params, sequences: Array) -> Array:
    """The subject embeddings (B, width) of normalised gaits (B, T, C)."""
    return _embed(_parts(settings)[1], params, sequences)


def _embed(net: ResidualDenoiser, params: Params, gait: Array) -> Array:
    return net.apply(params, gait, method=net.embed)  # type: ignore[return-value]


def _parts(settings: Settings) -> tuple[Schedule, ResidualDenoiser]:
    channels = len(settings.channel_weights)
    return schedules.SCHEDULES[settings.schedule](), ResidualDenoiser(
        channels, settings.size, settings.dtype
    )


def _example(
    settings: Settings,
    schedule: Schedule,
    net: ResidualDenoiser,
    params: Params,
    key: Key,
    example: Batch,
    train: bool,
) -> tuple[Metrics, Array, Array, Array]:
    """One pair at a random noise level: losses, generated gait, weight of the auxiliary losses,
    source embedding.
    """
    level, noise, drop = jax.random.split(key, 3)
    source = example["source"]
    r = example["target"] - source
    t = jax.random.randint(level, (), 0, schedule.alpha.size)
    eps = jax.random.normal(noise, r.shape)
    alpha, sigma = schedules.at(schedule, t)
    r_t = alpha * r + sigma * eps

    z = _embed(net, params, source)
    c = net.apply(params, z, example["speeds"], method=net.condition)
    guess = net.apply(params, r_t, source, t, c, deterministic=not train, rngs={"dropout": drop})
    aim = target(settings.prediction, r, eps, alpha, sigma)
    r_hat = convert(guess, r_t, alpha, sigma, settings.prediction, "x0")  # type: ignore[arg-type]
    losses = {
        "noise": denoising(guess, aim, channel_weights=jnp.asarray(settings.channel_weights)),  # type: ignore[arg-type]
        "residual": denoising(r_hat, r),
        "identity": identity(r_hat),
    }
    trust = alpha_bar_weight(alpha) if settings.snr == "alpha_bar" else min_snr_weight(alpha, sigma)
    return losses, source + jnp.clip(r_hat, -5, 5), trust, z
