"""Muscles in Action as the motion encoder reads it: upright, 20 Hz, features, activations between 0
and 1.
"""

import numpy as np
import pytest

from jaxdiff.body import actions
from jaxdiff.body.actions import simulate_clip
from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data.builders.example import example
from jaxdiff.data.builders.mia import MUSCLES
from jaxdiff.data.trials import gather
from jaxdiff.errors import DataError
from jaxdiff.studies.biovae import mia


def openpose(joints):
    """Joints of HumanML3D as OpenPose's 25 in a camera's axes; toes, heels and face at what is
    nearest.
    """
    index = HUMANML3D.index
    made = np.zeros((len(joints), 25, 3))
    for name, weights in mia.OPENPOSE.items():
        for joint, weight in weights.items():
            if weight in (1.0, 0.5):
                made[:, joint] = joints[:, index(name)]
    return made * mia.UPRIGHT


def trials(silent=False):
    rng = np.random.default_rng(0)

    def one(i):
        walk = simulate_clip("walk", i).joints[:60:2]
        emg = np.abs(rng.normal(size=(30, 8))) * np.arange(1, 9) * (not silent)
        signals = {"joints": openpose(walk).reshape(30, 75), "emg": emg}
        made = example(f"{i}", signals, 10.0, f"Subject{i}", "Walk")
        return made | {
            "channels": {"joints": tuple(map(str, range(75))), "emg": MUSCLES},
            "units": {"joints": ("m",) * 75, "emg": ("a.u.",) * 8},
        }

    return gather(one(i) for i in range(2))


def test_clips_become_features_with_scaled_activations():
    found = mia.with_features(trials())
    assert found.column("rate").tolist() == [20.0, 20.0] and found.length.tolist() == [59, 59]
    assert found.modality("motion").shape[1] == 263 and found.channels["emg"] == tuple(
        actions.MUSCLES
    )
    emg = found.modality("emg")
    assert emg.min() >= 0 and emg.max() <= 1 and (emg.max(0) > 0.8).all()
    joints = found.modality("joints").reshape(-1, 22, 3)
    height = joints[:, HUMANML3D.index("head"), 1] - joints[:, HUMANML3D.index("left_foot"), 1]
    assert (height > 1.0).all()  # upright
    walk = simulate_clip("walk", 0).joints[:59]
    travelled = np.linalg.norm(joints[58, 0] - joints[0, 0])
    assert travelled == pytest.approx(np.linalg.norm(walk[58, 0] - walk[0, 0]), rel=0.1)


def test_what_has_no_scale_or_another_body_is_refused():
    with pytest.raises(DataError, match="silent"):
        mia.with_features(trials(silent=True))
    with pytest.raises(DataError, match="25"):
        mia.as_humanml3d(np.zeros((4, 22, 3)))
