"""Table V on a user's videos: made files in the layouts of 3DPW, RICH and WHAM, on a stick
figure.
"""

import pickle

import numpy as np
import pytest

from jaxdiff.errors import ConfigError, FileError
from jaxdiff.studies.biovae import videos
from tests.data.formats.test_poses import body

T = 24
RNG = np.random.default_rng(3)
POSES = (0.3 * np.sin(np.arange(T)[:, None] / 8 + RNG.normal(size=72))).astype(np.float32)
TRANS = np.linspace(0, 1, T)[:, None] * np.float32([0.2, 0, 1.0])


@pytest.fixture
def data(tmp_path, monkeypatch):
    truth, estimates = tmp_path / "truth", tmp_path / "estimates"
    truth.mkdir(), estimates.mkdir()
    valid = np.ones((2, T), int)
    valid[0, 3] = 0
    walk = {
        "sequence": "walk_00",
        "poses": [POSES.astype(float), POSES[::-1].astype(float)],
        "trans": [TRANS, TRANS[::-1]],
        "betas": [np.zeros(10), np.ones(10)],
        "campose_valid": valid,
    }
    (truth / "walk_00.pkl").write_bytes(pickle.dumps(walk, protocol=2))
    for i in range(T):
        frame = truth / "Hall_run" / f"{i:05d}"
        frame.mkdir(parents=True)
        one = {
            "global_orient": POSES[i : i + 1, :3],
            "body_pose": POSES[i : i + 1, 3:66],
            "transl": TRANS[i : i + 1],
            "betas": np.zeros((1, 10)),
        }
        if i != 5:
            (frame / "001.pkl").write_bytes(pickle.dumps(one))
    monkeypatch.setenv("JAXDIFF_BODY_MODEL", str(tmp_path / "body.npz"))
    monkeypatch.setattr(videos.smpl, "load", lambda path: body())
    return truth, estimates


def test_people_of_both_data_sets_are_found(data):
    truth, _ = data
    first, second = videos.threedpw(truth / "walk_00.pkl")
    assert (first.name, second.name) == ("walk_00_0", "walk_00_1")
    assert first.valid.sum() == T - 1 and second.valid.all()
    np.testing.assert_allclose(first.poses.reshape(T, 66), POSES[:, :66])
    (runner,) = videos.rich(truth / "Hall_run")
    assert runner.name == "Hall_run_001" and runner.valid.sum() == T - 1
    np.testing.assert_allclose(runner.trans, TRANS, atol=0.06)


def test_a_true_estimate_in_other_axes_has_no_error_and_a_shaken_one_has(data):
    truth, estimates = data
    shaken = POSES + 0.05 * RNG.normal(size=POSES.shape)
    np.savez(estimates / "walk_00_0.npz", pose=POSES, trans=TRANS, betas=np.zeros(10))
    np.savez(estimates / "Hall_run_001.npz", poses=shaken, trans=TRANS, betas=np.zeros((T, 10)))
    still = lambda joints, rate: joints  # noqa: E731
    table = videos.benchmark(truth, estimates, {"as it is": still}, 20.0)
    rows = {row.label: row.cells for row in table.rows}
    assert rows["estimate"]["MPJPE [mm]"].n == 2
    good, _ = list(videos.pairs(truth, estimates))[-1]
    assert good.name == "Hall_run_001"
    (estimates / "Hall_run_001.npz").unlink()
    table = videos.benchmark(truth, estimates, {}, 20.0)
    exact = table.rows[0].cells
    assert all(exact[column].mean < 1e-2 for column in table.columns)
    assert rows["estimate"]["accel error [m/s²]"].mean > 1
    assert rows["as it is"]["MPJPE [mm]"].mean < 2 * rows["estimate"]["MPJPE [mm]"].mean


def test_what_does_not_fit_is_refused(data):
    truth, estimates = data
    with pytest.raises(ConfigError, match="walk_00_0.npz"):
        videos.check(truth, estimates)
    np.savez(estimates / "walk_00_0.npz", pose=POSES[:-1], trans=TRANS[:-1])
    with pytest.raises(FileError, match="23 frames"):
        list(videos.pairs(truth, estimates))
    np.savez(estimates / "walk_00_0.npz", joints=TRANS)
    with pytest.raises(FileError, match="poses, betas and trans"):
        videos.estimate(estimates / "walk_00_0.npz")
