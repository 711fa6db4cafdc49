"""A run as an artefact and as a stream: what comes out is what the run itself would say."""

import io
import json
import runpy
import socket
import sys
import threading
import types

import jax
import numpy as np
import pytest

from jaxdiff.body.gait import normalise_strides
from jaxdiff.data import formats
from jaxdiff.deployment import artefact, sources
from jaxdiff.deployment.streaming import Stream, latency
from jaxdiff.errors import CheckpointError, ConfigError, DataError
from jaxdiff.studies.llma.model import heel_strikes
from jaxdiff.studies.loading import load


@pytest.fixture(scope="module")
def loaded(run):
    return load(run).program()


@pytest.fixture(scope="module")
def draw(loaded):
    return jax.jit(loaded.draw)


def window(loaded, batch=1):
    phase = np.linspace(0, 2, loaded.output.length, endpoint=False)[:, None] + np.arange(3) / 3
    return np.broadcast_to(10 + 20 * np.cos(2 * np.pi * phase), (batch, *phase.shape)).astype(
        np.float32
    )


def test_the_exported_program_draws_what_the_sampler_draws(jaxdiff, run, loaded, draw, tmp_path):
    pytest.importorskip("flatbuffers")
    code, out, err = jaxdiff("export", run, "--output", tmp_path)
    assert (code, err) == (0, "") and "batch any" in out
    program, about = artefact.load(tmp_path)
    expected = np.asarray(draw(np.uint32(5), window(loaded, 3)))
    for batch in (1, 3):  # an example's noise does not depend on the others
        made = program.call(np.uint32(5), window(loaded, batch))
        np.testing.assert_allclose(made, expected[:batch], atol=1e-5)
    assert np.abs(expected[0] - expected[1]).max() > 1e-3  # a hundred times the tolerance
    assert (
        about["inputs"][0]["channels"][0] == "hip_flexion"
        and about["inputs"][0]["phase"] == "foot strike"
        and about["output"]["units"] == ["N m/kg"] * 2
    )


def test_a_fixed_batch_its_example_and_a_damaged_artefact(jaxdiff, run, tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    assert (
        jaxdiff(
            "export", run, "--batch", 1, "--given", "moments", "--steps", 1, "--output", tmp_path
        )[0]
        == 0
    )
    assert json.loads((tmp_path / "program.json").read_text())["batch"] == 1
    runpy.run_path(str(tmp_path / "example.py"))
    assert "hip_flexion [deg]: " in capsys.readouterr().out
    assert len((tmp_path / "example.py").read_text().splitlines()) <= 25
    (tmp_path / "program.stablehlo").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="no exported model"):
        artefact.load(tmp_path)


def test_wrong_wishes_name_what_there_is(run, loaded, tmp_path):
    with pytest.raises(DataError, match="did you mean 'moments'"):
        load(run).program(given="moment")
    with pytest.raises(ConfigError, match="no platform 'gpu'"):
        artefact.save(loaded, tmp_path, platforms=["gpu"])
    with pytest.raises(DataError, match="no channel 'hip_flexion'"):
        Stream(loaded, ("hip", "knee"), ("deg", "deg"), 100.0)


def test_files_and_exports_of_one_seed_agree(run, walk, loaded, draw):
    """Two whole strides from a file: the same numbers as from the bare sampler."""
    recording = walk.crop(0, 3.61)
    file = load(run).generate(recording, samples=1, seed=3).median
    events = heel_strikes(recording, recording, None)
    cycles = normalise_strides(recording.values, events[:3], 151)[:, :-1].reshape(1, 300, 3)
    made = np.asarray(draw(np.uint32(3), cycles.astype(np.float32)))[0]
    place = np.interp(
        np.arange(len(file.values)) / 100 + file.start, events[:3] / 100, [0, 150, 300]
    )
    expected = np.stack([np.interp(place, np.arange(300), column) for column in made.T], axis=1)
    inside = place < 299
    np.testing.assert_allclose(file.values[inside], expected[inside], atol=2e-3)


def test_a_stream_follows_the_walk_at_its_own_phase(loaded, walk):
    """Noise and window belong to the stride: one stride later the newest sample is the same
    again.
    """
    stream = Stream(loaded, walk.channels, walk.units, walk.rate, samples=2)
    seen = {}
    for number, row in enumerate(walk.values):
        stream.push(row)
        if number in (360, 480):
            seen[number] = stream.newest(10)
    assert seen[360].shape == (2, 10, 2) and len(stream.seconds) == 2
    np.testing.assert_allclose(seen[360], seen[480], atol=0.1)
    assert latency([0.001] * 99 + [0.1])["p50"] == pytest.approx(1)


def test_a_stream_converts_units_and_holds_what_is_missing(loaded, walk):
    plain = Stream(loaded, walk.channels, walk.units, walk.rate, samples=1)
    other = Stream(loaded, (*walk.channels[::-1], "more"), ("rad",) * 4, walk.rate, samples=1)
    held = walk.values.copy()
    held[100] = held[99]
    for number, row in enumerate(held[:300]):
        plain.push(row)
        turned = np.append(np.radians(row[::-1]), 0.0)
        other.push(np.full(4, np.nan) if number == 100 else turned)
    np.testing.assert_allclose(plain.newest(5), other.newest(5), atol=1e-3)
    assert plain.newest(10_000) is None


def test_rows_in_rows_out_from_a_file_and_from_standard_input(
    jaxdiff, run, walk, tmp_path, monkeypatch
):
    formats.write(tmp_path / "walk.csv", walk)
    lines = (tmp_path / "walk.csv").read_text().splitlines()
    words = ("stream", run, "--samples", 2, "--every", 100)
    code, replayed, err = jaxdiff(*words, "--input", tmp_path / "walk.csv")
    assert (
        code == 0
        and "p50" in err
        and "p99" in err
        and "first row" in err
        and "(1000 ms at 100 Hz)" in err
    )
    head = [f"{name} [{unit}]" for name, unit in zip(lines[0].split(","), lines[1].split(","))]
    monkeypatch.setattr(
        "sys.stdin", io.StringIO("\n".join([",".join(["time", *head[1:]]), *lines[2:]]))
    )
    code, piped, _ = jaxdiff(*words)
    assert code == 0 and piped == replayed
    (tmp_path / "made.csv").write_text(piped)
    made = formats.read(tmp_path / "made.csv")
    assert made.channels[2] == "hip_moment_p05" and made.units[0] == "N m/kg" and made.rate == 100
    assert made.time[-1] == pytest.approx(4.99) and np.isfinite(made.values).all()


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "standard input is empty"),
        ("hip_flexion,knee_flexion,ankle_dorsiflexion\n1,2,3\n", "the rate of the rows is unknown"),
        ("time,hip_flexion\n0,1\n0.01,x\n", "line 3: '0.01,x' is not a row of numbers"),
        ("time,hip_flexion\n0,1\n0.01,1,2\n", "line 3: 3 numbers for 2 columns"),
        ("time,hip_flexion\n0,1\n0.01,1\n", "no channel 'knee_flexion'"),
    ],
)
def test_bad_rows_are_named(jaxdiff, run, monkeypatch, text, message):
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    code, _, err = jaxdiff("stream", run, "--steps", 1, "--samples", 1)
    assert code == 2 and message in err


def test_rows_arrive_in_datagrams_and_names_may_be_repeated():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    received = threading.Event()

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while not received.wait(0.02):
                sender.sendto(b"hip_flexion [deg],knee_flexion [deg]", address)
            for datagram in (b"1,2\n3,4", b"5,", b""):
                sender.sendto(datagram, address)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    source = sources.of_lines(sources.udp_lines(address[1]), 50.0, "UDP")
    received.set()
    rows = list(source.rows)
    thread.join()
    assert source.channels == ("hip_flexion", "knee_flexion") and source.units == ("deg", "deg")
    assert [moment for moment, _ in rows] == [0.0, 0.02, 0.04]
    np.testing.assert_array_equal([row for _, row in rows], [[1, 2], [3, 4], [5, np.nan]])


def test_samples_of_lab_streaming_layer(monkeypatch):
    info = types.SimpleNamespace(
        get_channel_labels=lambda: ["hip_flexion"],
        get_channel_units=lambda: ["deg"],
        nominal_srate=lambda: 100.0,
    )
    pulled = iter([([1.0], 7.0), ([2.0], 7.01), (None, None)])
    inlet = types.SimpleNamespace(info=lambda: info, pull_sample=lambda timeout: next(pulled))
    layer = types.SimpleNamespace(
        resolve_byprop=lambda key, name, timeout: [info] if name == "legs" else [],
        StreamInlet=lambda found: inlet,
    )
    monkeypatch.setitem(sys.modules, "pylsl", layer)
    source = sources.of_lsl("legs")
    assert (source.channels, source.units, source.rate) == (("hip_flexion",), ("deg",), 100.0)
    assert list(source.rows) == [(7.0, [1.0]), (7.01, [2.0])]
    with pytest.raises(DataError, match="no LSL stream 'arms'"):
        sources.of_lsl("arms")


def test_what_is_ahead_is_what_the_circle_holds(loaded, walk):
    """Of a periodic walk the value expected in 0.1 s is the one that is generated at that time."""
    now = Stream(loaded, walk.channels, walk.units, walk.rate, samples=1)
    later = Stream(loaded, walk.channels, walk.units, walk.rate, samples=1, ahead=0.1)
    for row in walk.values[:361]:
        now.push(row)
        later.push(row)
    expected = later.newest(1)
    for row in walk.values[361:371]:
        now.push(row)
    np.testing.assert_allclose(expected, now.newest(1), atol=0.1)
    with pytest.raises(ConfigError, match="up to a stride ahead"):
        Stream(loaded, walk.channels, walk.units, walk.rate, ahead=-1.0)
