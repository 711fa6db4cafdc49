"""The batched walker against single walkers, against Newton, and against differentiated
kinematics.
"""

import jax
import numpy as np
import pytest

from jaxdiff.body.walker import batch, design, dynamics, modes, sensors, synthesis, timing
from jaxdiff.body.walker.batch import (
    CHANNELS,
    UNITS,
    constant_tasks,
    draw_people,
    draw_tasks,
    simulate,
)
from jaxdiff.body.walker.completion import complete
from jaxdiff.body.walker.curves import fourier
from jaxdiff.body.walker.instruments import BAND, band_noise, ideal, measured_force, smoothed
from jaxdiff.body.walker.model import GRAVITY, LEG, LEG_JOINTS, SEGMENTS, forward
from jaxdiff.body.walker.prescription import prescribe
from jaxdiff.body.walker.projection import project
from jaxdiff.body.walker.subjects import Walker, able_bodied, stroke_survivor
from jaxdiff.body.walker.traits import from_walkers, reference
from jaxdiff.body.walker.trials import knee_floor
from jaxdiff.errors import ConfigError

MODALITIES = batch.MODALITIES


@pytest.fixture(scope="module")
def walkers():
    rng = np.random.default_rng(0)
    return [Walker(), able_bodied(rng), stroke_survivor(rng)]


@pytest.fixture(scope="module")
def solved(walkers):
    """Speeds, slopes and coefficients of the batch, iterated to convergence."""
    u, b = np.array([0.4, 0.3, 0.2]), np.array([0.0, -8.0, 0.0])
    traits = from_walkers(walkers)
    return u, b, batch.solve_gaits(traits, traits.stride_factor, u, b, 12)


@pytest.fixture(scope="module")
def people():
    """Six people, three tasks, and a source of randomness."""
    rng = np.random.default_rng(1)
    traits = draw_people(rng, 6, impaired=0.5)
    return traits, draw_tasks(rng, traits, 3), rng


@pytest.fixture(scope="module")
def recorded(people):
    """Two strides of them, every modality, measured without error."""
    traits, tasks, _ = people
    rng = np.random.default_rng(2)
    return traits, tasks, simulate(ideal(traits), tasks, 2, rng=rng, modalities=MODALITIES)


@pytest.fixture(scope="module")
def measured(people):
    """The same as a laboratory would measure it."""
    traits, tasks, rng = people
    return traits, tasks, simulate(traits, tasks, 2, rng=rng, modalities=MODALITIES)


def test_gaits_equal_those_of_single_walkers(walkers, solved):
    u, b, found = solved
    for i, walker in enumerate(walkers):
        p = prescribe(walker, u[i], b[i])
        np.testing.assert_allclose(found[i], complete(p, project(p, 40, 1e-9)), atol=1e-4)


@pytest.fixture(scope="module")
def periodic():
    """Two strides of the reference subject without variability, every modality."""
    traits = reference()
    tasks = constant_tasks(traits, 0.4 * np.sqrt(GRAVITY * traits.leg_length))
    rng = np.random.default_rng(0)
    out = simulate(traits, tasks, 2, rng=rng, modalities=MODALITIES, variability=0.0)
    return {name: values[0, 0] for name, values in out.items() if values.ndim > 2}


def test_recorded_signals_equal_those_of_single_walkers(monkeypatch):
    """The same coefficients give the angles, moments and forces of `dynamics`, sample by sample."""
    walker, u, points = Walker(), 0.4, 100
    p = prescribe(walker, u, 0.0)
    coefficients = complete(p, project(p))
    rate = points / float(timing.stride_time(walker, u, 0.0))
    q = np.tile((fourier(np.arange(points) / points, 12) @ coefficients).T, 3)
    q[LEG[:, 3]] = knee_floor(q[LEG[:, 3]])
    core = slice(points - dynamics.MARGIN, -points + dynamics.MARGIN)
    motion = dynamics.newton_euler(q[:, core], rate, 0.0)
    own = timing.leg_phase(walker, np.arange(points) / points)
    speed = np.full(points, u)
    ends = timing.duty(walker, speed)
    stance, _ = timing.stance_and_swing(own, ends)
    load = timing.loading(walker, speed, stance, ends)
    path = timing.pressure_path(walker, stance)
    contact = dynamics.distribute(motion, load / load.sum(0), path, stance, 0.0)
    torques = dynamics.joint_torques(motion, contact)

    def solved(t, factor, u, b, iterations):
        return np.repeat(coefficients[None], len(u), axis=0)

    monkeypatch.setattr(batch, "_solve", solved)
    traits = reference()
    tasks = constant_tasks(traits, u * np.sqrt(GRAVITY * walker.leg_length))
    rng = np.random.default_rng(0)
    out = simulate(traits, tasks, 2, rng=rng, modalities=MODALITIES, variability=0.0)

    def column(modality: str, name: str) -> np.ndarray:
        return out[modality][0, 0, 0, :, CHANNELS[modality].index(name)]

    for leg, side in enumerate("rl"):
        for k, angle in enumerate(LEG_JOINTS):
            degrees = np.rad2deg(q[LEG[leg, k], :points])
            np.testing.assert_allclose(column("angles", f"{angle}_{side}"), degrees, atol=1e-3)
        first = CHANNELS["moments"].index(f"hip_extension_moment_{side}")
        for k in range(9):
            moment = -torques[LEG[leg, k]] * GRAVITY * walker.leg_length
            name = CHANNELS["moments"][first + k]
            np.testing.assert_allclose(column("moments", name), moment, atol=1e-4, err_msg=name)
        for k, name in enumerate(("forward", "medial", "normal")):
            sign = 1.0 - 2.0 * (side == "l") if name == "medial" else 1.0
            force = sign * GRAVITY * contact.force[leg, k]
            found = column("grf", f"grf_{name}_{side}")
            np.testing.assert_allclose(found, force, atol=1e-3, err_msg=name)


def test_mean_ground_reaction_is_the_weight(recorded):
    """Over whole strides momentum hardly changes, so the mean force balances gravity."""
    _, tasks, out = recorded
    slope = np.deg2rad(tasks.slope)
    force = out["grf"].astype(float)
    duration = np.diff(out["time"].reshape(*slope.shape, -1), axis=-1)
    weights = np.concatenate([duration, duration[..., -1:]], axis=-1)
    weights /= weights.sum(-1, keepdims=True)

    def mean(name: str) -> np.ndarray:
        total = sum(force[..., CHANNELS["grf"].index(f"{name}_{side}")] for side in "rl")
        return (weights * total.reshape(*slope.shape, -1)).sum(-1) / GRAVITY

    np.testing.assert_allclose(mean("grf_normal"), np.cos(slope), atol=0.03)
    np.testing.assert_allclose(mean("grf_forward"), np.sin(slope), atol=0.03)


def test_signals_are_finite_and_named(measured):
    traits, _, out = measured
    for name in MODALITIES:
        assert out[name].shape == (6, 3, 2, 100, len(CHANNELS[name])), name
        assert out[name].dtype == np.float32
        assert len(UNITS[name]) == len(CHANNELS[name])
        assert np.isfinite(out[name]).all(), name
    for side in "rl":
        assert out["grf"][..., CHANNELS["grf"].index(f"grf_normal_{side}")].min() > -1e-3
    assert np.all(out["stride_time"] > 0.4)
    assert np.all(np.diff(out["time"].reshape(6, 3, -1), axis=-1) > 0)
    assert np.all((out["events"] > 0) & (out["events"] < 1))
    assert out["emg"].max() == pytest.approx(1.0)


def test_power_is_moment_times_angular_velocity(recorded):
    _, _, out = recorded
    time = out["time"].reshape(6, 3, -1)
    power, expected = 0.0, 0.0
    moments = ("knee_extension_moment", "knee_abduction_moment", "knee_external_rotation_moment")
    for angle, moment in zip(("knee_flexion", "knee_adduction", "knee_rotation"), moments):
        curve = out["angles"][..., CHANNELS["angles"].index(f"{angle}_r")].reshape(6, 3, -1)
        torque = out["moments"][..., CHANNELS["moments"].index(f"{moment}_r")].reshape(6, 3, -1)
        speed = np.deg2rad(np.gradient(curve, axis=-1) / np.gradient(time, axis=-1))
        expected = expected - torque * speed
    power = out["powers"][..., CHANNELS["powers"].index("knee_power_r")].reshape(6, 3, -1)
    error = (power - expected)[..., 2:-2]
    assert np.abs(error).max() < 0.05 * np.abs(power).max()


def test_measured_forces_are_as_irregular_as_their_traits_say(people, recorded, measured):
    """Errors of the instruments change forces and moments together, by a few percent of the
    weight.
    """
    force, moment = (
        measured[2][name].astype(float) - recorded[2][name] for name in ("grf", "moments")
    )
    normal = CHANNELS["grf"].index("grf_normal_r")
    spread = np.sqrt(np.square(force[..., normal]).mean()) / GRAVITY
    assert 0.02 < spread < 0.2
    knee = np.abs(moment[..., CHANNELS["moments"].index("knee_extension_moment_r")]).mean()
    assert 0.01 < knee < 0.2


def test_band_noise_has_unit_variance_within_its_band():
    noise = band_noise(np.random.default_rng(0), (400,), 300, 100)
    assert noise.std() == pytest.approx(1.0, abs=0.02)
    power = np.square(np.abs(np.fft.rfft(noise))).mean(0)
    cycles = np.fft.rfftfreq(300) * 100
    outside = (cycles < BAND[0] - 0.1) | (cycles > BAND[1] + 0.1)
    assert power[outside].max() < 1e-9 * power.max()


def test_smoothing_keeps_the_impulse_and_halves_the_power_at_its_frequency():
    time = np.arange(400) / 100.0
    curve = np.stack([np.sin(2 * np.pi * 6.0 * time), (np.abs(time - 2.0) < 0.05) * 1.0])
    found = np.asarray(smoothed(curve[:, None], np.array([100.0 * 0.1325 / 6.0])))[:, 0]
    assert np.abs(found[0, 50:350]).max() == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert found[1].sum() == pytest.approx(curve[1].sum(), rel=1e-4)
    np.testing.assert_allclose(
        np.asarray(smoothed(curve[:, None], np.zeros(1)))[:, 0], curve, atol=1e-6
    )


def test_a_tilted_plate_reports_a_share_of_the_normal_force_sideways():
    tilt = np.array([[[0.01, -0.02], [0.03, 0.0]]])
    traits = reference()._replace(plate_tilt=tilt)
    force = np.random.default_rng(0).uniform(0.5, 1.0, (2, 3, 1, 20))
    quiet, still = np.zeros((1, 2, 3, 20)), np.zeros((1, 20))
    found = measured_force(force, traits, quiet, np.zeros((1, 2, 20)), still, np.zeros(1))
    expected = force.copy()
    expected[:, :2] += tilt[0][..., None, None] * force[:, 2:]
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)


def walk(people, speed=1.5):
    """Two strides without variability, every modality."""
    rng, tasks = np.random.default_rng(0), constant_tasks(people, speed)
    return simulate(people, tasks, 2, rng=rng, modalities=MODALITIES, variability=0.0)


def test_smoothed_motion_changes_angles_and_the_moments_of_inertial_forces():
    """Forces and centres of pressure are measured apart from the motion."""
    traits = reference()
    sharp, smooth = walk(traits), walk(traits._replace(angle_smoothing=np.full(1, 0.1325 / 6.0)))
    for name in ("grf", "cop"):
        np.testing.assert_array_equal(sharp[name], smooth[name])
    hip = CHANNELS["moments"].index("hip_extension_moment_r")
    change = (smooth["moments"] - sharp["moments"])[0, 0, 0, :, hip]
    assert 0.02 < np.abs(change).max() < 0.5
    ankle = CHANNELS["angles"].index("ankle_dorsiflexion_r")
    change = np.abs(smooth["angles"] - sharp["angles"])[..., ankle]
    assert 0.1 < change.max() < 4.0
    np.testing.assert_allclose(smooth["angles"].mean(3), sharp["angles"].mean(3), atol=0.2)


def test_soft_tissue_takes_fast_moments_and_leaves_the_forces():
    """What the rigid body lacks moves the centre of pressure slowly; the load is the same."""
    traits = reference()
    rigid, soft = walk(traits), walk(traits._replace(soft_tissue=np.full(1, 0.1325 / 4.0)))
    np.testing.assert_array_equal(rigid["grf"], soft["grf"])
    np.testing.assert_array_equal(rigid["angles"], soft["angles"])
    ankle = CHANNELS["moments"].index("ankle_plantarflexion_moment_r")
    before, after = (out["moments"][0, 0, 0, :, ankle] for out in (rigid, soft))
    bend = [np.square(np.diff(curve, 2)).sum() for curve in (before, after)]
    assert bend[1] < 0.7 * bend[0]
    assert np.abs(after - before).max() < 0.4
    assert after.max() == pytest.approx(before.max(), abs=0.15)


def test_a_foot_that_unloads_along_a_cubic_carries_more_at_the_end():
    traits = reference()
    both = np.ones((1, 2))
    quintic, cubic = walk(traits), walk(traits._replace(load_end=both))
    normal = CHANNELS["grf"].index("grf_normal_r")
    late = slice(57, 61)
    more = (cubic["grf"] - quintic["grf"])[0, 0, 0, late, normal] / GRAVITY
    assert (more > 0.005).all() and more.max() < 0.1


def test_virtual_sensors_equal_differentiated_kinematics(periodic):
    """Specific force and angular velocity from finely sampled positions of the same coordinates."""
    traits, u = reference(), np.array([0.4])
    coefficients = batch.solve_gaits(traits, np.ones(1), u, np.zeros(1))[0]
    n = 2000
    period = float(periodic["stride_time"][0])
    q = (fourier(np.arange(n) / n, 12) @ coefficients).T
    q[LEG[:, 3]] = knee_floor(q[LEG[:, 3]])
    pose = forward(q)
    spectrum = 2j * np.pi * np.fft.fftfreq(n, period / n)

    def derivative(x: np.ndarray, order: int) -> np.ndarray:
        return np.fft.ifft(np.fft.fft(x, axis=-1) * spectrum**order, axis=-1).real

    names = [segment.name for segment in SEGMENTS]
    length = float(traits.leg_length[0])
    for sensor, (segment, place) in enumerate(sensors._sensor_places()):
        frame = pose.frame[segment]
        position = length * pose.point(segment, tuple(place))
        force = derivative(position, 2) + np.array([0.0, 0.0, GRAVITY])[:, None]
        accel = np.einsum("ict,ct->it", frame, force)[:, :: n // 100]
        turn = derivative(frame, 1)
        gyro = [(frame[(i + 2) % 3] * turn[(i + 1) % 3]).sum(0)[:: n // 100] for i in range(3)]
        measured = periodic["imu"][0, :, 6 * sensor : 6 * sensor + 6].T
        np.testing.assert_allclose(measured[:3], accel, atol=0.05, err_msg=names[segment])
        np.testing.assert_allclose(measured[3:], gyro, atol=0.02, err_msg=names[segment])


def test_same_seed_gives_the_same_people_and_strides(measured):
    _, _, out = measured
    rng = np.random.default_rng(1)
    traits = draw_people(rng, 6, impaired=0.5)
    again = simulate(traits, draw_tasks(rng, traits, 3), 2, rng=rng, modalities=MODALITIES)
    for name, values in out.items():
        np.testing.assert_array_equal(values, again[name])


def test_people_differ_and_impaired_people_are_slower():
    rng = np.random.default_rng(0)
    people = draw_people(rng, 500, impaired=0.5)
    assert np.unique(people.mass).size == 500
    assert people.stature.min() > 1.3 and people.stature.max() < 2.1
    assert (people.severity > 0).mean() == pytest.approx(0.5 * 0.45, abs=0.06)
    assert people.top_speed[people.severity > 0.5].mean() < people.top_speed.mean() - 0.3
    tasks = draw_tasks(rng, people, 6)
    assert np.all(tasks.speed <= np.maximum(people.top_speed, 0.36)[:, None])
    assert np.abs(tasks.slope).max() <= 8.5


def test_walking_has_double_support_however_asymmetric():
    """Without it the load would be shared between no feet."""
    rng = np.random.default_rng(0)
    people = draw_people(rng, 4000, impaired=0.8)
    people = people._replace(left_phase=people.left_phase + 0.03 * rng.standard_normal(4000))
    fast = np.full(4000, 0.7)
    right, left = np.asarray(design.duty(people, fast)).T
    assert np.minimum(right - people.left_phase, left - 1.0 + people.left_phase).min() > 0.02


def test_long_range_noise_has_unit_variance_and_memory():
    noise = batch.long_range(np.random.default_rng(0), (4000,), 8)
    assert noise.std() == pytest.approx(1.0, abs=0.03)
    assert (noise[:, :-1] * noise[:, 1:]).mean() > 0.2


def test_images_of_deviations_are_those_of_the_file():
    """The stored image of more knee flexion in swing is what solving the changed gait gives."""
    traits = reference(2)
    value = traits.knee_swing + np.array([[0.0, 0.0], [4.2, 0.0]])
    found = batch.solve_gaits(
        traits._replace(knee_swing=value), np.ones(2), np.full(2, 0.35), np.zeros(2), 12
    )
    stored = modes.table()[4, list(synthesis.LEG_MODES).index("knee_swing")]
    np.testing.assert_allclose(stored, found[1] - found[0], atol=3e-3)


def test_x64_stays_off_outside(recorded):
    assert not jax.config.jax_enable_x64


def test_mistakes_are_named():
    rng = np.random.default_rng(0)
    traits = reference()
    with pytest.raises(ConfigError, match="modality"):
        simulate(traits, constant_tasks(traits, 1.2), rng=rng, modalities=("angle",))
    with pytest.raises(ConfigError, match="50 points"):
        simulate(traits, constant_tasks(traits, 1.2), points=10, rng=rng)
    with pytest.raises(ConfigError, match="impaired"):
        draw_people(rng, 3, impaired=2.0)


def test_left_leg_of_a_symmetric_person_is_the_right_one_half_a_stride_later(periodic):
    knee = [CHANNELS["angles"].index(f"knee_flexion_{side}") for side in "rl"]
    curves = periodic["angles"].reshape(200, -1)[:, knee]
    np.testing.assert_allclose(curves[:100, 0], curves[50:150, 1], atol=0.05)
