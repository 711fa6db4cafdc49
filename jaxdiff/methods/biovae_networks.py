"""What BioVAE (`methods.biovae`) computes: its settings, the stated acceleration, the corrected
motion, the Denoiser.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdiff.body.accelerations import Axes
from jaxdiff.body.humanml3d import joint_count, slices
from jaxdiff.diffusion.guidance import combine
from jaxdiff.diffusion.predictions import from_x0
from jaxdiff.methods import text_to_motion
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.text_to_motion import text_network, unet
from jaxdiff.nets import euler_lagrange
from jaxdiff.nets.euler_lagrange import EulerLagrange
from jaxdiff.nets.motion_encoder import Encoding, MotionEncoder
from jaxdiff.nets.residual_decoder import CorrectingDecoder, Embedding, PrintedDecoder
from jaxdiff.nets.unet import CondUnet1D
from jaxdiff.typing import Array, Denoiser, Key, Params

DECODERS = ("correct", "condition", "printed")

Backbone = text_to_motion.Settings


class Settings(NamedTuple):
    """What distinguishes one BioVAE from another, the ablation switches of Tables III and IV
    included.
    """

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
    """Share of the training examples that decode the true acceleration, where L_phys trains the
    stated one.
    """
    falling: bool = True
    """The share falls linearly to 0 over training, where batches carry their `progress`."""
    kl: float = 0.0
    """Weight of the latent's divergence; 0: no latent is drawn. The paper says VAE and gives
    neither size nor weight.
    """
    levels: int = 0
    """Noise levels met in training, from the cleanest; 0: all. A refiner of estimates needs few."""
    generates: bool = True
    """Without it there are only encoder and mechanics, trained on L_phys: a refiner of estimates
    needs no U-Net.
    """


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

    `text=None` is the unconditional one, and so is inversion's. `guidance` is the settings' own
    unless given, 1 for none. `factor (B, J)` multiplies the accelerations. Without `mechanics` it
    is the backbone of the same parameters.
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
            a, _ = state(settings, params, x_t, t, mask)
            if factor is not None:
                a = a * factor[..., None, :, None]
        y = predict(settings, params, scale, net, x_t, t, context, a, mask=mask, paired=paired)
        return combine(y[0], y[1], strength) if paired else y

    return from_x0(network)


def stated(
    settings: Settings, params: Params, scale: Scale, motion: Array, t: int = 0
) -> tuple[Array, Array]:
    """What the branch states of normalised motions `(B, T, F)` in its own axes.

    Returns:
      Accelerations `(B, T, J, 3)` in m/s² or 1/s², and muscle activations `(B, T, 8)`.
    """
    a, encoding = state(settings, params, motion, jnp.int32(t), None)
    return a * scale.acceleration, encoding.activations


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


def state(
    settings: Settings,
    params: Params,
    x_t: Array,
    t: Array,
    mask: Array | None,
    key: Key | None = None,
) -> tuple[Array, Encoding]:
    """The stated acceleration `(..., T, J, 3)`, in units of its deviation, and the encoding of the
    motion.
    """
    encoder, mechanics, _ = networks(settings, joint_count(x_t))
    rngs = {} if key is None else {"latent": key}
    encoding: Any = encoder.apply(params["encoder"], x_t, t, mask, rngs=rngs)
    pose = apart(settings, x_t)
    terms: Any = mechanics.apply(params["mechanics"], encoding.latent, encoding.activations, *pose)
    return euler_lagrange.acceleration(terms), encoding


def apart(settings: Settings, motion: Array) -> tuple[Array, ...]:
    """The positions (with the root's height) and the rotations of features, where M⁻¹ and R read
    them apart.
    """
    if not settings.apart:
        return ()
    at = slices(joint_count(motion))
    height, places = motion[..., at["root_height"]], motion[..., at["positions"]]
    return jnp.concatenate([height, places], -1), motion[..., at["rotations"]]


def predict(
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
    """The clean motion `(..., T, F)`, with the acceleration `a (..., T, J, 3)` where there is
    one.
    """

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
    own = jnp.broadcast_to(a, predicted.shape)
    residual: Any = decoder.apply(params["decoder"], h, own, predicted, t, mask)
    return output(h + residual)


def _places(params: Params, h: Array) -> Array:
    """The features that place the joints, of last features `h`, the others zero: all that
    accelerations depend on.
    """
    final = params["unet"]["params"]["final"]
    kernel, bias = final["kernel"], final["bias"]
    used = slices(joint_count(kernel))["positions"].stop
    y = (h @ kernel[:, :used].astype(h.dtype)).astype(jnp.float32) + bias[:used]
    return jnp.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, len(bias) - used)])


def _over(function: Any, axes: int) -> Any:
    for _ in range(axes):
        function = jax.vmap(function)
    return function
