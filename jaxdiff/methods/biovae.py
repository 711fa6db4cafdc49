"""BioVAE: a text-to-motion backbone and a branch that states an acceleration and corrects the motion (Kang et al., III).

    z, u = encode(x_t),     ẍ = M⁻¹ (E + C + R·A(u)),     x0_hat = decode(U-Net(x_t, text), ẍ)
    L = L_diffusion + L_accel + L_phys                                                                   (eq. 9)

L_phys compares the stated ẍ with the truth's acceleration, L_accel that of x0_hat (the paper prints the same for both).
The truth is clean; the network reads the noisy motion. All accelerations, those of both losses, given ones, stated ones
and edited ones, are in axes that motion features define (`body.accelerations`), in units of `Scale.acceleration`.

`decoder` says how ẍ acts (`nets.residual_decoder`): `correct` sees the U-Net's last features and its prediction's own
acceleration and adds to the features; `condition` makes ẍ a condition of the U-Net, P(x0 | ẍ, x_t) as in eq. 7;
`printed` is the paper's recurrent decoder, which sees ẍ alone.

A stated acceleration is a function of x_t, and so is all that the U-Net adds: no loss could tell which of the two moves
the motion, and fine-tuning would leave the decoder idle. So a share of the training examples (`given`, falling to zero
over training) has the true acceleration in the stated one's place, plus noise of the size of what the branch states
wrong: the stated one's own error in this example, moved in time and with a random sign.

The acceleration does not depend on the text, so both halves of classifier-free guidance share it. Multiplying ẍ before
it is decoded edits the motion (Table VI), every joint by a factor of its own. Where a batch has estimates of its motions
(a pose estimator's), those are noised and read by the network: a refiner.

Parameters are those of `text_to_motion` and three networks more; `start` puts a trained backbone and a trained motion
encoder in their places.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body.accelerations import Axes, accelerations
from jaxdiff.body.humanml3d import joint_count, joints_from_features, slices
from jaxdiff.diffusion import grids, schedules, solvers
from jaxdiff.diffusion.guidance import combine
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.diffusion.sampling import sample
from jaxdiff.errors import CheckpointError, ConfigError, DataError, nearest
from jaxdiff.losses.denoising import denoising, masked_mean
from jaxdiff.losses.dynamics import accel_loss, inner, phys_loss
from jaxdiff.methods import text_to_motion
from jaxdiff.methods.text_to_motion import fold, text_network, unet, valid
from jaxdiff.nets import euler_lagrange
from jaxdiff.nets.euler_lagrange import EulerLagrange
from jaxdiff.nets.motion_encoder import MUSCLES, Encoding, MotionEncoder
from jaxdiff.nets.residual_decoder import CorrectingDecoder, Embedding, PrintedDecoder
from jaxdiff.nets.unet import CondUnet1D
from jaxdiff.typing import Array, Batch, Denoiser, Gather, Key, Method, Metrics, Params, Schedule

DECODERS = ("correct", "condition", "printed")

Backbone = text_to_motion.Settings


class Settings(NamedTuple):
    """What distinguishes one BioVAE from another, the ablation switches of Tables III and IV included."""

    backbone: Backbone = Backbone()
    width: int = 48
    """Of the motion encoder, the heads and the decoder."""
    blocks: int = 2
    kernel_size: int = 3
    groups: int = 8
    """Of the motion encoder."""
    heads: int = 4
    """Of the attention to muscles."""
    decoder: str = "correct"
    """`correct`, `condition` or `printed`."""
    axes: Axes = "heading"
    """Joint accelerations in heading axes, or `bone`: accelerations of the directions of bones."""
    apart: bool = False
    """M⁻¹ reads the features' positions only, R their rotations only (eqs. 4 and 5)."""
    positive: bool = False
    """M⁻¹ positive definite, not only symmetric."""
    mechanics: bool = True
    """Without it the backbone is left, which L_accel may still train."""
    accel: float = 1.0
    phys: float = 1.0
    """Weights of the losses; both 0 is the paper's ablation without them."""
    given: float = 0.5
    """Share of the training examples that decode the true acceleration, where L_phys trains the stated one."""
    falling: bool = True
    """The share falls linearly to 0 over training, where batches carry their `progress`."""
    kl: float = 0.0
    """Weight of the latent's divergence; 0: no latent is drawn. The paper says VAE and gives neither size nor weight."""
    levels: int = 0
    """Noise levels met in training, from the cleanest; 0: all. A refiner of estimates needs few."""
    generates: bool = True
    """Without it there are only encoder and mechanics, trained on L_phys: a refiner of estimates needs no U-Net."""


class Scale(NamedTuple):
    """From what the network works in to metres and seconds."""

    offset: np.ndarray
    scale: np.ndarray
    """Of the features, `(F,)`: `feature = normalised * scale + offset`."""
    rate: float
    """Frames per second."""
    acceleration: np.ndarray | float = 1.0
    """Deviation of accelerations in m/s² or 1/s², `(J, 3)` or one for all: `fit_acceleration`."""
    metres: float = 1.0
    """Per unit of the data."""

    def features(self, motion: Array) -> Array:
        """Normalised features to the units of the data."""
        return motion * self.scale + self.offset

    def joints(self, motion: Array) -> Array:
        """Normalised features `(T, F)` to joints `(T, J, 3)` in metres, in the axes of frame 0."""
        return joints_from_features(self.features(motion)) * self.metres

    def accelerations(self, motion: Array, axes: Axes = "heading") -> Array:
        """Normalised features `(T, F)` to accelerations `(T - 2, J, 3)` in units of their deviation."""
        return (
            accelerations(self.features(motion), self.rate, axes, self.metres) / self.acceleration
        )


def fit_acceleration(
    clips: Iterable[np.ndarray], rate: float, axes: Axes = "heading", metres: float = 1.0
) -> np.ndarray:
    """The root mean square `(J, 3)` of the accelerations of clips of features `(T, F)`, per joint and axis."""
    run = jax.jit(lambda clip: accelerations(clip, rate, axes, metres))
    squares = 0.0
    frames = 0
    for clip in clips:
        count = len(clip) - 2
        padded = np.pad(clip, ((0, -len(clip) % 64), (0, 0)), mode="edge")  # few lengths to compile
        found = np.asarray(run(jnp.asarray(padded, jnp.float32)), np.float64)[: max(count, 0)]
        squares, frames = squares + np.square(found).sum(0), frames + max(count, 0)
    if not frames:
        raise DataError(
            "the scale of accelerations is fitted to clips of three frames or more; got none"
        )
    return np.sqrt(squares / frames + 1e-6).astype(np.float32)


def biovae(settings: Settings, scale: Scale, schedule: Schedule | None = None) -> Method:
    """The method.

    Batches and conditions are those of `text_to_motion`. A batch may have `estimate (B, T, F)`, read in place of its
    motion, and `progress (B,)`, the share of training that is over. A condition may have `acceleration (B, J)`, the
    factor of each joint's acceleration.

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
        params["mechanics"] = mechanics.init(k[1], latent, u, *_apart(settings, motion))
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

        def example(
            motion: Array, estimate: Array, length: Array, words: Array, over: Array, key: Key
        ) -> Metrics:
            k = jax.random.split(key, 6)
            mask = valid(length, motion.shape[0])
            t = jax.random.randint(k[0], (), 0, settings.levels or schedule.alpha.size)
            x_t = schedules.corrupt(schedule, estimate, jax.random.normal(k[1], motion.shape), t)
            truth = scale.accelerations(motion, settings.axes)
            parts: Metrics = {}
            a = None
            if settings.mechanics:
                latent = jax.random.fold_in(key, 6) if settings.kl else None
                a, encoding = _state(settings, params, x_t, t, mask, latent)
                parts["phys"] = phys_loss(a, truth, mask)
                parts["kl"] = masked_mean(encoding.divergence, mask)
                if not settings.generates:
                    return parts
                if settings.phys:
                    share = settings.given * (1 - over if settings.falling else 1.0)
                    true = _given(a, truth, mask, k[5])
                    a = jnp.where(jax.random.uniform(jax.random.fold_in(k[5], 1)) < share, true, a)
            tokens = text.apply(params["text"], words, deterministic=False, rngs={"dropout": k[2]})
            conditioned = jax.random.uniform(k[3]) >= settings.backbone.drop_text
            context: Any = net.apply(params["unet"], tokens, method="context")
            options = {"mask": mask, "deterministic": False, "rngs": {"dropout": k[4]}}
            x_hat = _predict(
                settings, params, scale, net, x_t, t, context, a, conditioned=conditioned, **options
            )
            parts["diffusion"] = denoising(x_hat, motion, mask)
            parts["accel"] = accel_loss(scale.accelerations(x_hat, settings.axes), truth, mask)
            return parts

        motion = batch["motion"]
        examples = jax.vmap(example)(
            motion, batch.get("estimate", motion), batch["length"], batch["text"], progress, keys
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
            settings, params, scale, condition["text"], mask, factor=condition.get("acceleration")
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
    scale: Scale,
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
    strength = settings.backbone.scale if guidance is None else guidance
    paired = text is not None and strength != 1
    context: Any = None
    if text is not None:
        tokens = text_network(settings.backbone).apply(params["text"], text)
        context = net.apply(params["unet"], tokens, method="context")

    def network(x_t: Array, t: Array) -> Array:
        a = None
        if settings.mechanics and mechanics:
            a, _ = _state(settings, params, x_t, t, mask)
            if factor is not None:
                a = a * factor[..., None, :, None]
        x = x_t[None] if paired else x_t
        y = _predict(settings, params, scale, net, x, t, context, a, mask=mask, paired=paired)
        return combine(y[0], y[1], strength) if paired else y

    return from_x0(network)


def stated(
    settings: Settings, params: Params, scale: Scale, motion: Array, t: int = 0
) -> tuple[Array, Array]:
    """What the branch states of normalised motions `(B, T, F)` in its own axes.

    Returns:
      Accelerations `(B, T, J, 3)` in m/s² or 1/s², and muscle activations `(B, T, 8)`.
    """
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
) -> tuple[MotionEncoder, EulerLagrange, CorrectingDecoder | Embedding | PrintedDecoder]:
    """Encoder, mechanics and decoder."""
    s, dtype = settings, settings.backbone.dtype
    size = unet(s.backbone, 1)
    hidden = size.base * size.multipliers[0]
    decoder = {
        "correct": CorrectingDecoder(hidden, s.width, s.kernel_size, s.groups, dtype),
        "condition": Embedding(size.time_width, s.width, s.kernel_size, dtype),
        "printed": PrintedDecoder(hidden, s.width, dtype),
    }[s.decoder]
    return (
        MotionEncoder(s.width, s.blocks, s.kernel_size, s.groups, spread=s.kl > 0, dtype=dtype),
        EulerLagrange(joints, 3, s.width, s.heads, s.positive, dtype),
        decoder,
    )


def _state(
    settings: Settings,
    params: Params,
    x_t: Array,
    t: Array,
    mask: Array | None,
    key: Key | None = None,
) -> tuple[Array, Encoding]:
    """The stated acceleration `(..., T, J, 3)`, in units of its deviation, and the encoding of the motion."""
    encoder, mechanics, _ = networks(settings, joint_count(x_t))
    rngs = {} if key is None else {"latent": key}
    encoding: Any = encoder.apply(params["encoder"], x_t, t, mask, rngs=rngs)
    pose = _apart(settings, x_t)
    terms: Any = mechanics.apply(params["mechanics"], encoding.latent, encoding.activations, *pose)
    return euler_lagrange.acceleration(terms), encoding


def _apart(settings: Settings, motion: Array) -> tuple[Array, ...]:
    """The positions (with the root's height) and the rotations of features, where M⁻¹ and R read them apart."""
    if not settings.apart:
        return ()
    at = slices(joint_count(motion))
    height, places = motion[..., at["root_height"]], motion[..., at["positions"]]
    return jnp.concatenate([height, places], -1), motion[..., at["rotations"]]


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


def _predict(
    settings: Settings,
    params: Params,
    scale: Scale,
    net: CondUnet1D,
    x: Array,
    t: Array,
    context: Any,
    a: Array | None,
    mask: Array | None = None,
    **options: Any,
) -> Array:
    """The clean motion `(..., T, F)`, with the acceleration `a (..., T, J, 3)` where there is one."""

    def hidden(frames: Array | None = None) -> Any:
        return net.apply(
            params["unet"], x, t, context, mask=mask, frames=frames, **options, method="hidden"
        )

    def output(h: Array) -> Any:
        return net.apply(params["unet"], h, method="output")

    if a is None:
        return output(hidden())
    _, _, decoder = networks(settings, a.shape[-2])
    if isinstance(decoder, Embedding):
        return output(hidden(decoder.apply(params["decoder"], a, t)))
    h = hidden()
    if isinstance(decoder, PrintedDecoder):
        return output(h + decoder.apply(params["decoder"], a, t))
    measure = _over(lambda motion: scale.accelerations(motion, settings.axes), h.ndim - 2)
    predicted = measure(_places(params, h))
    ends = [(0, 0)] * (predicted.ndim - 3) + [(1, 1), (0, 0), (0, 0)]
    predicted = jnp.pad(predicted, ends, mode="edge")
    stated = jnp.broadcast_to(a, predicted.shape)
    residual: Any = decoder.apply(params["decoder"], h, stated, predicted, t, mask)
    return output(h + residual)


def _places(params: Params, h: Array) -> Array:
    """The features that place the joints, of last features `h`, the others zero: all that accelerations depend on."""
    final = params["unet"]["params"]["final"]
    kernel, bias = final["kernel"], final["bias"]
    used = slices(joint_count(kernel))["positions"].stop
    y = (h @ kernel[:, :used].astype(h.dtype)).astype(jnp.float32) + bias[:used]
    return jnp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, len(bias) - used)])


def _over(function: Any, axes: int) -> Any:
    for _ in range(axes):
        function = jax.vmap(function)
    return function
