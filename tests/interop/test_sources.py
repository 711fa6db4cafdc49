"""From a checkpoint file to a folder of ours and back, through the command line, and the errors for
bad checkpoints.
"""

import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from interop import mdm, writers
from oracles import arrays, meta, settings, under

from jaxdiff.cli import main
from jaxdiff.errors import ConfigError, FileError
from jaxdiff.interop import SOURCES, convert, convert_tree, keys, load, read, save


def hidden_names(golden):
    """The tiny CLIP under the names of a whole Hugging Face model."""
    rest = {
        "vision_model.post_layernorm.weight": np.ones(3, np.float32),
        "logit_scale": np.ones((), np.float32),
    }
    rest |= {
        "text_projection.weight": np.ones((2, 2), np.float32),
        "visual_projection.weight": np.ones((2, 2), np.float32),
    }
    return under(golden, "w") | rest | {"text_model.embeddings.position_ids": np.arange(77)[None]}


def checkpoints():
    """What each source's files hold, with the settings its tiny golden network needs."""
    unet, film = settings("unet_tiny"), settings("gaitdynamics_decoder_tiny")
    evaluators = ("movement_encoder", "motion_encoder", "text_encoder")
    film_weights = under(arrays("gaitdynamics_decoder_tiny"), "w")
    return {
        "stablemofusion": (
            {
                "encoder": {},
                "model_ema": under(arrays("unet_tiny"), "w"),
                "total_it": 5,
                "opt_encoder": {"state": {0: 1}},
            },
            [
                f"text_head.heads={unet['text_heads']}",
                f"clip_text.heads={unet['clip_heads']}",
                "unet.linear=true",
            ],
        ),
        "gaitdynamics": ({"ema_state_dict": film_weights}, [f"denoiser.heads={film['num_heads']}"]),
        "t2m": (
            {name: under(arrays("t2m_evaluators_tiny"), f"w/{name}") for name in evaluators}
            | {"epoch": 1},
            [],
        ),
        "clip": (
            hidden_names(arrays("clip_text_tiny")),
            [f"clip_text.heads={meta('clip_text_tiny')['num_attention_heads']}"],
        ),
        "smoothnet": (
            {"state_dict": under(arrays("smoothnet_tiny"), "w"), "performance": [0.1]},
            [],
        ),
        "mdm": (mdm.state(), [f"mdm.heads={mdm.HEADS}"]),
        "mia": ({"my_model": under(arrays("mia_pose_emg_tiny"), "w/pose_to_emg")}, []),
    }


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_every_source_converts_from_the_command_line_and_loads_again(source, tmp_path, capsys):
    tree, fields = checkpoints()[source]
    if source == "clip":
        path = tmp_path / "model.safetensors"
        writers.write_safetensors(path, {k: np.asarray(v) for k, v in tree.items()})
    else:
        path = (writers.write_legacy if source == "t2m" else writers.write_zip)(
            tmp_path / "latest.tar", tree
        )
    out = tmp_path / "weights"
    assert (
        main(
            [
                "weights",
                "convert",
                "--from",
                source,
                str(path),
                "--out",
                str(out),
                *(f"--set={f}" for f in fields),
            ]
        )
        == 0
    )
    printed = capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["config.json", "params.npz"]
    loaded = load(out)
    direct = convert(source, path, _nested(fields))
    assert loaded.source == source and set(loaded.networks) == set(direct.networks)
    for name, weights in loaded.networks.items():
        assert weights.network == direct[name].network and type(weights.network).__name__ in printed
        jax.tree.map(np.testing.assert_array_equal, weights.params, direct[name].params)
        y = jax.jit(weights.network.apply)(
            weights.params, *(jnp.ones(i.shape, i.dtype) for i in weights.inputs)
        )
        assert np.isfinite(y).all() and y.dtype == jnp.float32
    with np.load(out / "params.npz", allow_pickle=False) as file:
        assert {file[key].dtype for key in file.files} == {np.dtype(np.float32)}


def _nested(fields):
    out = {}
    for field in fields:
        place, value = field.split("=")
        network, name = place.split(".")
        out.setdefault(network, {})[name] = json.loads(value)
    return out


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_parameters_go_back_to_the_very_state_dict_they_came_from(source):
    tree, fields = checkpoints()[source]
    for name, part in SOURCES[source].networks(tree, source).items():
        weights = part.fill(_nested(fields).get(name, {}), source)
        back = keys.to_torch(weights.params["params"], part.rules)
        assert set(back) == set(part.state)
        for key, value in back.items():
            np.testing.assert_array_equal(value, np.asarray(part.state[key]))


def test_half_precision_weights_become_float32():
    state = {k: v.astype(np.float16) for k, v in under(arrays("smoothnet_tiny"), "w").items()}
    params = convert_tree("smoothnet", state)["smoothnet"].params
    assert {a.dtype for a in jax.tree.leaves(params)} == {np.dtype(np.float32)}


def test_one_error_names_every_wrong_key():
    tree, fields = checkpoints()["stablemofusion"]
    state = dict(tree["model_ema"])
    del state["unet.downs.0.1.conv1d.time_mlp.1.bias"]
    state["unet.mid_block1.surprise"] = np.zeros(3, np.float32)
    width = state["unet.mid_block2.conv1d.blocks.0.block.bias"].size
    state["unet.mid_block2.conv1d.blocks.0.block.bias"] = np.zeros(5, np.float32)
    with pytest.raises(FileError) as error:
        convert_tree("stablemofusion", {"encoder": state}, _nested(fields), "latest.tar")
    message = str(error.value)
    for part in (
        "latest.tar (unet)",
        "1 missing: unet.downs.0.1.conv1d.time_mlp.1.bias",
        "1 unknown: unet.mid_block1.surprise",
        f"unet.mid_block2.conv1d.blocks.0.block.bias is (5,), should be ({width},)",
    ):
        assert part in message


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_losing_any_single_key_is_noticed_and_named(source):
    tree, fields = checkpoints()[source]
    nested = next(
        (
            k
            for k in ("model_ema", "ema_state_dict", "state_dict", "my_model", "motion_encoder")
            if k in tree
        ),
        None,
    )
    state = tree[nested] if nested else tree
    used = {key for part in SOURCES[source].networks(tree, "").values() for key in part.state}
    for key in list(state)[3 :: len(state) // 5 + 1]:
        if not any(key.endswith(name) for name in used):
            continue
        less = {k: v for k, v in state.items() if k != key}
        with pytest.raises(FileError) as error:
            convert_tree(source, {**tree, nested: less} if nested else less, _nested(fields))
        short = key.removeprefix("clip_model.").removeprefix("text_model.").removeprefix("unet.")
        assert short in str(error.value)


def test_a_tensor_that_cannot_be_is_named_with_its_file(tmp_path):
    state = dict(under(arrays("smoothnet_tiny"), "w"))
    bias = state["decoder.bias"]
    state["decoder.bias"] = writers.View(bias, 1, bias.shape, (1,))
    path = writers.write_zip(tmp_path / "checkpoint.pth.tar", {"state_dict": state})
    with pytest.raises(
        FileError, match=r"checkpoint\.pth\.tar \(smoothnet\), decoder\.bias: .* beyond its storage"
    ):
        convert("smoothnet", path)


def test_values_that_are_not_finite_are_refused():
    state = dict(under(arrays("smoothnet_tiny"), "w"))
    state["decoder.bias"] = state["decoder.bias"] * np.nan
    with pytest.raises(FileError, match=r"not finite in decoder\.bias"):
        convert_tree("smoothnet", state)


def test_a_table_that_is_not_the_usual_one_is_refused():
    tree, _ = checkpoints()["stablemofusion"]
    state = tree["model_ema"]
    for table in (
        2 * state["unet.time_mlp.0.pe"],
        state["unet.time_mlp.0.pe"][0],
        state["unet.time_mlp.0.pe"] * np.nan,
    ):
        with pytest.raises(FileError, match=r"time_mlp\.0\.pe is not the usual table"):
            convert_tree("stablemofusion", {"encoder": state | {"unet.time_mlp.0.pe": table}})


@pytest.mark.parametrize("source", sorted(SOURCES))
@pytest.mark.parametrize("tree", [{}, {"a": 1}, {"w": np.zeros(3, np.float32)}, [1, 2], 3], ids=str)
def test_a_checkpoint_of_something_else_is_refused(source, tree):
    with pytest.raises(FileError):
        convert_tree(source, tree)


def test_the_wrong_converter_is_refused():
    with pytest.raises(FileError, match="under model_ema or encoder"):
        convert_tree("stablemofusion", checkpoints()["smoothnet"][0])
    with pytest.raises(ConfigError, match="did you mean 'gaitdynamics'"):
        convert_tree("gaitdynamic", {})


def test_settings_are_checked():
    tree, _ = checkpoints()["smoothnet"]
    with pytest.raises(ConfigError, match="did you mean 'hidden'"):
        convert_tree("smoothnet", tree, {"smoothnet": {"hiden": 3}})
    with pytest.raises(ConfigError, match="holds smoothnet"):
        convert_tree("smoothnet", tree, {"unet": {}})
    with pytest.raises(FileError, match="no network can be made|should be"):
        convert_tree("clip", checkpoints()["clip"][0], {"clip_text": {"heads": 5}})


def test_the_normaliser_of_gaitdynamics_comes_along(tmp_path):
    emit = writers.Pickle()
    scaler = emit.value(
        {"feature_range": (-10, 10), "scale_": np.float32([2, 4]), "min_": np.float32([0, 1])}
    )
    inner = writers.Raw(b"c__main__\nMinMaxScaler\n)\x81" + scaler + b"b")
    outer = emit.value({"scaler": inner, "cols_to_normalize": [3, 5]})
    weights = under(arrays("gaitdynamics_decoder_tiny"), "refine/w")

    # the two pickles must share one table of storages, so the whole file is written by one emitter
    class Joined(writers.Pickle):
        def __init__(self):
            super().__init__()
            self.storages, self.ids = emit.storages, emit.ids

    tree = {
        "ema_state_dict": weights,
        "normalizer": writers.Raw(b"cdata.preprocess\nNormalizer\n)\x81" + outer + b"b"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writers, "Pickle", Joined)
        path = writers.write_zip(tmp_path / "GaitDynamicsRefinement.pt", tree)
    converted = convert(
        "gaitdynamics",
        path,
        {"refinement": {"heads": settings("gaitdynamics_decoder_tiny")["ref_heads"]}},
    )
    want = {"normaliser/scale": [2, 4], "normaliser/min": [0, 1], "normaliser/columns": [3, 5]}
    save(converted, tmp_path / "out")
    for extras in (converted.extras, load(tmp_path / "out").extras):
        assert {name: value.tolist() for name, value in extras.items()} == want


def test_the_command_line_tells_errors_in_one_line(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    path.write_bytes(pickle.dumps(print, 2))
    assert (
        main(["weights", "convert", "--from", "clip", str(path), "--out", str(tmp_path / "o")]) == 2
    )
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "print" in error
    assert not (tmp_path / "o").exists()
    assert (
        main(["weights", "convert", "--from", "clip", str(path), "--out", "o", "--set", "heads=3"])
        == 2
    )
    assert (
        main(
            ["weights", "convert", "--from", "clip", str(path), "--out", "o", "--set", "a.heads=x"]
        )
        == 2
    )


def test_a_single_file_name_is_kept_and_damage_on_disk_is_told(tmp_path):
    converted = convert_tree("smoothnet", checkpoints()["smoothnet"][0])
    path = save(converted, tmp_path / "smooth.npz")
    assert (
        path == tmp_path / "smooth.npz"
        and load(path)["smoothnet"].network == converted["smoothnet"].network
    )
    with pytest.raises(FileError, match="no 'unet'; did you mean|no 'unet'; known: smoothnet"):
        load(path)["unet"]
    config = path.with_suffix(".json")
    text = config.read_text()
    for wrong, message in (
        (text.replace('"format": 1', '"format": 9'), "convert again"),
        (text.replace("SmoothNet", "Nonsense"), "damaged"),
        (text.replace('"blocks": ', '"blocks": 1'), "does not fit"),
        (text.replace('"blocks"', '"blok"'), "damaged"),
        ("{", "is not the configuration"),
    ):
        config.write_text(wrong)
        with pytest.raises(FileError, match=message):
            load(path)
    config.write_text(text)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError, match="not a file of converted weights"):
        load(path)
    with pytest.raises(FileError, match="cannot be read"):
        load(tmp_path / "absent")


def test_reading_does_not_touch_tensors_that_are_not_asked_for(tmp_path):
    tree = {
        "encoder": {"w": np.ones(3, np.float32)},
        "optimizer": {"exp_avg": np.ones(3, np.float32)},
    }
    path = writers.write_zip(tmp_path / "x.pt", tree)
    data = path.read_bytes()
    at = data.rindex(np.ones(3, np.float32).tobytes())
    path.write_bytes(data[:at] + b"\0" + data[at + 1 :])
    np.testing.assert_array_equal(read(path)["encoder"]["w"].array(), np.ones(3))
