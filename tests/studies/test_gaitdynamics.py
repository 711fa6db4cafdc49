"""GaitDynamics with weights in its published layout: features as the reference has them, forces
inpainted.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parameters import drawn
from scipy.spatial.transform import Rotation

import jaxdiff
from jaxdiff.data.recording import Recording
from jaxdiff.errors import ConfigError, DataError, FileError
from jaxdiff.interop import store
from jaxdiff.nets.film_transformer import FiLMTransformer
from jaxdiff.studies import gaitdynamics as gd

T = 220
TIME = np.arange(T) / 100
NAMES = (*gd.PELVIS, *(n for three in gd.JOINTS.values() for n in three), *gd.ANGLES)
PLACE = np.stack([1.3 * TIME, 0.9 + 0.02 * np.sin(12 * TIME), 0.1 * TIME], -1)
SWING = np.random.default_rng(0).uniform(3, 20, len(NAMES) - 3)
VALUES = np.concatenate([PLACE, SWING * np.sin(6 * TIME[:, None] + SWING)], axis=1)
WALK = Recording(VALUES, NAMES, ("m",) * 3 + ("deg",) * (len(NAMES) - 3), 100.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in the folder that `weights convert --from gaitdynamics` writes."""
    network = FiLMTransformer(63, width=16, layers=1, heads=2, ff=16)
    inputs = (
        jax.ShapeDtypeStruct((2, 63), jnp.float32),
        jax.ShapeDtypeStruct((), jnp.float32),
    )
    params = drawn(network.init, *inputs)
    extras = {
        "normaliser/scale": np.full(63, 2.0),
        "normaliser/min": np.full(63, 0.5),
        "normaliser/columns": np.arange(63),
    }
    part = store.Weights(network, params, inputs)
    folder = tmp_path_factory.mktemp("gaitdynamics")
    store.save(store.Converted("gaitdynamics", {"denoiser": part}, extras), folder)
    return folder


@pytest.fixture(scope="module")
def model(weights):
    return jaxdiff.load(weights)


def test_features_are_the_references():
    found, turn = gd.features(WALK, 1.8, treadmill=0.5)
    at = {name: found[:, i] for i, name in enumerate(gd.FEATURES)}
    assert len(gd.FEATURES) == 63 and found.shape == (T, 63)
    pelvis = Rotation.from_euler("ZXY", WALK.select(gd.JOINTS["pelvis"]).values, degrees=True)
    place = PLACE @ turn.T
    middle = slice(40, -40)
    speed = np.gradient(place[:, 0], 0.01)[middle] + 0.5
    np.testing.assert_allclose(1.8 * at["pelvis_tx"][middle], speed, atol=0.02)
    np.testing.assert_allclose(at["pelvis_4"], (turn @ pelvis.as_matrix())[:, 1, 1])
    knee = np.radians(WALK["knee_angle_r"])
    np.testing.assert_allclose(at["knee_angle_r"], knee)
    np.testing.assert_allclose(at["knee_angle_r_vel"][middle], np.gradient(knee)[middle], atol=2e-4)
    hip = Rotation.from_euler("ZXY", WALK.select(gd.JOINTS["hip_r"]).values, degrees=True)
    matrix = hip.as_matrix()
    change = matrix[:-1] - matrix[1:]  # the reference's: not the true angular velocity
    rate = 50 * (change[:, 1, 0] - change[:, 0, 1])[middle]
    np.testing.assert_allclose(at["hip_r_z_angular_vel"][:-1][middle], rate, atol=0.02)
    assert np.isnan(at["calcn_l_force_vy"]).all()


def test_forces_follow_the_walk_whichever_way_it_goes(model):
    made = model.generate(WALK, steps=2, stature=1.8, mass=70.0)
    assert made.values.shape == (1, T, 6) and made.like.units == ("N",) * 6
    quarter = Rotation.from_euler("y", 90, degrees=True)
    turned = VALUES.copy()
    turned[:, :3] = quarter.apply(PLACE)
    own = Rotation.from_euler("ZXY", VALUES[:, 3:6], degrees=True)
    turned[:, 3:6] = (quarter * own).as_euler("ZXY", degrees=True)
    other = model.generate(
        Recording(turned, NAMES, WALK.units, 100.0), steps=2, stature=1.8, mass=70.0
    )
    expected = quarter.apply(made.values.reshape(-1, 3)).reshape(made.values.shape)
    np.testing.assert_allclose(other.values, expected, atol=0.05)


def test_missing_angles_are_inpainted_and_what_cannot_work_is_refused(model, weights, tmp_path):
    legs = WALK.select([n for n in NAMES if not n.startswith("lumbar")])
    assert np.isfinite(model.generate(legs, steps=2, stature=1.8, mass=70.0).values).all()
    with pytest.raises(ConfigError, match="stature"):
        model.generate(WALK, steps=2)
    with pytest.raises(DataError, match="pelvis"):
        model.generate(WALK.select(list(gd.ANGLES)), stature=1.8, mass=70.0)
    with pytest.raises(DataError, match="1.5 s"):
        model.generate(WALK[0.0:1.0], stature=1.8, mass=70.0)
    converted = store.load(weights)
    store.save(store.Converted("gaitdynamics", converted.networks, {}), tmp_path)
    with pytest.raises(FileError, match="no normaliser"):
        jaxdiff.load(tmp_path)
