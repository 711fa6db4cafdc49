"""Force plates of a C3D file: analog channels -> force, centre of pressure and free moment in the
lab's frame.

In the plate's frame, with its origin in the middle of the surface and the sensor's origin at o
below it,

    M = M_sensor + F x o,     p = (-M_y, M_x, 0) / F_z,     T = M - p x F.

Plate types of the C3D manual: 1 measures p and T itself; 2 measures F and M; 4 does after a 6 x 6
calibration; 3 has four three-axis sensors. Where the plate is not loaded, p and T are unknown: NaN.
"""

from __future__ import annotations

import numpy as np

_CONTACT = 10.0  # N; below this the centre of pressure is noise
_SENSORS = {1: 6, 2: 6, 3: 8, 4: 6}


def channels_of(kind: int) -> int:
    """The number of analog channels of a plate of this type; 0 for unsupported types."""
    return _SENSORS.get(kind, 0)


def usable(kind: int, corners: np.ndarray) -> bool:
    """Whether the type is supported and the corners define the plate."""
    return kind in _SENSORS and bool(
        np.linalg.norm(np.cross(corners[0] - corners[1], corners[0] - corners[3])) > 1e-9
    )


def wrench(
    kind: int,
    raw: np.ndarray,
    corners: np.ndarray,
    origin: np.ndarray,
    calibration: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Force, centre of pressure and free moment, each (T, 3), in the lab's frame.

    `raw` (T, 6 or 8) are the plate's channels, `corners` (4, 3) and `origin` (3,) as the file gives
    them.
    """
    if (
        origin[2] > 0
    ):  # the sensor lies below the surface; some programs store the vector the other way round
        origin = origin * [1, 1, -1] if kind == 3 else -origin
    if kind == 1:
        force, point = raw[:, :3], np.stack([raw[:, 3], raw[:, 4], np.zeros(len(raw))], axis=1)
        free = np.stack([np.zeros(len(raw)), np.zeros(len(raw)), raw[:, 5]], axis=1)
    else:
        if kind == 3:
            x12, x34, y14, y23, z1, z2, z3, z4 = raw.T
            a, b = origin[:2]
            force = np.stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4], axis=1)
            turn = [
                b * (z1 + z2 - z3 - z4),
                a * (z2 + z3 - z1 - z4),
                b * (x34 - x12) + a * (y14 - y23),
            ]
            moment, origin = np.stack(turn, axis=1), origin * [0, 0, 1]
        else:
            raw = raw if calibration is None else raw @ calibration.T
            force, moment = raw[:, :3], raw[:, 3:]
        moment = moment + np.cross(force, origin)
        with np.errstate(divide="ignore", invalid="ignore"):
            point = (
                np.stack([-moment[:, 1], moment[:, 0], np.zeros(len(raw))], axis=1) / force[:, 2:]
            )
        free = moment - np.cross(point, force)
    x, y = corners[0] - corners[1], corners[0] - corners[3]
    z = np.cross(x, y)
    frame = np.stack([axis / np.linalg.norm(axis) for axis in (x, np.cross(z, x), z)], axis=1)
    point, free = point @ frame.T + corners.mean(0), free @ frame.T
    loaded = np.abs(force[:, 2:]) > _CONTACT
    return force @ frame.T, np.where(loaded, point, np.nan), np.where(loaded, free, np.nan)
