"""PyTorch's name for every parameter of every network.

A rule is (pattern of our path, PyTorch's name, layout). `{a,b}` in a name stands for several keys
that we keep fused.
"""

from __future__ import annotations

from typing import NamedTuple

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
    return [
        Rule(f"{ours}/kernel", f"{theirs}.weight", layout),
        Rule(f"{ours}/bias", f"{theirs}.bias", PLAIN),
    ]


def norm(ours: str, theirs: str) -> list[Rule]:
    return [
        Rule(f"{ours}/scale", f"{theirs}.weight", PLAIN),
        Rule(f"{ours}/bias", f"{theirs}.bias", PLAIN),
    ]


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
MDM = [
    *dense("pose", "input_process.poseEmbedding"),
    *dense("text", "embed_text"),
    *dense("time_0", "embed_timestep.time_embed.0"),
    *dense("time_1", "embed_timestep.time_embed.2"),
    *transformer_layer(r"encoder/layers_(\d+)", r"seqTransEncoder.layers.\1"),
    *dense("final", "output_process.poseFinal"),
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
    Rule(
        r"encoder/layers_(\d+)/attention/in_bias",
        r"encoder.layers.\1.self_attn.{q_proj,k_proj,v_proj}.bias",
        PLAIN,
    ),
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
MOVEMENT = [
    *dense("conv_0", "main.0", CONV),
    *dense("conv_1", "main.3", CONV),
    *dense("output", "out_net"),
]
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
