"""BioVAE: a text-to-motion backbone that states an acceleration and adds what it does (Kang et al., III).

    z, u = encode(x_t),     ẍ = M⁻¹ (E + C + R·A(u)),     x0_hat = W (hidden(x_t, text) + decode(ẍ))
    L = L_diffusion + L_accel + L_phys                                                                   (eq. 9)

The residual enters the U-Net at its last hidden features. L_phys compares the stated ẍ with the truth's acceleration,
L_accel that of the joints of x0_hat (the paper prints the same for both); both in units of `Scale.acceleration`.
The truth is clean, the network sees the noisy motion.

A stated acceleration is a function of x_t, and so is all that the U-Net adds: no loss could tell which of the two moves
the motion, and fine-tuning leaves the decoder idle. Eq. 7 trains `P(x0 | ẍ, x_t)`, so a share of the examples (`told`)
has the true acceleration decoded in the stated one's place: it says what x_t does not, and is learnt to be obeyed.

The acceleration knows no text, so both halves of classifier-free guidance share it. Multiplying ẍ before it is decoded
edits the motion (Table VI), every joint by a factor of its own. Where a batch has estimates of its motions (a pose
estimator's), those are what is noised and seen: a refiner.

Parameters are those of `text_to_motion` and three networks more: `start` puts a trained backbone and a trained motion
encoder in their places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.humanml3d import joint_count, joints_from_features
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import CheckpointError, DataError
from jaxdiff.losses.denoising import denoising, masked_mean
from jaxdiff.losses.dynamics import accel_loss, acceleration, inner, phys_loss
from jaxdiff.methods import text_to_motion
from jaxdiff.methods.text_to_motion import fold, text_network, unet, valid
from jaxdiff.nets import euler_lagrange
from jaxdiff.nets.euler_lagrange import EulerLagrange
from jaxdiff.nets.motion_encoder import MUSCLES, Encoding, MotionEncoder
from jaxdiff.nets.residual_decoder import ResidualDecoder
from jaxdiff.typing import Array, Batch, Denoiser, Gather, Key, Method, Metrics, Params, Schedule

Backbone = text_to_motion.Settings


class Settings(NamedTuple):
    """What distinguishes one BioVAE from another; the ablation switches of Tables III and IV among it."""

    backbone: Backbone = Backbone()
    width: int = 128
    """Of the motion encoder, the heads and the decoder."""
    blocks: int = 3
    kernel_size: int = 5
    groups: int = 8
    """Of the motion encoder."""
    heads: int = 4
    """Of the attention to muscles."""
    positive: bool = False
    """M⁻¹ positive definite, not only symmetric."""
    mechanics: bool = True
    """Without it the backbone is left, which L_accel may still train."""
    accel: float = 1.0
    phys: float = 1.0
    """Weights of the losses; both 0 is the paper's ablation without them."""
    told: float = 0.5
    """Share of the training examples whose decoder is told the true acceleration, if L_phys holds the stated one to it."""
    kl: float = 0.0
    """Weight of the latent's divergence; 0: no latent is drawn. The paper says VAE and gives neither size nor weight."""
    levels: int = 0
    """Noise levels met in training, from the cleanest; 0: all. A refiner of estimates needs but few."""
    generates: bool = True
    """Without it there are only encoder and mechanics, trained on L_phys: what refines estimates needs no U-Net."""


class Scale(NamedTuple):
    """From what the network works in to metres and seconds."""

    offset: np.ndarray
    scale: np.ndarray
    """Of the features, `(F,)`: `feature = normalised * scale + offset`."""
    rate: float
    """Frames per second."""
    acceleration: np.ndarray | float = 1.0
    """Deviation of accelerations in m/s², `(J, 3)` or one for all: `fit_acceleration`."""
    metres: float = 1.0
    """Per unit of the data."""

    def joints(self, motion: Array) -> Array:
        """Normalised features `(T, F)` -> joints `(T, J, 3)` in metres."""
        return joints_from_features(motion * self.scale + self.offset) * self.metres


def fit_acceleration(clips: Iterable[np.ndarray], rate: float) -> np.ndarray:
    """The root mean square of the accelerations of joints `(T, J, 3)` in metres, for each joint and axis, in m/s²."""
    squares = [
        np.square(np.diff(np.asarray(clip, np.float64), 2, axis=0) * rate**2) for clip in clips
    ]
    if not squares:
        raise DataError("the scale of accelerations is fitted to one clip or more; got none")
    return np.sqrt(np.concatenate(squares).mean(0) + 1e-6).astype(np.float32)


def biovae(settings: Settings, scale: Scale, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches and conditions are those of `text_to_motion`; a batch may have `estimate (B, T, F)`, to be seen in place of its
    motion, a condition `acceleration (B, J)`, the factor of each joint's acceleration.
    """
    schedule = schedules.linear() if schedule is None else schedule
    backbone = text_to_motion.text_to_motion(settings.backbone, schedule)

    def init(key: Key, batch: Batch) -> Params:
        params = backbone.init(jax.random.fold_in(key, 0), batch) if settings.generates else {}
        if not settings.mechanics:
            return params
        motion, t = batch["motion"][0], jnp.int32(0)
        frames, joints = motion.shape[0], joint_count(motion)
        encoder, mechanics, decoder = networks(settings, joints)
        k = jax.random.split(jax.random.fold_in(key, 1), 3)
        latent, u = jnp.zeros((frames, settings.width)), jnp.zeros((frames, MUSCLES))
        params["encoder"] = encoder.init(k[0], motion, t)
        params["mechanics"] = mechanics.init(k[1], latent, u)
        if settings.generates:
            params["decoder"] = decoder.init(k[2], jnp.zeros((frames, joints, 3)), t)
        return params

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        text = text_network(settings.backbone)
        net = unet(settings.backbone, batch["motion"].shape[-1])
        unit = jnp.asarray(scale.acceleration, jnp.float32)

        def example(
            motion: Array, estimate: Array, length: Array, words: Array, key: Key
        ) -> Metrics:
            k = jax.random.split(key, 6)
            mask = valid(length, motion.shape[0])
            t = jax.random.randint(k[0], (), 0, settings.levels or schedule.alpha.size)
            x_t = schedules.corrupt(schedule, estimate, jax.random.normal(k[1], motion.shape), t)
            joints, parts, residual = scale.joints(motion), {}, 0.0
            if settings.mechanics:
                latent = jax.random.fold_in(key, 6) if settings.kl else None
                a, encoding = _state(settings, params, x_t, t, mask, latent)
                parts["phys"] = phys_loss(a * unit, joints, scale.rate, mask, unit)
                parts["kl"] = masked_mean(encoding.divergence, mask)
                if not settings.generates:
                    return parts
                if settings.phys:
                    told = _told(a, joints / unit, scale.rate, mask)
                    a = jnp.where(jax.random.uniform(k[5]) < settings.told, told, a)
                residual = _residual(settings, params, a, t)
            tokens = text.apply(params["text"], words, deterministic=False, rngs={"dropout": k[2]})
            seen = jax.random.uniform(k[3]) >= settings.backbone.drop_text
            told = {"mask": mask, "deterministic": False, "rngs": {"dropout": k[4]}}
            context: Any = net.apply(params["unet"], tokens, method="context")
            h: Any = net.apply(
                params["unet"], x_t, t, context, conditioned=seen, **told, method="hidden"
            )
            x_hat: Any = net.apply(params["unet"], h + residual, method="output")
            parts["diffusion"] = denoising(x_hat, motion, mask)
            parts["accel"] = accel_loss(scale.joints(x_hat), joints, scale.rate, mask, unit)
            return parts

        motion = batch["motion"]
        examples = jax.vmap(example)(
            motion, batch.get("estimate", motion), batch["length"], batch["text"], keys
        )
        parts = {name: part.mean() for name, part in examples.items()}
        total = parts.get("diffusion", jnp.float32(0))
        for name in sorted(parts.keys() - {"diffusion"}):
            weight: Any = weights.get(name, getattr(settings, name))
            total = total + weight * parts[name]
        return total, parts

    def generate(params: Params, keys: Key, condition: Batch) -> Array:
        """Motions `(B, frames, F)`, normalised, zero beyond their length."""
        frames, features = settings.backbone.frames, len(scale.offset)
        mask = valid(condition["length"], frames)
        denoise = denoiser(
            settings, params, condition["text"], mask, factor=condition.get("acceleration")
        )
        start = jax.vmap(lambda key: jax.random.normal(key, (frames, features)))(fold(keys, 0))
        solver = solvers.dpm_solver_pp(order=2, stochastic=True)
        x0 = sample(
            fold(keys, 1), denoise, grids.karras(schedule, settings.backbone.steps), solver, start
        )
        return jnp.where(mask[..., None], x0, 0)

    return Method(init, loss, generate)


def denoiser(
    settings: Settings,
    params: Params,
    text: Array | None,
    mask: Array | None = None,
    guidance: float | None = None,
    factor: Array | None = None,
    mechanics: bool = True,
) -> Denoiser:
    """The Denoiser of a batch `(B, T, F)`, for any solver and for inversion.

    `text=None` is the unconditional one, and so is inversion's. `guidance` is the settings' own unless given, 1 for
    none. `factor (B, J)` multiplies the accelerations. Without `mechanics` it is the backbone of the same parameters.
    """
    net = unet(settings.backbone, params["unet"]["params"]["final"]["bias"].shape[0])
    guidance = settings.backbone.scale if guidance is None else guidance
    paired = text is not None and guidance != 1
    context: Any = None
    if text is not None:
        tokens = text_network(settings.backbone).apply(params["text"], text)
        context = net.apply(params["unet"], tokens, method="context")

    def network(x_t: Array, t: Array) -> Array:
        x = jnp.stack([x_t, x_t]) if paired else x_t
        h: Any = net.apply(params["unet"], x, t, context, mask=mask, paired=paired, method="hidden")
        if settings.mechanics and mechanics:
            a, _ = _state(settings, params, x_t, t, mask)
            h = h + _residual(
                settings, params, a if factor is None else a * factor[..., None, :, None], t
            )
        y: Any = net.apply(params["unet"], h, method="output")
        return y[1] + guidance * (y[0] - y[1]) if paired else y

    return from_x0(network)


def stated(
    settings: Settings, params: Params, scale: Scale, motion: Array, t: int = 0
) -> tuple[Array, Array]:
    """Accelerations `(B, T, J, 3)` in m/s² and activations `(B, T, 8)` that the network states of normalised motions."""
    a, encoding = _state(settings, params, motion, jnp.int32(t), None)
    return a * scale.acceleration, encoding.activations


def start(params: Params, backbone: Params | None = None, encoder: Params | None = None) -> Params:
    """Fresh parameters with a trained backbone's (those of `text_to_motion`) and a trained encoder's in their places."""
    given = {**(backbone or {}), **({} if encoder is None else {"encoder": encoder})}
    for name, trained in given.items():
        if name not in params:
            raise CheckpointError(
                f"a BioVAE without {name!r} has no place for trained ones; it has {sorted(params)}"
            )
        fresh, shapes = (jax.tree.map(jnp.shape, tree) for tree in (params[name], trained))
        if fresh != shapes:
            raise CheckpointError(
                f"the trained {name!r} is of another size than the one it should replace"
            )
    return {**params, **given}


def networks(
    settings: Settings, joints: int
) -> tuple[MotionEncoder, EulerLagrange, ResidualDecoder]:
    """Encoder, mechanics and decoder."""
    s, dtype = settings, settings.backbone.dtype
    size = unet(s.backbone, 1)
    return (
        MotionEncoder(s.width, s.blocks, s.kernel_size, s.groups, spread=s.kl > 0, dtype=dtype),
        EulerLagrange(joints, 3, s.width, s.heads, s.positive, dtype),
        ResidualDecoder(size.base * size.multipliers[0], s.width, dtype),
    )


def _state(
    settings: Settings,
    params: Params,
    x_t: Array,
    t: Array,
    mask: Array | None,
    key: Key | None = None,
) -> tuple[Array, Encoding]:
    """The acceleration `(..., T, J, 3)`, in units of its deviation, and what the encoder says."""
    encoder, mechanics, _ = networks(settings, joint_count(x_t))
    rngs = {} if key is None else {"latent": key}
    encoding: Any = encoder.apply(params["encoder"], x_t, t, mask, rngs=rngs)
    terms: Any = mechanics.apply(params["mechanics"], encoding.latent, encoding.activations)
    return euler_lagrange.acceleration(terms), encoding


def _told(stated: Array, joints: Array, rate: float, mask: Array) -> Array:
    """The acceleration of the joints, and the stated one where theirs is not known: at the ends and beyond."""
    known: Any = inner(mask)
    return stated.at[1:-1].set(
        jnp.where(known[:, None, None], acceleration(joints, rate), stated[1:-1])
    )


def _residual(settings: Settings, params: Params, a: Array, t: Array) -> Array:
    _, _, decoder = networks(settings, a.shape[-2])
    return decoder.apply(params["decoder"], a, t)  # type: ignore[return-value]
