"""Simulated motions: physically clean, true to their captions' attributes, and reproducible to the
bit.
"""

import functools
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdiff.body import gait, humanml3d
from jaxdiff.body.actions import ACTIONS, simulate_clip, simulate_motions
from jaxdiff.body.skeleton import HUMANML3D, bone_lengths
from jaxdiff.errors import ConfigError

FLIGHT = {"run", "jump", "jumping_jacks", "hop"}
IN_PLACE = set(ACTIONS) - {
    "walk",
    "run",
    "walk_backwards",
    "sidestep",
    "circle",
    "stop_and_go",
    "turn_back",
    "jump",
}
SEEDS = range(5)
EVERY = pytest.mark.parametrize("action", ACTIONS)
J = {name: j for j, name in enumerate(HUMANML3D.names)}


@functools.cache
def clips(action, seeds=SEEDS):
    return [simulate_clip(action, seed) for seed in seeds]


def having(action, count=40, **attributes):
    """Clips of an action with the given attributes."""
    found = [c for c in clips(action, range(count)) if attributes.items() <= c.attributes.items()]
    assert found, attributes
    return found


def joint(clip, name):
    return clip.joints[:, J[name]].astype(np.float64)


def skating_ratio(joints, fps=20.0):
    """Share of frames with a foot below 5 cm that moves faster than 0.5 m/s, at once and over 5
    frames (GMD).
    """
    feet = joints[:, [J["left_foot"], J["right_foot"]]]
    speed = np.linalg.norm(np.diff(feet[..., [0, 2]], axis=0), axis=-1) * fps
    mean = np.stack([np.convolve(side, np.full(5, 0.2), mode="same") for side in speed.T], axis=-1)
    low = (feet[:-1, :, 1] < 0.05) & (feet[1:, :, 1] < 0.05)
    return (low & (speed > 0.5) & (mean > 0.5)).any(1).mean()


def segment_distance(point, a, b):
    share = ((point - a) * (b - a)).sum(-1) / ((b - a) ** 2).sum(-1)
    return np.linalg.norm(point - a - np.clip(share, 0, 1)[:, None] * (b - a), axis=-1)


def test_there_are_enough_actions():
    assert len(ACTIONS) == len(set(ACTIONS)) >= 14
    wanted = {
        "walk",
        "run",
        "sidestep",
        "walk_backwards",
        "turn",
        "circle",
        "stop_and_go",
        "squat",
        "jump",
        "kick",
    }
    assert wanted | {"wave", "raise_arms", "bow", "sit_down"} <= set(ACTIONS)


@EVERY
def test_clips_have_the_promised_form(action):
    for clip in clips(action):
        frames = len(clip.joints)
        assert clip.joints.shape == (frames, 22, 3) and clip.joints.dtype == np.float32
        assert 40 <= frames - 1 <= 196 and 2 <= frames / clip.fps <= 10
        assert np.isfinite(clip.joints).all() and clip.action == action and len(clip.captions) >= 3
    assert len({tuple(sorted(clip.attributes.items())) for clip in clips(action)}) > 1


@EVERY
def test_bones_never_change_their_length(action):
    rest = np.linalg.norm(HUMANML3D.offsets.astype(np.float64), axis=-1)
    for clip in clips(action):
        lengths = bone_lengths(clip.joints.astype(np.float64), HUMANML3D.parents)
        far = np.abs(clip.joints).max()
        np.testing.assert_allclose(
            lengths, np.broadcast_to(rest, lengths.shape), atol=4e-7 * max(far, 1)
        )


@EVERY
def test_feet_neither_skate_nor_sink_nor_float(action):
    for clip in clips(action):
        assert skating_ratio(clip.joints) == 0
        assert clip.joints[..., 1].min() == pytest.approx(0, abs=1e-6)
        lowest = clip.joints[:, [J["left_foot"], J["right_foot"]], 1].min(1)
        if action not in FLIGHT:
            assert lowest.max() < 0.05
        assert (lowest < 0.05).mean() > 0.5
        assert lowest.argmin() in np.flatnonzero(clip.joints[..., 1].min(1) == lowest), (
            "the feet bear the body"
        )


@EVERY
def test_movement_is_smooth(action):
    """m/s³; human walking has a few hundred at the pelvis and one or two thousand at the feet."""
    for clip in clips(action):
        jerk = (
            np.linalg.norm(np.diff(clip.joints.astype(np.float64), 3, axis=0), axis=-1)
            * clip.fps**3
        )
        limit = 12000 if action == "run" else 5000
        assert (
            jerk.max() < limit
            and jerk[:, 0].max() < 800
            and jerk.mean() < (600 if action == "run" else 250)
        )


@EVERY
def test_joints_bend_the_right_way_and_limbs_stay_outside_the_trunk(action):
    for clip in clips(action):
        left = joint(clip, "left_hip") - joint(clip, "right_hip")
        for side in ("left", "right"):
            hip, knee, ankle = (joint(clip, f"{side}_{name}") for name in ("hip", "knee", "ankle"))
            ahead = ((knee - (hip + ankle) / 2) * np.cross(ankle - hip, left)).sum(-1)
            assert (ahead > 0).all(), "knees bend backwards"
            for name in ("elbow", "wrist"):
                trunk = segment_distance(
                    joint(clip, f"{side}_{name}"), joint(clip, "pelvis"), joint(clip, "neck")
                )
                assert trunk.min() > 0.15
            other = {"left": "right", "right": "left"}[side]
            shank = [joint(clip, f"{other}_{name}") for name in ("knee", "ankle")]
            assert segment_distance(ankle, *shank).min() > 0.07, "one leg runs through the other"


@EVERY
def test_clips_start_at_the_origin_facing_ahead(action):
    for clip in clips(action):
        np.testing.assert_allclose(clip.joints[0, 0, [0, 2]], 0, atol=1e-6)
        first = clip.joints[0]
        across = (
            first[J["left_hip"]]
            - first[J["right_hip"]]
            + first[J["left_shoulder"]]
            - first[J["right_shoulder"]]
        )
        assert across[0] > 0 and abs(across[2]) < 1e-6


@EVERY
def test_actions_in_place_stay_there(action):
    for clip in clips(action):
        moved = np.linalg.norm(clip.joints[-1, 0, [0, 2]] - clip.joints[0, 0, [0, 2]])
        assert (
            (moved < 0.5)
            if action in IN_PLACE
            else (moved > 0.3 or action in ("jump", "circle", "turn_back"))
        )


def test_motions_survive_the_feature_representation():
    clip = simulate_clip("circle", 0)
    joints = jnp.asarray(clip.joints)
    features = humanml3d.features_from_joints(joints, humanml3d.LAYOUT_22, "fixed")
    back = humanml3d.joints_from_features(features)
    np.testing.assert_allclose(back, joints[:-1], atol=2e-5)


def same(a, b):
    return np.array_equal(a.joints, b.joints) and (a.captions, a.action, a.attributes) == (
        b.captions,
        b.action,
        b.attributes,
    )


def test_clips_depend_on_their_seed_alone():
    assert same(simulate_clip("kick", 7), simulate_clip("kick", 7))
    assert not same(simulate_clip("kick", 7), simulate_clip("kick", 8))
    few, many = list(simulate_motions(9, seed=3)), list(simulate_motions(40, seed=3))
    assert all(same(a, b) for a, b in zip(few, many))
    assert not any(same(a, b) for a, b in zip(few, simulate_motions(9, seed=4)))
    assert not any(same(a, b) for a, b in itertools.combinations(many, 2))


def test_every_action_comes_equally_often_and_progress_is_told():
    calls = []
    drawn = list(
        simulate_motions(
            2 * len(ACTIONS), seed=1, progress=lambda done, count: calls.append((done, count))
        )
    )
    for half in (drawn[: len(ACTIONS)], drawn[len(ACTIONS) :]):
        assert sorted(clip.action for clip in half) == sorted(ACTIONS)
    assert calls == [(i + 1, len(drawn)) for i in range(len(drawn))]
    assert [clip.action for clip in drawn[: len(ACTIONS)]] != [
        clip.action for clip in drawn[len(ACTIONS) :]
    ]


def test_an_unknown_action_is_named():
    with pytest.raises(ConfigError, match="'jump'"):
        simulate_clip("jmp", 0)


# What the attributes say is what the body does.


def mean_speed(clip):
    return (
        np.linalg.norm(np.diff(joint(clip, "pelvis")[:, [0, 2]], axis=0), axis=-1).mean() * clip.fps
    )


@pytest.mark.parametrize("action", ["walk", "run", "walk_backwards", "circle"])
def test_slow_is_slower_than_fast(action):
    slow, normal, fast = (
        np.median([mean_speed(clip) for clip in having(action, speed=speed)])
        for speed in ("slow", "normal", "fast")
    )
    assert slow < normal < fast


def heading(clip):
    left = joint(clip, "left_hip") - joint(clip, "right_hip")
    return np.unwrap(np.arctan2(-left[:, 2], left[:, 0]))


def test_turns_turn_as_far_and_where_they_say():
    for clip in clips("turn", range(20)):
        sign = 1 if clip.attributes["direction"] == "left" else -1
        turned = np.degrees(heading(clip)[-1] - heading(clip)[0])
        assert turned == pytest.approx(sign * float(clip.attributes["amount"]), abs=6)
    for action in ("circle", "turn_back"):
        for clip in clips(action):
            sign = 1 if clip.attributes["direction"] == "left" else -1
            assert sign * (heading(clip)[-1] - heading(clip)[0]) > (
                5.0 if action == "circle" else 2.8
            )


def test_walking_goes_where_it_says():
    for direction, sign in [("left", 1), ("right", -1)]:
        for clip in having("walk", direction=direction):
            assert sign * clip.joints[-1, 0, 0] > 0
        for clip in having("sidestep", direction=direction):
            steps = int(clip.attributes["count"])
            assert sign * clip.joints[-1, 0, 0] == pytest.approx(0.42 * steps, rel=0.15)
    assert all(clip.joints[-1, 0, 2] < -0.5 for clip in clips("walk_backwards"))
    for clip in clips("stop_and_go"):
        speed = (
            np.linalg.norm(np.diff(joint(clip, "pelvis")[:, [0, 2]], axis=0), axis=-1) * clip.fps
        )
        assert speed.min() < 0.05 and speed[0] > 0.2 and speed[-1] > 0.2


def bouts(active):
    return int((np.diff(active.astype(int), prepend=0) == 1).sum())


@pytest.mark.parametrize("action", ["jump", "hop"])
def test_jumps_are_counted_and_ballistic(action):
    for clip in clips(action):
        lowest = clip.joints[:, [J["left_foot"], J["right_foot"]], 1].min(1)
        assert bouts(lowest > 0.05) == int(clip.attributes["count"])
    clip = having("jump", height="high")[0]
    lowest = clip.joints[:, [J["left_foot"], J["right_foot"]], 1].min(1)
    flight = np.flatnonzero(lowest > 0.15)
    fall = np.diff(joint(clip, "pelvis")[:, 1], 2)[flight[0] : flight[0] + 4] * clip.fps**2
    np.testing.assert_allclose(fall, -9.81, rtol=0.05)


def test_squats_and_sitting_lower_the_pelvis():
    for clip in clips("squat"):
        height = joint(clip, "pelvis")[:, 1]
        assert bouts(height < 0.5 * (height.max() + height.min())) == int(clip.attributes["count"])
    deep = np.mean([joint(clip, "pelvis")[:, 1].min() for clip in having("squat", depth="deep")])
    half = np.mean([joint(clip, "pelvis")[:, 1].min() for clip in having("squat", depth="half")])
    assert deep < half - 0.15
    for clip in clips("sit_down"):
        height = joint(clip, "pelvis")[:, 1]
        assert height.min() < 0.6 and (height[-1] > 0.9) == (clip.attributes["end"] == "rises")


def sides(clip):
    return {"left": ["left"], "right": ["right"], "both": ["left", "right"]}[
        clip.attributes["side"]
    ]


def test_the_named_limb_acts():
    for clip in clips("kick"):
        highest = {side: joint(clip, f"{side}_foot")[:, 1].max() for side in ("left", "right")}
        assert max(highest, key=lambda side: highest[side]) == clip.attributes["side"]
    for clip in [*clips("hop"), *clips("balance")]:
        other = {"left": "right", "right": "left"}[clip.attributes["side"]]
        assert (
            joint(clip, f"{other}_foot")[:, 1].max()
            > joint(clip, f"{clip.attributes['side']}_foot")[:, 1].max() + 0.1
        )
    for clip in clips("wave", range(20)):
        raised = [
            s
            for s in ("left", "right")
            if (joint(clip, f"{s}_wrist") - joint(clip, f"{s}_elbow"))[:, 1].max() > 0.1
        ]
        assert raised == sides(clip)
    for clip in clips("raise_arms", range(20)):
        for side in sides(clip):
            arm = joint(clip, f"{side}_wrist") - joint(clip, f"{side}_shoulder")
            high = arm[:, 1].max() > 0.3
            assert high == (clip.attributes["height"] == "overhead")
            level = np.abs(arm[np.abs(arm[:, 1]).argmin()])
            assert (level[0] > level[2]) == (clip.attributes["direction"] == "side")


def test_hands_meet_when_clapping():
    for clip in clips("clap"):
        gap = np.linalg.norm(joint(clip, "left_wrist") - joint(clip, "right_wrist"), axis=-1)
        assert bouts(gap < 0.2) == int(clip.attributes["count"]) and gap.min() > 0.02


def test_gait_events_are_found_in_simulated_walking():
    for clip in having("walk", direction="straight", style="neutral"):
        if len(clip.joints) < 80:
            continue
        pelvis = joint(clip, "pelvis")
        ankles = [joint(clip, f"{side}_ankle") for side in ("left", "right")]
        both = [
            gait.strikes_from_foot(ankle, pelvis, np.array([0.0, 0, 1]), clip.fps)
            for ankle in ankles
        ]
        for ankle, strikes in zip(ankles, both):
            assert len(strikes) >= 2
            speed = np.linalg.norm(np.diff(ankle, axis=0), axis=-1) * clip.fps
            after = [speed[min(int(strike) + 3, len(speed) - 1)] for strike in strikes[:-1]]
            assert max(after) < 0.35, "the foot rests after a strike"
        steps = np.sort(np.concatenate(both))
        assert np.diff(steps).max() < 1.5 * np.median(np.diff(steps)), "left and right alternate"
