"""Joint positions -> a mass-scaled figure of rigid bones in MuJoCo, and its inverse dynamics.

Every bone is a body with a ball joint at its upper end; its length is the median over the clip, its
mass a share of body mass (de Leva 1996). Bone directions fix orientations up to twist, which is
carried along in parallel over time, so that a bone never spins about itself. MuJoCo then solves
`M(q) a + c(q, v) = τ`: the root rows of τ are the wrench the world must exert on the body about its
root, the other rows the torques at the joints (before contact forces are taken off).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from jaxdiff.body import skeleton
from jaxdiff.body.rotations import between, conjugate, multiply
from jaxdiff.errors import MissingExtra

GRAVITY = 9.81
THIGH, SHANK, FOOT, UPPER_ARM, FOREARM, HEAD, PELVIS = (
    0.1416,
    0.0433,
    0.0137,
    0.0271,
    0.0223,
    0.0694,
    0.1097,
)


class Figure(NamedTuple):
    """Which joints end which segments; pairs are (left, right). A bone is known by the joint at its
    lower end.
    """

    parents: tuple[int, ...]
    hips: tuple[int, int]
    knees: tuple[int, int]
    ankles: tuple[int, int]
    toes: tuple[int, int]
    elbows: tuple[int, int]
    wrists: tuple[int, int]
    head: int

    def shares(self, lengths: np.ndarray) -> np.ndarray:
        """Share of body mass of every bone (J,), the pelvis at index 0; the remainder is
        distributed over the trunk by length.
        """
        share = np.zeros(len(self.parents))
        share[0], share[self.head] = PELVIS, HEAD
        for ends, mass in (
            (self.hips, 0.001),
            (self.knees, THIGH),
            (self.ankles, SHANK),
            (self.toes, FOOT),
            (self.elbows, UPPER_ARM),
            (self.wrists, FOREARM),
        ):
            share[list(ends)] = mass
        trunk = (share == 0) & (lengths > 0)
        share[trunk] = (1 - share.sum()) * lengths[trunk] / lengths[trunk].sum()
        return np.maximum(share, 1e-4)


def figure(tree: skeleton.Skeleton) -> Figure:
    """The figure of a skeleton whose joints are named `left_knee` and so on, as HumanML3D's and
    KIT's are.
    """

    def pair(name: str) -> tuple[int, int]:
        return tree.index(f"left_{name}"), tree.index(f"right_{name}")

    limbs = {
        "hips": "hip",
        "knees": "knee",
        "ankles": "ankle",
        "toes": "foot",
        "elbows": "elbow",
        "wrists": "wrist",
    }
    return Figure(
        tree.parents,
        head=tree.index("head"),
        **{field: pair(name) for field, name in limbs.items()},
    )


HUMANML3D = figure(skeleton.HUMANML3D)
KIT = figure(skeleton.KIT)


class Dynamics(NamedTuple):
    """Inverse dynamics at the inner frames of a clip, in SI units."""

    force: np.ndarray
    """Generalised forces (N, nv): force on the root, moment about it, then the joints; contact not
    taken off.
    """
    velocity: np.ndarray
    """Generalised velocities (N, nv)."""
    energy: np.ndarray
    """Kinetic plus potential, (N,)."""


class Mannequin:
    """The MuJoCo model of one clip of joint positions (T, J, 3) in metres, gravity along -`up`."""

    def __init__(self, joints: np.ndarray, figure: Figure, mass: float, up: int = 1):
        self.mujoco = _mujoco()
        bones = skeleton.bones(joints, figure.parents)
        self.lengths = np.median(np.linalg.norm(bones, axis=-1), axis=0)
        self.masses = mass * figure.shares(self.lengths)
        self.model = self.mujoco.MjModel.from_xml_string(
            _xml(figure.parents, self.lengths, self.masses)
        )
        self.model.opt.gravity[:] = -GRAVITY * np.eye(3)[up]
        self.data = self.mujoco.MjData(self.model)
        self.body = np.array([self.model.body(f"bone{j}").id for j in range(len(figure.parents))])
        turns = _turns(bones, figure.parents)[
            np.argsort(self.body)[1:]
        ]  # MuJoCo counts bodies depth first
        still = np.tile([1.0, 0, 0, 0], (len(joints), 1))
        self.positions = np.concatenate([joints[:, 0], still, *turns], axis=1)

    def dynamics(self, rate: float) -> Dynamics:
        """Velocities and accelerations by central differences, then MuJoCo's inverse dynamics at
        every inner frame.
        """
        mujoco, model, data, q = self.mujoco, self.model, self.data, self.positions
        steps = np.zeros((len(q) - 1, model.nv))
        for step, one, two in zip(steps, q[:-1], q[1:]):
            mujoco.mj_differentiatePos(model, step, 1 / rate, one, two)
        velocity, acceleration = (steps[1:] + steps[:-1]) / 2, (steps[1:] - steps[:-1]) * rate
        force, energy = np.zeros_like(velocity), np.zeros(len(velocity))
        for i in range(len(velocity)):
            data.qpos, data.qvel, data.qacc = q[i + 1], velocity[i], acceleration[i]
            mujoco.mj_inverse(model, data)
            mujoco.mj_energyPos(model, data)
            mujoco.mj_energyVel(model, data)
            force[i], energy[i] = data.qfrc_inverse, data.energy.sum()
        return Dynamics(force, velocity, energy)

    def pushed(self, frame: int, joint: int, points: np.ndarray, forces: np.ndarray) -> np.ndarray:
        """Generalised force (nv,) of world forces (K, 3) at points (K, 3) of the bone that ends in
        `joint`.
        """
        mujoco, model, data = self.mujoco, self.model, self.data
        data.qpos = self.positions[frame + 1]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        total = np.zeros(model.nv)
        for point, force in zip(points, forces):
            mujoco.mj_applyFT(model, data, force, np.zeros(3), point, int(self.body[joint]), total)
        return total

    def per_bone(self, generalised: np.ndarray) -> np.ndarray:
        """Rows of the ball joints in the order of the skeleton, (N, nv) -> (N, J - 1, 3)."""
        return generalised[:, 6:].reshape(len(generalised), -1, 3)[:, self.body[1:] - 2]


def _turns(bones: np.ndarray, parents: tuple[int, ...]) -> np.ndarray:
    """Each bone's orientation relative to the bone above, (J, T, 4); the root keeps the world's."""
    world = [np.tile([1.0, 0, 0, 0], (len(bones), 1))]
    for j in range(1, len(parents)):
        turn = [between(np.array([0.0, 0, 1]), bones[0, j])]
        for before, now in zip(bones[:-1, j], bones[1:, j]):
            turn.append(multiply(between(before, now), turn[-1]))
        world.append(np.stack(turn))
    return np.stack(
        [
            world[0],
            *(multiply(conjugate(world[parents[j]]), world[j]) for j in range(1, len(parents))),
        ]
    )


def _xml(parents: tuple[int, ...], lengths: np.ndarray, masses: np.ndarray) -> str:
    """Bones along their own z axis, mass in the middle, slender inertia; ball joints in the order
    of the joints.
    """

    def inertial(j: int) -> str:
        length = max(lengths[j], 0.05) if j else 0.2
        across, along = masses[j] * (0.3 * length) ** 2, masses[j] * (0.1 * length) ** 2
        return (
            f'<inertial pos="0 0 {lengths[j] / 2}" mass="{masses[j]}" diaginertia="{across}'
            f' {across} {max(along, 1e-9)}"/>'
        )

    def bone(j: int) -> str:
        children = "".join(bone(k) for k in range(len(parents)) if parents[k] == j)
        joint = "<freejoint/>" if j == 0 else '<joint type="ball"/>'
        above = lengths[parents[j]] if j else 0.0
        return f'<body name="bone{j}" pos="0 0 {above}">{joint}{inertial(j)}{children}</body>'

    return (
        "<mujoco><option><flag"
        f' contact="disable"/></option><worldbody>{bone(0)}</worldbody></mujoco>'
    )


def _mujoco() -> Any:
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtra("mechanical plausibility (inverse dynamics)", "physics") from error
    return mujoco
