"""From what a checkpoint file holds to our networks and parameters, one function a source.

Sizes are inferred from the shapes in the checkpoint. What shapes cannot tell (numbers of heads and of norm groups, the
kind of attention) is the released value unless `settings` says otherwise: `{"unet": {"heads": 4}}`.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError, FileError, nearest
from jaxdiff.interop import keys
from jaxdiff.interop.files import read
from jaxdiff.interop.keys import Rule
from jaxdiff.interop.pickles import Record, Tensor
from jaxdiff.interop.store import Converted, Weights
from jaxdiff.interop.store import settings as fields_of
from jaxdiff.nets.blocks.embeddings import positions
from jaxdiff.nets.clip_text import ClipText
from jaxdiff.nets.film_transformer import FiLMTransformer, Refinement
from jaxdiff.nets.mia import CONDITION_CHANNELS, MuscleTransformer
from jaxdiff.nets.smoothnet import SmoothNet
from jaxdiff.nets.t2m_evaluators import CONTACTS, MotionEncoder, MovementEncoder, TextEncoder
from jaxdiff.nets.text_head import TextHead
from jaxdiff.nets.unet import CondUnet1D

Settings = Mapping[str, Mapping[str, Any]]
CLIP_HEAD_WIDTH = GAITDYNAMICS_HEAD_WIDTH = 64


def convert(source: str, path: str | Path, settings: Settings | None = None) -> Converted:
    """Converts a checkpoint file; `source` is one of `SOURCES`."""
    return convert_tree(source, read(path, _source(source).records), settings, str(path))


def convert_tree(source: str, tree: Any, settings: Settings | None = None, where: str = "the checkpoint") -> Converted:
    """Converts what a checkpoint file holds: nested dicts, down to arrays under PyTorch's parameter names."""
    found = _source(source).networks(tree, where)
    settings = settings or {}
    for name in settings:
        if name not in found:
            raise ConfigError(f"settings for {name!r}, but {where} holds {', '.join(found)}")
    networks = {name: part.fill(settings.get(name, {}), f"{where} ({name})") for name, part in found.items()}
    return Converted(source, networks, _normaliser(tree) if source == "gaitdynamics" else {})


class State(dict[str, Any]):
    """A state dict: PyTorch's parameter names to arrays (or tensors not read yet)."""

    def dim(self, key: str, axis: int) -> int:
        if key not in self or len(self[key].shape) <= axis:
            raise FileError(f"there is no usable {key!r} among its {len(self)} arrays, so it is not such a checkpoint")
        return self[key].shape[axis]

    def count(self, pattern: str) -> int:
        """How many different numbers stand at the group of `pattern`."""
        return len({match[1] for key in self if (match := re.match(pattern, key))})

    def under(self, prefix: str) -> State:
        return State({key.removeprefix(prefix): value for key, value in self.items() if key.startswith(prefix)})

    def without(self, pattern: str) -> State:
        return State({key: value for key, value in self.items() if not re.fullmatch(pattern, key)})


class Part(NamedTuple):
    """One network found in a checkpoint: its class, the fields its shapes tell, example inputs, names, arrays."""

    kind: type
    fields: dict[str, Any]
    inputs: tuple[jax.ShapeDtypeStruct, ...]
    rules: list[Rule]
    state: State

    def fill(self, overrides: Mapping[str, Any], where: str) -> Weights:
        known = {field.name for field in dataclasses.fields(self.kind)}
        for name in overrides:
            if name not in known:
                raise ConfigError(f"{self.kind.__name__} has no field {name!r}; {nearest(name, known)}")
        network = self.kind(**(self.fields | dict(overrides)))
        try:
            shapes = keys.shapes(network, self.inputs)
        except (TypeError, ValueError, ZeroDivisionError) as error:
            raise FileError(f"{where}: no network can be made of {fields_of(network)}: {error}") from error
        arrays = {key: _array(value) for key, value in self.state.items()}
        params = jax.tree.map(jnp.asarray, keys.from_torch(arrays, shapes, self.rules, where))
        return Weights(network, {"params": params}, self.inputs)


def stablemofusion(tree: Any, where: str) -> dict[str, Part]:
    """`model_ema` if the run kept one, else `encoder`: U-Net, text head, and the frozen CLIP text tower."""
    state = _state(tree, ("model_ema", "encoder"), where)
    unet = state.under("unet.")
    _same_table(unet, "time_mlp.0.pe", lambda shape: positions(*shape))
    levels = unet.count(r"downs\.(\d+)\.")
    widths = [unet.dim(f"downs.{i}.0.conv1d.blocks.0.block.weight", 0) for i in range(levels)]
    base = math.gcd(*widths) or 1
    fields = {
        "features": unet.dim("final_conv.weight", 0),
        "base": base,
        "multipliers": tuple(width // base for width in widths),
        "time_width": unet.dim("time_mlp.3.weight", 0),
        "kernel_size": unet.dim("downs.0.0.conv1d.blocks.0.block.weight", 2),
    }
    text_width = unet.dim("mid_block1.cross_attn.cross_attention.text_norm.weight", 0)
    inputs = (_floats(16, fields["features"]), _floats(), _floats(1, text_width))
    parts = {"unet": Part(CondUnet1D, fields, inputs, keys.UNET, state.without(r"(?!unet\.).*|unet\.time_mlp\.0\.pe"))}

    head = state.without(r"(unet|clip_model)\..*")
    layers = r"textTransEncoder\.layers\.(\d+)\."
    head_fields = {
        "width": head.dim("embed_text.weight", 0),
        "layers": head.count(layers),
        "ff": head.dim("textTransEncoder.layers.0.linear1.weight", 0),
    }
    parts["text_head"] = Part(
        TextHead, head_fields, (_floats(1, head.dim("embed_text.weight", 1)),), keys.TEXT_HEAD, head
    )
    tower = state.under("clip_model.")
    return parts | (clip(tower, where) if tower else {})


def clip(tree: Any, where: str) -> dict[str, Part]:
    """The text tower of a Hugging Face CLIP (`model.safetensors`) or of OpenAI's state dict."""
    state = _state(tree, ("state_dict",), where)
    if "positional_embedding" in state:
        state = state.without(r"visual\..*|text_projection|logit_scale|input_resolution|context_length|vocab_size")
        rules, place, table = keys.CLIP_OPENAI, "positional_embedding", "token_embedding.weight"
        layer, inner = r"transformer\.resblocks\.(\d+)\.", "transformer.resblocks.0.mlp.c_fc.weight"
    else:
        tower = state.under("text_model.") or state.without(r"(vision_model|visual_projection)\..*")
        state = tower.without(r"embeddings\.position_ids|text_projection\.weight|logit_scale")
        rules, place, table = (
            keys.CLIP_HUGGING_FACE,
            *(f"embeddings.{n}_embedding.weight" for n in ("position", "token")),
        )
        layer, inner = r"encoder\.layers\.(\d+)\.", "encoder.layers.0.mlp.fc1.weight"
    width = state.dim(table, 1)
    fields = {
        "vocabulary": state.dim(table, 0),
        "length": state.dim(place, 0),
        "width": width,
        "layers": state.count(layer),
        "heads": max(width // CLIP_HEAD_WIDTH, 1),
        "ff": state.dim(inner, 0),
    }
    return {"clip_text": Part(ClipText, fields, (jax.ShapeDtypeStruct((2,), jnp.int32),), rules, state)}


def gaitdynamics(tree: Any, where: str) -> dict[str, Part]:
    """The diffusion denoiser or the refinement network; the rotary table and `multihead_attn` are never used."""
    state = _state(tree, ("ema_state_dict", "model_state_dict"), where)
    for key in [key for key in state if key.endswith("rotary.freqs")]:
        _same_table(state, key, lambda shape: 10000.0 ** (-np.arange(shape[0]) / shape[0]))
    rotary = any(key.endswith("rotary.freqs") for key in state)
    unused = r"(.*\.)?rotary\.freqs|seqTransDecoder\.stack\.\d+\.multihead_attn\..*|abs_pos_encoding\.pe"
    state = state.without(unused)
    if "input_to_embedding.weight" in state:
        fields = {
            "features": state.dim("embedding_to_output.weight", 0),
            "width": state.dim("input_to_embedding.weight", 0),
            "layers": state.count(r"encoder_layers\.(\d+)\."),
            "ff": state.dim("encoder_layers.0.feed_forward.fc1.weight", 0),
        }
        inputs = (_floats(2, state.dim("input_to_embedding.weight", 1)),)
        return {"refinement": Part(Refinement, fields, inputs, keys.REFINEMENT, state)}
    width = state.dim("input_projection.weight", 0)
    fields = {
        "features": state.dim("final_layer.weight", 0),
        "width": width,
        "layers": state.count(r"seqTransDecoder\.stack\.(\d+)\."),
        "heads": max(width // GAITDYNAMICS_HEAD_WIDTH, 1),
        "ff": state.dim("seqTransDecoder.stack.0.linear1.weight", 0),
        "rotary": rotary,
    }
    inputs = (_floats(2, state.dim("input_projection.weight", 1)), _floats())
    return {"denoiser": Part(FiLMTransformer, fields, inputs, keys.FILM_TRANSFORMER, state)}


def t2m(tree: Any, where: str) -> dict[str, Part]:
    """The evaluators of text-to-motion, `text_mot_match/model/finest.tar`: movement, motion and text encoder."""
    names = ("movement_encoder", "motion_encoder", "text_encoder")
    if not isinstance(tree, Mapping) or any(name not in tree for name in names):
        raise FileError(f"{where} is not a T2M evaluator: it should hold {', '.join(names)}")
    movement, motion, text = (_state(tree[name], (), where) for name in names)
    length = jax.ShapeDtypeStruct((), jnp.int32)
    latent = movement.dim("main.3.weight", 0)
    movement_fields = {"hidden": movement.dim("main.0.weight", 0), "latent": latent}
    frames = _floats(8, movement.dim("main.0.weight", 1) + CONTACTS)

    def recurrent(state: State) -> dict[str, Any]:
        return {"hidden": state.dim("input_emb.weight", 0), "embedding": state.dim("output_net.3.weight", 0)}

    words = [_floats(2, text.dim("pos_emb.weight", axis)) for axis in (0, 1)]
    return {
        "movement": Part(MovementEncoder, movement_fields, (frames,), keys.MOVEMENT, movement),
        "motion": Part(MotionEncoder, recurrent(motion), (_floats(2, latent), length), keys.MOTION, motion),
        "text": Part(TextEncoder, recurrent(text), (*words, length), keys.TEXT, text),
    }


def smoothnet(tree: Any, where: str) -> dict[str, Part]:
    """SmoothNet, `checkpoint.pth.tar`."""
    state = _state(tree, ("state_dict",), where)
    fields = {
        "window": state.dim("encoder.0.weight", 1),
        "hidden": state.dim("encoder.0.weight", 0),
        "residual_hidden": state.dim("res_blocks.0.linear1.weight", 0),
        "blocks": state.count(r"res_blocks\.(\d+)\."),
    }
    return {"smoothnet": Part(SmoothNet, fields, (_floats(fields["window"], 1),), keys.SMOOTHNET, state)}


def mia(tree: Any, where: str) -> dict[str, Part]:
    """Muscles in Action, either direction; `encoder_layer`, `bn` and `jointdim` are never used."""
    state = _state(tree, ("my_model", "state_dict"), where)
    _same_table(state, "positional_encoder.pos_encoding", lambda shape: positions(*shape[1:])[None])
    state = state.without(r"(encoder_layer|bn|jointdim)\..*|positional_encoder\.pos_encoding")
    columns, features = state.dim("conv1.weight", 2), state.dim("out0.weight", 0)
    fields = {
        "features": features,
        "width": state.dim("conv1.weight", 0) + CONDITION_CHANNELS,
        "layers": state.count(r"transformer0\.layers\.(\d+)\."),
        "ff": state.dim("transformer0.layers.0.linear1.weight", 0),
        "kernel_size": state.dim("conv1.weight", 3),
    }
    name = "pose_to_emg" if columns > features else "emg_to_pose"
    return {name: Part(MuscleTransformer, fields, (_floats(2, columns), _floats()), keys.MIA, state)}


class Source(NamedTuple):
    """A kind of checkpoint: how its networks are found, and classes in its files that hold data we may want."""

    networks: Callable[[Any, str], dict[str, Part]]
    records: tuple[str, ...] = ()


SOURCES = {
    "stablemofusion": Source(stablemofusion),
    "gaitdynamics": Source(gaitdynamics, ("Normalizer", "MinMaxScaler", "StandardScaler")),
    "t2m": Source(t2m),
    "clip": Source(clip),
    "smoothnet": Source(smoothnet),
    "mia": Source(mia, ("Namespace",)),
}


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ConfigError(f"no converter for {name!r}; {nearest(name, SOURCES)}")
    return SOURCES[name]


def _state(tree: Any, names: tuple[str, ...], where: str) -> State:
    """The state dict under the first of `names` that is there, or `tree` itself."""
    if isinstance(tree, Mapping):
        tree = next((tree[name] for name in names if name in tree), tree)
    lacks = f"{where} holds no state dict" + (f" under {' or '.join(names)}" if names else "")
    if not isinstance(tree, Mapping) or not tree:
        raise FileError(lacks)
    tree = {key: value for key, value in tree.items() if key != "n_averaged"}
    odd = [
        key for key, value in tree.items() if not isinstance(key, str) or not isinstance(value, (Tensor, np.ndarray))
    ]
    if odd:
        raise FileError(f"{lacks}: {odd[0]!r} is not an array")
    wrapped = all(key.startswith("module.") for key in tree)
    return State({key.removeprefix("module.") if wrapped else key: value for key, value in tree.items()})


def _array(value: Any) -> np.ndarray:
    return value.array() if isinstance(value, Tensor) else np.asarray(value)


def _same_table(state: State, key: str, table: Callable[[tuple[int, ...]], np.ndarray]) -> None:
    """Checks a stored constant table against the formula this library computes it with."""
    if key in state:
        stored = _array(state[key])
        if np.abs(stored - table(stored.shape)).max(initial=0.0) > 2e-3:
            raise FileError(f"{key} is not the usual table of sinusoids or frequencies, so the network is another one")


def _normaliser(tree: Any) -> dict[str, np.ndarray]:
    """GaitDynamics' normaliser, `x_normalised[columns] = x[columns] * scale + min`."""
    outer = _fields(tree.get("normalizer")) if isinstance(tree, Mapping) else {}
    scaler = _fields(outer.get("scaler"))
    if not {"scale_", "min_"} <= set(scaler) or "cols_to_normalize" not in outer:
        return {}
    values = {"scale": scaler["scale_"], "min": scaler["min_"], "columns": outer["cols_to_normalize"]}
    return {f"normaliser/{name}": _array(value) for name, value in values.items()}


def _fields(value: Any) -> dict[str, Any]:
    return value.state if isinstance(value, Record) and isinstance(value.state, dict) else {}


def _floats(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)
