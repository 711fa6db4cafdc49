"""Every layer of PyTorch that the networks stand on, in PyTorch's numbers."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oracles import arrays, meta, under

from jaxdiff.interop import keys
from jaxdiff.interop.keys import from_torch
from jaxdiff.interop.layouts import BOTH_WAYS, BOTH_WAYS_LINEAR, CONV, CONV_TRANSPOSE
from jaxdiff.interop.names import Rule, attention, dense, norm, transformer_layer
from jaxdiff.nets.blocks import activations
from jaxdiff.nets.blocks.attention import MultiHeadAttention
from jaxdiff.nets.blocks.convolution import Conv1D, FrameGroupNorm, Upsample1D
from jaxdiff.nets.blocks.norm import LayerNorm
from jaxdiff.nets.blocks.recurrent import BiGRU, BiLSTM
from jaxdiff.nets.blocks.transformer import DecoderLayer, Encoder, EncoderLayer

ATOL = 2e-5
ACTIVATION = {"relu": nn.relu, "gelu": activations.gelu}


def case(name):
    tree = under(arrays("torch_layers"), name)
    return (
        under(tree, "w"),
        under(tree, "in"),
        under(tree, "out"),
        meta("torch_layers")["cases"][name]["kwargs"],
    )


def cases(*modules):
    return [
        name for name, entry in meta("torch_layers")["cases"].items() if entry["module"] in modules
    ]


def filled(network, rules, weights, *inputs):
    """The network with PyTorch's weights, as a function."""
    specs = [jax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype) for x in inputs]
    rules = [Rule(r.pattern.removeprefix("./"), r.name.removeprefix("."), r.layout) for r in rules]
    params = from_torch(weights, keys.shapes(network, specs), rules, "golden")
    return lambda *args, **kwargs: network.apply({"params": params}, *args, **kwargs)


def close(got, want):
    np.testing.assert_allclose(got, want, atol=ATOL, rtol=0)


def layer_options(kwargs):
    return (
        kwargs["nhead"],
        kwargs["dim_feedforward"],
        ACTIVATION[kwargs["activation"]],
        kwargs["norm_first"],
    )


@pytest.mark.parametrize("name", cases("TransformerEncoderLayer"))
def test_golden_encoder_layer(name):
    weights, inputs, out, kwargs = case(name)
    x = inputs["x"]
    layer = filled(EncoderLayer(*layer_options(kwargs)), transformer_layer(".", ""), weights, x)
    close(layer(x), out["y"])
    close(layer(x, ~inputs["key_padding_mask"][:, None, None, :]), out["y_padmask"])
    close(layer(x, ~inputs["attn_mask"]), out["y_causal"])


@pytest.mark.parametrize("name", cases("TransformerDecoderLayer"))
def test_golden_decoder_layer(name):
    weights, inputs, out, kwargs = case(name)
    x, memory = inputs["tgt"], inputs["memory"]
    layer = filled(
        DecoderLayer(*layer_options(kwargs)), transformer_layer(".", ""), weights, x, memory
    )
    close(layer(x, memory), out["y"])
    memory_mask = ~inputs["memory_key_padding_mask"][:, None, None, :]
    close(layer(x, memory, ~inputs["tgt_mask"], memory_mask), out["y_masked"])


@pytest.mark.parametrize("name", cases("TransformerEncoder"))
def test_golden_encoder_stack(name):
    weights, inputs, out, kwargs = case(name)
    network = Encoder(kwargs["num_layers"], *layer_options(kwargs), kwargs["final_norm"])
    rules = [*transformer_layer(r"layers_(\d+)", r"layers.\1"), *norm("norm", "norm")]
    close(filled(network, rules, weights, inputs["x"])(inputs["x"]), out["y"])


@pytest.mark.parametrize("name", cases("MultiheadAttention"))
def test_golden_multi_head_attention(name):
    weights, inputs, out, kwargs = case(name)
    q, kv = inputs["q"], inputs["kv"]
    attend = filled(MultiHeadAttention(kwargs["num_heads"]), attention(".", ""), weights, q)
    close(attend(q, kv), out["y_cross"])
    close(attend(q, kv, mask=~inputs["key_padding_mask"][:, None, None, :]), out["y_cross_padmask"])
    close(attend(q, mask=~inputs["attn_mask"]), out["y_self_causal"])
    close(
        attend(q, kv, kv + 0), out["y_cross"]
    )  # three different arrays take another path than a shared one


def recurrent_rules(cell, layers):
    return [
        Rule(f"{way}_{kind}{suffix}", f"{kind_name}_{letters}_l{layer}{{,_reverse}}", layout)
        for layer in range(layers)
        for suffix in ([f"_{layer}"] if cell == "LSTM" else [""])
        for way, letters in (("input", "ih"), ("hidden", "hh"))
        for kind, kind_name, layout in (
            ("kernel", "weight", BOTH_WAYS_LINEAR),
            ("bias", "bias", BOTH_WAYS),
        )
    ]


@pytest.mark.parametrize("name", cases("LSTM"))
def test_golden_lstm(name):
    weights, inputs, out, kwargs = case(name)
    network = BiLSTM(kwargs["hidden_size"], kwargs["num_layers"])
    run = filled(network, recurrent_rules("LSTM", kwargs["num_layers"]), weights, inputs["x"])
    for suffix, initial in (("", None), ("_init", (inputs["h0"], inputs["c0"]))):
        y, (h, c) = run(inputs["x"], initial)
        close(y, out["y" + suffix])
        close(h, out["h_n" + suffix])
        close(c, out["c_n" + suffix])


@pytest.mark.parametrize("name", cases("GRU"))
def test_golden_gru(name):
    weights, inputs, out, kwargs = case(name)
    run = filled(BiGRU(kwargs["hidden_size"]), recurrent_rules("GRU", 1), weights, inputs["x"])
    for suffix, initial, lengths in (
        ("", None, None),
        ("_init", inputs["h0"], None),
        ("_packed", inputs["h0"], inputs["lengths"]),
    ):
        y, h = run(inputs["x"], initial, lengths)
        close(y, out["y" + suffix])
        close(h, out["h_n" + suffix])


@pytest.mark.parametrize("name", cases("Conv1d", "ConvTranspose1d"))
def test_golden_convolution(name):
    weights, inputs, out, kwargs = case(name)
    transposed = meta("torch_layers")["cases"][name]["module"] == "ConvTranspose1d"
    if transposed:
        assert (kwargs["kernel_size"], kwargs["stride"], kwargs["padding"]) == (4, 2, 1)
        network = Upsample1D(kwargs["out_channels"])
    else:
        network = Conv1D(
            kwargs["out_channels"], kwargs["kernel_size"], kwargs["stride"], kwargs["padding"]
        )
    rules = dense(".", "", CONV_TRANSPOSE if transposed else CONV)
    run = filled(network, rules, weights, np.swapaxes(inputs["x"], 1, 2))
    for key in inputs:
        close(run(np.swapaxes(inputs[key], 1, 2)), np.swapaxes(out["y" + key[1:]], 1, 2))


@pytest.mark.parametrize("name", cases("GroupNorm"))
def test_golden_group_norm(name):
    weights, inputs, out, kwargs = case(name)
    x = np.swapaxes(inputs["x"], 1, 2)
    per_frame = filled(FrameGroupNorm(kwargs["num_groups"]), norm(".", ""), weights, x)
    close(per_frame(x), np.swapaxes(out["y_per_frame"], 1, 2))
    over_time = filled(nn.GroupNorm(kwargs["num_groups"], epsilon=1e-5), norm(".", ""), weights, x)
    close(over_time(x), np.swapaxes(out["y"], 1, 2))


@pytest.mark.parametrize("name", cases("LayerNorm"))
def test_golden_layer_norm(name):
    weights, inputs, out, _ = case(name)
    close(filled(LayerNorm(), norm(".", ""), weights, inputs["x"])(inputs["x"]), out["y"])


def test_golden_activations():
    _, inputs, out, _ = case("activations")
    ours = {
        "mish": activations.mish,
        "gelu_exact": activations.gelu,
        "gelu_tanh": nn.gelu,
        "quick_gelu": activations.quick_gelu,
        "silu": nn.silu,
        "softplus": jax.nn.softplus,
        "leaky_relu_0.2": lambda x: nn.leaky_relu(x, 0.2),
    }
    assert set(out) == set(ours)
    for name, function in ours.items():
        close(function(jnp.asarray(inputs["x"])), out[name])
