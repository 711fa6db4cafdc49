"""The reference's motion features and quaternions, every clip and key, within the tolerances of the
golden README.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from jaxdiff.body import humanml3d, rotations

GOLDEN = oracles.arrays("humanml3d_features")
CLIPS = [key.removesuffix("/joints") for key in GOLDEN if key.endswith("/joints")]
LAYOUTS = {22: humanml3d.LAYOUT_22, 21: humanml3d.LAYOUT_21}


def close(actual, expected, atol):
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=atol)


class Case:
    """One clip, its layout, and the tolerance of a length: 1e-5 m, or 1e-2 where the layout is in
    millimetres.
    """

    def __init__(self, clip):
        self.stored = oracles.under(GOLDEN, clip)
        self.joints = jnp.asarray(self.stored["joints"])
        layout = LAYOUTS[self.joints.shape[1]]
        self.layout = dataclasses.replace(layout, threshold=float(self.stored["feet_threshold"]))
        self.length = 1e-5 if layout is humanml3d.LAYOUT_22 else 1e-2

    def features_close(self, actual, expected):
        for group, columns in humanml3d.slices(self.joints.shape[1]).items():
            atol = {"turn": 1e-5, "rotations": 1e-4, "contacts": 0}.get(group, self.length)
            close(actual[:, columns], expected[:, columns], atol)


@pytest.fixture(params=CLIPS, scope="module")
def case(request):
    return Case(request.param)


def known(key):
    """Whether some test below looks at this key of a clip."""
    plain = (
        "joints target_offsets feet_threshold uniform_joints canonical_joints initial_quat"
        " root_quat "
    )
    plain += (
        "root_quat_velocity root_velocity_local rifke features fk_from_ik_smooth0 ik_quats_smooth0 "
    )
    plain += (
        "ik_quats_smooth1 recovered_root_quat recovered_root_pos recovered_joints"
        " recovered_joints_from_rotations"
    )
    return key in plain.split() or key.startswith("contacts_threshold_")


def test_golden_keys_are_all_tested(case):
    assert [key for key in case.stored if not known(key)] == []


@pytest.mark.parametrize("count", LAYOUTS)
def test_golden_rest_directions(count):
    np.testing.assert_array_equal(LAYOUTS[count].directions, GOLDEN[f"raw_offsets_{count}"])


def test_golden_canonical_motion(case):
    offsets = case.stored["target_offsets"]
    uniform = humanml3d.uniform_skeleton(case.joints, offsets, case.layout)
    canonical, turn = humanml3d.canonical(uniform, case.layout)
    if "uniform_joints" in case.stored:
        close(uniform, case.stored["uniform_joints"], case.length)
    close(canonical, case.stored["canonical_joints"], case.length)
    close(turn, case.stored["initial_quat"], 1e-5)


def test_golden_root_motion_and_features(case):
    joints = jnp.asarray(case.stored["canonical_joints"])
    heading = humanml3d.inverse_kinematics(joints, case.layout)[:, 0]
    close(heading, case.stored["root_quat"], 1e-5)
    turn = rotations.multiply(heading[1:], rotations.conjugate(heading[:-1]))
    close(turn, case.stored["root_quat_velocity"], 1e-5)
    close(
        rotations.rotate(heading[1:], jnp.diff(joints[:, 0], axis=0)),
        case.stored["root_velocity_local"],
        case.length,
    )
    if "rifke" in case.stored:
        close(humanml3d.heading_frame(joints, heading), case.stored["rifke"], case.length)
    case.features_close(humanml3d.features(joints, case.layout), case.stored["features"])


def test_golden_features_straight_from_joints(case):
    offsets = case.stored["target_offsets"]
    actual = humanml3d.features_from_joints(case.joints, case.layout, offsets=offsets)
    case.features_close(actual, case.stored["features"])


def test_golden_contacts_under_other_thresholds(case):
    for key, expected in case.stored.items():
        if key.startswith("contacts_threshold_"):
            layout = dataclasses.replace(case.layout, threshold=float(key.rsplit("_", 1)[1]))
            actual = humanml3d.features(jnp.asarray(case.stored["canonical_joints"]), layout)
            np.testing.assert_array_equal(actual[:, -4:], expected)


def test_golden_recovery(case):
    features = jnp.asarray(case.stored["features"])
    heading, root = humanml3d.recover_root(features)
    close(heading, case.stored["recovered_root_quat"], 1e-5)
    close(root, case.stored["recovered_root_pos"], case.length)
    close(humanml3d.joints_from_features(features), case.stored["recovered_joints"], case.length)
    joints = humanml3d.joints_from_rotations(features, case.stored["target_offsets"], case.layout)
    close(joints, case.stored["recovered_joints_from_rotations"], case.length)


def test_golden_inverse_and_forward_kinematics(case):
    joints = jnp.asarray(case.stored["canonical_joints"])
    for smooth in (False, True):
        if f"ik_quats_smooth{int(smooth)}" in case.stored:
            quaternions = humanml3d.inverse_kinematics(joints, case.layout, smooth=smooth)
            close(quaternions, case.stored[f"ik_quats_smooth{int(smooth)}"], 2e-5)
    if "fk_from_ik_smooth0" in case.stored:
        quaternions = jnp.asarray(case.stored["ik_quats_smooth0"])
        offsets = jnp.asarray(case.stored["target_offsets"])
        actual = humanml3d.forward_kinematics(quaternions, offsets, joints[:, 0], case.layout)
        close(actual, case.stored["fk_from_ik_smooth0"], case.length)


def test_golden_fixed_variant_recovers_what_the_reference_loses(case):
    joints = jnp.asarray(case.stored["canonical_joints"])
    features = humanml3d.features(joints, case.layout, "fixed")
    close(humanml3d.joints_from_features(features), joints[:-1], case.length)
    recovered = humanml3d.joints_from_rotations(
        features, case.stored["target_offsets"], case.layout, "fixed"
    )
    close(recovered, joints[:-1], case.length)


QUATERNIONS = oracles.under(GOLDEN, "quat")
Q, P, V, U = (QUATERNIONS[name] for name in "qpvu")


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_golden_quaternions(convert):
    q, p, v, u = (convert(x) for x in (Q, P, V, U))
    matrix = rotations.matrix_from_quaternion(q)
    actual = {
        "qmul_q_p": rotations.multiply(q, p),
        "qinv_q": rotations.conjugate(q),
        "qrot_q_v": rotations.rotate(q, v),
        "qbetween_v_u": rotations.between(v, u),
        "matrix_q": matrix,
        "cont6d_q": rotations.six_d_from_matrix(matrix),
        "matrix_from_cont6d": rotations.matrix_from_six_d(convert(QUATERNIONS["cont6d"])),
        "sequence_fixed": rotations.continuous(convert(QUATERNIONS["sequence"])),
    }
    for name, value in actual.items():
        close(value, QUATERNIONS[name], 1e-5)
    euler = [name for name in QUATERNIONS if name.startswith("euler_")]
    for name in euler:
        degrees = np.rad2deg(rotations.euler_from_quaternion(q, name.split("_")[1]))
        close((degrees - QUATERNIONS[name] + 180) % 360 - 180, 0 * degrees, 2e-3)
    assert {*actual, *euler, *"qpvu", "cont6d", "sequence"} == set(QUATERNIONS)
