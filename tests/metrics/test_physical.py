"""Physical plausibility: golden skating and kinematics, and motions whose artefacts are known."""

import numpy as np
import oracles
import pytest

from jaxdiff.errors import ConfigError, DataError
from jaxdiff.metrics.physical import (
    HUMANML3D,
    KIT,
    LIMITS,
    Scene,
    amounts,
    consistency,
    derivative,
    physical,
    skating,
)

RNG = np.random.default_rng(0)
STEPS = ("skating", "floating", "penetration", "clipping")


def standing(frames=40, joints=22):
    """A figure that stands still: feet on the ground 30 cm apart, everything else above."""
    x = np.tile(RNG.uniform(0.5, 1.5, size=(1, joints, 3)), (frames, 1, 1))
    x[:, 10], x[:, 11] = [0.15, 0.0, 0.0], [-0.15, 0.0, 0.0]
    return x


def walking(frames=80, rate=20.0):
    """The feet step in turn: half a second still on the ground, half a second up, forward and
    down.
    """
    x = standing(frames)
    time = np.arange(frames) / rate
    for foot, phase in ((10, 0.0), (11, 0.5)):
        cycle = time + phase
        swing = np.clip(2 * (cycle % 1) - 1, 0, 1)
        x[:, foot, 2] = 1.2 * (np.floor(cycle) + swing**3 * (10 - 15 * swing + 6 * swing**2))
        x[:, foot, 1] = 0.15 * np.sin(np.pi * swing)
    x[:, :10, 2] += 1.2 * time[:, None]
    return x


def test_golden_skating_of_cropped_and_padded_clips():
    g, m = oracles.under(oracles.arrays("metrics"), "skating"), oracles.meta("metrics")["skating"]
    scene = Scene(rate=m["fps"], feet=tuple(m["feet"]))
    limits = LIMITS._replace(contact=m["height"], slide=m["speed"], window=m["window"])
    for i, (clip, length) in enumerate(zip(g["joints"], g["lengths"])):
        flags = skating(clip, scene, limits)[0].any(0)
        np.testing.assert_array_equal(flags, g["flags_padded"][i])
        assert flags.mean() == g["ratio_padded"][i]
        assert skating(clip[:length], scene, limits)[0].any(0).mean() == g["ratio_valid"][i]
    table = physical(g["joints"], scene, lengths=g["lengths"], limits=limits)
    np.testing.assert_allclose(table["skating"], g["ratio_valid"].mean(), rtol=1e-12)


@pytest.mark.parametrize(("name", "feet"), [("skating", (10, 11)), ("skating_kit", (15, 20))])
def test_golden_gmd_skating(name, feet):
    g = oracles.under(oracles.arrays("motion_metrics"), name)
    for clip, ratio, speed in zip(g["joints"], g["ratio"], g["skate_velocity"]):
        flags, mean = skating(clip, Scene(rate=20.0, feet=feet))
        np.testing.assert_allclose(flags.any(0).mean(), ratio, atol=1e-7)
        np.testing.assert_allclose(mean, speed, atol=1e-5)


def test_golden_kinematics():
    g = oracles.under(oracles.arrays("metrics"), "kinematics")
    scene = Scene(rate=float(g["fps"]), feet=(0, 1))
    for order, (name, rtol) in enumerate((("speed", 2e-5), ("accel", 2e-5), ("jerk", 2e-4)), 1):
        values = derivative(g["joints"], order, scene)
        np.testing.assert_allclose(values, g[f"{name}_per_frame"], rtol=rtol)
        np.testing.assert_allclose(values.mean(), g[f"{name}_mean"], rtol=rtol)


def test_a_clean_walk_has_no_artefacts_and_standing_no_motion():
    table = physical([walking()])
    assert all(table[name] == 0 for name in STEPS) and table["speed"] > 0.1
    still = physical([standing()])
    assert still["speed"] == still["jerk"] == 0 and still["smoothness"] == np.inf


def test_nothing_penetrates_once_the_clip_is_put_on_the_floor():
    noisy = walking() + RNG.normal(scale=0.02, size=(80, 22, 3))
    assert physical([noisy])["penetration"] > 0.2
    assert physical([noisy - [0, noisy[..., 1].min(), 0]])["penetration"] == 0


@pytest.mark.parametrize("form", ["ratio", "reward", "distance"])
def test_forms_of_known_artefacts(form):
    up, down = standing() + [0, 0.15, 0], standing() - [0, 0.02, 0]
    close = standing()
    close[:, 11] = close[:, 10] + [0.02, 0, 0]
    slide = standing() + np.arange(40)[:, None, None] * np.array([0.05, 0, 0])  # 1 m/s
    for name, clip, size in (
        ("floating", up, 0.10),
        ("penetration", down, 0.02),
        ("clipping", close, 0.03),
    ):
        expected = {"ratio": 1.0, "reward": np.exp(-size), "distance": size}[form]
        np.testing.assert_allclose(physical([clip], form=form)[name], expected, rtol=1e-9)
    moving = {"ratio": 1.0, "reward": np.exp(-np.sqrt(2)), "distance": np.sqrt(2)}[
        form
    ]  # both feet at 1 m/s
    inner = amounts(slide)["skating"][2:-2]
    np.testing.assert_allclose(
        {"ratio": inner > 0, "reward": np.exp(-inner), "distance": inner}[form], moving
    )


def test_padding_does_not_count():
    clips = [walking(30), walking(50) + RNG.normal(scale=0.01, size=(50, 22, 3))]
    padded = np.zeros((2, 60, 22, 3))
    for row, clip in zip(padded, clips):
        row[: len(clip)] = clip
    assert physical(padded, lengths=[30, 50]) == physical(clips)


def test_units_rate_and_axes_are_the_scene_s():
    clip = walking() + RNG.normal(scale=0.01, size=(80, 22, 3))
    expected = physical([clip])
    millimetres = physical(
        [1000 * clip[..., [0, 2, 1]] + [0, 0, 70]], Scene(up=2, metres=1e-3, ground=0.07)
    )
    assert millimetres.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(millimetres[name], value, rtol=1e-6, err_msg=name)
    twice = physical([clip], Scene(rate=40.0))
    np.testing.assert_allclose(twice["speed"], 2 * expected["speed"])
    np.testing.assert_allclose(twice["jerk"], 8 * expected["jerk"])
    assert KIT.metres == 1e-3 and KIT.rate == 12.5


def test_jitter_raises_jerk_vc_and_ac_and_lowers_smoothness():
    clean, jittered = (
        physical([walking()]),
        physical([walking() + RNG.normal(scale=0.01, size=(80, 22, 3))]),
    )
    for name in ("jerk", "vc", "ac"):
        assert jittered[name] > 2 * clean[name]
    assert jittered["smoothness"] < clean["smoothness"]


def test_smoothness_is_the_inverse_of_equation_18():
    clip = walking() + RNG.normal(scale=0.01, size=(80, 22, 3))
    accel = np.diff(clip, n=2, axis=0)
    eq18 = np.linalg.norm(np.diff(accel, axis=0), axis=-1).mean() * 20
    np.testing.assert_allclose(physical([clip])["smoothness"], 1 / eq18, rtol=1e-9)


def test_consistency_of_pure_tones():
    time = np.arange(200)[:, None, None] / 20
    tone = [np.broadcast_to(np.sin(2 * np.pi * f * time), (200, 22, 3)) for f in (1.0, 9.0)]
    assert consistency(tone[0], 1) < 0.1 and consistency(tone[1], 1) > 10
    mixed = tone[0] + tone[1] / 9  # equal amplitudes of velocity
    np.testing.assert_allclose(consistency(mixed, 1, form="literal"), 0, atol=0.1)


def test_mistakes_are_named():
    with pytest.raises(DataError, match="4 frames"):
        physical([walking(3)])
    with pytest.raises(DataError, match="feet"):
        physical([walking()[:, :8]])
    with pytest.raises(ConfigError, match="reward"):
        physical([walking()], form="rewards")
    with pytest.raises(ConfigError, match="literal"):
        consistency(walking(), 1, HUMANML3D, form="litteral")
