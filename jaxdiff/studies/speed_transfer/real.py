"""Real people with known answers: mean strides of nine above-knee amputees at five speeds.

Hood, Ishmael, Gunnell, Foreman & Lenzi, *A kinematic and kinetic dataset of 18 above-knee amputees
walking at various speeds*, Scientific Data 7:150 (2020). `hood2020_k3.npz` holds the ankle angles
of both legs of the nine people of functional level K3: `angle` [90, 101] in degrees, each leg from
its own foot strike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxdiff.errors import FileError
from jaxdiff.studies.speed_transfer import strides
from jaxdiff.studies.speed_transfer.strides import LOG_MASS, SCALE, SIZE, STATURE, TERMS, Gait

ANKLES = {"ipsilateral": 2, "contralateral": 5}
"""Channel of the ankle on the side of the prosthesis, which counts as the right one, and on the
other side.
"""
COUNT = 20
"""Strides that a mean is assumed to be of."""


def hood(path: str | Path) -> list[Gait]:
    """The gaits of the nine people: ankle angles of both legs, stature and mass; all else is NaN.

    The intact leg, recorded from its own foot strike, is taken to follow by half a stride.

    Raises:
      FileError: the file is missing or another one.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        keys = sorted(set(zip(data["subject"].tolist(), data["speed_nominal"].tolist())))
    except (OSError, ValueError, KeyError) as error:
        raise FileError(f"{path} is not the file of Hood et al.: {error}") from None
    found = []
    for subject, speed in keys:
        rows = np.flatnonzero((data["subject"] == subject) & (data["speed_nominal"] == speed))
        state = np.full(SIZE, np.nan)
        for row in rows:
            channel = ANKLES[str(data["side"][row])]
            own = strides.coefficients(data["angle"][row, :-1, None].astype(np.float64))
            if channel >= len(strides.JOINTS):
                own = own * np.where(np.repeat(np.arange(strides.HARMONICS + 1), _TWICE) % 2, -1, 1)
            state[channel * TERMS : (channel + 1) * TERMS] = own
        state[STATURE] = data["height"][rows[0]] / SCALE[STATURE]
        state[LOG_MASS] = np.log(data["mass"][rows[0]]) / SCALE[LOG_MASS]
        found.append(Gait(float(speed), state, np.zeros((0, SIZE)), str(subject), "right", COUNT))
    return found


_TWICE = [1, *[2] * strides.HARMONICS]
