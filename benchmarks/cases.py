"""What is measured: each method at the sizes that matter, on random numbers of the right shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.losses.alignment import Settings as Alignment
from jaxdiff.methods import biovae, gait, llma, speed_transfer, stride_transfer, text_to_motion
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.nets import cross_modal, gait_denoiser, residual_denoiser, speed_set
from jaxdiff.nets.gait_denoiser import Part
from jaxdiff.typing import Batch, Method, Params

FEATURES = 263
CLIP = (77, 512)
"""Tokens and channels of CLIP's text features."""


class Case(NamedTuple):
    """A method at one size."""

    name: str
    settings: Any
    method: Method
    batch: Callable[[int], Batch]
    """A training batch of the given size."""
    condition: Callable[[int], Batch]
    """The condition of a batch for generation."""
    train: int
    """Batch size of the study's training."""

    def params(self) -> Params:
        """Random parameters, none of them zero: a newly initialised U-Net returns zero for every
        input.
        """
        shapes = jax.eval_shape(lambda: self.method.init(jax.random.key(0), self.batch(1)))
        rng = np.random.default_rng(0)

        def draw(path, a) -> jax.Array:
            vector = a.ndim < 2 or "bias" in str(path[-1])
            fan = 1 if vector else np.prod(a.shape[:-1])
            scale = 0.02 if vector else 0.7 / np.sqrt(fan)
            centre = 1.0 if "scale" in str(path[-1]) else 0.0
            return jnp.asarray(centre + scale * rng.standard_normal(a.shape, np.float32))

        return jax.tree_util.tree_map_with_path(draw, shapes)


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape, np.float32)


def llma_case(size: str, train: int, length: int = 300, **changes: Any) -> Case:
    """Angles (18 channels) and moments (12) of two strides; 50 steps of DDIM unless changed."""
    network = cross_modal.size(size)
    changes = {"solver": "ddim", "steps": 50} | changes
    settings = llma.Settings(
        network,
        options=Alignment(window=max(1, 30 // network.patch)),
        network="paper",
        **changes,
    )

    def batch(n: int) -> Batch:
        return {
            "x": random(n, length, 18),
            "y": random(n, length, 12),
            "subject": np.zeros(n, np.int32),
        }

    return Case(
        f"llma {size}",
        settings,
        llma.llma(settings),
        batch,
        lambda n: {"y": random(n, length, 12)},
        train,
    )


def speed_case(size: str, train: int, length: int = 600, **changes: Any) -> Case:
    """Thirty seconds of six angles at 20 Hz; 100 steps of DDIM unless changed."""
    settings = speed_transfer.Settings(residual_denoiser.size(size), **changes)

    def pairs(n: int) -> dict[str, Any]:
        speeds = speed_transfer.speed_vector(np.full(n, 1.1), np.full(n, 1.4))
        return {"source": random(n, length, 6), "speeds": speeds}

    def batch(n: int) -> Batch:
        return {
            **pairs(n),
            "target": random(n, length, 6, seed=1),
            "subject": np.arange(n, dtype=np.int32),
        }

    return Case(
        f"speed transfer {size}",
        settings,
        speed_transfer.speed_transfer(settings),
        batch,
        pairs,
        train,
    )


def text_case(
    size: str, train: int, frames: int = 196, mechanics: bool = False, **changes: Any
) -> Case:
    """HumanML3D's features and CLIP's tokens; ten steps of SDE-DPM-Solver++, guided. With mechanics
    it is BioVAE.
    """
    small = size != "full"
    changes = {"frames": frames, "text_layers": 1 if size in ("tiny", "mini") else 4} | changes
    settings: Any = text_to_motion.Settings(
        size, text_width=64 if size in ("tiny", "mini") else 256, **changes
    )
    method = text_to_motion.text_to_motion(settings)
    if mechanics:
        settings = biovae.Settings(settings, width=32 if small else 128, groups=4 if small else 8)
        scale = Scale(
            np.zeros(FEATURES, np.float32), np.full(FEATURES, 0.1, np.float32), 20.0, 10.0
        )
        method = biovae.biovae(settings, scale)

    def condition(n: int) -> Batch:
        return {"text": random(n, *CLIP), "length": np.full(n, frames, np.int32)}

    def batch(n: int) -> Batch:
        return {"motion": random(n, frames, FEATURES), **condition(n)}

    name = "biovae" if mechanics else "text to motion"
    return Case(f"{name} {size}", settings, method, batch, condition, train)


def gait_case(train: int, **changes: Any) -> Case:
    """The network of the shipped gait model: coefficients of four modalities under random masks."""
    parts = (
        Part("angles", 60, 26),
        Part("moments", 48, 18),
        Part("grf", 30, 6),
        Part("scalars", 5, 5),
    )
    size = gait_denoiser.Size(256, 512, 3)
    settings = gait.Settings(size, alignment=0.02, aligned=("angles", "moments", "grf"), **changes)
    total, given = sum(p.components for p in parts), sum(p.given for p in parts)

    def condition(n: int) -> Batch:
        found = {name: random(n, total, seed=i) for i, name in enumerate(("mean", "alone"))}
        deviation, masks = np.abs(random(n, total, seed=2)), np.abs(random(n, given, seed=3))
        return {**found, "deviation": deviation, "given": masks}

    def batch(n: int) -> Batch:
        known = {"target": random(n, total, seed=4), "whole": random(n, total, seed=5)}
        return {**condition(n), **known, "weights": np.ones((n, total), np.float32)}

    return Case("gait", settings, gait.gait(settings, parts), batch, condition, train)


def stride_case(size: str, train: int, **changes: Any) -> Case:
    """Stride transfer: features of up to four recordings to the coefficients of a gait at another
    speed.
    """
    settings = stride_transfer.Settings(speed_set.size(size), **changes)

    def question(n: int) -> Batch:
        seen = {"recordings": random(n, 4, 120), "question": random(n, 40)}
        return {**seen, "present": np.ones((n, 4), np.float32)}

    def condition(n: int) -> Batch:
        return {**question(n), "trust": np.ones(n, np.float32)}

    def batch(n: int) -> Batch:
        return {**question(n), "residual": random(n, 90)}

    method = stride_transfer.stride_transfer(settings)
    return Case(f"stride transfer {size}", settings, method, batch, condition, train)


def with_settings(case: Case, settings: llma.Settings) -> Case:
    """An LLMA of other settings."""
    return case._replace(settings=settings, method=llma.llma(settings))


def tiny() -> list[Case]:
    """Small enough for a test."""
    return [
        llma_case("tiny", 4, 60, steps=3),
        speed_case("tiny", 4, 60, steps=3),
        text_case("tiny", 4, 32, steps=2),
        text_case("tiny", 4, 32, mechanics=True, steps=2),
    ]
