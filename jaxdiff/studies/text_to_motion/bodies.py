"""Feet, bones and originality of generated motions, beside the real ones of the same captions."""

from __future__ import annotations

import numpy as np

from jaxdiff.body import rigid
from jaxdiff.body.humanml3d import joints_from_features, slices
from jaxdiff.metrics import memorisation
from jaxdiff.report.tables import Table, cell
from jaxdiff.studies.text_to_motion.preparation import MOTION, Prepared, in_metres

COLUMNS = {
    "foot_slide": "foot slide [m/s]",
    "bone_stretch": "bone stretch",
    "moved": "moved by cleaning [mm]",
    "nearest": "nearest training clip [mm]",
}


def table(prepared: Prepared, real: np.ndarray, generated: np.ndarray, length: np.ndarray) -> Table:
    """Slide of feet in contact, stretch of bones, and distance to the nearest training clip.

    Args:
      prepared: the data set, with the training clips.
      real: features `(N, T, F)` of test clips in the units of the data.
      generated: those generated for their captions.
      length: valid frames `(N,)`.

    Returns:
      Rows `real`, `generated` and `generated, written`: the network's own motion and what is
      written of it.
    """
    note = (
        f"{len(length)} test captions, mean ± deviation over motions. Written: one skeleton, feet"
        " held while in contact. Nearest training clip: root mean square distance of joints in"
        " windows of 1.6 s; a model that repeats its training clips is far below the real test"
        " clips."
    )
    made = Table("Feet, bones, originality", tuple(COLUMNS.values()), note=note)
    train = prepared.sides["train"].trials
    spans = [slice(a, a + n) for a, n in zip(train.start, train.length)]
    known = [_local(train.modality(MOTION)[span], prepared) for span in spans]
    for name, features in {"real": real, "generated": generated}.items():
        motions = [each[:n] for each, n in zip(features, length)]
        rows = [_figures(each, prepared) for each in motions]
        near = memorisation.nearest([_local(each, prepared) for each in motions], known)
        cells = {COLUMNS[key]: cell([row[0][key] for row in rows]) for key in rows[0][0]}
        made.row(name, cells | {COLUMNS["nearest"]: cell(1000 * near)})
        if name == "generated":
            kept = ("foot_slide", "bone_stretch")
            made.row(
                "generated, written",
                {COLUMNS[key]: cell([row[1][key] for row in rows]) for key in kept},
            )
    return made


def _figures(features: np.ndarray, prepared: Prepared) -> tuple[dict, dict]:
    joints = in_metres(np.asarray(joints_from_features(features)), prepared.layout)
    contacts = features[..., slices(joints.shape[-2])["contacts"]]
    own = rigid.violation(joints, prepared.layout, prepared.rate, contacts)
    clean = rigid.cleaned(joints, prepared.layout, prepared.rate, contacts).joints
    return own, rigid.violation(clean, prepared.layout, prepared.rate, contacts)


def _local(features: np.ndarray, prepared: Prepared) -> np.ndarray:
    joints = len(prepared.layout.skeleton.names)
    return in_metres(np.asarray(features)[:, slices(joints)["positions"]], prepared.layout)
