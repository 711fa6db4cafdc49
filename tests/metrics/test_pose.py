"""Pose errors: two golden sets, and the symmetries each error must have."""

import numpy as np
import oracles
import pytest

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.metrics import pose

RNG = np.random.default_rng(0)
METRES, FINE = {"rtol": 0, "atol": 1e-5}, {"rtol": 0, "atol": 5e-3}


@pytest.fixture(scope="module")
def wham():
    return oracles.under(oracles.arrays("motion_metrics"), "pose")


def walk(frames=20, joints=9):
    return np.cumsum(RNG.normal(size=(frames, joints, 3)), 0)


def rotation(seed=0):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def test_golden_pose_errors():
    g = oracles.under(oracles.arrays("metrics"), "pose")
    pred, gt = g["pred"], g["gt"]
    values = {
        "mpjpe": pose.mpjpe(pred, gt).mean(),
        "mpjpe_root_aligned": pose.mpjpe(pose.rooted(pred), pose.rooted(gt)).mean(),
        "pa_mpjpe": pose.pa_mpjpe(pred, gt).mean(),
        "pa_mpjpe_per_frame": pose.pa_mpjpe(pred, gt),
        "aligned": pose.aligned(pred, gt),
        "accel_error": pose.accel_error(pred, gt).mean(),
        "accel_error_per_frame": pose.accel_error(pred, gt),
        "accel_error_zero_padded": pose.accel_error(pred, gt, form="smoothnet").mean(),
    }
    for name, value in values.items():
        np.testing.assert_allclose(value, g[name], rtol=0, atol=5e-6, err_msg=name)
    np.testing.assert_allclose(
        pose.accel_error(pred, gt, 30.0).mean(), g["accel_error_fps30"], rtol=5e-6
    )


def test_golden_wham_forms(wham):
    pred, gt = (pose.rooted(wham[name], (1, 2)) for name in ("pred", "gt"))
    np.testing.assert_allclose(pred, wham["pred_pelvis_aligned"], **METRES)
    np.testing.assert_allclose(gt, wham["gt_pelvis_aligned"], **METRES)
    np.testing.assert_allclose(1000 * pose.mpjpe(pred, gt), wham["wham_mpjpe_mm"], **FINE)
    np.testing.assert_allclose(1000 * pose.pa_mpjpe(pred, gt), wham["wham_pa_mpjpe_mm"], **FINE)
    np.testing.assert_allclose(pose.aligned(pred, gt), wham["pred_procrustes"], **METRES)
    np.testing.assert_allclose(
        pose.accel_error(pred, gt), wham["wham_accel_error_per_frame_all"], **METRES
    )
    np.testing.assert_allclose(
        pose.accel_error(pred, gt, 30.0, "wham"), wham["wham_accel_error"], **FINE
    )
    visible = pose.accel_error(wham["pred"], wham["gt"], visible=wham["visible"])
    np.testing.assert_allclose(visible, wham["wham_accel_error_visible"], **METRES)
    np.testing.assert_allclose(pose.accel(wham["pred"]), wham["accel"], **METRES)
    np.testing.assert_allclose(pose.jitter(wham["pred"], 30.0), wham["wham_jitter"], **FINE)
    feet = pose.foot_sliding(wham["pred"][:, [7, 10, 8, 11]], wham["gt"][:, [7, 10, 8, 11]])
    np.testing.assert_allclose(feet, wham["wham_foot_sliding"], **METRES)


def test_golden_alignments(wham):
    pred, gt = wham["pred"], wham["gt"]
    for over, name in (("all", "global"), ("first", "first"), ("frame", "local")):
        fitted = pose.aligned(pred, gt, over)
        np.testing.assert_allclose(fitted, wham[f"aligned_{name}"], **METRES)
        np.testing.assert_allclose(1000 * pose.mpjpe(fitted, gt), wham[f"mpjpe_{name}_mm"], **FINE)
    for scaled, name in ((True, "free"), (False, "fixed")):
        fit = pose.similarity(pred.reshape(-1, 3), gt.reshape(-1, 3), scaled)
        for part, letter in zip(fit, "sRt"):
            np.testing.assert_allclose(
                np.ravel(part), wham[f"umeyama_{name}_scale_{letter}"].ravel(), **METRES
            )
    np.testing.assert_allclose(
        pose.root_translation_error(pred[:, 0], gt[:, 0]), wham["rte"], **METRES
    )
    mirrored = wham["mirrored_pred"]
    fitted = pose.aligned(mirrored, gt[: len(mirrored)])
    np.testing.assert_allclose(fitted, wham["mirrored_procrustes"], **METRES)


def test_golden_smoothnet_forms(wham):
    pred, gt = (pose.rooted(wham[name], (1, 2)) for name in ("pred", "gt"))
    np.testing.assert_allclose(pose.mpjpe(pred, gt), wham["smoothnet_mpjpe"], **METRES)
    np.testing.assert_allclose(pose.pa_mpjpe(pred, gt), wham["smoothnet_pa_mpjpe"], **METRES)
    np.testing.assert_allclose(
        pose.accel_error(pred, gt, form="smoothnet"), wham["smoothnet_accel_error"], **METRES
    )


def test_pa_mpjpe_ignores_similarities_but_not_reflections():
    truth, pred = walk(), walk()
    moved = 1.7 * pred @ rotation().T + [1, -2, 3]
    np.testing.assert_allclose(pose.pa_mpjpe(moved, truth), pose.pa_mpjpe(pred, truth), rtol=1e-9)
    np.testing.assert_allclose(pose.pa_mpjpe(1.7 * truth @ rotation().T + 5, truth), 0, atol=1e-9)
    assert pose.pa_mpjpe(truth * [-1, 1, 1], truth).min() > 1e-3
    fit = pose.similarity(truth * [-1, 1, 1], truth)
    np.testing.assert_allclose(np.linalg.det(fit.rotation), 1, rtol=1e-9)


def test_similarity_recovers_a_known_motion_and_survives_a_single_point():
    x = walk()[0]
    fit = pose.similarity(x, 0.6 * x @ rotation(1).T + [3, 2, 1])
    np.testing.assert_allclose(fit.scale, 0.6, rtol=1e-9)
    np.testing.assert_allclose(fit.rotation, rotation(1), atol=1e-9)
    assert np.isfinite(pose.similarity(np.ones((4, 3)), x[:4])(np.ones((4, 3)))).all()


def test_acceleration_error_ignores_drift_and_scales_with_rate_squared():
    truth = walk()
    drifted = truth + np.arange(20)[:, None, None] * [0.1, 0.2, 0.3] + 5
    np.testing.assert_allclose(pose.accel_error(drifted, truth, 30.0), 0, atol=1e-9)
    other = walk()
    np.testing.assert_allclose(
        pose.accel_error(other, truth, 30.0), 900 * pose.accel_error(other, truth), rtol=1e-12
    )


def test_pve_is_relative_to_each_pelvis():
    vertices, joints = walk(joints=30), walk()
    assert pose.pve(vertices + 2.0, vertices, joints + 2.0, joints, (2, 3)).max() < 1e-9
    np.testing.assert_allclose(pose.pve(vertices + [3, 4, 0], vertices, joints, joints, (2, 3)), 5)


def test_the_table_pools_frames_and_uses_its_units():
    truths = [walk(12), walk(30)]
    preds = [truths[0], truths[1] * 1.0]
    preds[1] = truths[1] + np.where(np.arange(9)[:, None] == 4, [0.03, 0.04, 0.0], 0.0)
    table = pose.pose(preds, truths, rate=30.0)
    np.testing.assert_allclose(table["mpjpe"], 50 / 9 * 30 / 42, rtol=1e-9)
    np.testing.assert_allclose(table["accel_error"], 0, atol=1e-9)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="one shape"):
        pose.mpjpe(walk(5), walk(6))
    with pytest.raises(ConfigError, match="smoothnet"):
        pose.accel_error(walk(), walk(), form="smoothnett")
    with pytest.raises(ConfigError, match="frame"):
        pose.aligned(walk(), walk(), "frames")
    with pytest.raises(DataError, match="moves"):
        pose.root_translation_error(np.zeros((5, 3)), np.zeros((5, 3)))
