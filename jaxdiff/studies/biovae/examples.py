"""Example motions: for captions, with and without the mechanics and with larger accelerations; refined
estimates.
"""

from __future__ import annotations

import jax
import numpy as np

from jaxdiff.body.corruption import corrupt
from jaxdiff.methods.refinement import follow
from jaxdiff.report.motion import Clips
from jaxdiff.studies.biovae import estimation, evaluation, preparation
from jaxdiff.studies.biovae.editing import TRUST
from jaxdiff.studies.biovae.evaluation import Made
from jaxdiff.studies.biovae.preparation import Prepared
from jaxdiff.studies.biovae.training import REFINER
from jaxdiff.studies.generation import evenly, in_chunks
from jaxdiff.studies.text_to_motion import texts
from jaxdiff.studies.text_to_motion.preparation import everything, normalised
from jaxdiff.typing import Config, Params

SHOWN = ("backbone", "all")
"""Arms whose motions are shown with the real ones."""


def captioned(config: Config, prepared: Prepared, runs: Made) -> Clips:
    """Test captions: the real motion, and those of some arms' first training, all from the same
    noise.
    """
    made = {name: (runs[name][0], runs[name][1][0]) for name in SHOWN if name in runs}
    if "all" in made:
        factor, (generate, params) = max(config.editing.factors), made["all"]
        made[f"all, acceleration × {factor:g}"] = evaluation.by(factor, generate), params
    test = prepared.base.sides["test"]
    batch = everything(test, 0)
    chosen = evenly(len(test), config.evaluation.examples)
    said, length = [test.captions[i] for i in batch["caption"][chosen]], batch["length"][chosen]
    condition = {"text": texts.reader(config, prepared.base.words)(said), "length": length}
    motions = {"real": normalised(prepared.normaliser, batch)[chosen]}
    for name, (generate, params) in made.items():
        motions[name] = in_chunks(generate, params, jax.random.key(0), condition)
    shown = {name: evaluation.joints(prepared, motion, length) for name, motion in motions.items()}
    return {
        f"{number + 1}. {caption}": {name: clips[number] for name, clips in shown.items()}
        for number, caption in enumerate(said)
    }


def repaired(config: Config, prepared: Prepared, refiner: Params, most: int = 3) -> Clips:
    """Real clips, what a pose estimator might have made of them, and that refined."""
    own = preparation.settings(config, len(prepared.base.words), REFINER)
    state, rate = (
        estimation.states(own, refiner, prepared.refining, prepared.base.variant),
        prepared.base.rate,
    )
    clips = {}
    for number, clip in enumerate(estimation.benchmark_clips(config, prepared, "test")[:most]):
        estimate = corrupt(clip, rate, number)
        refined = follow(estimate, state(estimate), rate, TRUST)
        clips[f"clip {number + 1}"] = {
            "real": clip,
            "estimate": estimate,
            "refined": np.asarray(refined),
        }
    return clips
