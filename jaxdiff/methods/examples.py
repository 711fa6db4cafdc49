"""Tiny examples of the methods: each at a size that compiles in seconds, with random data of its
kind.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdiff.losses.alignment import Settings as Options
from jaxdiff.methods import Example
from jaxdiff.methods.biovae import biovae
from jaxdiff.methods.biovae_networks import Settings as BioVaeSettings
from jaxdiff.methods.direct import direct
from jaxdiff.methods.distillation import distillation
from jaxdiff.methods.evaluator import Settings as EvaluatorSettings
from jaxdiff.methods.evaluator import evaluator
from jaxdiff.methods.gait import Settings as GaitSettings
from jaxdiff.methods.gait import gait
from jaxdiff.methods.llma import Settings as LlmaSettings
from jaxdiff.methods.llma import llma
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.muscle_encoder import Settings as MuscleSettings
from jaxdiff.methods.muscle_encoder import muscle_encoder
from jaxdiff.methods.points import points
from jaxdiff.methods.smoothing import Settings as SmoothingSettings
from jaxdiff.methods.smoothing import smoothing
from jaxdiff.methods.speed_regression import speed_regression
from jaxdiff.methods.speed_transfer import Settings as SpeedSettings
from jaxdiff.methods.speed_transfer import speed_transfer, speed_vector
from jaxdiff.methods.stride_transfer import Settings as StrideSettings
from jaxdiff.methods.stride_transfer import stride_transfer
from jaxdiff.methods.text_to_motion import Settings as TextSettings
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.nets import cross_modal, residual_denoiser, speed_set
from jaxdiff.nets.gait_denoiser import Part
from jaxdiff.nets.gait_denoiser import Size as GaitSize
from jaxdiff.nets.regressors import SequenceMLP
from jaxdiff.typing import Batch, Key, Method, Params

LENGTHS = np.array([20, 12, 16, 20, 8, 19, 20, 5], np.int32)


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def moved(method: Method) -> Method:
    """The method with noise on its first parameters: nothing can be seen through layers that start
    at zero.
    """

    def init(key: Key, batch: Batch) -> Params:
        return jax.tree.map(lambda a: a + 0.02 * normal(7, *a.shape), method.init(key, batch))

    return method._replace(init=init)


def points_example() -> Example:
    return Example(points(width=8, sampling_steps=4), {"x": normal(0, 8, 2)}, normal(1, 8, 2))


def _llma_settings(alignment: str) -> LlmaSettings:
    size = cross_modal.size("tiny")._replace(dropout=0.1)
    return LlmaSettings(size, alignment, Options(window=3), steps=4, condition_noise=0.1)


_GAIT = {"x": normal(0, 8, 60, 5), "y": normal(1, 8, 60, 3)}
_GIVEN = {"x": normal(2, 8, 60, 5)}
_LAW = tuple(
    f"['{name}']"
    for name in (
        "s",
        "centre",
        "deviation",
        "features",
        "basis",
        "variance",
        "rest",
        "condition_noise",
    )
)

_BEFORE_ZERO = tuple(
    f"['whole_out']['params']['{layer}']['{part}']"
    for layer in ("hidden", "noise")
    for part in ("kernel", "bias")
)
"""Parts of `WholeOut` before maps that are zero at first: trained from the second step on."""
_LLMA_UNTRAINED = (*_LAW, *_BEFORE_ZERO)


def llma_example() -> Example:
    return Example(llma(_llma_settings("llma")), _GAIT, _GIVEN, untrained=_LLMA_UNTRAINED)


def direct_example() -> Example:
    return Example(
        direct(_llma_settings("none")), _GAIT, _GIVEN, deterministic=True, untrained=_LLMA_UNTRAINED
    )


def speed_transfer_example() -> Example:
    """Two people at four speeds each; every example is a pair of speeds of one of them."""
    settings = SpeedSettings(
        size=residual_denoiser.size("tiny"), residual=0.1, identity=0.1, subject=0.1, steps=3
    )
    source, target = normal(0, 8, 30, 6), normal(1, 8, 30, 6)
    v, w = np.linspace(0.6, 1.6, 8), np.linspace(1.5, 0.7, 8)
    condition = {"source": source, "speeds": speed_vector(v, w)}
    batch = {**condition, "target": target, "subject": np.arange(8, dtype=np.int32) % 2}
    return Example(moved(speed_transfer(settings)), batch, condition)


def speed_regression_example() -> Example:
    """A bank of two networks."""
    batch = {
        "source": normal(0, 8, 2, 12, 6),
        "target": normal(1, 8, 2, 12, 6),
        "speed": 1 + 0.1 * normal(2, 8, 2),
    }
    condition = {
        "source": normal(3, 8, 12, 6),
        "speed": 1 + 0.1 * normal(4, 8),
        "member": np.arange(8) % 2,
    }
    return Example(speed_regression(SequenceMLP()), batch, condition, deterministic=True)


def stride_transfer_example() -> Example:
    """One or two recordings of each person."""
    settings = StrideSettings(speed_set.size("tiny")._replace(dropout=0.1), steps=2)
    condition = {
        "recordings": normal(1, 8, 2, 9),
        "present": np.array([[1, i % 2] for i in range(8)], np.float32),
        "question": normal(2, 8, 5),
        "trust": np.ones(8, np.float32),
    }
    batch = {name: value for name, value in condition.items() if name != "trust"}
    batch["residual"] = normal(0, 8, 7)
    return Example(moved(stride_transfer(settings)), batch, condition)


def _text_settings(size: str, vocabulary: int) -> TextSettings:
    return TextSettings(size, vocabulary, 16, 1, 32, frames=20, steps=3)


def _caption(vocabulary: int) -> dict[str, Any]:
    ids = np.random.default_rng(3).integers(1, vocabulary, (8, 6))
    return {"text": ids, "length": LENGTHS}


def text_to_motion_example() -> Example:
    condition = _caption(40)
    method = moved(text_to_motion(_text_settings("tiny", 40)))
    return Example(method, {"motion": normal(0, 8, 20, 11), **condition}, condition, slow=True)


def distillation_example() -> Example:
    condition = _caption(40)
    method = moved(distillation(_text_settings("tiny", 40), levels=4))
    batch = {"motion": normal(0, 8, 20, 11), **condition}
    return Example(method, batch, condition, slow=True)


def biovae_example() -> Example:
    """Two joints."""
    backbone = _text_settings("tiny", 40)
    settings = BioVaeSettings(backbone, width=16, blocks=1, groups=4, heads=2, kl=1e-3)
    scale = Scale(np.zeros(23, np.float32), np.full(23, 0.1, np.float32), 20.0, 10.0)
    condition = {**_caption(40), "acceleration": 1 + 0.1 * normal(8, 8, 2)}
    batch = {"motion": normal(0, 8, 20, 23), **_caption(40)}
    return Example(moved(biovae(settings, scale)), batch, condition, slow=True)


def _muscles(network: str) -> Example:
    settings = MuscleSettings(network, width=16, blocks=1, groups=4, heads=2, ff=16, levels=50)
    condition = {"motion": normal(0, 8, 20, 11), "length": LENGTHS}
    batch = {**condition, "muscles": np.abs(normal(1, 8, 20, 8))}
    return Example(muscle_encoder(settings), batch, condition, deterministic=True)


muscle_encoder_example = partial(_muscles, "encoder")
muscle_transformer_example = partial(_muscles, "transformer")


def smoothing_example() -> Example:
    settings = SmoothingSettings(window=8, hidden=16, residual_hidden=8, blocks=1, dropout=0.1)
    batch = {"estimate": normal(0, 8, 8, 3), "truth": normal(1, 8, 8, 3)}
    return Example(smoothing(settings), batch, normal(2, 8, 12, 3), deterministic=True)


def evaluator_example() -> Example:
    rng = np.random.default_rng(5)
    batch = {
        "motion": normal(0, 8, 24, 11),
        "length": np.array([24, 12, 16, 20, 8, 19, 24, 24], np.int32),
        "words": rng.integers(0, 30, (8, 6)).astype(np.int32),
        "speech": rng.integers(0, 4, (8, 6)).astype(np.int32),
        "count": np.array([6, 2, 3, 4, 5, 6, 6, 2], np.int32),
    }
    settings = EvaluatorSettings(30, 4, 8, 16, 12, 12, 8)
    return Example(evaluator(settings), batch, batch, deterministic=True)


def gait_example() -> Example:
    """Two modalities of six and four coefficients, and scalars."""
    parts = (Part("angles", 6, 5), Part("moments", 4, 3), Part("scalars", 2, 2))
    settings = GaitSettings(GaitSize(width=16, hidden=16, blocks=2, harmonics=2), every=2, steps=3)
    condition = {
        "mean": normal(0, 8, 12),
        "alone": normal(1, 8, 12),
        "deviation": np.abs(normal(2, 8, 12)),
        "given": np.abs(normal(3, 8, 10)),
    }
    batch = {**condition, "target": normal(4, 8, 12), "whole": normal(5, 8, 12)}
    batch["weights"] = np.ones((8, 12), np.float32)
    return Example(moved(gait(settings, parts)), batch, condition)
