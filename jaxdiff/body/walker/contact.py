"""The ground under both feet, and the joint torques that carry it: the inverse dynamics of
`dynamics` for a batch.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from jaxdiff.body.walker.instruments import smoothed
from jaxdiff.body.walker.kinematics import FEET, Motion, crossed
from jaxdiff.body.walker.prescription import PIVOT_HEIGHT
from jaxdiff.body.walker.stance import smoothstep
from jaxdiff.typing import Array


def footprint(motion: Motion, stance: Array, points: tuple) -> Array:
    """The point of the belt under each ankle of a flat foot [2, 2, M, T], from the heel early and
    the ball later.
    """
    found = []
    for leg, foot in enumerate(FEET):
        axes, joint = motion.frame[foot], motion.joint[foot]
        ahead = axes[0, :2] / jnp.sqrt(jnp.square(axes[0, :2]).sum(0))
        late = smoothstep((stance[:, leg] - 0.10) / 0.12)
        heel, ball = (
            joint[:2] + at[0] * axes[0, :2] + at[2] * axes[2, :2] - at[0] * ahead for at in points
        )
        found.append(heel + late * (ball - heel))
    return jnp.stack(found)


class Contact(NamedTuple):
    """Load share [2, M, T], centre of pressure and force [2, 3, M, T], free moment [2, M, T] of
    both feet.
    """

    share: Array
    pressure: Array
    force: Array
    free_moment: Array


def distribute(
    motion: Motion,
    share: Array,
    path: Array,
    stance: Array,
    slope: Array,
    points: tuple,
    mass: Array,
    soft: Array,
) -> Contact:
    """Share the wrench of the ground between the feet; see `dynamics.distribute`.

    `soft` [M] is the standard deviation in samples by which the correction of the centres of
    pressure is smoothed. The moments that it then lacks remain at the root.
    """
    share, path = jnp.moveaxis(share, 1, 0), jnp.moveaxis(path, 1, 0)
    aim = footprint(motion, stance, points)
    aim = aim.at[:, 0].add(path)
    both = 4.0 * share[0] * share[1]
    apart = jnp.where(both > 0.0, aim[0, 0] - aim[1, 0], 1.0)
    lacking = motion.zmp[0] - (share * aim[:, 0]).sum(0)
    right = jnp.clip(share[0] + both * jnp.clip(lacking / apart, -0.15, 0.15), 0.0, 1.0)
    share = jnp.stack([right, 1.0 - right])
    pressure = aim + smoothed(motion.zmp - (share[:, None] * aim).sum(0), soft)
    normal = share * motion.total[2]
    centre = (mass[:, None] * motion.centre).sum(0)
    height = PIVOT_HEIGHT
    pivot = jnp.stack([centre[0] + (height - centre[2]) * jnp.tan(slope), centre[1]])
    shear = normal[:, None] * (pivot - pressure) / height
    shear = shear + share[:, None] * (motion.total[:2] - shear.sum(0))
    twist = motion.moment[2] - (pressure[:, 0] * shear[:, 1] - pressure[:, 1] * shear[:, 0]).sum(0)
    force = jnp.concatenate([shear, normal[:, None]], axis=1)
    pressure = jnp.concatenate([pressure, jnp.zeros_like(pressure[:, :1])], axis=1)
    return Contact(share, pressure, force, share * twist)


def leg_torques(motion: Motion, contact: Contact) -> Array:
    """Torque [2, 9, M, T] about every hinge of both legs, distal side, in units of m g L."""
    torques = []
    for leg, foot in enumerate(FEET):
        force, moment = 0.0, 0.0  # carried by the joint, moment about the treadmill's origin
        for segment in (foot, foot - 1, foot - 2):
            force = force + motion.force[segment]
            moment = moment + motion.couple[segment]
            moment = moment + crossed(motion.centre[segment], motion.force[segment], 0)
            if segment == foot:
                force = force - contact.force[leg]
                moment = moment - crossed(contact.pressure[leg], contact.force[leg], 0)
                moment = moment.at[2].add(-contact.free_moment[leg])
            here = moment - crossed(motion.joint[segment], force, 0)
            first = 9 * leg + 3 * (segment - foot + 2)
            torques.append((motion.hinge[first : first + 3] * here).sum(1))
    order = [2, 1, 0]
    return jnp.stack([jnp.concatenate([torques[3 * leg + k] for k in order]) for leg in range(2)])
