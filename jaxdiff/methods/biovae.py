"""BioVAE: a text-to-motion backbone and a branch that states an acceleration and corrects the
motion (Kang et al., III).

    z, u = encode(x_t),     ẍ = M⁻¹ (E + C + R·A(u)),     x0_hat = decode(U-Net(x_t, text), ẍ)
    L = L_diffusion + L_accel + L_phys                                                                   (eq. 9)

L_phys compares the stated ẍ with the truth's acceleration, L_accel that of x0_hat (the paper prints
the same for both). The truth is clean; the network reads the noisy motion. All accelerations, those
of both losses, given ones, stated ones and edited ones, are in axes that motion features define
(`body.accelerations`), in units of `Scale.acceleration`.

`decoder` says how ẍ acts (`nets.residual_decoder`): `correct` sees the U-Net's last features and
its prediction's own acceleration and adds to the features; `condition` makes ẍ a condition of the
U-Net, P(x0 | ẍ, x_t) as in eq. 7; `printed` is the paper's recurrent decoder, which sees ẍ alone.

A stated acceleration is a function of x_t, and so is all that the U-Net adds: no loss could tell
which of the two moves the motion, and fine-tuning would leave the decoder idle. So a share of the
training examples (`given`, falling to zero over training) has the true acceleration in the stated
one's place, plus noise of the size of what the branch states wrong: the stated one's own error in
this example, moved in time and with a random sign.

The acceleration does not depend on the text, so both halves of classifier-free guidance share it.
Multiplying ẍ before it is decoded edits the motion (Table VI), every joint by a factor of its own.
Where a batch has estimates of its motions (a pose estimator's), those are noised and read by the
network: a refiner.

Parameters are those of `text_to_motion` and three networks more; `start` puts a trained backbone
and a trained motion encoder in their places.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from jaxdiff.body.humanml3d import joint_count
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import CheckpointError, ConfigError, nearest
from jaxdiff.losses.denoising import denoising, masked_mean
from jaxdiff.losses.dynamics import accel_loss, inner, phys_loss
from jaxdiff.methods import text_to_motion
from jaxdiff.methods.biovae_networks import (
    DECODERS,
    Settings,
    apart,
    denoiser,
    networks,
    predict,
    state,
)
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.text_to_motion import dropped, fold, text_network, unet, valid
from jaxdiff.nets.blocks import dropout
from jaxdiff.nets.motion_encoder import MUSCLES
from jaxdiff.typing import Array, Batch, Gather, Key, Method, Metrics, Params, Schedule


def biovae(settings: Settings, scale: Scale, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches and conditions are those of `text_to_motion`. A batch may have `estimate (B, T, F)`,
    read in place of its motion, and `progress (B,)`, the share of training that is over. A
    condition may have `acceleration (B, J)`, the factor of each joint's acceleration.

    Args:
      settings: sizes and switches.
      scale: the normaliser, the rate and the deviation of accelerations.
      schedule: the noise schedule; by default that of the backbone.

    Returns:
      The Method.
    """
    if settings.decoder not in DECODERS:
        raise ConfigError(f"no decoder {settings.decoder!r}; {nearest(settings.decoder, DECODERS)}")
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
        params["mechanics"] = mechanics.init(k[1], latent, u, *apart(settings, motion))
        if settings.generates:
            a = jnp.zeros((frames, joints, 3))
            seen = (a, t)
            if settings.decoder == "correct":
                size = unet(settings.backbone, 1)
                seen = (jnp.zeros((frames, size.base * size.multipliers[0])), a, a, t)
            params["decoder"] = decoder.init(k[2], *seen)
        return params

    def loss(
        params: Params, batch: Batch, keys: Key, gather: Gather, weights: dict[str, Array]
    ) -> tuple[Array, Metrics]:
        text = text_network(settings.backbone)
        net = unet(settings.backbone, batch["motion"].shape[-1])
        progress = batch.get("progress", jnp.zeros(len(batch["length"])))

        motion, length = batch["motion"], batch["length"]
        mask = valid(length, motion.shape[1])

        def noised(estimate: Array, key: Key) -> tuple[Array, Array, Array, Key]:
            k = jax.random.split(key, 6)
            t = jax.random.randint(k[0], (), 0, settings.levels or schedule.alpha.size)
            x_t = schedules.corrupt(schedule, estimate, jax.random.normal(k[1], estimate.shape), t)
            return x_t, t, jax.random.uniform(k[3]) >= settings.backbone.drop_text, k

        x_t, t, conditioned, k = jax.vmap(noised)(batch.get("estimate", motion), keys)
        measure = jax.vmap(lambda motion: scale.accelerations(motion, settings.axes))
        truth = measure(motion)
        examples: Metrics = {}
        a = None
        if settings.mechanics:
            if settings.kl:
                drawn = jax.vmap(jax.random.fold_in, (0, None))(keys, 6)
                a, encoding = jax.vmap(lambda *each: state(settings, params, *each))(
                    x_t, t, mask, drawn
                )
            else:
                a, encoding = state(settings, params, x_t, t, mask)
            examples["phys"] = jax.vmap(phys_loss)(a, truth, mask)
            examples["kl"] = jax.vmap(masked_mean)(encoding.divergence, mask)
            if settings.generates and settings.phys:
                share = settings.given * (1 - progress if settings.falling else 1.0)

                def mixed(a: Array, truth: Array, mask: Array, share: Array, key: Key) -> Array:
                    true = _given(a, truth, mask, key)
                    return jnp.where(
                        jax.random.uniform(jax.random.fold_in(key, 1)) < share, true, a
                    )

                share = jnp.broadcast_to(share, length.shape)
                a = jax.vmap(mixed)(a, truth, mask, share, k[:, 5])
        if settings.generates or not settings.mechanics:
            tokens = dropped(text, params["text"], k[:, 2], batch["text"])
            context = dropped(net, params["unet"], k[:, 4], tokens, method="context")
            options = {"conditioned": conditioned, "deterministic": False}
            with dropout.examples(k[:, 4]):
                rngs = {"dropout": k[0, 4]}
                x_hat = predict(
                    settings,
                    params,
                    scale,
                    net,
                    x_t,
                    t,
                    context,
                    a,
                    mask=mask,
                    rngs=rngs,
                    **options,
                )
            examples["diffusion"] = jax.vmap(denoising)(x_hat, motion, mask)
            examples["accel"] = jax.vmap(accel_loss)(measure(x_hat), truth, mask)
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
            settings, params, scale, condition["text"], mask, factor=condition.get("acceleration")
        )
        start = jax.vmap(lambda key: jax.random.normal(key, (frames, features)))(fold(keys, 0))
        solver = solvers.dpm_solver_pp(order=2, stochastic=True)
        x0 = sample(
            fold(keys, 1), denoise, grids.karras(schedule, settings.backbone.steps), solver, start
        )
        return jnp.where(mask[..., None], x0, 0)

    return Method(init, loss, generate)


def start(params: Params, backbone: Params | None = None, encoder: Params | None = None) -> Params:
    """Fresh parameters with a trained backbone's (those of `text_to_motion`) and a trained
    encoder's in their places.
    """
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


def _given(stated: Array, truth: Array, mask: Array, key: Key) -> Array:
    """The true acceleration with the stated one's own error, moved in time and with a random sign.

    At the ends and beyond the mask, where the true one is not known, the stated one.
    """
    inside = inner(mask)
    assert inside is not None
    known = inside[:, None, None]
    error = jax.lax.stop_gradient(jnp.where(known, stated[1:-1] - truth, 0))
    shift, sign = jax.random.split(key)
    moved = jnp.roll(error, jax.random.randint(shift, (), 0, len(error)), axis=0)
    noisy = truth + moved * jax.random.rademacher(sign, (), jnp.float32)
    return stated.at[1:-1].set(jnp.where(known, noisy, stated[1:-1]))
