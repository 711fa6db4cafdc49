"""Every reference network, filled through the converter, gives the reference's numbers."""

import re
from functools import partial

import jax
import numpy as np
import pytest
from oracles import arrays, meta, settings, under

from jaxdiff.diffusion.guidance import combine
from jaxdiff.interop import convert_tree
from jaxdiff.nets.clip_text import pooled
from jaxdiff.nets.smoothnet import smooth, smoothing_loss


def inside(network, params, *inputs):
    """The output and what all layers return."""
    apply = partial(network.apply, capture_intermediates=True, mutable=["intermediates"])
    out, state = jax.jit(apply)(params, *inputs)
    return out, state["intermediates"]


def close(got, want, atol):
    np.testing.assert_allclose(got, want, atol=atol, rtol=0)


@pytest.fixture(scope="module")
def stablemofusion():
    cfg = settings("unet_tiny")
    tree = {"encoder": under(arrays("unet_tiny"), "w"), "total_it": 7}
    fields = {
        "unet": {"heads": cfg["attn_heads"], "groups": cfg["n_groups"]},
        "text_head": {"heads": cfg["text_heads"]},
        "clip_text": {"heads": cfg["clip_heads"]},
    }
    return convert_tree("stablemofusion", tree, fields)


@pytest.mark.parametrize("kind", ["lin", "full"])
def test_golden_unet(stablemofusion, kind):
    golden, cfg = arrays("unet_tiny"), settings("unet_tiny")
    network, params, _ = stablemofusion["unet"]
    network = network.clone(linear=kind == "lin")
    x, t, text, out = (
        golden["in/x"],
        golden["in/t"],
        golden["in/enc_text"],
        under(golden, f"out/{kind}"),
    )
    run = partial(jax.jit(network.apply, static_argnames="method"), params)
    close(run(x, t), out["uncond"], 1e-4)
    mixed = np.isin(np.arange(cfg["B"]), golden["in/mixed_indices"])
    for name, conditioned in (("cond", np.ones_like(mixed)), ("mixed", mixed)):
        close(run(x, t, text, conditioned), out[name], 1e-4)
    for key, value in out.items():
        match = re.fullmatch(r"cfg_([\d.]+)(_from_tokens)?", key)
        if match:
            context = run(golden["text/enc_text"] if match[2] else text, method="context")
            c, u = run(x, t, context, method="both")
            close(combine(c, u, float(match[1])), value, 1e-4)


def test_golden_unet_inside(stablemofusion):
    golden = arrays("unet_tiny")
    network, params, _ = stablemofusion["unet"]
    inputs = (golden["in/x"], golden["in/t"], golden["in/enc_text"])
    (_, seen), mid = inside(network, params, *inputs), under(golden, "mid/lin")
    close(seen["time_1"]["__call__"][0], golden["mid/temb"], 1e-4)
    levels = len(network.multipliers)
    pairs = {
        "down0_block0_conv1d": seen["downs_0_0"]["residual"],
        "down0_block0": seen["downs_0_0"],
        "down0_downsample": seen["shrink_0"],
        "mid": seen["middle_1"],
        "up0_upsample": seen["grow_0"],
        "up0_block0": seen["ups_0_0"],
        **{f"skip{i}": seen[f"downs_{i}_1"] for i in range(levels)},
        **{f"up{i}_block1": seen[f"ups_{i}_1"] for i in range(levels)},
    }
    for key, value in mid.items():
        close(np.swapaxes(pairs[key]["__call__"][0], 1, 2), value, 1e-4)


def test_golden_text_head_and_clip_tower(stablemofusion):
    golden = arrays("unet_tiny")
    head, tower = stablemofusion["text_head"], stablemofusion["clip_text"]
    features = jax.jit(tower.network.apply)(tower.params, golden["in/token_ids"])
    close(features, golden["text/clip_features"], 1e-5)
    close(jax.jit(head.network.apply)(head.params, features), golden["text/enc_text"], 1e-5)
    out, seen = inside(head.network, head.params, golden["in/head_features"])
    close(out, golden["text/head_out"], 1e-5)
    close(seen["embed"]["__call__"][0], golden["text/head_embed"], 1e-5)
    close(seen["encoder"]["layers"]["__call__"][0][0], golden["text/head_layer0"], 1e-5)


def test_golden_clip_text():
    golden, config = arrays("clip_text_tiny"), meta("clip_text_tiny")
    fields = {"clip_text": {"heads": config["num_attention_heads"]}}
    network, params, _ = convert_tree("clip", under(golden, "w"), fields)["clip_text"]
    assert (
        network.layers == config["num_hidden_layers"] and network.ff == config["intermediate_size"]
    )
    features, every = inside(network, params, golden["input_ids"])
    close(features, golden["last_hidden_state"], 5e-5)
    close(pooled(features, golden["input_ids"]), golden["pooler_output"], 5e-5)
    for i in range(network.layers):
        seen = every["encoder"]["layers"]["__call__"][0][i]
        close(seen, golden[f"hidden_states/{i + 1}"], 5e-5)


def test_golden_t2m_evaluators():
    golden = arrays("t2m_evaluators_tiny")
    names = ("movement_encoder", "motion_encoder", "text_encoder")
    nets = convert_tree("t2m", {name: under(golden, f"w/{name}") for name in names})

    def run(name, *inputs):
        return jax.jit(nets[name].network.apply)(nets[name].params, *inputs)

    movements = run("movement", golden["in/motions"])
    close(movements, golden["out/movements"], 1e-5)
    close(run("motion", movements, golden["in/m_lens"] // 4), golden["out/motion_embedding"], 1e-5)
    text = run("text", golden["in/word_embs"], golden["in/pos_onehot"], golden["in/cap_lens"])
    close(text, golden["out/text_embedding"], 1e-5)


def test_golden_gaitdynamics_decoder():
    golden, cfg = arrays("gaitdynamics_decoder_tiny"), settings("gaitdynamics_decoder_tiny")
    state = {f"module.{key}": value for key, value in under(golden, "w").items()}
    fields = {"denoiser": {"heads": cfg["num_heads"]}}
    network, params, _ = convert_tree("gaitdynamics", {"ema_state_dict": state}, fields)["denoiser"]
    for length in ("", "_short", "_long"):
        close(
            jax.jit(network.apply)(params, golden["in/x" + length], golden["in/t" + length]),
            golden["out/y" + length],
            2e-4,
        )
    close(
        jax.jit(network.clone(rotary=False).apply)(params, golden["in/x"], golden["in/t"]),
        golden["out/y_absolute_pe"],
        2e-4,
    )
    _, seen = inside(network, params, golden["in/x"], golden["in/t"])
    close(seen["input"]["__call__"][0], golden["mid/input_projection"], 2e-4)
    close(seen["time_1"]["__call__"][0], golden["mid/t_cond"], 2e-4)
    close(seen["layers"]["norm1"]["__call__"][0][0], golden["mid/layer0_norm1"], 2e-4)
    close(seen["layers"]["attention"]["__call__"][0][0], golden["mid/layer0_self_attn"], 2e-4)
    close(seen["layers"]["feed"]["__call__"][0][0], golden["mid/layer0_ff"], 2e-4)
    for key, value in under(golden, "mid").items():
        if match := re.fullmatch(r"layer(\d+)_out", key):
            close(seen["layers"]["__call__"][0][int(match[1])], value, 2e-4)


def test_golden_gaitdynamics_refinement():
    golden, cfg = arrays("gaitdynamics_decoder_tiny"), settings("gaitdynamics_decoder_tiny")
    fields = {"refinement": {"heads": cfg["ref_heads"]}}
    network, params, _ = convert_tree("gaitdynamics", under(golden, "refine/w"), fields)[
        "refinement"
    ]
    close(
        jax.jit(network.apply)(params, golden["in/x"][..., golden["refine/input_columns"]]),
        golden["refine/out"],
        2e-4,
    )


def test_golden_smoothnet():
    golden, cfg = arrays("smoothnet_tiny"), settings("smoothnet_tiny")
    network, params, _ = convert_tree("smoothnet", {"epoch": 70, "state_dict": under(golden, "w")})[
        "smoothnet"
    ]
    run = partial(jax.jit(network.apply), params)
    windows = run(golden["in/windows"])
    close(windows, golden["out/windows"], 1e-5)
    close(
        smooth(run, golden["in/sequence"], cfg["window"], cfg["step"]), golden["out/sequence"], 1e-5
    )
    target = golden["in/ground_truth"][
        golden["in/window_starts"][:, None] + np.arange(cfg["window"])
    ]
    for key, value in under(golden, "out").items():
        if key.startswith("loss_accel"):
            acceleration, position = (
                float(part) for part in key.removeprefix("loss_accel").split("_pos")
            )
            close(smoothing_loss(windows, target, position, acceleration), value, 1e-5)


@pytest.mark.parametrize("way", ["pose_to_emg", "emg_to_pose"])
def test_golden_mia(way):
    golden, cfg = arrays("mia_pose_emg_tiny"), settings("mia_pose_emg_tiny")
    state = under(golden, f"w/{way}")
    extra = {
        "bn.weight": np.ones(3, np.float32),
        "encoder_layer.linear1.bias": np.ones(2, np.float32),
    }
    network, params, _ = convert_tree(
        "mia", {"my_model": state | extra}, {way: {"heads": cfg["heads"]}}
    )[way]
    x = golden["in/pose" if way == "pose_to_emg" else "in/emg"]
    out, seen = inside(network, params, x, golden["in/cond"])
    close(out, golden[f"out/{way}"], 1e-4)
    close(seen["conv"]["__call__"][0], golden[f"mid/{way}_conv"], 1e-4)
