"""Foot strikes from events, force, hip and feet, and strides cut at them."""

import numpy as np
import pytest

from jaxdiff.data.recording import Event, Recording
from jaxdiff.data.strides import normalised, strikes, tiled
from jaxdiff.errors import DataError

RATE, PERIOD = 100.0, 1.1


def signals(seconds=6.0):
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * time / PERIOD
    hip = 10 + 25 * np.cos(phase)  # extension peaks half a stride after the strikes
    force = np.clip(700 * np.sin(phase + 0.0), 0, None)
    return time, phase, hip, force


def test_force_hip_and_events_agree():
    time, phase, hip, force = signals()
    expected = np.arange(1, 6) * PERIOD
    by_hip = strikes(Recording(hip[:, None], ("hip_flexion_r",), ("deg",), RATE))
    assert by_hip.how == "hip flexion" and by_hip.side == "right"
    np.testing.assert_allclose(by_hip.times[:4], expected[:4], atol=0.02)
    by_force = strikes(
        Recording(force[:, None], ("grf_normal",), ("N",), RATE, meta={"side": "left"})
    )
    assert by_force.how == "vertical force" and by_force.side == "left"
    np.testing.assert_allclose(by_force.times[1:], expected, atol=0.02)
    events = tuple(Event(t, "foot_strike", "left") for t in expected)
    found = strikes(
        Recording(hip[:, None], ("hip_flexion_r",), ("deg",), RATE, events=events), "left"
    )
    assert found.how == "events"
    np.testing.assert_allclose(found.times, expected)


@pytest.mark.parametrize("direction", [1.0, -1.0])
@pytest.mark.parametrize("speed", [0.0, 1.2])
def test_foot_positions_give_strikes_overground_and_on_a_treadmill(direction, speed):
    time, phase, _, _ = signals()
    pelvis = np.stack([0 * time, 0.9 + 0 * time, direction * speed * time], axis=1)
    foot = pelvis + np.stack(
        [0.1 + 0 * time, -0.8 + 0 * time, direction * 0.4 * np.cos(phase)], axis=1
    )
    toe = foot + [0, 0, 0.15 * direction]
    names = [f"{n}_{a}" for n in ("pelvis", "right_heel", "right_toe") for a in "xyz"]
    walk = Recording(np.concatenate([pelvis, foot, toe], axis=1), tuple(names), ("m",) * 9, RATE)
    found = strikes(walk, "right")
    assert found.how == "foot position"
    np.testing.assert_allclose(found.times, np.arange(1, 6) * PERIOD, atol=0.02)


def test_cycles_are_whole_strides():
    _, _, hip, _ = signals()
    cycles = Recording(hip[:, None], ("hip_flexion_r",), ("deg",), RATE).cycles("right")
    assert len(cycles) == 4 and all(abs(len(c) / RATE - PERIOD) < 0.02 for c in cycles)


def test_one_stride_can_be_repeated():
    _, _, hip, _ = signals()
    walk = Recording(hip[:, None], ("hip_flexion",), ("deg",), RATE)
    signal, edges = normalised(walk, np.array([1.1, 2.2]), 150)
    assert signal.shape == (150, 1) and edges.tolist() == pytest.approx([110, 220])
    long = tiled(signal, 400)
    np.testing.assert_array_equal(long[150:300], signal)


def test_without_strikes_the_message_says_where_they_were_sought():
    flat = Recording(np.zeros((300, 1)), ("hip_flexion_r",), ("deg",), RATE)
    with pytest.raises(
        DataError, match=r"fewer than two were found in hip flexion of the right leg"
    ):
        strikes(flat)
    with pytest.raises(DataError, match="has no foot-strike events"):
        strikes(Recording(np.zeros((300, 1)), ("emg",), ("V",), RATE))
    with pytest.raises(DataError, match="fewer than two were found in given times"):
        strikes(flat, times=[0.5, 99.0])
