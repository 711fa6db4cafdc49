"""Constraints and what they cost: guidance as in use, plain imputation and no constraint, on test
clips.

    jaxdiff train text_to_motion:motion --set experiment=constraints --set start=motion

Every test clip gives its own caption, its length and the target values; a method is judged by how
far the generated motion is from these, before and after bones and feet are cleaned, and by what the
constraint does to the motion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.body import rigid
from jaxdiff.body.humanml3d import LAYOUT_22, joints_from_features, slices
from jaxdiff.data.formats import joints_recording
from jaxdiff.errors import ConfigError
from jaxdiff.methods.constraints import Constraint, constrain, error, impute
from jaxdiff.methods.motion_scale import Scale
from jaxdiff.methods.text_to_motion import Settings, denoiser, draw
from jaxdiff.metrics import dynamics
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table, cell, provenance
from jaxdiff.studies.generation import evenly
from jaxdiff.studies.text_to_motion import conditions, preparation, texts
from jaxdiff.studies.text_to_motion.preparation import Prepared
from jaxdiff.studies.text_to_motion.start import begin
from jaxdiff.typing import Array, Config, Denoiser, Params

KINDS: dict[str, dict[str, str | None]] = {
    "path": {},
    "joint": {"keep": "all", "joints": "right_wrist"},
    "keyframes": {"keep": "0,1,2"},
    "beginning": {"keep": "0:0.5"},
}
"""The constraints: the pelvis' path, a wrist's path, three whole frames, the first half second."""
METHODS: dict[str, Callable[[Denoiser, Constraint, Scale], Denoiser] | None] = {
    "guidance": constrain,
    "imputation": impute,
    "none": None,
}
COLUMNS = {
    "error": "error [mm]",
    "written": "error, written [mm]",
    "foot_slide": "foot slide [m/s]",
    "bone_stretch": "bone stretch",
    "dynamics": "Dynamics",
    "slide_written": "foot slide, written [m/s]",
    "stretch_written": "bone stretch, written",
}


def run_constraints(config: Config, out: Path) -> None:
    """The table of constraints of a model."""
    begun = time.perf_counter()
    config, prepared, params = begin(config, preparation.prepare(config), out)
    if prepared.layout is not LAYOUT_22:
        raise ConfigError("constraints are given on the 22 joints of HumanML3D")
    found = table(config, prepared, params)
    facts = provenance(config.data.name, config.training.seed, time.perf_counter() - begun)
    report = Report(f"Constraints: {config.data.name}", facts)
    report.table(found, "constraints")
    publish(report, out)


def table(config: Config, prepared: Prepared, params: Params) -> Table:
    """Errors by constraint and method over test clips of the requested number, of three quarters of
    the model's length or more.

    Clips are cut to one length, so that one program serves them all.
    """
    clips, captions = _clips(config, prepared)
    frames = clips.shape[1]
    own = preparation.model_settings(config, len(prepared.words), frames)
    scale = Scale(prepared.normaliser.offset, prepared.normaliser.scale, prepared.rate)
    read = texts.reader(config, prepared.words)(captions)
    keys = jax.random.split(jax.random.key(0), len(clips))
    truth = dynamics.rows_of(list(clips), prepared.layout, prepared.rate)
    deviation = dynamics.scale(truth)
    made = Table(
        f"Constraints on {config.data.name}",
        tuple(COLUMNS.values()),
        note=(
            f"{len(clips)} test clips of {frames} frames, their own captions; mean ± deviation over"
            " clips. Written: with constant bones, planted feet and, where constrained, limbs that"
            " reach for their targets. Dynamics: distance from the clip in how it moves, lower is"
            " nearer."
        ),
    )
    runs = {name: _draw(own, scale, method) for name, method in METHODS.items()}
    for kind, asked in KINDS.items():
        constraints = [_constraint(clip, kind, asked, scale, prepared) for clip in clips]
        stacked = jax.tree.map(lambda *each: jnp.stack(each), *constraints)
        for name, run in runs.items():
            motion = run(params, keys, read, stacked)
            rows = [
                _figures(np.asarray(each), constraint, prepared, METHODS[name] is not None)
                for each, constraint in zip(motion, constraints)
            ]
            columns = {COLUMNS[n]: cell([row[n] for row in rows]) for n in rows[0] if n in COLUMNS}
            moved = dynamics.rows_of(
                [row["joints"] for row in rows], prepared.layout, prepared.rate
            )
            distance = dynamics.distance(moved, truth, deviation)
            made.row(f"{kind}, {name}", columns | {COLUMNS["dynamics"]: f"{distance:.2f}"})
    return made


def _clips(config: Config, prepared: Prepared) -> tuple[np.ndarray, list[str]]:
    test = prepared.sides["test"]
    batch = preparation.everything(test, 0)
    frames = min(config.data.length * 3 // 4, int(np.max(batch["length"]))) // 4 * 4
    long = np.flatnonzero(batch["length"] >= frames)
    chosen = long[evenly(len(long), config.evaluation.constrained)]
    joints = jax.jit(jax.vmap(joints_from_features))(batch["motion"][chosen])
    return np.asarray(joints)[:, :frames], [test.captions[i] for i in batch["caption"][chosen]]


def _constraint(
    clip: np.ndarray, kind: str, asked: dict[str, str | None], scale: Scale, prepared: Prepared
) -> Constraint:
    recording, path = None, None
    if kind == "path":
        path = clip[:, 0, [0, 2]]
    else:
        recording = joints_recording(clip, LAYOUT_22.skeleton, prepared.rate)
    made, _ = conditions.constraint(
        len(clip), scale, recording, path=path, variant=prepared.variant, **asked
    )
    return made


def _draw(settings: Settings, scale: Scale, method: Callable | None) -> Callable[..., Array]:
    """Joints `(B, T, J, 3)` of one constraint for each example."""

    @jax.jit
    def run(params: Params, keys: Array, text: Array, constraints: Constraint) -> Array:
        def one(key: Array, words: Array, constraint: Constraint) -> Array:
            denoise = denoiser(settings, params, words[None])
            if method is not None:
                denoise = method(denoise, constraint, scale)
            motion = draw(settings, params, key[None], denoise)
            return scale.features(motion[0])

        return jax.lax.map(lambda each: one(*each), (keys, text, constraints), batch_size=8)

    return run


def _figures(
    features: np.ndarray, constraint: Constraint, prepared: Prepared, constrained: bool
) -> dict:
    joints = np.asarray(joints_from_features(jnp.asarray(features)))
    contacts = features[..., slices(joints.shape[-2])["contacts"]]
    own = rigid.violation(joints, prepared.layout, prepared.rate, contacts)
    motion = rigid.cleaned(joints, prepared.layout, prepared.rate, contacts)
    if constrained:
        goal = np.asarray(constraint.target), np.asarray(constraint.weight)
        motion = rigid.reaching(motion, *goal, prepared.layout)
    clean = motion.joints
    after = rigid.violation(clean, prepared.layout, prepared.rate, contacts)
    return {
        "joints": joints,
        "error": 1000 * float(error(jnp.asarray(joints), constraint)),
        "written": 1000 * float(error(jnp.asarray(clean, jnp.float32), constraint)),
        "foot_slide": own["foot_slide"],
        "bone_stretch": own["bone_stretch"],
        "slide_written": after["foot_slide"],
        "stretch_written": after["bone_stretch"],
    }
