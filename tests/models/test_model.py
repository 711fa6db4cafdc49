"""What every model does: generate, describe itself, be saved and loaded, and do it again without
growing.
"""

import json
import logging
import zlib
from dataclasses import replace

import jax
import numpy as np
import pytest
from models.tiny import ANGLES, MOMENTS, maps, needs_maps, resident, trained, walk

import jaxdiff
from jaxdiff.errors import CheckpointError, ConfigError, DataError, FileError
from jaxdiff.models import file
from jaxdiff.studies.study import STUDIES


@pytest.fixture(scope="module")
def model():
    return STUDIES["llma"].build(trained())


def test_a_recording_becomes_samples_with_intervals_on_its_own_clock(model):
    made = model.generate(walk(), samples=8, seed=1)
    assert len(made) == 8 and made.like.channels == MOMENTS and made.like.rate == 100
    low, high = made.interval(0.5)
    assert (low.values <= made.median.values).all() and (made.median.values <= high.values).all()
    assert 0 <= made.like.start < 1.3 and made.values.shape[1] > 200
    again, other = model.generate(walk(), samples=8, seed=1), model.generate(walk(), samples=8)
    np.testing.assert_array_equal(made.values, again.values)
    assert np.abs(made.values - other.values).max() > 1e-3


def test_the_modality_that_is_there_is_the_one_that_is_given(model):
    made = model.generate(walk(6.0), samples=1).median
    back = model.generate(made, samples=1, strikes=[made.start, made.start + 1.2, made.start + 2.4])
    assert made.channels == MOMENTS and back.like.channels == ANGLES


def test_pieces_of_time_need_no_strikes_and_keep_the_rate():
    model = STUDIES["llma"].build(trained(strides=False))
    made = model.generate(walk(rate=50.0), samples=2)
    assert made.like.rate == 50 and made.values.shape[1] == pytest.approx(200, abs=1)
    with pytest.raises(DataError, match=r"has 40 samples, the model needs 60 samples \(0.6 s\)"):
        model.generate(walk(seconds=0.4))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda r: r.select(ANGLES[:1]), "has no knee_flexion"),
        (lambda r: r.crop(0, 0.5), "needs two foot strikes"),
    ],
)
def test_what_does_not_fit_is_refused(model, change, message):
    with pytest.raises(DataError, match=message):
        model.generate(change(walk()))
    with pytest.raises(ConfigError, match="samples must be 1 or more"):
        model.generate(walk(), samples=0)


def test_the_repr_says_what_goes_in_and_what_comes_out(model):
    text = repr(model)
    assert "in, out  angles; hip_flexion [deg], knee_flexion [deg]; 2 strides from foot" in text
    assert "Apache-2.0" in text and "RMSE 1 N m/kg" in text


@pytest.mark.parametrize("dtype, error", [("float32", 0.0), ("float16", 0.1)])
def test_a_saved_model_generates_what_it_did(model, tmp_path, dtype, error):
    path = model.save(tmp_path / "model.safetensors", dtype)
    again = jaxdiff.load(path)
    one, two = (each.generate(walk(), samples=2).values for each in (model, again))
    np.testing.assert_allclose(one, two, atol=error)
    assert again.card == model.card and again.name == "model"


def test_rounded_kernels_are_within_half_a_unit_and_compress(model, tmp_path):
    network = replace(
        model.trained,
        params={
            "dense": {
                "kernel": np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32),
                "bias": np.float32([0.1, 0.2]),
            }
        },
    )
    whole = file.save(tmp_path / "whole.safetensors", network, "float16")
    small = file.save(tmp_path / "small.safetensors", network, "float16", kernel_bits=6)
    one, two = (file.load(path).params["dense"] for path in (whole, small))
    np.testing.assert_array_equal(one["bias"], two["bias"])
    np.testing.assert_allclose(two["kernel"], one["kernel"], rtol=1.1 * 2**-6, atol=0)
    sizes = [len(zlib.compress(path.read_bytes())) for path in (whole, small)]
    assert sizes[1] < 0.8 * sizes[0]


def test_a_damaged_or_foreign_file_is_refused(model, tmp_path):
    path = model.save(tmp_path / "model.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "bit.safetensors").write_bytes(content)
    with pytest.raises(FileError, match="SHA-256"):
        file.load(tmp_path / "bit.safetensors")
    swapped = path.read_bytes().replace(b'"F32"', b'"I32"', 1)  # the data are as they were
    (tmp_path / "header.safetensors").write_bytes(swapped)
    with pytest.raises(FileError, match="SHA-256"):
        file.load(tmp_path / "header.safetensors")
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "other.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    )
    with pytest.raises(FileError, match="no card of jaxdiff"):
        file.load(tmp_path / "other.safetensors")
    for text in (b"", b"\xff" * 40):
        (tmp_path / "short.safetensors").write_bytes(text)
        with pytest.raises(FileError, match="not a safetensors file"):
            file.load(tmp_path / "short.safetensors")
    with pytest.raises(ConfigError, match="as a .safetensors file"):
        model.save(tmp_path / "model.npz")
    with pytest.raises(CheckpointError, match="neither a model file"):
        jaxdiff.load("no_such_model")


def test_the_header_is_that_of_any_safetensors_file(model, tmp_path):
    content = model.save(tmp_path / "model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    ends = [entry["data_offsets"] for name, entry in header.items() if name != "__metadata__"]
    assert length % 8 == 0 and ends[0][0] == 0 and ends[-1][1] == len(content) - 8 - length
    assert all(a[1] == b[0] for a, b in zip(ends, ends[1:]))


def test_a_score_compares_with_a_measurement(model):
    truth = model.generate(walk(), samples=1, seed=5).median
    scores = model.score(walk(), truth, samples=4)
    assert ("rmse/hip_moment", "N m/kg") in scores and ("coverage_90/hip_moment", "1") in scores


@needs_maps
@pytest.mark.parametrize("calls", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_repeated_generation_compiles_once_and_does_not_grow(calls, caplog):
    """Files of different lengths in one process; each length class is compiled at its first
    file.
    """
    model = STUDIES["llma"].build(trained())
    files = [walk(seconds) for seconds in np.linspace(4, 6.5, 7)]
    for recording in files:
        model.generate(recording, samples=2)
    before = maps(), resident()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for number in range(calls):
            model.generate(files[number % len(files)], samples=2, seed=number).summary()
    compiled = [r for r in caplog.records if "Finished XLA compilation" in r.getMessage()]
    assert compiled == []
    assert maps() - before[0] <= 20 and resident() - before[1] < 50


def test_files_of_another_laboratory_go_in_and_come_out_in_its_convention(model):
    ours = walk()
    names = ("hip_flexion_l", "knee_angle_l")
    theirs = replace(ours, values=ours.values * [1, -1], channels=names)
    expected, made = (model.generate(each, samples=3, seed=0) for each in (ours, theirs))
    np.testing.assert_allclose(made.values, expected.values, atol=1e-4)
    written, (low, high) = made.summary(0.9), made.interval(0.9)
    for each in (made.median, made.mean, made.samples[0], low, high):
        assert each.channels[:2] == ("hip_flexion_l_moment", "knee_angle_l_moment")
    assert (low.values <= made.median.values).all() and (made.median.values <= high.values).all()
    assert (
        "hip_flexion_l_moment" in written.channels and "knee_angle_l_moment_p95" in written.channels
    )
    np.testing.assert_allclose(
        written["knee_angle_l_moment"], -expected.median["knee_moment"], atol=1e-4
    )
    assert (written["knee_angle_l_moment_p05"] <= written["knee_angle_l_moment_p95"] + 1e-9).all()
    assert "knee_flexion (deg) = -1 × knee_angle_l" in written.meta["channel_mapping"]


@pytest.mark.filterwarnings("ignore::jaxdiff.errors.DataWarning")
def test_both_legs_are_generated_in_one_call(model):
    ours = walk(6.0)
    left = walk(6.6).crop(0.6, 6.6)  # half a stride later
    names = ("hip_flexion_r", "knee_angle_r", "hip_flexion_l", "knee_angle_l")
    values = np.concatenate([ours.values, left.values], axis=1) * [1, -1, 1, -1]
    whole = replace(ours, values=values, channels=names, units=("deg",) * 4)
    made = model.generate(whole, samples=4, side="both")
    right, other = (model.generate(whole, samples=4, side=side) for side in ("right", "left"))
    assert made.like.channels == tuple(f"{n}_{e}" for e in "rl" for n in MOMENTS)
    start, stop = made.like.time[[0, -1]]
    assert start == pytest.approx(max(right.like.start, other.like.start))
    one = right.median.crop(start, stop + 0.001)
    np.testing.assert_array_equal(made.median.values[:, :3], one.values)
    written = made.summary(0.9)
    for name in ("hip_flexion_r_moment", "knee_angle_l_moment", "ankle_angle_l_moment_p95"):
        assert name in written.channels
    np.testing.assert_array_equal(
        written["knee_angle_l_moment"],
        other.summary(0.9).crop(start, stop + 0.001)["knee_angle_l_moment"],
    )
    assert written.meta["channel_mapping"].count("knee_flexion (deg) = -1 × knee_angle_") == 2
    with pytest.raises(ConfigError, match="strikes are those of one leg"):
        model.generate(whole, side="both", strikes=[0.0, 1.2])
    with pytest.raises(DataError, match="of the left leg"):
        model.generate(whole.select(names[:2]), side="both")


def test_one_stride_is_enough(model):
    made = model.generate(walk(), samples=1, strikes=[1.2, 2.4])
    assert len(made.median) in (120, 121)
