"""Feet, bones and originality of generated motions, beside the real ones of the same captions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from jaxdiff.body import rigid
from jaxdiff.body.humanml3d import slices
from jaxdiff.metrics import memorisation
from jaxdiff.report.tables import Table, cell
from jaxdiff.studies.text_to_motion.preparation import MOTION, Prepared, in_metres, joints_of

COLUMNS = {
    "foot_slide": "foot slide [m/s]",
    "bone_stretch": "bone stretch",
    "moved": "moved by cleaning [mm]",
    "nearest": "nearest training clip [mm]",
}


def table(
    prepared: Prepared, real: np.ndarray, made: Mapping[str, np.ndarray], length: np.ndarray
) -> Table:
    """Slide of feet in contact, stretch of bones, and distance to the nearest training clip.

    Args:
      prepared: the data set, with the training clips.
      real: features `(N, T, F)` of test clips in the units of the data.
      made: by row, those generated for their captions.
      length: valid frames `(N,)`.

    Returns:
      Rows `real`, and for each of `made` the network's own motion and what is written of it
      (`…, written`).
    """
    note = (
        f"{len(length)} test captions, mean ± deviation over motions. Written: one skeleton, feet"
        " held while in contact. Nearest training clip: root mean square distance of joints in"
        " windows of 1.6 s; a model that repeats its training clips is far below the real test"
        " clips."
    )
    found = Table("Feet, bones, originality", tuple(COLUMNS.values()), note=note)
    train = prepared.sides["train"].trials
    known = [
        _local(train.modality(MOTION)[a : a + n], prepared)
        for a, n in zip(train.start, train.length)
    ]
    for name, features in {"real": real, **made}.items():
        motions = [each[:n] for each, n in zip(features, length)]
        rows = [figures(prepared, each) for each in cleaned(prepared, features, length)]
        near = memorisation.nearest([_local(each, prepared) for each in motions], known)
        cells = {COLUMNS[key]: cell([row[key] for row, _ in rows]) for key in rows[0][0]}
        found.row(name, cells | {COLUMNS["nearest"]: cell(1000 * near)})
        if name != "real":
            cells = {COLUMNS[key]: cell([row[key] for _, row in rows]) for key in rows[0][1]}
            found.row(f"{name}, written", cells)
    return found


class Cleaned(NamedTuple):
    """A motion and what is written of it."""

    joints: np.ndarray
    """`(T, J, 3)` in metres."""
    contacts: np.ndarray
    """`(T, 4)`."""
    written: rigid.Rigid


def cleaned(prepared: Prepared, features: np.ndarray, length: np.ndarray) -> Iterator[Cleaned]:
    """What is written of motion features `(N, T, F)`, motion by motion."""
    layout = prepared.layout
    for motion, joints in zip(features, joints_of(features, length, layout)):
        contacts = motion[: len(joints), slices(joints.shape[-2])["contacts"]]
        yield Cleaned(joints, contacts, rigid.cleaned(joints, layout, prepared.rate, contacts))


def figures(prepared: Prepared, motion: Cleaned) -> tuple[dict[str, float], dict[str, float]]:
    """What `rigid.violation` says of a motion, and of what is written of it."""
    joints, contacts, written = motion
    layout, rate = prepared.layout, prepared.rate
    own = rigid.violation(joints, layout, rate, contacts, written)
    return own, rigid.violation(written.joints, layout, rate, contacts)


def _local(features: np.ndarray, prepared: Prepared) -> np.ndarray:
    joints = len(prepared.layout.skeleton.names)
    return in_metres(np.asarray(features)[:, slices(joints)["positions"]], prepared.layout)
