"""The cohorts as data: channels, seeds, sides, tasks, people one can tell apart."""

import numpy as np
import pytest

from jaxdiff.body.walker import CHANNELS, UNITS, gait_cohort, speed_cohort, task_name
from jaxdiff.body.walker.nodes import SLOPE_TASK
from jaxdiff.errors import ConfigError

SMALL = {"speeds": (0.8, 1.2), "inclines": (0.0, 5.0), "strides": 4}


@pytest.fixture(scope="module")
def few_slopes():
    """Both inclines are nodes, and at its nodes a spline needs no others."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxdiff.body.walker.cohorts.SLOPE_TASK", (SLOPE_TASK[0], SMALL["inclines"]))
        yield


@pytest.fixture(scope="module")
def gait_trials(few_slopes):
    return list(gait_cohort(2, **SMALL))


@pytest.fixture(scope="module")
def speed_trials():
    return list(speed_cohort("able", 5, speeds=(0.6, 0.9, 1.2, 1.5), seconds=15.0))


def test_channels_and_units(gait_trials):
    assert {name: len(c) for name, c in CHANNELS.items()} == {
        "angles": 15,
        "moments": 9,
        "grf": 3,
        "emg": 8,
        "sagittal": 6,
    }
    assert all(len(CHANNELS[name]) == len(UNITS[name]) for name in CHANNELS)
    assert CHANNELS["sagittal"][:4] == (
        "hip_flexion_r",
        "knee_angle_r",
        "ankle_angle_r",
        "hip_flexion_l",
    )
    for trial in gait_trials:
        samples = len(trial.time)
        assert set(trial.signals) == {"angles", "moments", "grf", "emg"}
        for name, signal in trial.signals.items():
            assert signal.shape == (samples, len(CHANNELS[name])) and signal.dtype == np.float32
            assert np.isfinite(signal).all()
        assert samples % 150 == 0 and trial.stride.shape == trial.transition.shape == (samples,)
        assert trial.time[0] == 0.0 and np.all(np.diff(trial.time) > 0) and np.isnan(trial.rate)


def test_every_task_once_per_side(gait_trials):
    steady = [(t.subject, t.task, t.side) for t in gait_trials if not t.transition.any()]
    assert len(steady) == len(set(steady)) == 2 * 2 * 2 * 2
    assert {t.task for t in gait_trials if not t.transition.any()} == {
        "s0x8i0",
        "s0x8i5",
        "s1x2i0",
        "s1x2i5",
    }
    changing = [t for t in gait_trials if t.transition.any()]
    assert len(changing) == 2 * 2 * 2 and all("-" in t.task for t in changing)
    for trial in changing:
        assert not trial.transition[:150].any() and not trial.transition[-150:].any()


def test_task_names_follow_the_data_set():
    assert [task_name(0.8, -7.5), task_name(1.0, 0.0), task_name(1.2, 10.0)] == [
        "s0x8d7x5",
        "s1i0",
        "s1x2i10",
    ]


def test_strides_start_at_heel_strike(gait_trials):
    """On both sides the load is zero at the start of a stride, bears the body a fifth in, and is
    gone in swing.
    """
    for trial in gait_trials:
        normal = trial.signals["grf"][:, 2].reshape(-1, 150) / 9.81
        assert (
            normal[:, 0].max() < 0.05 and normal[:, 30].min() > 0.7 and normal[:, 115:].max() < 0.01
        )
        medial = trial.signals["grf"][:, 1].reshape(-1, 150)[:, 15:75].mean()
        assert 0.0 < medial < 1.0
        assert trial.signals["moments"][:, 6].max() > 0.9


def test_envelopes_are_normalised(gait_trials):
    for subject in {t.subject for t in gait_trials}:
        for side in ("right", "left"):
            mine = [t.signals["emg"] for t in gait_trials if (t.subject, t.side) == (subject, side)]
            np.testing.assert_allclose(np.concatenate(mine).max(0), 1.0, rtol=1e-6)
            assert np.concatenate(mine).min() > 0.0


def test_muscles_work_when_they_should(gait_trials):
    """Peaks in percent of the stride, at 1.2 m/s on the level."""
    level = [t for t in gait_trials if t.task == "s1x2i0"]
    mean = np.mean([t.signals["emg"].reshape(-1, 150, 8).mean(0) for t in level], axis=0)
    peak = dict(zip(CHANNELS["emg"], mean.argmax(0) / 1.5))
    expected = {"tibialis_anterior": 2, "gluteus_maximus": 8, "gluteus_medius": 9, "vastus": 9}
    for muscle, percent in {**expected, "gastrocnemius": 38, "soleus": 46}.items():
        assert peak[muscle] == pytest.approx(percent, abs=4), muscle


def test_same_seed_same_data_and_parts_equal_the_whole(gait_trials, few_slopes):
    again = list(gait_cohort([1], **SMALL))
    second = [t for t in gait_trials if t.subject == again[0].subject]
    assert len(again) == len(second)
    for a, b in zip(again, second):
        assert (a.task, a.side) == (b.task, b.side)
        np.testing.assert_array_equal(a.time, b.time)
        for name in a.signals:
            np.testing.assert_array_equal(a.signals[name], b.signals[name])
    fewer = next(gait_cohort([1], speeds=(1.2,), inclines=(5.0,), strides=4, sides=("left",)))
    (same,) = [t for t in second if (t.task, t.side) == ("s1x2i5", "left")]
    for name in ("angles", "moments", "grf"):
        np.testing.assert_array_equal(fewer.signals[name], same.signals[name])


def test_another_seed_is_another_cohort(gait_trials, few_slopes):
    other = next(gait_cohort(1, **SMALL, seed=1))
    assert np.abs(other.signals["angles"] - gait_trials[0].signals["angles"]).mean() > 0.5


def test_progress_is_reported():
    seen = []
    list(
        speed_cohort(
            "able",
            1,
            speeds=(0.8, 1.0),
            seconds=4.0,
            progress=lambda done, total: seen.append((done, total)),
        )
    )
    assert seen == [(1, 2), (2, 2)]


def test_speed_trials(speed_trials):
    assert len(speed_trials) == 20
    for trial in speed_trials:
        assert trial.rate == 20.0 and trial.signals["sagittal"].shape == (300, 6)
        np.testing.assert_allclose(np.diff(trial.time), 0.05)
        assert trial.side == "both" and trial.paretic == "" and set(np.diff(trial.stride)) <= {0, 1}
        knees = trial.signals["sagittal"][:, [1, 4]]
        assert knees.min() > -4.0 and 40.0 < knees.max() < 85.0


def mean_cycle(trial) -> np.ndarray:
    """The right leg's mean stride over 60 points."""
    angles = trial.signals["sagittal"][:, :3]
    cycles = [np.flatnonzero(trial.stride == k) for k in range(1, trial.stride.max())]
    along = np.linspace(0.0, 1.0, 60)
    return np.mean(
        [
            [np.interp(along, np.linspace(0, 1, len(c)), angles[c, j]) for j in range(3)]
            for c in cycles
        ],
        axis=0,
    ).ravel()


def test_subjects_are_distinguishable_across_speeds(speed_trials):
    """Nearest mean of the other speeds, the speed's own mean removed: far above chance (1 in 5)."""
    speeds, people = (
        sorted({t.speed for t in speed_trials}),
        sorted({t.subject for t in speed_trials}),
    )
    cycle = {(t.subject, t.speed): mean_cycle(t) for t in speed_trials}
    norm = {v: np.mean([cycle[s, v] for s in people], axis=0) for v in speeds}
    right = 0
    for v in speeds:
        own = {
            s: np.mean([cycle[s, w] - norm[w] for w in speeds if w != v], axis=0) for s in people
        }
        for s in people:
            right += s == min(
                people, key=lambda other: np.linalg.norm(cycle[s, v] - norm[v] - own[other])
            )
    assert right / len(cycle) > 0.8


def test_stroke_cohort():
    """Impossible speeds are omitted, everyone has a speed of their own, and the weak knee bends
    less at it.
    """
    found = list(speed_cohort("stroke", 4, seconds=12.0))
    bends = []
    for subject in {t.subject for t in found}:
        mine = [t for t in found if t.subject == subject]
        assert [t.task for t in mine].count("self") == 1 and mine[0].paretic in ("left", "right")
        assert {t.task for t in mine} <= {"s0x3", "s0x6", "s0x9", "s1x2", "self"}
        (own,) = [t for t in mine if t.task == "self"]
        reach = np.ptp(own.signals["sagittal"], axis=0).reshape(2, 3)
        weak = 0 if own.paretic == "right" else 1
        bends.append(reach[1 - weak, 1] - reach[weak, 1])
    assert np.mean(bends) > 5.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: speed_cohort("abel"),
        lambda: speed_cohort("able", 1, rate=30.0),
        lambda: speed_cohort("able", 1, speeds=(4.0,)),
        lambda: gait_cohort(1, sides=("rigth",)),
        lambda: gait_cohort(1, inclines=(0.0, 25.0)),
    ],
)
def test_impossible_cohorts_are_refused(call):
    with pytest.raises(ConfigError):
        next(call())


@pytest.mark.slow
def test_cohort_reproduces_the_published_means():
    """Ten people, 27 tasks: levels, slopes and monotone trends of the means; the tables are printed
    (-s).
    """
    index = {
        name: CHANNELS["moments"].index(f"{name}_moment")
        for name in ("hip_extension", "knee_extension")
    }
    ankle = CHANNELS["moments"].index("ankle_plantarflexion_moment")
    rows: dict[tuple[float, float], list] = {}
    for trial in gait_cohort(sides=("right",)):
        if trial.transition.any():
            continue
        mean = {name: s.reshape(-1, 150, s.shape[1]).mean(0).T for name, s in trial.signals.items()}
        forward, _, normal = mean["grf"] / 9.81
        hip, knee = (mean["moments"][i] for i in index.values())
        rows.setdefault((trial.speed, trial.incline), []).append(
            {
                "F1": normal[8:40].max(),
                "valley": normal[30:65].min(),
                "F2": normal[55:90].max(),
                "AP min": forward.min(),
                "AP max": forward.max(),
                "ankle": mean["moments"][ankle].max(),
                "knee early": knee[:45].max(),
                "knee late": knee[60:95].max(),
                "hip ext": hip[:60].max(),
                "hip flex": -hip[45:100].min(),
                "stride": trial.time[-1] / (len(trial.time) - 1) * 150,
            }
        )
    mean = {
        task: {k: np.mean([row[k] for row in many]) for k in many[0]} for task, many in rows.items()
    }
    for task in [(v, 0.0) for v in (0.8, 1.0, 1.2)] + [
        (1.0, b) for b in (-10.0, -5.0, 0.0, 5.0, 10.0)
    ]:
        print(task, {k: round(float(v), 3) for k, v in mean[task].items()})
    published = {
        (0.8, 0.0): {
            "F1": 1.05,
            "valley": 0.91,
            "F2": 1.05,
            "AP min": -0.126,
            "AP max": 0.131,
            "ankle": 1.27,
        },
        (1.2, 0.0): {
            "F1": 1.11,
            "valley": 0.80,
            "F2": 1.09,
            "AP min": -0.171,
            "AP max": 0.193,
            "hip ext": 0.66,
        },
        (1.0, -10.0): {
            "AP min": -0.34,
            "knee early": 0.64,
            "knee late": 1.19,
            "hip ext": 0.61,
            "F1": 1.14,
        },
        (1.0, 10.0): {
            "AP max": 0.35,
            "knee early": 0.69,
            "knee late": 0.14,
            "hip ext": 0.88,
            "F2": 1.08,
        },
    }
    for task, values in published.items():
        for name, value in values.items():
            assert mean[task][name] == pytest.approx(value, rel=0.08, abs=0.03), (task, name)
    slow, middle, fast = (mean[v, 0.0] for v in (0.8, 1.0, 1.2))
    for name, sign in (
        ("F1", 1),
        ("AP min", -1),
        ("AP max", 1),
        ("ankle", 1),
        ("knee early", 1),
        ("hip flex", 1),
    ):
        assert sign * slow[name] < sign * middle[name] < sign * fast[name], name
    assert fast["stride"] < middle["stride"] < slow["stride"]
    assert mean[1.0, 0.0]["hip ext"] < mean[1.0, 5.0]["hip ext"] < mean[1.0, 10.0]["hip ext"]
    for steeper, flatter in ((10.0, 5.0), (5.0, 0.0), (-10.0, -5.0), (-5.0, 0.0)):
        assert mean[1.0, steeper]["knee early"] > mean[1.0, flatter]["knee early"]
