"""From what a checkpoint file holds to our networks and parameters, one function per source.

Sizes are inferred from the shapes in the checkpoint. What shapes cannot tell (numbers of heads and
of norm groups, the kind of attention) is the released value unless `settings` says otherwise:
`{"unet": {"heads": 4}}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdiff.errors import ConfigError, FileError, nearest
from jaxdiff.interop import names
from jaxdiff.interop.files import read
from jaxdiff.interop.parts import Part, State, array, floats, same_table, state_dict
from jaxdiff.interop.store import Converted
from jaxdiff.interop.values import Record
from jaxdiff.nets.blocks.embeddings import positions
from jaxdiff.nets.clip_text import ClipText
from jaxdiff.nets.film_transformer import FiLMTransformer, Refinement
from jaxdiff.nets.mdm import MDM
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


def convert_tree(
    source: str, tree: Any, settings: Settings | None = None, where: str = "the checkpoint"
) -> Converted:
    """Converts what a checkpoint file holds: nested dicts, down to arrays under PyTorch's parameter
    names.
    """
    found = _source(source).networks(tree, where)
    settings = settings or {}
    for name in settings:
        if name not in found:
            raise ConfigError(f"settings for {name!r}, but {where} holds {', '.join(found)}")
    networks = {
        name: part.fill(settings.get(name, {}), f"{where} ({name})") for name, part in found.items()
    }
    return Converted(source, networks, _normaliser(tree) if source == "gaitdynamics" else {})


def stablemofusion(tree: Any, where: str) -> dict[str, Part]:
    """`model_ema` if the run kept one, else `encoder`: U-Net, text head, and the frozen CLIP text
    tower.
    """
    state = state_dict(tree, ("model_ema", "encoder"), where)
    unet = state.under("unet.")
    same_table(unet, "time_mlp.0.pe", lambda shape: positions(*shape))
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
    inputs = (floats(16, fields["features"]), floats(), floats(1, text_width))
    parts = {
        "unet": Part(
            CondUnet1D,
            fields,
            inputs,
            names.UNET,
            state.without(r"(?!unet\.).*|unet\.time_mlp\.0\.pe"),
        )
    }

    head = state.without(r"(unet|clip_model)\..*")
    layers = r"textTransEncoder\.layers\.(\d+)\."
    head_fields = {
        "width": head.dim("embed_text.weight", 0),
        "layers": head.count(layers),
        "ff": head.dim("textTransEncoder.layers.0.linear1.weight", 0),
    }
    parts["text_head"] = Part(
        TextHead, head_fields, (floats(1, head.dim("embed_text.weight", 1)),), names.TEXT_HEAD, head
    )
    tower = state.under("clip_model.")
    return parts | (clip(tower, where) if tower else {})


def mdm(tree: Any, where: str) -> dict[str, Part]:
    """MDM, `model000475000.pt`: the transformer encoder for texts; CLIP is not in the
    checkpoint.
    """
    state = state_dict(tree, ("model_avg", "state_dict"), where).without(r"clip_model\..*")
    for key in ("sequence_pos_encoder.pe", "embed_timestep.sequence_pos_encoder.pe"):
        same_table(state, key, lambda shape: positions(shape[0], shape[-1])[:, None])
    state = state.without(r"(embed_timestep\.)?sequence_pos_encoder\.pe")
    fields = {
        "features": state.dim("output_process.poseFinal.weight", 0),
        "width": state.dim("input_process.poseEmbedding.weight", 0),
        "layers": state.count(r"seqTransEncoder\.layers\.(\d+)\."),
        "ff": state.dim("seqTransEncoder.layers.0.linear1.weight", 0),
        "text_width": state.dim("embed_text.weight", 1),
    }
    inputs = (floats(16, fields["features"]), floats(), floats(1, fields["text_width"]))
    return {"mdm": Part(MDM, fields, inputs, names.MDM, state)}


def clip(tree: Any, where: str) -> dict[str, Part]:
    """The text tower of a Hugging Face CLIP (`model.safetensors`) or of OpenAI's state dict."""
    state = state_dict(tree, ("state_dict",), where)
    if "positional_embedding" in state:
        state = state.without(
            r"visual\..*|text_projection|logit_scale|input_resolution|context_length|vocab_size"
        )
        rules, place, table = names.CLIP_OPENAI, "positional_embedding", "token_embedding.weight"
        layer, inner = r"transformer\.resblocks\.(\d+)\.", "transformer.resblocks.0.mlp.c_fc.weight"
    else:
        tower = state.under("text_model.") or state.without(r"(vision_model|visual_projection)\..*")
        state = tower.without(r"embeddings\.position_ids|text_projection\.weight|logit_scale")
        rules, place, table = (
            names.CLIP_HUGGING_FACE,
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
    return {
        "clip_text": Part(ClipText, fields, (jax.ShapeDtypeStruct((2,), jnp.int32),), rules, state)
    }


def gaitdynamics(tree: Any, where: str) -> dict[str, Part]:
    """The diffusion denoiser or the refinement network; the rotary table and `multihead_attn` are
    never used.
    """
    state = state_dict(tree, ("ema_state_dict", "model_state_dict"), where)
    for key in [key for key in state if key.endswith("rotary.freqs")]:
        same_table(state, key, lambda shape: 10000.0 ** (-np.arange(shape[0]) / shape[0]))
    rotary = any(key.endswith("rotary.freqs") for key in state)
    unused = (
        r"(.*\.)?rotary\.freqs|seqTransDecoder\.stack\.\d+\.multihead_attn\..*|abs_pos_encoding\.pe"
    )
    state = state.without(unused)
    if "input_to_embedding.weight" in state:
        fields = {
            "features": state.dim("embedding_to_output.weight", 0),
            "width": state.dim("input_to_embedding.weight", 0),
            "layers": state.count(r"encoder_layers\.(\d+)\."),
            "ff": state.dim("encoder_layers.0.feed_forward.fc1.weight", 0),
        }
        inputs = (floats(2, state.dim("input_to_embedding.weight", 1)),)
        return {"refinement": Part(Refinement, fields, inputs, names.REFINEMENT, state)}
    width = state.dim("input_projection.weight", 0)
    fields = {
        "features": state.dim("final_layer.weight", 0),
        "width": width,
        "layers": state.count(r"seqTransDecoder\.stack\.(\d+)\."),
        "heads": max(width // GAITDYNAMICS_HEAD_WIDTH, 1),
        "ff": state.dim("seqTransDecoder.stack.0.linear1.weight", 0),
        "rotary": rotary,
    }
    inputs = (floats(2, state.dim("input_projection.weight", 1)), floats())
    return {"denoiser": Part(FiLMTransformer, fields, inputs, names.FILM_TRANSFORMER, state)}


def t2m(tree: Any, where: str) -> dict[str, Part]:
    """The evaluators of text-to-motion, `text_mot_match/model/finest.tar`: movement, motion and
    text encoder.
    """
    encoders = ("movement_encoder", "motion_encoder", "text_encoder")
    if not isinstance(tree, Mapping) or any(name not in tree for name in encoders):
        raise FileError(f"{where} is not a T2M evaluator: it should hold {', '.join(encoders)}")
    movement, motion, text = (state_dict(tree[name], (), where) for name in encoders)
    length = jax.ShapeDtypeStruct((), jnp.int32)
    latent = movement.dim("main.3.weight", 0)
    movement_fields = {"hidden": movement.dim("main.0.weight", 0), "latent": latent}
    frames = floats(8, movement.dim("main.0.weight", 1) + CONTACTS)

    def recurrent(state: State) -> dict[str, Any]:
        return {
            "hidden": state.dim("input_emb.weight", 0),
            "embedding": state.dim("output_net.3.weight", 0),
        }

    words = [floats(2, text.dim("pos_emb.weight", axis)) for axis in (0, 1)]
    return {
        "movement": Part(MovementEncoder, movement_fields, (frames,), names.MOVEMENT, movement),
        "motion": Part(
            MotionEncoder, recurrent(motion), (floats(2, latent), length), names.MOTION, motion
        ),
        "text": Part(TextEncoder, recurrent(text), (*words, length), names.TEXT, text),
    }


def smoothnet(tree: Any, where: str) -> dict[str, Part]:
    """SmoothNet, `checkpoint.pth.tar`."""
    state = state_dict(tree, ("state_dict",), where)
    fields = {
        "window": state.dim("encoder.0.weight", 1),
        "hidden": state.dim("encoder.0.weight", 0),
        "residual_hidden": state.dim("res_blocks.0.linear1.weight", 0),
        "blocks": state.count(r"res_blocks\.(\d+)\."),
    }
    return {
        "smoothnet": Part(SmoothNet, fields, (floats(fields["window"], 1),), names.SMOOTHNET, state)
    }


def mia(tree: Any, where: str) -> dict[str, Part]:
    """Muscles in Action, either direction; `encoder_layer`, `bn` and `jointdim` are never used."""
    state = state_dict(tree, ("my_model", "state_dict"), where)
    same_table(state, "positional_encoder.pos_encoding", lambda shape: positions(*shape[1:])[None])
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
    return {name: Part(MuscleTransformer, fields, (floats(2, columns), floats()), names.MIA, state)}


class Source(NamedTuple):
    """A kind of checkpoint: how its networks are found, and classes in its files that hold data we
    may want.
    """

    networks: Callable[[Any, str], dict[str, Part]]
    records: tuple[str, ...] = ()


SOURCES = {
    "stablemofusion": Source(stablemofusion),
    "gaitdynamics": Source(gaitdynamics, ("Normalizer", "MinMaxScaler", "StandardScaler")),
    "t2m": Source(t2m),
    "mdm": Source(mdm),
    "clip": Source(clip),
    "smoothnet": Source(smoothnet),
    "mia": Source(mia, ("Namespace",)),
}


def _source(name: str) -> Source:
    if name not in SOURCES:
        raise ConfigError(f"no converter for {name!r}; {nearest(name, SOURCES)}")
    return SOURCES[name]


def _normaliser(tree: Any) -> dict[str, np.ndarray]:
    """GaitDynamics' normaliser, `x_normalised[columns] = x[columns] * scale + min`."""
    outer = _fields(tree.get("normalizer")) if isinstance(tree, Mapping) else {}
    scaler = _fields(outer.get("scaler"))
    if not {"scale_", "min_"} <= set(scaler) or "cols_to_normalize" not in outer:
        return {}
    values = {
        "scale": scaler["scale_"],
        "min": scaler["min_"],
        "columns": outer["cols_to_normalize"],
    }
    return {f"normaliser/{name}": array(value) for name, value in values.items()}


def _fields(value: Any) -> dict[str, Any]:
    return value.state if isinstance(value, Record) and isinstance(value.state, dict) else {}
