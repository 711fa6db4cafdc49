"""Every key and shape of the released checkpoints, and no other, belongs to a parameter of ours or
to a documented rest.
"""

import re

import numpy as np
import pytest
from oracles import table

from jaxdiff.interop import SOURCES, keys
from jaxdiff.nets.blocks.embeddings import positions


def stand_in(key, shape):
    """An array of that shape without its memory; the constant tables, which are checked, as they
    should be.
    """
    if key.endswith("time_mlp.0.pe"):
        return positions(*shape)
    if key.endswith("rotary.freqs"):
        return 10000.0 ** (-np.arange(shape[0]) / shape[0])
    return np.broadcast_to(np.float32(0), shape)


def state(shapes):
    return {key: stand_in(key, shape) for key, shape in shapes.items()}


def released(name):
    """State dicts by converter input:
    `{case: (source, tree, keys that are documented as unused)}`.
    """
    full = table(name)
    if name == "unet_full_keys":
        unused = r"unet\.time_mlp\.0\.pe|clip_model\.(visual\..*|text_projection|logit_scale)"
        kit = full["state_dict"] | full["kit_differences"]
        wrapped = {f"module.{key}": value for key, value in state(full["state_dict"]).items()}
        return {
            "humanml3d": ("stablemofusion", {"encoder": state(full["state_dict"])}, unused),
            "kit": ("stablemofusion", {"encoder": state(kit)}, unused),
            "ema": (
                "stablemofusion",
                {"encoder": {}, "model_ema": wrapped | {"n_averaged": np.zeros(())}},
                unused,
            ),
        }
    if name == "gaitdynamics_full_keys":
        unused = r"(.*\.)?rotary\.freqs|seqTransDecoder\.stack\.\d+\.multihead_attn\..*"
        return {
            case: ("gaitdynamics", {"ema_state_dict": state(full[case]["state_dict"])}, unused)
            for case in ("released", "smaller", "refinement")
        }
    if name == "t2m_evaluators_full_keys":
        names = ("movement_encoder", "text_encoder", "motion_encoder")
        kit = {part: dict(full[part]) for part in names}
        for key, shape in full["kit_differences"].items():
            part, _, rest = key.partition("/")
            kit[part][rest] = shape
        whole = {part: full[part] for part in names}
        return {
            case: (
                "t2m",
                {part: state(shapes) for part, shapes in parts.items()} | {"epoch": 3, "iter": 1},
                "",
            )
            for case, parts in (("humanml3d", whole), ("kit", kit))
        }
    return {
        window: ("smoothnet", {"state_dict": state(shapes)}, "")
        for window, shapes in full["state_dict_by_window"].items()
    }


def prefixes(source):
    """Where the converter's networks lie in the checkpoint's own key space."""
    return {"clip_text": "clip_model."} if source == "stablemofusion" else {}


@pytest.mark.parametrize("name", ["unet", "gaitdynamics", "t2m_evaluators", "smoothnet"])
def test_golden_full_key_lists_are_covered_exactly(name):
    for case, (source, tree, unused) in released(f"{name}_full_keys").items():
        parts = SOURCES[source].networks(tree, case)
        ours = {}
        for part_name, part in parts.items():
            wanted = keys.expected(keys.shapes(part.kind(**part.fields), part.inputs), part.rules)
            prefix = (
                f"{part_name}_encoder/" if source == "t2m" else prefixes(source).get(part_name, "")
            )
            ours |= {prefix + key: shape for key, shape in wanted.items()}
        if source == "t2m":
            theirs = {
                f"{part}/{key}": a.shape
                for part in tree
                if "_" in part
                for key, a in tree[part].items()
            }
        else:
            stored = tree.get("model_ema") or tree.get("encoder") or next(iter(tree.values()))
            theirs = {
                key.removeprefix("module."): a.shape
                for key, a in stored.items()
                if key != "n_averaged"
            }
        rest = {key for key in theirs if key not in ours}
        assert all(re.fullmatch(unused, key) for key in rest), (case, sorted(rest)[:5])
        assert ours == {key: shape for key, shape in theirs.items() if key not in rest}, case


def test_golden_parameter_counts():
    full = table("gaitdynamics_full_keys")
    for case in ("released", "smaller", "refinement"):
        tree = {"ema_state_dict": state(full[case]["state_dict"])}
        (part,) = SOURCES["gaitdynamics"].networks(tree, case).values()
        count = sum(
            int(np.prod(shape))
            for shape in keys.shapes(part.kind(**part.fields), part.inputs).values()
        )
        assert count == full[case]["parameters"] - full[case].get("parameters_unused", 0)


def test_golden_released_configurations_are_inferred():
    config = table("unet_full_keys")["config"]
    source, tree, _ = released("unet_full_keys")["humanml3d"]
    parts = SOURCES[source].networks(tree, "")
    unet, head, tower = (
        parts[name].kind(**parts[name].fields) for name in ("unet", "text_head", "clip_text")
    )
    assert unet.features == config["input_feats"] and unet.time_width == config["time_dim"]
    assert [unet.base * m for m in unet.multipliers] == [
        config["base_dim"] * m for m in config["dim_mults"]
    ]
    assert (unet.heads, unet.groups, unet.kernel_size) == (
        config["attn_heads"],
        config["n_groups"],
        config["kernel_size"],
    )
    assert unet.linear is not config["no_eff"] and unet.dropout == config["dropout"]
    assert (head.width, head.ff, head.layers) == (
        config["text_latent_dim"],
        config["text_ff_size"],
        config["num_text_layers"],
    )
    assert head.heads == config["text_num_heads"] and tower.width == config["clip_dim"]
    assert (tower.heads, tower.layers, tower.length, tower.vocabulary) == (8, 12, 77, 49408)
    for case in ("released", "smaller", "refinement"):
        config = table("gaitdynamics_full_keys")[case]["config"]
        source, tree, _ = released("gaitdynamics_full_keys")[case]
        (part,) = SOURCES[source].networks(tree, "").values()
        network = part.kind(**part.fields)
        assert network.heads == config["num_heads"], case
        assert network.layers == config.get("num_layers", config.get("nlayers"))
    for window, shapes in table("smoothnet_full_keys")["state_dict_by_window"].items():
        (part,) = SOURCES["smoothnet"].networks(state(shapes), "").values()
        default = table("smoothnet_full_keys")["default_config"]
        network = part.kind(**part.fields)
        assert network.window == int(window.removeprefix("window_"))
        assert (network.hidden, network.residual_hidden) == (
            default["hidden_size"],
            default["res_hidden_size"],
        )
        assert (network.blocks, network.dropout) == (default["num_blocks"], default["dropout"])
