"""Bytes of AddBiomechanics files, made by hand."""

import struct

import numpy as np

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
