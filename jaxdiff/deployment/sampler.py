"""A trained run as one pure function: `draw(seed, *inputs (B, ...)) -> (B, T, D)`, all in physical units.

    llma             signal (T, C)                                                  the other modality
    speed_transfer   gait (T, 6), source_speed, target_speed [, strides_per_second] the gait at the other speed
    text_to_motion   text, length                                                   joints, zero beyond the length
    biovae           text, length, acceleration (J)                                 likewise

Normalisation, the keys of the examples, all steps of the sampler and the way back to units are inside, so what is compiled
or exported is the whole of it. Example n draws from `fold_in(key(seed), n)`, as in files generated with the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from jaxdiff.data import normalise
from jaxdiff.errors import CheckpointError, ConfigError, DataError, nearest
from jaxdiff.training.checkpoint import load_params
from jaxdiff.typing import Array, Key


class Signal(NamedTuple):
    """An array that goes in or comes out, without its batch."""

    name: str
    shape: tuple[int, ...]
    channels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    example: np.ndarray = np.zeros((), np.float32)
    """Of its type, and of a shape that can be broadcast to its own."""


class Sampler(NamedTuple):
    """`draw` and what its arrays mean."""

    draw: Callable[..., Array]
    inputs: tuple[Signal, ...]
    made: Signal
    rate: float
    """Hz; 0 where time is counted in strides."""
    method: str
    strides: int = 0
    """Strides in a window, which then begins with one (llma: a heel strike; speed_transfer: most hip extension, right); 0: time."""
    notes: Mapping[str, Any] = {}
    """What else one must know to make inputs of one's own, as JSON has it."""

    @property
    def given(self) -> Signal:
        """The first input."""
        return self.inputs[0]

    @property
    def length(self) -> int:
        """Samples in a window."""
        return self.made.shape[0]


def load(run: str | Path, given: str = "", steps: int = 0) -> Sampler:
    """The sampler of a run; `given` is the modality that goes in (llma), `steps` those of the sampler if not as trained."""
    run = Path(run)
    params, about = load_params(run / "checkpoints")
    method = about.get("method")
    if method not in SAMPLERS:
        raise ConfigError(
            f"runs of {method} cannot be exported; those of {', '.join(SAMPLERS)} can"
        )
    if given and method != "llma":
        raise ConfigError(
            f"a run of {method} has no modalities to choose from (--given); only runs of llma have"
        )
    return SAMPLERS[method](run, params, about, given, steps)


def _llma(run: Path, params: dict, about: dict, given: str, steps: int) -> Sampler:
    from jaxdiff.methods.llma import llma
    from jaxdiff.studies.llma.preparation import method_settings

    names = {name: letter for letter, name in about["modalities"].items()}
    given = given or about["modalities"]["x"]
    if given not in names:
        raise DataError(f"the run has no modality {given!r}; {nearest(given, names)}")
    letter, length = names[given], int(about["length"])
    other = {"x": "y", "y": "x"}[letter]
    source, target = (normalise.from_state(about["normaliser"][m]) for m in (letter, other))
    settings = method_settings(ConfigDict(about["config"]))
    method = llma(settings._replace(steps=steps or settings.steps), window=length)

    def draw(seed: Array, signal: Array) -> Array:
        return target.inverse(
            method.generate(params, _keys(seed, signal), {letter: source(signal)})
        )

    went = Signal(
        "signal", (length, len(source.channels)), source.channels, source.units, source.offset
    )
    made = Signal(
        about["modalities"][other], (length, len(target.channels)), target.channels, target.units
    )
    per_stride = about["samples_per_stride"]
    return Sampler(
        draw,
        (went,),
        made,
        float(about["rate"] or 0),
        "llma",
        length // per_stride if per_stride else 0,
    )


def _speed_transfer(run: Path, params: dict, about: dict, given: str, steps: int) -> Sampler:
    from jaxdiff.methods.speed_transfer import speed_terms, speed_transfer
    from jaxdiff.studies.speed_transfer.alignment import curve_at
    from jaxdiff.studies.speed_transfer.transfer import from_about

    model = from_about(params, about)
    settings, form, scales = model.settings, model.form, model.normaliser
    method = speed_transfer(settings._replace(steps=steps or settings.steps))
    phased = form.align == "phase"
    people = model.population
    if phased:  # a change is linear in these curves: brought to the phases of the window once
        phase = np.arange(form.frames) / form.points
        people = people._replace(bend=np.stack([curve_at(curve, phase) for curve in people.bend]))

    def draw(
        seed: Array,
        gait: Array,
        source_speed: Array,
        target_speed: Array,
        *strides_per_second: Array,
    ) -> Array:
        v, w, source = source_speed, target_speed, scales(gait)
        usual = jnp.exp(jnp.polyval(jnp.asarray(people.cadence[::-1]), jnp.log(v)))
        pace = [10 * jnp.log(frequency / usual) for frequency in strides_per_second]
        base = source
        if phased and form.about != "source":
            base = source + people.change(v[:, None, None], w[:, None, None]) / scales.scale
        condition = {
            "source": source,
            "base": base,
            "speeds": jnp.stack(speed_terms(v, w, *pace), -1),
        }
        return scales.inverse(method.generate(params, _keys(seed, gait), condition))

    def speed(name: str, value: float, unit: str = "m/s") -> Signal:
        return Signal(name, (), (), (unit,), np.array(value, np.float32))

    shape = form.frames, len(scales.channels)
    inputs = [Signal("gait", shape, scales.channels, scales.units, scales.offset)]
    inputs += [speed("source_speed", 1.0), speed("target_speed", 1.4)]
    inputs += [speed("strides_per_second", people.frequency(1.0), "1/s")] if phased else []
    strides = form.frames // form.points if phased else 0
    notes = {"cadence": [float(c) for c in people.cadence]} if phased else {}
    made = Signal("gait", shape, scales.channels, scales.units)
    return Sampler(
        draw,
        tuple(inputs),
        made,
        0.0 if phased else float(about["rate"]),
        "speed_transfer",
        strides,
        notes,
    )


def _text_to_motion(run: Path, params: dict, about: dict, given: str, steps: int) -> Sampler:
    from jaxdiff.methods.text_to_motion import text_to_motion
    from jaxdiff.studies.text_to_motion import preparation

    config, scale = ConfigDict(about["config"]), normalise.from_state(about["normaliser"])
    settings = preparation.model_settings(config, len(about["words"]))
    method = text_to_motion(settings._replace(steps=steps or settings.steps))
    return _captioned(method.generate, params, about, scale, settings.frames)


def _biovae(run: Path, params: dict, about: dict, given: str, steps: int) -> Sampler:
    from jaxdiff.body.humanml3d import joint_count
    from jaxdiff.methods import biovae
    from jaxdiff.studies.biovae import preparation
    from jaxdiff.studies.biovae.training import ARMS

    arm = next((arm for arm in ARMS.values() if arm.directory == run.name), None)
    if arm is None:
        raise CheckpointError(
            f"{run} holds no network that generates; {nearest('arm-all', [a.directory for a in ARMS.values()])}"
        )
    config, scale = ConfigDict(about["config"]), normalise.from_state(about["normaliser"])
    settings = preparation.settings(config, len(about["words"]), arm)
    backbone = settings.backbone._replace(steps=steps or settings.backbone.steps)
    method = biovae.biovae(
        settings._replace(backbone=backbone),
        biovae.Scale(scale.offset, scale.scale, float(about["rate"])),
    )
    joints = joint_count(scale.offset)  # type: ignore[arg-type]
    factor = Signal("acceleration", (joints,), (), ("1",), np.ones((), np.float32))
    return _captioned(
        method.generate, params, about, scale, backbone.frames, (factor,) if arm.mechanics else ()
    )


def _captioned(
    generate: Callable,
    params: dict,
    about: dict,
    scale: normalise.Normaliser,
    frames: int,
    more: tuple[Signal, ...] = (),
) -> Sampler:
    """The sampler of a method that turns text into motion: its features to joints in metres."""
    from jaxdiff.body.humanml3d import joints_from_features
    from jaxdiff.methods.text_to_motion import valid
    from jaxdiff.nets.word_text import Vocabulary
    from jaxdiff.studies.text_to_motion import preparation, texts
    from jaxdiff.studies.text_to_motion.generation import in_metres

    layout = preparation.layout_of(scale)
    names = ("text", "length", *(each.name for each in more))

    def one(key: Key, *inputs: Array) -> Array:
        """One example: the network, which looks at sizes, then sees none that is open."""
        return generate(
            params, key[None], {name: value[None] for name, value in zip(names, inputs)}
        )[0]

    def draw(seed: Array, text: Array, length: Array, *others: Array) -> Array:
        motion = scale.inverse(jax.vmap(one)(_keys(seed, length), text, length, *others))
        joints = in_metres(jax.vmap(joints_from_features)(motion), layout)
        return jnp.where(valid(length, frames)[..., None], joints.reshape(*joints.shape[:2], -1), 0)

    if about["config"]["model"]["text"] == "words":
        ids = Vocabulary(about["words"]).batch(["a person walks"], texts.LENGTH)[0]
        text, notes = Signal("text", ids.shape, example=ids), {"words": list(about["words"])}
    else:
        text, notes = (
            Signal("text", (77, 512)),
            {"text": "features of CLIP ViT-B/32, 77 tokens after the final LayerNorm"},
        )
    length = Signal("length", (), (), ("frames",), np.array(frames // 4 * 4, np.int32))
    channels = tuple(f"{name}_{axis}" for name in layout.skeleton.names for axis in "xyz")
    made = Signal("joints", (frames, len(channels)), channels, ("m",) * len(channels))
    return Sampler(
        draw, (text, length, *more), made, float(about["rate"]), about["method"], notes=notes
    )


def _keys(seed: Array, batched: Array) -> Key:
    rows = jnp.arange(batched.shape[0], dtype=jnp.int32)
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), rows)


SAMPLERS: dict[str, Callable[[Path, dict, dict, str, int], Sampler]] = {
    "llma": _llma,
    "speed_transfer": _speed_transfer,
    "text_to_motion": _text_to_motion,
    "biovae": _biovae,
}
"""By the method a checkpoint names."""
