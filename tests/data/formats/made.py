"""Small files of every format, made by hand: C3D of three processors, AddBiomechanics, and one
sample of each.
"""

import struct

import numpy as np

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data import formats
from jaxdiff.data.formats import joints_recording
from jaxdiff.data.recording import Recording

INTEL, DEC, MIPS = 84, 85, 86


def pack(values, kind, processor):
    """Numbers as that processor stores them; kind is "f4" or "i2"."""
    order = ">" if processor == MIPS else "<"
    if kind == "f4" and processor == DEC:
        words = (np.asarray(values, "<f4") * np.float32(4)).view("<u2").reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(words).tobytes()
    return np.asarray(values).astype(order + kind).tobytes()


def parameter_block(groups, processor):
    """{"POINT": {"RATE": 100.0, "LABELS": ["a", "b"], ...}, ...} as the parameter section of a C3D
    file.
    """
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
    """points (T, N, 3) at 100 Hz in mm, analog (k T, A); missing points are NaN. Integers have
    steps of 0.01 and 0.001.
    """
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
    "CORNERS": (
        np.array([[[0, 400, 400, 0], [600, 600, 0, 0], [0, 0, 0, 0]]], float).transpose(1, 2, 0)
    ),
    "ORIGIN": np.array([[0.0], [0.0], [-40.0]]),
    "CHANNEL": np.arange(1, 7)[:, None],
}
WIRES = [
    (f"{kind}{axis}1", unit) for kind, unit in (("F", "N"), ("M", "Nmm")) for axis in "xyz"
] + [("EMG_TA", "V")]
LAB = {"labels": ("LASI", "RASI"), "wires": WIRES, "plates": PLATE}


def walk():
    """A recording with a gap, names and units as OpenSim has them."""
    values = np.random.default_rng(0).normal(size=(9, 4)) * [30, 1, 700, 50]
    values[2:4, 2] = np.nan
    names = ("hip_flexion_r", "pelvis_tx", "ground_force_vy", "hip_flexion_r_moment")
    return Recording(
        values, names, ("deg", "m", "N", "N m"), 100.0, 0.5, {"name": "walk", "subject": "S01"}
    )


def write_samples(folder):
    """One small valid file of every format in a folder, by extension."""
    gait = walk()
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
    (folder / "walk.c3d").write_bytes(c3d_bytes(random.normal(size=(5, 2, 3)) * 100, analog, **LAB))
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


OSIM = "".join(f'<Coordinate name="{n}">' for n in ("pelvis_tx", "hip_flexion_r", "knee_angle_r"))


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def entry(number, value):
    """One field: an integer, a double, bytes or an array of doubles."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else bytes(value)
    return varint(number << 3 | 2) + varint(len(data)) + data


def made_b3d(trials=(("walk", 4), ("run", 3)), missing=1, wrench=False):
    """The bytes of a file of three coordinates and one foot, and the arrays in it by trial."""
    random, arrays, body = np.random.default_rng(0), [], b""
    for _, frames in trials:
        pos, tau = random.normal(size=(2, frames, 3))
        force, place = np.abs(random.normal(size=(2, frames, 3))) * [[[10, 700, 10]], [[1, 0, 1]]]
        place[:, 1] = 0
        arrays.append((pos, tau, force, place))
        for f in range(frames):
            turn = np.cross(place[f], force[f])
            shown = (place[f] * 0, force[f] * 0) if wrench else (place[f], force[f])
            sensor = entry(2, np.zeros(2).tobytes())
            fields = (pos[f], tau[f] * 0, tau[f] * 0, tau[f], [*turn, *force[f]], shown[0])
            one = b"".join(entry(n, np.array(v).tobytes()) for n, v in enumerate(fields, 1))
            one += entry(8, np.array(shown[1]).tobytes())
            body += sensor + one
    head = entry(1, 3) + entry(3, len(sensor)) + entry(4, len(one))
    head += entry(5, entry(2, OSIM)) + entry(6, "calcn_r")
    for name, frames in trials:
        reasons = bytes([5] * missing + [0] * (frames - missing))
        trial = entry(1, name) + entry(2, reasons) + entry(3, frames) + entry(4, 0.01)
        head += entry(9, trial + entry(5, entry(1, 1)))
    head += entry(13, "female") + entry(14, 1.7) + entry(15, 60.0) + entry(16, 30)
    return struct.pack("<Q", len(head)) + head + body, arrays
