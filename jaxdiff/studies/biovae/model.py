"""A trained BioVAE as a model: a sentence or a motion in, joint positions out.

With a text it generates; with a recording of joints it refines an estimate (`refine=True`) or
scales accelerations (`edit="left_arm=1.5"`). Refinement is the work of the run's network `refiner`,
everything else of an arm.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from jaxdiff.body import rigid
from jaxdiff.body.humanml3d import joint_count
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import CheckpointError, ConfigError
from jaxdiff.methods import biovae, biovae_networks
from jaxdiff.methods.biovae_networks import denoiser
from jaxdiff.methods.refinement import follow
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.biovae import editing, estimation, preparation
from jaxdiff.studies.biovae.benchmark import by_inversion
from jaxdiff.studies.biovae.training import ARMS, REFINER, Arm
from jaxdiff.studies.run import Run
from jaxdiff.studies.text_to_motion import corpora
from jaxdiff.studies.text_to_motion.captioned import CaptionedModel
from jaxdiff.studies.text_to_motion.conditions import PARTS
from jaxdiff.training.step import make_generate
from jaxdiff.typing import Denoiser


class BioVaeModel(CaptionedModel):
    """One arm of a run of BioVAE, or its refiner."""

    def __init__(self, trained: Trained):
        super().__init__(trained)
        unit = np.asarray(trained.metadata["acceleration"], np.float32)
        self.physical = self.physical._replace(acceleration=unit)
        self.arm = _arm(trained.arm)
        joints = self.outputs[0]._replace(name="motion", optional=True)
        edit = Signal("edit", optional=True)
        if self.arm.estimates:
            self.inputs = (joints._replace(optional=False),)
        else:
            self.inputs = (*self.inputs, edit, joints)

    def _settings(self, frames: int = 0, steps: int = 0) -> biovae_networks.Settings:
        settings = preparation.settings(self.config, len(self.words), self.arm, frames)
        backbone = settings.backbone
        return settings._replace(backbone=backbone._replace(steps=steps or backbone.steps))

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 1,
        seed: int = 0,
        steps: int = 0,
        text: str = "",
        seconds: float = 3.0,
        edit: str | None = None,
        refine: bool = False,
        strength: float | None = None,
        trust: float | None = None,
        rate: float = 0.0,
        raw: bool = False,
    ) -> Prediction:
        """A motion for a sentence, an estimate refined, or a motion edited.

        Args:
            recording: Joint positions to refine or edit; None to generate from `text`.
            samples: Number of motions for the text.
            seed: Seed of the motions.
            steps: Steps of the sampler; 0 for the model's own number.
            text: What happens, in a sentence.
            seconds: Duration of a generated motion.
            edit: `PART=FACTOR`: scales the accelerations of a part of the body.
            refine: Make the estimated motion smooth and closer to the truth.
            strength: Noise level from 0 to 1 to which a motion is taken back; 0.7 for an edit, 0
                (none) for refinement.
            trust: How far refinement follows the stated accelerations, in s²; 0.02 by default.
            rate: Frames per second of a generated motion; 0 for the model's own.
            raw: Joints as the network gives them, without constant bones and planted feet.
        """
        wanted = bool(text) + (recording is not None)
        if (
            wanted != 1
            or (recording is not None and refine == (edit is not None))
            or (text and refine)
        ):
            raise ConfigError(
                "a model of biovae needs a text, or a recording with either refine or"
                " edit=PART=FACTOR"
            )
        if trust is not None and not refine:
            raise ConfigError("trust belongs to refine")
        if recording is None:
            return self._from_text(text, seconds, edit, samples, seed, steps, rate, raw)
        motion = self._joints(recording)
        if refine:
            kept = editing.TRUST if trust is None else trust
            made = self._refined(motion, kept, strength or 0.0)
        else:
            factor, joints = parse_edit(edit or "")
            floor = self.config.estimation.floor
            wanted_strength = 0.7 if strength is None else strength
            made = editing.edit(
                self._denoiser,
                self.physical,
                motion,
                editing.factors(factor, joints),
                wanted_strength,
                floor=floor,
                variant=self.variant,
            )
        return self._motion(made, raw)

    def _from_text(
        self,
        text: str,
        seconds: float,
        edit: str | None,
        samples: int,
        seed: int,
        steps: int,
        rate: float,
        raw: bool,
    ) -> Prediction:
        if edit and not self.arm.mechanics:
            raise ConfigError(f"the arm {self.trained.arm} has no accelerations to edit")
        self._warn_unknown(text)
        frames = self._frames(text, seconds, samples)
        factor, joints = parse_edit(edit) if edit else (1.0, None)
        condition = self._condition(text, frames, samples)
        condition["acceleration"] = np.tile(editing.factors(factor, joints), (samples, 1))
        method = lambda: biovae.biovae(self._settings(frames, steps), self.physical)  # noqa: E731
        run = self._once((frames, steps), lambda: make_generate(method().generate))
        motion = np.asarray(run(self.trained.params, jax.random.key(seed), condition))
        return self._prediction(motion, text, raw, rate)

    def _refined(self, motion: np.ndarray, trust: float, strength: float) -> np.ndarray:
        """The motion that follows the refiner's accelerations, taken through the paper's inversion
        first where asked.
        """
        refiner = self if self.arm.estimates else self._sibling(REFINER)
        if strength:
            plain, whole = (self._sibling(ARMS[name]) for name in ("backbone", "all"))
            inward, back = plain._denoiser(), whole._denoiser()
            floor = self.config.estimation.floor
            way = by_inversion(
                inward, back, whole.physical, strength, editing.STEPS, floor, variant=self.variant
            )
            motion = way(motion, self.rate)
        state = estimation.states(
            refiner._settings(), refiner.trained.params, refiner.physical, self.variant
        )
        return follow(motion, state(motion), self.rate, trust)

    def _sibling(self, arm: Arm) -> BioVaeModel:
        """Another network of the same run."""
        path = self.trained.path
        if path is None or not path.is_dir():
            raise CheckpointError(
                f"the network {arm.directory} is part of a run; load the run instead of a file"
            )
        return self._once(arm, lambda: BioVaeModel(Run.open(path.parent, arm.directory).trained()))

    def _denoiser(self, **options: Any) -> Denoiser:
        return denoiser(self._settings(), self.trained.params, self.physical, None, **options)

    def _joints(self, recording: Recording) -> np.ndarray:
        """`[T, 22, 3]` in metres at the model's rate."""
        if abs(recording.rate - self.rate) > 1e-6:
            recording = recording.resample(self.rate)
        return corpora.joints_of(recording)

    def _motion(self, joints: np.ndarray, raw: bool) -> Prediction:
        clean = rigid.cleaned(joints, self.layout, self.rate)
        found = rigid.violation(joints, self.layout, self.rate, clean=clean)
        if not raw:
            joints = clean.joints
        like = formats.joints_recording(joints, self.layout.skeleton, self.rate, "m")
        metadata = {"violation": found}
        return Prediction(like.values[None], like, pointwise=False, metadata=metadata)

    def program(self, *, steps: int = 0) -> Program:
        """`draw(seed, text, length[, acceleration [B, J]]) -> joints [B, T, 3 J]`."""
        if self.arm.estimates:
            raise ConfigError("a refiner cannot be exported; export an arm that generates")
        settings = self._settings(steps=steps)
        method = biovae.biovae(settings, self.physical)
        joints = joint_count(self.scale.offset)  # type: ignore[arg-type]
        factor = Signal(
            "acceleration", (), ("1",), shape=(joints,), example=np.ones((), np.float32)
        )
        more = (factor,) if self.arm.mechanics else ()
        return self._captioned(method.generate, settings.backbone.frames, more)


def parse_edit(text: str) -> tuple[float, list[str] | None]:
    """`left_arm=1.5` as a factor and joints, None for all of them."""
    part, _, factor = text.partition("=")
    try:
        number = float(factor)
    except ValueError:
        raise ConfigError(f"an edit is PART=FACTOR, such as left_arm=1.5, not {text!r}") from None
    if part == "all":
        return number, None
    return number, [joint for name in part.split(",") for joint in PARTS.get(name, (name,))]


def _arm(name: str) -> Arm:
    """The arm whose directory this is, or a repeat of it (`arm-all-2`)."""
    for arm in (*ARMS.values(), REFINER):
        if name == arm.directory or name.removeprefix(arm.directory).lstrip("-").isdigit():
            return arm
    raise CheckpointError(f"no network of biovae is called {name!r}")
