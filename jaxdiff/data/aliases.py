"""The table of channel names: how OpenSim, Plug-in Gait, Visual3D, Xsens and others name and sign
the same signals.

Every row relates a name to a signal of the body. The *reference sense* of an angle is flexion (hip,
knee), dorsiflexion (ankle), adduction (hip, knee), inversion (ankle), internal rotation, anterior
pelvic tilt, and for the pelvis up and forward on the side in question. A joint moment in the
reference sense is the internal moment that acts in the direction of the angle (hip flexor, knee
flexor, dorsiflexor: the generalised force of the joint coordinate). Ground reactions are forward,
medial and up. `sign` multiplies a value to bring it into the reference sense; `left` is a further
factor for the left side, where a convention does not mirror its axes.

In names, `{r}` stands for r or l, `{R}` for R or L, `{right}` and `{RIGHT}` for the words, `{1_}`
for the prefix of OpenSim's second plate. The first name of a signal in a convention is the one that
is written.

Signs follow the documentation of each program. `knee` flexion of OpenSim and Visual3D is marked
`either`: gait2392 and its relatives and Visual3D's right-hand rule measure extension, Rajagopal's
and Lai's models flexion, under one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

SIDES = ("right", "left")


class Alias(NamedTuple):
    """One row: a name in one convention, and the signal it stands for."""

    convention: str
    name: str
    joint: str
    axis: str
    quantity: str
    unit: str
    sign: float = 1.0
    left: float = 1.0
    either: bool = False


def _opensim() -> Iterator[Alias]:
    def angle(name: str, joint: str, axis: str, sign: float = 1.0, left: float = 1.0, **more):
        yield Alias("opensim", name, joint, axis, "angle", "deg", sign, left, **more)
        for ending in ("moment", "torque"):
            row = Alias("opensim", f"{name}_{ending}", joint, axis, "moment", "N m", sign, left)
            yield row._replace(**more)

    yield from angle("hip_flexion_{r}", "hip", "flexion")
    yield from angle("hip_adduction_{r}", "hip", "adduction")
    yield from angle("hip_rotation_{r}", "hip", "rotation")
    yield from angle("knee_angle_{r}", "knee", "flexion", either=True)
    yield from angle("knee_adduction_{r}", "knee", "adduction")
    yield from angle("knee_rotation_{r}", "knee", "rotation")
    yield from angle("ankle_angle_{r}", "ankle", "flexion")
    yield from angle("subtalar_angle_{r}", "ankle", "adduction")
    yield from angle("mtp_angle_{r}", "toes", "flexion")
    yield from angle("pelvis_tilt", "pelvis", "tilt", -1.0)
    yield from angle("pelvis_list", "pelvis", "list", -1.0)
    yield from angle("pelvis_rotation", "pelvis", "rotation")
    yield from angle("lumbar_extension", "trunk", "flexion", -1.0)
    yield from angle("lumbar_bending", "trunk", "bending")
    yield from angle("lumbar_rotation", "trunk", "rotation")
    yield from angle("arm_flex_{r}", "shoulder", "flexion")
    yield from angle("arm_add_{r}", "shoulder", "adduction")
    yield from angle("arm_rot_{r}", "shoulder", "rotation")
    yield from angle("elbow_flex_{r}", "elbow", "flexion")
    for axis, place in zip(("forward", "vertical", "lateral"), "xyz"):
        yield Alias("opensim", f"pelvis_t{place}", "pelvis", axis, "position", "m")
        yield Alias("opensim", f"pelvis_t{place}_force", "pelvis", axis, "force", "N")
    plates = (
        "{1_}ground_force_",
        "ground_force_{r}_",
        "ground_force_{right}_",
        "{R}_ground_force_",
    )
    for plate in (*plates, "ground_force_calcn_{r}_", "{r}_ground_force_"):
        yield Alias("opensim", plate + "vx", "ground", "forward", "force", "N")
        yield Alias("opensim", plate + "vy", "ground", "vertical", "force", "N")
        yield Alias("opensim", plate + "vz", "ground", "medial", "force", "N", -1.0, -1.0)
        for axis, place in zip(("forward", "vertical", "lateral"), "xyz"):
            yield Alias("opensim", f"{plate}p{place}", "centre_of_pressure", axis, "position", "m")


def _plug_in_gait() -> Iterator[Alias]:
    """Vicon's model outputs. Moments are external in the sense of the angles: internal extensors
    are positive.
    """
    axes = (("x", "flexion"), ("y", "adduction"), ("z", "rotation"))
    for joint in ("Hip", "Knee", "Ankle"):
        for place, axis in axes:
            for name in (f"{{R}}{joint}Angles", f"{{R}}{joint}Angle"):
                yield _pig(f"{name}_{place}", joint.lower(), axis, "angle", "deg", 1.0)
            for name in (f"{{R}}{joint}Moment", f"{{R}}{joint}Moments"):
                yield _pig(f"{name}_{place}", joint.lower(), axis, "moment", "N mm/kg", -1.0)
        yield _pig(f"{{R}}{joint}Power_z", joint.lower(), "total", "power", "W/kg", 1.0)
    for place, axis in (("x", "tilt"), ("y", "list"), ("z", "rotation")):
        yield _pig(f"{{R}}PelvisAngles_{place}", "pelvis", axis, "angle", "deg", 1.0)
    yield _pig("{R}FootProgressAngles_z", "foot", "yaw", "angle", "deg", 1.0)
    for place, axis in (("x", "flexion"), ("y", "adduction"), ("z", "rotation")):
        yield _pig(f"{{R}}ShoulderAngles_{place}", "shoulder", axis, "angle", "deg", 1.0)
    yield _pig("{R}ElbowAngles_x", "elbow", "flexion", "angle", "deg", 1.0)
    yield _pig("{R}NormalisedGRF_z", "ground", "vertical", "force", "%BW", 1.0)
    yield _pig("{R}GroundReactionForce_z", "ground", "vertical", "force", "N/kg", 1.0)


def _pig(name: str, joint: str, axis: str, quantity: str, unit: str, sign: float) -> Alias:
    return Alias("plug-in gait", name, joint, axis, quantity, unit, sign)


def _visual3d() -> Iterator[Alias]:
    """Visual3D and, in its files, Theia. Right-hand rule on both sides: frontal and transverse axes
    are not mirrored.
    """
    for joint in ("HIP", "KNEE", "ANKLE"):
        for place, axis in zip("XYZ", ("flexion", "adduction", "rotation")):
            left = 1.0 if place == "X" else -1.0
            either = joint == "KNEE" and place == "X"
            for middle, quantity, unit in (
                *((f"{joint}_{word}", "angle", "deg") for word in ("ANGLE", "ANGLES")),
                *((f"{joint}_{word}_THEIA", "angle", "deg") for word in ("ANGLE", "ANGLES")),
                *((f"{joint}_{word}", "moment", "N m/kg") for word in ("MOMENT", "MOMENTS")),
            ):
                for side in ("{RIGHT}", "{R}"):
                    name = f"{side}_{middle}_{place}"
                    row = (name, joint.lower(), axis, quantity, unit, 1.0, left, either)
                    yield Alias("visual3d", *row)


def _xsens() -> Iterator[Alias]:
    """Joint angles of Xsens MVN, the first-named direction positive, and of suits that name them
    likewise.
    """
    directions = (
        ("Hip", "Flexion/Extension", "flexion", 1.0),
        ("Hip", "Abduction/Adduction", "adduction", -1.0),
        ("Hip", "Internal/External Rotation", "rotation", 1.0),
        ("Knee", "Flexion/Extension", "flexion", 1.0),
        ("Knee", "Abduction/Adduction", "adduction", -1.0),
        ("Knee", "Internal/External Rotation", "rotation", 1.0),
        ("Ankle", "Dorsiflexion/Plantarflexion", "flexion", 1.0),
        ("Ankle", "Internal/External Rotation", "rotation", 1.0),
        ("Shoulder", "Flexion/Extension", "flexion", 1.0),
        ("Elbow", "Flexion/Extension", "flexion", 1.0),
    )
    for joint, motion, axis, sign in directions:
        yield Alias(
            "xsens", f"{{right}} {joint} {motion}", joint.lower(), axis, "angle", "deg", sign
        )


_MOTIONS = (  # joint, word, axis, sign
    ("hip", ("flexion", "flex"), "flexion", 1.0),
    ("hip", ("extension", "ext"), "flexion", -1.0),
    ("hip", ("adduction", "add"), "adduction", 1.0),
    ("hip", ("abduction", "abd"), "adduction", -1.0),
    ("hip", ("rotation", "internal_rotation", "rot"), "rotation", 1.0),
    ("hip", ("external_rotation",), "rotation", -1.0),
    ("knee", ("flexion", "flex"), "flexion", 1.0),
    ("knee", ("extension", "ext"), "flexion", -1.0),
    ("knee", ("adduction", "varus"), "adduction", 1.0),
    ("knee", ("abduction", "valgus"), "adduction", -1.0),
    ("knee", ("rotation", "internal_rotation"), "rotation", 1.0),
    ("knee", ("external_rotation",), "rotation", -1.0),
    ("ankle", ("dorsiflexion", "flexion", "flex"), "flexion", 1.0),
    ("ankle", ("plantarflexion", "extension"), "flexion", -1.0),
    ("ankle", ("inversion",), "adduction", 1.0),
    ("ankle", ("eversion",), "adduction", -1.0),
    ("ankle", ("rotation", "internal_rotation", "adduction"), "rotation", 1.0),
    ("ankle", ("external_rotation", "abduction"), "rotation", -1.0),
    ("foot", ("pitch",), "pitch", 1.0),
    ("foot", ("roll",), "roll", 1.0),
    ("foot", ("yaw", "progression"), "yaw", 1.0),
    ("pelvis", ("anterior_tilt",), "tilt", 1.0),
    ("pelvis", ("obliquity",), "list", 1.0),
)
_POSITIONS = ("{}", "{}_{r}", "{}_{right}", "{right}_{}", "{r}_{}")
_FORCES = {
    "forward": ("grf_forward", "anteroposterior", "grf_ap", "grf_anteroposterior"),
    "medial": ("grf_medial", "mediolateral", "grf_ml", "grf_mediolateral"),
    "vertical": ("grf_normal", "vertical", "grf_vertical", "grf_z", "grf_v", "vgrf"),
}


def _plain() -> Iterator[Alias]:
    """The library's own names, and names that say what they mean in words."""

    def at(name: str) -> Iterator[str]:
        yield from (form.replace("{}", name) for form in _POSITIONS)

    for joint, words, axis, sign in _MOTIONS:
        for word in words:
            for name in at(f"{joint}_{word}"):
                yield Alias("jaxdiff", name, joint, axis, "", "", sign)
            for name in (*at(f"{joint}_{word}_angle"), f"{joint}_{{r}}_{word}"):
                yield Alias("jaxdiff", name, joint, axis, "angle", "deg", sign)
            for ending in ("moment", "torque"):
                for name in at(f"{joint}_{word}_{ending}"):
                    yield Alias("jaxdiff", name, joint, axis, "moment", "N m/kg", sign)
    for joint in ("hip", "knee", "ankle"):
        for name in at(joint):
            yield Alias("jaxdiff", name, joint, "flexion", "", "")
        for name in at(f"{joint}_angle"):
            yield Alias("jaxdiff", name, joint, "flexion", "angle", "deg")
        for name in (*at(f"{joint}_moment"), *at(f"{joint}_torque")):
            yield Alias("jaxdiff", name, joint, "flexion", "moment", "N m/kg")
        for place, axis in zip("xyz", ("flexion", "adduction", "rotation")):
            yield Alias("jaxdiff", f"{joint}_{place}", joint, axis, "angle", "deg")
    for axis, names in _FORCES.items():
        for word in names:
            for name in at(word):
                yield Alias("jaxdiff", name, "ground", axis, "force", "N/kg")
    for name, axis in (
        ("pelvis_yaw", "rotation"),
        ("pelvis_list", "list"),
        ("pelvis_tilt", "tilt"),
    ):
        yield Alias("jaxdiff", name, "pelvis", axis, "angle", "deg")


_MUSCLES = {
    "gluteus_maximus": ("gmax", "glutmax"),
    "gluteus_medius": ("gmed", "glutmed"),
    "rectus_femoris": ("rf", "recfem"),
    "vastus": ("vl", "vm", "vastus_lateralis", "vastus_medialis", "vaslat", "vasmed"),
    "hamstrings": ("bf", "st", "sm", "biceps_femoris", "semitendinosus", "bicfem", "hamstring"),
    "gastrocnemius": ("gm", "gl", "mg", "lg", "gastrocnemius_medialis", "medgas", "latgas"),
    "soleus": ("sol",),
    "tibialis_anterior": ("ta", "tibant"),
}


def _emg() -> Iterator[Alias]:
    for muscle, names in _MUSCLES.items():
        for name in (muscle, *(f"emg_{n}" for n in (muscle, *names)), *names):
            for form in _POSITIONS:
                yield Alias("jaxdiff", form.replace("{}", name), muscle, "", "emg", "1")


ALIASES: tuple[Alias, ...] = (
    *_opensim(),
    *_plug_in_gait(),
    *_visual3d(),
    *_xsens(),
    *_plain(),
    *_emg(),
)
"""Every row, in order of precedence."""


def spellings(name: str) -> Iterator[tuple[str, str]]:
    """The names that a pattern stands for, with the side of each (empty where the pattern has
    none).
    """
    if "{" not in name:
        yield name, ""
        return
    for i, side in enumerate(SIDES):
        forms = {
            "{r}": side[0],
            "{R}": side[0].upper(),
            "{right}": side,
            "{RIGHT}": side.upper(),
            "{1_}": ("", "1_")[i],
        }
        text = name
        for pattern, word in forms.items():
            text = text.replace(pattern, word)
        yield text, side
