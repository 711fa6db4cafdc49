"""PyTorch's name for every parameter of every network, and the exchange of whole state dicts.

A rule is (pattern of our path, PyTorch's name, layout). `{a,b}` in a name stands for several keys that we keep fused.
What keys and shapes a checkpoint must have follows from the network itself: its parameter shapes, renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdiff.errors import FileError
from jaxdiff.interop.layouts import (
    BOTH_WAYS,
    BOTH_WAYS_LINEAR,
    CONV,
    CONV_TRANSPOSE,
    LINEAR,
    PLAIN,
    PLANE,
    POINTWISE,
    STATES,
    Layout,
)


class Rule(NamedTuple):
    pattern: str
    name: str
    layout: Layout


def dense(ours: str, theirs: str, layout: Layout = LINEAR) -> list[Rule]:
    return [Rule(f"{ours}/kernel", f"{theirs}.weight", layout), Rule(f"{ours}/bias", f"{theirs}.bias", PLAIN)]


def norm(ours: str, theirs: str) -> list[Rule]:
    return [Rule(f"{ours}/scale", f"{theirs}.weight", PLAIN), Rule(f"{ours}/bias", f"{theirs}.bias", PLAIN)]


def attention(ours: str, theirs: str) -> list[Rule]:
    fused = [
        Rule(f"{ours}/in_kernel", f"{theirs}.in_proj_weight", LINEAR),
        Rule(f"{ours}/in_bias", f"{theirs}.in_proj_bias", PLAIN),
    ]
    return fused + dense(f"{ours}/out", f"{theirs}.out_proj")


def transformer_layer(ours: str, theirs: str) -> list[Rule]:
    """torch.nn.TransformerEncoderLayer and TransformerDecoderLayer."""
    return [
        *attention(f"{ours}/attention", f"{theirs}.self_attn"),
        *attention(f"{ours}/memory_attention", f"{theirs}.multihead_attn"),
        *dense(f"{ours}/feed/linear([12])", rf"{theirs}.linear\g<last>"),
        *norm(f"{ours}/norm([123])", rf"{theirs}.norm\g<last>"),
    ]


def gru(ours: str, theirs: str) -> list[Rule]:
    """One bidirectional layer of torch.nn.GRU."""
    return [
        Rule(f"{ours}/{way}_{kind}", f"{theirs}.{name}_l0{{,_reverse}}", layout)
        for way, letters in (("input", "ih"), ("hidden", "hh"))
        for kind, name, layout in (
            ("kernel", f"weight_{letters}", BOTH_WAYS_LINEAR),
            ("bias", f"bias_{letters}", BOTH_WAYS),
        )
    ]


def unet_block(ours: str, theirs: str) -> list[Rule]:
    conv, attend = f"{theirs}.conv1d", f"{theirs}.cross_attn.cross_attention"
    return [
        *dense(f"{ours}/residual/time", f"{conv}.time_mlp.1"),
        *dense(f"{ours}/residual/conv_([01])", rf"{conv}.blocks.\g<last>.block", CONV),
        *norm(f"{ours}/residual/norm_0", f"{conv}.blocks.0.group_norm"),
        *norm(f"{ours}/residual/norm_1", f"{conv}.blocks.1.norm"),
        *dense(f"{ours}/residual/skip", f"{conv}.residual_conv", POINTWISE),
        *norm(f"{ours}/attend/norm", f"{attend}.norm"),
        *norm(f"{ours}/attend/text_norm", f"{attend}.text_norm"),
        *dense(f"{ours}/attend/query", f"{attend}.query"),
        *dense(f"{ours}/attend/key_value", f"{attend}.{{key,value}}"),
    ]


UNET = [
    *dense("time_0", "unet.time_mlp.1"),
    *dense("time_1", "unet.time_mlp.3"),
    *unet_block(r"downs_(\d+)_(\d+)", r"unet.downs.\1.\2"),
    *dense(r"shrink_(\d+)", r"unet.downs.\1.2.conv", CONV),
    *unet_block("middle_0", "unet.mid_block1"),
    *unet_block("middle_1", "unet.mid_block2"),
    *dense(r"grow_(\d+)", r"unet.ups.\1.0.conv", CONV_TRANSPOSE),
    *unet_block(r"ups_(\d+)_0", r"unet.ups.\1.1"),
    *unet_block(r"ups_(\d+)_1", r"unet.ups.\1.2"),
    *dense("final", "unet.final_conv", POINTWISE),
]
TEXT_HEAD = [
    *dense("embed", "embed_text"),
    *transformer_layer(r"encoder/layers_(\d+)", r"textTransEncoder.layers.\1"),
    *norm("norm", "text_ln"),
]
CLIP_OPENAI = [
    Rule("tokens/embedding", "token_embedding.weight", PLAIN),
    Rule("positions", "positional_embedding", PLAIN),
    *attention(r"encoder/layers_(\d+)/attention", r"transformer.resblocks.\1.attn"),
    *norm(r"encoder/layers_(\d+)/norm(\d)", r"transformer.resblocks.\1.ln_\2"),
    *dense(r"encoder/layers_(\d+)/feed/linear1", r"transformer.resblocks.\1.mlp.c_fc"),
    *dense(r"encoder/layers_(\d+)/feed/linear2", r"transformer.resblocks.\1.mlp.c_proj"),
    *norm("encoder/norm", "ln_final"),
]
CLIP_HUGGING_FACE = [
    Rule("tokens/embedding", "embeddings.token_embedding.weight", PLAIN),
    Rule("positions", "embeddings.position_embedding.weight", PLAIN),
    Rule(
        r"encoder/layers_(\d+)/attention/in_kernel",
        r"encoder.layers.\1.self_attn.{q_proj,k_proj,v_proj}.weight",
        LINEAR,
    ),
    Rule(r"encoder/layers_(\d+)/attention/in_bias", r"encoder.layers.\1.self_attn.{q_proj,k_proj,v_proj}.bias", PLAIN),
    *dense(r"encoder/layers_(\d+)/attention/out", r"encoder.layers.\1.self_attn.out_proj"),
    *norm(r"encoder/layers_(\d+)/norm(\d)", r"encoder.layers.\1.layer_norm\2"),
    *dense(r"encoder/layers_(\d+)/feed/linear(\d)", r"encoder.layers.\1.mlp.fc\2"),
    *norm("encoder/norm", "final_layer_norm"),
]
FILM_TRANSFORMER = [
    *dense("input", "input_projection"),
    *dense("time_0", "time_mlp.1"),
    *dense("time_1", "to_time_cond.0"),
    *transformer_layer(r"layers_(\d+)", r"seqTransDecoder.stack.\1"),
    *dense(r"layers_(\d+)/film([13])", r"seqTransDecoder.stack.\1.film\2.block.1"),
    *dense("output", "final_layer"),
]
REFINEMENT = [
    *dense("input", "input_to_embedding"),
    *attention(r"layers_(\d+)/attention", r"encoder_layers.\1.self_attn"),
    *dense(r"layers_(\d+)/feed/linear(\d)", r"encoder_layers.\1.feed_forward.fc\2"),
    *norm(r"layers_(\d+)/norm(\d)", r"encoder_layers.\1.norm\2"),
    *dense("output", "embedding_to_output"),
]
MOVEMENT = [*dense("conv_0", "main.0", CONV), *dense("conv_1", "main.3", CONV), *dense("output", "out_net")]
_RECURRENT = [
    Rule("body/start", "hidden", STATES),
    *dense("body/input", "input_emb"),
    *gru("body/gru", "gru"),
    *dense("body/head_0", "output_net.0"),
    *norm("body/head_norm", "output_net.1"),
    *dense("body/head_1", "output_net.3"),
]
MOTION = _RECURRENT
TEXT = [*dense("speech", "pos_emb"), *_RECURRENT]
SMOOTHNET = [
    *dense("encoder", "encoder.0"),
    *dense(r"blocks_(\d+)_0", r"res_blocks.\1.linear1"),
    *dense(r"blocks_(\d+)_1", r"res_blocks.\1.linear2"),
    *dense("decoder", "decoder"),
]
MIA = [
    *dense("conv", "conv1", PLANE),
    *transformer_layer(r"encoder/layers_(\d+)", r"transformer0.layers.\1"),
    *dense("output", "out0"),
]


def torch_keys(path: str, rules: Iterable[Rule]) -> tuple[list[str], Layout]:
    """PyTorch's keys for our parameter at `path`, and how they are laid out."""
    for rule in rules:
        match = re.fullmatch(rule.pattern, path)
        if match:
            name = rule.name.replace(r"\g<last>", match.groups()[-1] if match.groups() else "")
            return _expand(match.expand(name)), rule.layout
    raise KeyError(f"no rule names {path}")


def shapes(network: Any, inputs: Iterable[jax.ShapeDtypeStruct]) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter of a network, by path, without computing one."""
    variables = jax.eval_shape(network.init, jax.random.key(0), *inputs)
    return {path: leaf.shape for path, leaf in flatten(variables["params"]).items()}


def expected(parameters: Mapping[str, tuple[int, ...]], rules: list[Rule]) -> dict[str, tuple[int, ...]]:
    """The PyTorch keys and shapes of a network whose parameters have these shapes."""
    out = {}
    for path, shape in parameters.items():
        names, layout = torch_keys(path, rules)
        pieces = layout.split(np.broadcast_to(np.float32(0), shape), len(names))
        out |= {name: piece.shape for name, piece in zip(names, pieces)}
    return out


def from_torch(
    state: Mapping[str, np.ndarray], parameters: Mapping[str, tuple[int, ...]], rules: list[Rule], where: str
) -> dict[str, Any]:
    """Our parameters from a state dict; every key must be there, none may be left over, every shape must fit."""
    wanted = expected(parameters, rules)
    missing = [f"{key} {shape}" for key, shape in wanted.items() if key not in state]
    unknown = [key for key in state if key not in wanted]
    misshapen = [
        f"{key} is {state[key].shape}, should be {shape}"
        for key, shape in wanted.items()
        if key in state and state[key].shape != shape
    ]
    problems = [("missing", missing), ("unknown", unknown), ("of another shape", misshapen)]
    if any(keys for _, keys in problems):
        listed = "; ".join(f"{len(keys)} {what}: {_some(keys)}" for what, keys in problems if keys)
        raise FileError(f"{where} does not fit the network: {listed}")
    broken = [key for key in wanted if not np.isfinite(state[key]).all()]
    if broken:
        raise FileError(f"{where} holds values that are not finite in {_some(broken)}")
    flat = {}
    for path in parameters:
        names, layout = torch_keys(path, rules)
        flat[path] = np.ascontiguousarray(layout.join([np.asarray(state[name], np.float32) for name in names]))
    return unflatten(flat)


def to_torch(parameters: Mapping[str, Any], rules: list[Rule]) -> dict[str, np.ndarray]:
    """The PyTorch state dict of our parameters."""
    state = {}
    for path, value in flatten(parameters).items():
        names, layout = torch_keys(path, rules)
        state |= dict(zip(names, layout.split(np.asarray(value), len(names))))
    return state


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": x}}` to `{"a/b": x}`."""
    out = {}
    for key, value in tree.items():
        out |= flatten(value, f"{prefix}{key}/") if isinstance(value, Mapping) else {prefix + key: value}
    return out


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a/b": x}` to `{"a": {"b": x}}`."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, leaf = path.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[leaf] = value
    return tree


def _expand(name: str) -> list[str]:
    head, brace, rest = name.partition("{")
    if not brace:
        return [name]
    choices, _, tail = rest.partition("}")
    return [head + choice + tail for choice in choices.split(",")]


def _some(keys: list[str], most: int = 12) -> str:
    return ", ".join(keys[:most]) + (f" and {len(keys) - most} more" if len(keys) > most else "")
