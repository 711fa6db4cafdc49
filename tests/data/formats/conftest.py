"""Sample files of every format, and a writer of C3D files as the three processors wrote them."""

import struct

import numpy as np
import pytest

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats
from jaxdiff.data.formats import joints_recording
from jaxdiff.data.recording import Recording
from tests.data.formats.made import made_b3d

INTEL, DEC, MIPS = 84, 85, 86


def pack(values, kind, processor):
    """Numbers as that processor stores them; kind is "f4" or "i2"."""
    order = ">" if processor == MIPS else "<"
    if kind == "f4" and processor == DEC:
        words = (np.asarray(values, "<f4") * np.float32(4)).view("<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(words).tobytes()
    return np.asarray(values).astype(order + kind).tobytes()


def parameter_block(groups, processor):
    """{"POINT": {"RATE": 100.0, "LABELS": ["a", "b"], ...}, ...} as the parameter section of a C3D file."""
    short = ">H" if processor == MIPS else "<H"
    entries = b""
    for number, (group, parameters) in enumerate(groups.items(), 1):
        name = group.encode()
        entries += struct.pack("bb", len(name), -number) + name + struct.pack(short, 3) + b"\0"
        for key, value in parameters.items():
            if isinstance(value, list) and value and isinstance(value[0], str):
                width = max(map(len, value))
                shape, kind = (width, len(value)), -1
                data = b"".join(text.ljust(width).encode() for text in value)
            elif isinstance(value, str):
                shape, kind, data = (len(value),), -1, value.encode()
            else:
                array = np.asarray(value)
                kind = 2 if array.dtype.kind == "i" else 4
                shape, data = (
                    array.shape,
                    pack(array.reshape(-1, order="F"), {2: "i2", 4: "f4"}[kind], processor),
                )
            body = struct.pack("bB", kind, len(shape)) + bytes(shape) + data + b"\0"
            name = key.encode()
            entries += (
                struct.pack("bb", len(name), number)
                + name
                + struct.pack(short, len(body) + 2)
                + body
            )
    content = bytes([1, 0x50, 0, processor]) + entries + b"\0\0"
    blocks = -(-len(content) // 512)
    return (content[:2] + bytes([blocks]) + content[3:]).ljust(512 * blocks, b"\0")


def c3d_bytes(
    points,
    analog,
    processor=INTEL,
    integers=False,
    labels=(),
    wires=(),
    plates=None,
    first=1,
    offset=0,
    more=None,
):
    """points (T, N, 3) at 100 Hz in mm, analog (k T, A); missing points are NaN. Integers have steps of 0.01 and 0.001."""
    frames, count = points.shape[:2]
    subframes, channels = len(analog) // frames, analog.shape[1]
    scale = 0.01 if integers else -0.01
    groups = {
        "POINT": {
            "USED": count,
            "RATE": 100.0,
            "UNITS": ["mm"],
            "LABELS": list(labels),
            "SCALE": scale,
            "FRAMES": frames,
        },
        "ANALOG": {
            "USED": channels,
            "RATE": 100.0 * subframes,
            "LABELS": [name for name, _ in wires],
            "UNITS": [unit for _, unit in wires],
            "GEN_SCALE": 1.0,
            "SCALE": np.full(channels, 0.001 if integers else 1.0),
            "OFFSET": np.full(channels, offset),
        },
        "FORCE_PLATFORM": plates or {"USED": 0},
        **(more or {}),
    }
    parameters = parameter_block(groups, processor)
    start = 2 + len(parameters) // 512
    groups["POINT"]["DATA_START"] = start
    missing = np.isnan(points).any(-1)
    marks = np.concatenate(
        [np.nan_to_num(points), np.where(missing, -1.0, 0.0)[..., None]], axis=-1
    )
    if integers:
        marks[..., :3] = np.round(marks[..., :3] / scale)
        analog = np.round(analog / 0.001)
    analog = analog + offset
    rows = np.concatenate([marks.reshape(frames, -1), analog.reshape(frames, -1)], axis=1)
    words = pack(
        [count, subframes * channels, first, min(first + frames - 1, 0xFFFF), 0], "u2", processor
    )
    header = (
        bytes([2, 0x50])
        + words
        + pack([scale], "f4", processor)
        + pack([start, subframes], "i2", processor)
    )
    header = (header + pack([100.0], "f4", processor)).ljust(512, b"\0")
    return header + parameters + pack(rows.reshape(-1), "i2" if integers else "f4", processor)


PLATE = {
    "USED": 1,
    "TYPE": np.array([2]),
    "ZERO": np.array([1, 0]),
    "CORNERS": np.array([[[0, 400, 400, 0], [600, 600, 0, 0], [0, 0, 0, 0]]], float).transpose(
        1, 2, 0
    ),
    "ORIGIN": np.array([[0.0], [0.0], [-40.0]]),
    "CHANNEL": np.arange(1, 7)[:, None],
}
WIRES = [
    (f"{kind}{axis}1", unit) for kind, unit in (("F", "N"), ("M", "Nmm")) for axis in "xyz"
] + [("EMG_TA", "V")]


@pytest.fixture(scope="session")
def make_c3d():
    """The writer, with one force plate and one EMG channel unless told otherwise."""
    return lambda points, analog, **options: c3d_bytes(
        points, analog, **{"labels": ("LASI", "RASI"), "wires": WIRES, "plates": PLATE, **options}
    )


@pytest.fixture(scope="session")
def gait():
    """A recording with a gap, names and units as OpenSim has them."""
    values = np.random.default_rng(0).normal(size=(9, 4)) * [30, 1, 700, 50]
    values[2:4, 2] = np.nan
    names = ("hip_flexion_r", "pelvis_tx", "ground_force_vy", "hip_flexion_r_moment")
    return Recording(
        values, names, ("deg", "m", "N", "N m"), 100.0, 0.5, {"name": "walk", "subject": "S01"}
    )


@pytest.fixture(scope="session")
def samples(tmp_path_factory, gait, make_c3d):
    """One small valid file of every format, by extension."""
    folder = tmp_path_factory.mktemp("samples")
    random = np.random.default_rng(1)
    for extension in (".mot", ".sto", ".csv", ".tsv", ".npz"):
        formats.write(folder / f"walk{extension}", gait)
    joints = np.cumsum(HUMANML3D.offsets, 0)[None] + random.normal(size=(5, 22, 3)) * 0.1
    motion = joints_recording(joints.astype(np.float32), HUMANML3D, 20.0)
    formats.write(folder / "walk.bvh", motion)
    formats.write(folder / "walk.npy", motion)
    analog = np.concatenate(
        [np.tile([10.0, 5, -700, 7000, 900, 50], (20, 1)), random.normal(size=(20, 1))], axis=1
    )
    (folder / "walk.c3d").write_bytes(make_c3d(random.normal(size=(5, 2, 3)) * 100, analog))
    rows = [
        "\t".join([str(i + 1), f"{i / 60:.3f}", "1.5", "-2", "", "4", "5.25", "6"])
        for i in range(6)
    ]
    header = [
        "PathFileType\t4\t(X/Y/Z)\twalk.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "60.00\t60.00\t      6\t2\tmm\t60.00\t1\t      6",
        "Frame#\tTime\tR.ASIS\t\t\tL.ASIS\t\t",
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
        "",
    ]
    (folder / "walk.trc").write_text("\n".join(header + rows) + "\n")
    formats.write(folder / "walk.parquet", gait)
    (folder / "walk.b3d").write_bytes(made_b3d((("walk", 6),))[0])
    return {path.suffix: path for path in sorted(folder.iterdir())}
