"""Newton's laws: mean forces, closure of the ground's wrench, energy, and MuJoCo as an independent
body.
"""

import numpy as np
import pytest

from jaxdiff.body.walker.dynamics import cross
from jaxdiff.body.walker.model import COORDINATES, FEET, LEG, MASS, SEGMENTS, forward

TASKS = [(0.4, 0.0), (0.33, 10.0), (0.33, -10.0)]


def test_body_weighs_one():
    assert MASS.sum() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("u, b", TASKS)
def test_mean_force_is_weight(gait, u, b):
    stride = gait(u, b)
    mean = stride.forces.motion.total.mean(-1) / MASS.sum()
    assert mean[2] == pytest.approx(np.cos(stride.slope), rel=1e-3)
    assert mean[0] == pytest.approx(np.sin(stride.slope), abs=1e-3)
    assert mean[1] == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("u, b", TASKS)
def test_feet_carry_the_whole_wrench(gait, u, b):
    motion, contact, _ = gait(u, b).forces
    np.testing.assert_allclose(contact.force.sum(0), motion.total, atol=1e-12)
    torque = sum(cross(contact.pressure[i], contact.force[i]) for i in range(2))
    torque[2] += contact.free_moment.sum(0)
    np.testing.assert_allclose(torque, motion.moment, atol=1e-12)


@pytest.mark.parametrize("u, b", TASKS)
def test_energy_is_conserved(gait, u, b):
    """Joint power plus the power of the ground on slipping feet is the climb: g v sin b."""
    stride = gait(u, b)
    joints = (stride.forces.torques[6:] * stride.speed[6:]).sum(0).mean()
    slip = 0.0
    contact, pose = stride.forces.contact, stride.forces.motion.pose
    for i, foot in enumerate(FEET):
        spin = _angular_velocity(stride, foot)
        _, ankle = stride.foot_points(i, (0.0, 0.0, 0.0))
        velocity = ankle + cross(spin, contact.pressure[i] - pose.joint[foot])
        slip += ((contact.force[i] * velocity).sum(0) + contact.free_moment[i] * spin[2]).mean()
    assert joints + slip == pytest.approx(u * np.sin(stride.slope), abs=0.002 / 9.81 / 3.0)


def _angular_velocity(stride, segment: int) -> np.ndarray:
    """Sum of the hinge rates along the chain."""
    spin = np.zeros((3, stride.q.shape[1]))
    while segment >= 0:
        for _, _, coordinate in SEGMENTS[segment].hinges:
            spin += stride.forces.motion.pose.hinge[coordinate] * stride.speed[coordinate]
        segment = SEGMENTS[segment].parent
    return spin


def _mjcf(slope: float) -> str:
    """The same body as a MuJoCo model: slides and hinges, no contact, tilted gravity."""
    children = {
        i: [j for j, s in enumerate(SEGMENTS) if s.parent == i] for i in range(-1, len(SEGMENTS))
    }

    def text(values) -> str:
        return " ".join(f"{v:.17g}" for v in values)

    def body(i: int) -> str:
        segment = SEGMENTS[i]
        joints = ""
        if segment.parent < 0:
            for k in range(3):
                joints += (
                    f'<joint name="{COORDINATES[k]}" type="slide" axis="{text(np.eye(3)[k])}"/>'
                )
        for axis, sign, coordinate in segment.hinges:
            joints += (
                f'<joint name="{COORDINATES[coordinate]}" type="hinge"'
                f' axis="{text(sign * np.eye(3)[axis])}"/>'
            )
        inertia = text(segment.mass * np.array(segment.gyration) ** 2)
        inertial = (
            f'<inertial pos="{text(segment.centre)}" mass="{segment.mass}"'
            f' diaginertia="{inertia}"/>'
        )
        inside = "".join(body(j) for j in children[i])
        return (
            f'<body name="{segment.name}"'
            f' pos="{text(segment.joint)}">{joints}{inertial}{inside}</body>'
        )

    gravity = text((-np.sin(slope), 0.0, -np.cos(slope)))
    return f"""<mujoco><compiler angle="radian"/><option gravity="{gravity}">
      <flag contact="disable" constraint="disable"/></option><worldbody>{body(0)}</worldbody></mujoco>"""


@pytest.mark.parametrize("u, b", TASKS)
def test_mujoco_agrees(gait, u, b):
    mujoco = pytest.importorskip("mujoco")
    stride = gait(u, b)
    model = mujoco.MjModel.from_xml_string(_mjcf(stride.slope))
    data = mujoco.MjData(model)
    order = [model.joint(name).dofadr[0] for name in COORDINATES]
    feet = [model.body(SEGMENTS[i].name).id for i in FEET]
    _, contact, torques = stride.forces
    root, joints = 0.0, 0.0
    for t in range(stride.q.shape[1]):
        data.qpos[order], data.qvel[order] = stride.q[:, t], stride.speed[:, t]
        data.qacc[order] = stride.acceleration[:, t]
        mujoco.mj_inverse(model, data)
        needed = data.qfrc_inverse.copy()
        for i, foot in enumerate(feet):
            push, turn = np.zeros((3, model.nv)), np.zeros((3, model.nv))
            mujoco.mj_jac(model, data, push, turn, contact.pressure[i, :, t], foot)
            needed -= push.T @ contact.force[i, :, t] + turn[2] * contact.free_moment[i, t]
        root = max(root, np.abs(needed[order[:6]]).max())
        joints = max(joints, np.abs(needed[order[6:]] - torques[6:, t]).max())
    assert root < 1e-6
    assert 9.81 * 0.917 * joints < 1e-5


def test_forward_kinematics_keeps_lengths_and_frames():
    q = np.random.default_rng(0).uniform(-1, 1, (len(COORDINATES), 7))
    pose = forward(q)
    product = np.einsum("sijt,skjt->sikt", pose.frame, pose.frame)
    np.testing.assert_allclose(
        product, np.broadcast_to(np.eye(3)[:, :, None], product.shape), atol=1e-14
    )
    thigh = pose.joint[FEET[0] - 1] - pose.joint[FEET[0] - 2]
    np.testing.assert_allclose(np.linalg.norm(thigh, axis=0), 0.4623, atol=1e-14)


def test_hinge_signs():
    """Flexion brings the foot forward, the knee back; adduction and rotation point inwards, on both
    sides.
    """
    for leg, inward in ((0, 1.0), (1, -1.0)):
        for joint, direction, axis in ((0, 1.0, 0), (3, -1.0, 0), (1, inward, 1)):
            q = np.zeros((len(COORDINATES), 1))
            q[LEG[leg, joint]] = 0.3
            moved = forward(q).joint[FEET[leg]] - forward(0 * q).joint[FEET[leg]]
            assert direction * moved[axis, 0] > 0.05
        q = np.zeros((len(COORDINATES), 1))
        q[LEG[leg, 6]], q[LEG[leg, 2]] = 0.3, 0.3
        toe = forward(q).frame[FEET[leg], 0, :, 0]
        assert toe[2] > 0.2 and inward * toe[1] > 0.2
