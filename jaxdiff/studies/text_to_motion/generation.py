"""From a sentence to a motion: joint positions (.npy), a skeleton with rotations (.bvh), and something to look at (.html)."""

from __future__ import annotations

import re
from pathlib import Path

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.body.humanml3d import LAYOUT_21, Layout, joints_from_features
from jaxdiff.data import formats, normalise
from jaxdiff.errors import ConfigError
from jaxdiff.methods.text_to_motion import text_to_motion
from jaxdiff.report.page import Page
from jaxdiff.studies.text_to_motion import preparation, texts
from jaxdiff.studies.text_to_motion.training import MODEL
from jaxdiff.training.checkpoint import load_params
from jaxdiff.training.step import make_generate


def generate_files(
    run: str | Path, text: str, seconds: float, out: str | Path, *, samples: int = 1, seed: int = 0
) -> list[Path]:
    """Generates motions for a sentence and writes `<words of it>-<number>` as .npy, .bvh and .html into `out`."""
    motions, layout, rate = generate(run, text, seconds, samples=samples, seed=seed)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    name = "-".join(re.findall(r"\w+", text.lower())[:8]) or "motion"
    written = []
    for number, joints in enumerate(motions):
        paths = [out / f"{name}-{number}{kind}" for kind in (".npy", ".bvh", ".html")]
        metres = in_metres(joints, layout)
        unit = "mm" if layout is LAYOUT_21 else "m"
        formats.write(paths[0], formats.joints_recording(joints, layout.skeleton, rate, unit))
        formats.write_joints_bvh(paths[1], metres, layout.skeleton, rate)
        page = Page(text)
        page.motion("Motion", {"": {"generated": metres}}, layout.skeleton, rate)
        page.save(paths[2])
        written += paths
    print(
        f"{out}: {', '.join(path.name for path in written)}; {len(motions[0])} frames at {rate:g} Hz"
    )
    return written


def generate(
    run: str | Path, text: str, seconds: float, *, samples: int = 1, seed: int = 0
) -> tuple[np.ndarray, Layout, float]:
    """Joint positions `(samples, T, J, 3)` in the units of the data, their skeleton, and the rate in Hz."""
    params, about = load_params(Path(run) / MODEL / "checkpoints", "ema", "latest")
    config, rate = ConfigDict(about["config"]), float(about["rate"])
    longest = about["config"]["data"]["length"]
    if not 4 <= seconds * rate <= longest:
        raise ConfigError(
            f"the model knows motions of {4 / rate:g} s to {longest / rate:g} s, not of {seconds:g} s"
        )
    frames = round(seconds * rate)
    if not text.strip() or samples < 1:
        raise ConfigError("generation needs a text that is not empty, and one sample or more")
    settings = preparation.model_settings(config, len(about["words"]), frames)
    told = np.asarray(texts.reader(config, about["words"])([text]))
    condition = {"text": told.repeat(samples, axis=0), "length": np.full(samples, frames, np.int32)}
    motion = make_generate(text_to_motion(settings).generate)(
        params, jax.random.key(seed), condition
    )
    normaliser = normalise.from_state(about["normaliser"])
    joints = jax.vmap(joints_from_features)(normaliser.inverse(np.asarray(motion)))
    return np.asarray(joints), preparation.layout_of(normaliser), rate


def in_metres(joints: np.ndarray, layout: Layout) -> np.ndarray:
    """KIT-ML counts in millimetres."""
    return joints * 0.001 if layout is LAYOUT_21 else joints
