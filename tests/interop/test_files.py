"""Checkpoint files are data: every format is read, nothing in a file can run, and damage is a clear
error.
"""

import os
import pickle
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interop import writers

from jaxdiff.errors import FileError
from jaxdiff.interop.files import read
from jaxdiff.interop.values import Record, Tensor

Raw, View = writers.Raw, writers.View

FLOATS = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
ARRAYS = {
    "float": FLOATS,
    "double": FLOATS.astype(np.float64),
    "half": FLOATS.astype(np.float16),
    "bfloat": FLOATS.astype(ml_dtypes.bfloat16),
    "long": np.array([[1, -(2**40)]]),
    "int": np.array([7, 8], np.int32),
    "byte": np.array([255], np.uint8),
    "flag": np.array([True, False]),
    "scalar": np.float32(2.5).reshape(()),
    "empty": np.zeros((0, 3), np.float32),
}
TREE = {
    "encoder": ARRAYS,
    "epoch": 3,
    "big": 2**70,
    "lr": 1e-4,
    "names": ["a", ("b", None)],
    "done": True,
}


def same(tree):
    assert set(tree) == set(TREE) and set(tree["encoder"]) == set(ARRAYS)
    for name, value in ARRAYS.items():
        got = tree["encoder"][name].array()
        assert got.shape == value.shape and got.dtype.newbyteorder("=") == value.dtype
        np.testing.assert_array_equal(got, value)
    assert {k: v for k, v in tree.items() if k != "encoder"} == {
        k: v for k, v in TREE.items() if k != "encoder"
    }


def test_zip_and_legacy_files_are_read_whatever_they_are_called(tmp_path):
    same(read(writers.write_zip(tmp_path / "latest.tar", TREE)))
    same(read(writers.write_zip(tmp_path / "model.pt", TREE, root="a name", big=True)))
    same(read(writers.write_legacy(tmp_path / "finest.tar", TREE)))


def test_tensors_may_share_a_storage_and_be_strided(tmp_path):
    base = np.arange(12, dtype=np.float32)
    tree = {
        "whole": base,
        "transposed": View(base, 0, (3, 4), (1, 3)),
        "tail": View(base, 8, (2, 2), (2, 1)),
    }
    for write in (writers.write_zip, writers.write_legacy):
        got = read(write(tmp_path / "x.pt", tree))
        np.testing.assert_array_equal(got["whole"].array(), base)
        np.testing.assert_array_equal(got["transposed"].array(), base.reshape(4, 3).T)
        np.testing.assert_array_equal(got["tail"].array(), base[8:].reshape(2, 2))


def test_safetensors_are_read(tmp_path):
    arrays = {k: v for k, v in ARRAYS.items() if v.dtype in writers.SAFE}
    got = read(writers.write_safetensors(tmp_path / "model.safetensors", arrays))
    assert set(got) == set(arrays)
    for name, value in arrays.items():
        np.testing.assert_array_equal(got[name].array(), value)


def test_safetensors_as_the_package_writes_them(tmp_path):
    safetensors = pytest.importorskip(
        "safetensors.numpy", reason="the safetensors package is not installed"
    )
    safetensors.save_file({"w": FLOATS, "n": np.arange(3)}, tmp_path / "m.safetensors")
    got = read(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(got["w"].array(), FLOATS)
    np.testing.assert_array_equal(got["n"].array(), np.arange(3))


def test_what_pytorch_itself_writes(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    linear = torch.nn.Linear(3, 2)
    tree = {
        "state": linear.state_dict(),
        "raw": linear.weight,
        "half": linear.weight.detach().bfloat16().T,
        "n": 3,
    }
    for zipped in (True, False):
        torch.save(tree, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
        got = read(tmp_path / "x.pt")
        np.testing.assert_array_equal(
            got["state"]["weight"].array(), linear.weight.detach().numpy()
        )
        np.testing.assert_array_equal(got["raw"].array(), linear.weight.detach().numpy())
        np.testing.assert_allclose(
            got["half"].array().astype(np.float32), linear.weight.detach().numpy().T, rtol=1e-2
        )


@pytest.mark.parametrize("protocol", range(5))
def test_numpy_numbers_in_a_checkpoint_are_data(tmp_path, protocol):
    value = {
        "score": np.float64(0.25),
        "list": np.arange(6.0).reshape(2, 3),
        "set": {1, 2},
        "text": "é",
        "raw": b"\xff\0",
    }
    body = Raw(_inner(pickle.dumps(value, protocol)))
    got = read(writers.write_zip(tmp_path / "x.pt", {"performance": body, "w": FLOATS}))[
        "performance"
    ]
    assert (
        got["score"] == 0.25
        and got["set"] == {1, 2}
        and got["text"] == "é"
        and got["raw"] == b"\xff\0"
    )
    np.testing.assert_array_equal(got["list"].value, value["list"])


class Evil:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def _inner(data):
    """A pickle without its frame, to be put inside another one."""
    start = 2 if data[0] == 0x80 else 0
    return data[start + 9 if data[start : start + 1] == b"\x95" else start : -1]


ATTACKS = {
    "system": lambda flag: pickle.dumps(Evil(os.system, (f"touch {flag}",)), 2),
    "stack global": lambda flag: pickle.dumps(Evil(os.system, (f"touch {flag}",)), 4),
    "eval": lambda flag: pickle.dumps(Evil(eval, (f"open({str(flag)!r}, 'w')",)), 2),
    "exec": lambda flag: pickle.dumps(Evil(exec, (f"open({str(flag)!r}, 'w')",)), 2),
    "path": lambda flag: pickle.dumps(Evil(Path.touch, (flag,)), 4),
    "instance": lambda flag: f"(S'touch {flag}'\nios\nsystem\n.".encode(),
    "object": lambda flag: f"(cos\nsystem\nS'touch {flag}'\no.".encode(),
    "another function of an allowed module": lambda flag: b"cnumpy\nload\n(U\x01xtR.",
    "getattr": lambda flag: b"cbuiltins\ngetattr\n(cos\nsystem\nU\x01at.",
    "allowed name as a module": lambda flag: b"ctorch.FloatStorage\nfrom_file\n.",
    "calling a string": lambda flag: b"\x80\x02X\x06\x00\x00\x00system)R.",
    "state on a name": lambda flag: (
        b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb."
    ),
    "extension": lambda flag: b"\x80\x02\x82\x01.",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("records", [(), ("Normalizer",)], ids=["strict", "records"])
def test_code_in_a_checkpoint_never_runs(tmp_path, attack, records):
    flag = tmp_path / "ran"
    body = ATTACKS[attack](flag)
    before = set(sys.modules)
    for inner in (
        {"encoder": Raw(_inner(body)), "w": FLOATS},
        {"w": FLOATS, "optimizer": [Raw(_inner(body))]},
    ):
        for write in (writers.write_zip, writers.write_legacy):
            with pytest.raises(FileError):
                read(write(tmp_path / "evil.pt", inner), records)
    (tmp_path / "bare.pt").write_bytes(body if body[:1] == b"\x80" else b"\x80\x02" + body)
    with pytest.raises(FileError):
        read(tmp_path / "bare.pt", records)
    assert not flag.exists()
    assert set(sys.modules) == before


def test_the_refused_name_is_told(tmp_path):
    body = Raw(_inner(pickle.dumps(Evil(os.system, ("true",)), 2)))
    with pytest.raises(FileError, match=rf"refers to '{os.system.__module__}\.system'"):
        read(writers.write_zip(tmp_path / "evil.pt", {"w": body}))


def test_records_are_inert(tmp_path):
    state = writers.Pickle().value({"scale": 2.0, "names": ["a"]})
    made = b"cdata.preprocess\nNormalizer\n)\x81" + state + b"b"
    called = b"cdata.preprocess\nNormalizer\n(K\x07tR"
    path = writers.write_zip(tmp_path / "x.pt", {"normalizer": Raw(made), "called": Raw(called)})
    tree = read(path, records=("Normalizer",))
    assert isinstance(tree["normalizer"], Record) and tree["normalizer"].state == {
        "scale": 2.0,
        "names": ["a"],
    }
    assert tree["called"].arguments == (7,)
    with pytest.raises(FileError, match=r"data\.preprocess\.Normalizer"):
        read(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (5,), (1,)),
        (3, (2,), (1,)),
        (0, (2, 2), (3, 1)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (1000, 1000), (0, 0)),
        (0, (2,), ()),
    ],
)
def test_tensors_cannot_reach_beyond_their_storage(tmp_path, offset, shape, strides):
    tree = {"w": View(np.zeros(4, np.float32), offset, shape, strides)}
    got = read(writers.write_zip(tmp_path / "x.pt", tree))["w"]
    with pytest.raises(FileError, match="beyond|impossible"):
        got.array()


def test_files_of_other_kinds_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=1)
    (tmp_path / "b.pt").write_bytes(b"")
    (tmp_path / "c.pt").write_text("hello")
    (tmp_path / "d.pt").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "dir.pt").mkdir()
    writers.write_zip(tmp_path / "e.pt", {"w": FLOATS}, extra={"constants.pkl": b"\x80\x02}."})
    for name, message in {
        "a.npz": "no data.pkl",
        "b.pt": "neither",
        "c.pt": "neither",
        "d.pt": "not a PyTorch checkpoint",
        "dir.pt": "cannot be read",
        "e.pt": "TorchScript",
        "absent.pt": "cannot be read",
    }.items():
        with pytest.raises(FileError, match=message) as error:
            read(tmp_path / name)
        assert name in str(error.value)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    tree = {"encoder": {"w": FLOATS, "n": np.array([1, 2])}, "epoch": 3}
    arrays = {"w": FLOATS, "n": np.array([1, 2])}
    files = (
        writers.write_zip(folder / "zip.pt", tree),
        writers.write_legacy(folder / "legacy.pt", tree),
        writers.write_safetensors(folder / "safe.safetensors", arrays),
    )
    return [path.read_bytes() for path in files], folder


def _arrays(tree):
    leaves = tree["encoder"] if isinstance(tree.get("encoder"), dict) else tree
    return {k: v.array() for k, v in leaves.items() if isinstance(v, Tensor)}


@given(
    st.integers(0, 2),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=4),
)
def test_damaged_files_never_raise_anything_but_our_error(originals, kind, cut, at, junk):
    files, folder = originals
    whole = files[kind]
    cut, at = cut % len(whole), at % len(whole)
    for damaged in (
        whole[:cut],
        whole[:at] + junk + whole[at + len(junk) :],
        whole[:at] + whole[at + 1 :],
    ):
        path = folder / "damaged"
        path.write_bytes(damaged)
        try:
            tree = read(path)
            if isinstance(tree, dict):
                _arrays(tree)
        except FileError:
            pass


def test_a_flipped_bit_in_the_numbers_of_a_zip_is_noticed(originals):
    files, folder = originals
    at = files[0].index(FLOATS.tobytes()) + 5
    (folder / "flipped.pt").write_bytes(
        files[0][:at] + bytes([files[0][at] ^ 1]) + files[0][at + 1 :]
    )
    with pytest.raises(FileError, match="checksum"):
        _arrays(read(folder / "flipped.pt"))


def test_every_truncation_of_a_checkpoint_is_an_error(originals):
    files, folder = originals
    for whole in files:
        for cut in range(0, len(whole) - 1, 7):
            (folder / "cut").write_bytes(whole[:cut])
            with pytest.raises(FileError):
                _arrays(read(folder / "cut"))
