"""Any human skeleton mapped onto the 22 joints of the library.

Joints are found by their names (CMU in the cgspeed/Daz and iClone conversions, Mixamo, 100STYLE, LAFAN1, SOMA, Bandai
Namco, Unreal); limbs with other names are found by structure: two mirror-image chains below a common joint, the longer
pair being the legs. Bone lengths of the result are constant, and the lowest foot stands on the ground::

    walk = to_body(jaxdiff.read("walk.bvh"))          # 22 joints, m, y up
    walk = formats.read_body("walk.bvh")              # the same, with toes from the end sites of the file
    walk.meta["joint mapping"]                        # left_knee=LeftLeg (name), ...
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data.recording import Recording
from jaxdiff.data.units import factor
from jaxdiff.errors import DataError

LEGS = (  # hip, knee, ankle, foot: the words for them, by family of skeletons
    ("upleg", "leg", "foot", ("toebase", "toe", "toes")),
    ("upperleg", "lowerleg", "foot", ("toes", "toe", "toebase")),
    ("thigh", "shin", "foot", ("toe", "toes", "footend")),
    ("thigh", "calf", "foot", ("ball", "toe")),
    ("hip", "knee", "ankle", ("toe", "foot", "toes")),
    ("leg", "shin", "foot", ("toebase", "toe")),
    ("femur", "tibia", "foot", ("toes", "toe")),
)
ARMS = (  # collar, shoulder, elbow, wrist
    ("shoulder", "arm", "forearm", "hand"),
    ("shoulder", "upperarm", "lowerarm", "hand"),
    ("collar", "shldr", "forearm", "hand"),
    ("collar", "shoulder", "elbow", "wrist"),
    ("clavicle", "upperarm", "lowerarm", "hand"),
    ("clavicle", "upperarm", "forearm", "hand"),
    ("clavicle", "humerus", "radius", "wrist"),
)
_NECKS, _HEADS = ("neck", "neck1", "lowerneck", "neck01"), ("head",)
_SPINE = (0.21, 0.48, 0.60)
"""Where spine1, spine2 and spine3 are on the way from the pelvis to the neck."""
_SCALES = (1.0, 0.01, 0.001, 0.1, 0.0254)
_LEG = (0.5, 1.2)
"""Plausible length of thigh and shank together, in metres."""


class Joints(NamedTuple):
    """A tree of joints and where they are: positions [T, J, 3], y up."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    positions: np.ndarray


class Found(NamedTuple):
    """The joints of the file for those of the body, and how they were found."""

    joints: dict[str, int]
    how: dict[str, str]


def to_body(recording: Recording) -> Recording:
    """The 22 joints of a recording of any human skeleton.

    Args:
        recording: Joint positions `NAME_x`, `_y`, `_z` with the number of each joint's parent in `meta["parents"]`.

    Returns:
        The joints of `jaxdiff.body.skeleton.HUMANML3D` in metres; the mapping is in the metadata. A recording that
        has them already is returned unchanged.

    Raises:
        DataError: If the recording is no skeleton, or legs and arms cannot be found.
    """
    wanted = tuple(f"{name}_{axis}" for name in HUMANML3D.names for axis in "xyz")
    if recording.channels == wanted:
        return recording
    names = tuple(channel[:-2] for channel in recording.channels[::3])
    parents = recording.meta.get("parents", "").split()
    if recording.channels != tuple(f"{n}_{a}" for n in names for a in "xyz") or len(parents) != len(
        names
    ):
        raise DataError("a skeleton is needed: channels NAME_x, _y, _z, and meta['parents']")
    tree = tuple(map(int, parents))
    places = recording.values.reshape(len(recording), -1, 3) * factor(recording.units[0], "m")
    return body_recording(Joints(names, tree, places), recording)


def body_recording(joints: Joints, like: Recording) -> Recording:
    """The 22 joints of a tree, with rate, start, metadata and events of another recording.

    Raises:
        DataError: If legs and arms cannot be found.
    """
    if not np.isfinite(joints.positions).all():
        raise DataError("the joint positions hold gaps; fill them first")
    joints, notes = _upright(joints)
    found = find(joints)
    scale, note = _scale(joints, found)
    notes += note
    places = _places(joints._replace(positions=joints.positions * scale), found)
    rigid, change = constant_lengths(places)
    feet = [HUMANML3D.index(f"{side}_foot") for side in ("left", "right")]
    rigid[..., 1] -= np.percentile(rigid[:, feet, 1].min(axis=1), 5)
    mapping = [
        f"{name}={found.how.get(name, 'interpolated along the spine')}" for name in HUMANML3D.names
    ]
    notes.append(f"bone lengths made constant, which moved joints by up to {1000 * change:.1f} mm")
    meta = {
        **{k: v for k, v in like.meta.items() if k != "parents"},
        "parents": " ".join(map(str, HUMANML3D.parents)),
        "joint mapping": ", ".join(mapping),
        "retargeting": "; ".join(notes),
    }
    channels = tuple(f"{name}_{axis}" for name in HUMANML3D.names for axis in "xyz")
    return replace(
        like,
        values=rigid.reshape(len(rigid), -1),
        channels=channels,
        units=("m",) * len(channels),
        meta=meta,
    )


def find(joints: Joints) -> Found:
    """The pelvis, limbs, neck and head in a tree, by name where names are known and by structure elsewhere.

    Raises:
        DataError: If the legs or the arms are not found.
    """
    by_name = _named(joints.names)
    found, how = {}, {}
    pairs = None
    for limb, families, ends in (
        ("leg", LEGS, ("hip", "knee", "ankle", "foot")),
        ("arm", ARMS, ("collar", "shoulder", "elbow", "wrist")),
    ):
        chosen = _family(by_name, families, limb)
        kind = "name"
        if chosen is None:
            pairs = _mirrored(joints) if pairs is None else pairs
            chosen = _structural(joints, pairs, limb)
            kind = "structure"
        if chosen is None:
            raise DataError(
                f"the {limb}s are not found in this skeleton, neither by name nor by structure; its joints are "
                f"{', '.join(joints.names[:30])}"
            )
        for side, chain in chosen.items():
            for end, index in zip(ends, chain):
                if index is not None:
                    found[f"{side}_{end}"] = index
                    how[f"{side}_{end}"] = f"{joints.names[index]} ({kind})"
    found["pelvis"] = _common(joints.parents, found["left_hip"], found["right_hip"])
    top = _common(joints.parents, found["left_shoulder"], found["right_shoulder"])
    _neck_and_head(joints, by_name, top, found, how)
    how["pelvis"] = f"{joints.names[found['pelvis']]} (structure)"
    return Found(found, how)


def _named(names: Sequence[str]) -> dict[tuple[str, str], int]:
    """Joints by side and plain word: `mixamorig:LeftUpLeg`, `lThigh`, `UpperLeg_L`, `l_thigh`."""
    found: dict[tuple[str, str], int] = {}
    for index, name in enumerate(names):
        text = name.split(":")[-1].split("|")[-1]
        side = ""
        for word in ("left", "right"):
            if text.lower().startswith(word):
                side, text = word, text[len(word) :]
            elif text.lower().endswith(word):
                side, text = word, text[: -len(word)]
        if not side and (
            match := re.fullmatch(r"(.+)[_. -]([lrLR])|([lrLR])[_. -](.+)|([lrLR])([A-Z].+)", text)
        ):
            letter = (match[2] or match[3] or match[5]).lower()
            side, text = {"l": "left", "r": "right"}[letter], match[1] or match[4] or match[6]
        plain = re.sub(r"[^a-z0-9]", "", text.lower())
        found.setdefault((side, plain), index)
    return found


def _family(by_name: dict, families: Sequence, limb: str) -> dict[str, list[int | None]] | None:
    """The chains of both sides in the first family of names that has them whole."""
    for family in families:
        chains = {}
        for side in ("left", "right"):
            words = [(w,) if isinstance(w, str) else w for w in family]
            chain = [
                next((by_name[side, w] for w in ws if (side, w) in by_name), None) for ws in words
            ]
            needed = chain[:3] if limb == "leg" else chain[1:]
            if None in needed or len(set(needed)) < 3:
                break
            chains[side] = chain
        if len(chains) == 2:
            return chains
    return None


def _children(parents: Sequence[int]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in parents]
    for child, parent in enumerate(parents):
        if parent >= 0:
            found[parent].append(child)
    return found


def _lengths(joints: Joints) -> np.ndarray:
    parents = np.array([max(p, 0) for p in joints.parents])
    return np.median(
        np.linalg.norm(joints.positions - joints.positions[:, parents], axis=-1), axis=0
    )


def _chain(start: int, children: list[list[int]], lengths: np.ndarray) -> list[int]:
    """From a joint to its end, at every fork the longer way."""
    reach: dict[int, float] = {}
    order, pending = [], [start]
    while pending:
        order.append(j := pending.pop())
        pending += children[j]
    for j in reversed(order):
        reach[j] = float(lengths[j]) + max((reach[c] for c in children[j]), default=0.0)
    chain = [start]
    while children[chain[-1]]:
        chain.append(max(children[chain[-1]], key=lambda c: reach[c]))
    return chain


def _mirrored(joints: Joints) -> list[tuple[int, list[int], list[int]]]:
    """Pairs of chains of equal bone lengths that start at one joint: the parent and both chains, longest first."""
    children, lengths = _children(joints.parents), _lengths(joints)
    found = []
    for parent, own in enumerate(children):
        chains = [_chain(child, children, lengths) for child in own]
        for i, a in enumerate(chains):
            for b in chains[i + 1 :]:
                sizes = [lengths[np.array(c)] for c in (a, b)]
                if len(a) == len(b) >= 3 and np.allclose(
                    *sizes, rtol=0.03, atol=0.01 * sizes[0].sum()
                ):
                    found.append((float(sizes[0][1:].sum()), parent, a, b))
    return [each[1:] for each in sorted(found, key=lambda f: -f[0])]


def _structural(joints: Joints, pairs: list, limb: str) -> dict[str, list[int | None]] | None:
    """Legs are the longest mirrored pair below the arms' parent; arms the longest pair that starts elsewhere."""
    if not pairs:
        return None
    height = {p: joints.positions[:, p, 1].mean() for p, _, _ in pairs}
    ends = {id(a): joints.positions[:, [a[-1], b[-1]], 1].mean() for _, a, b in pairs}
    legs = min(pairs[:4], key=lambda pair: ends[id(pair[1])])
    if limb == "leg":
        return _sided(joints, legs, limb, legs)
    arms = [p for p in pairs if p[0] != legs[0] and height[p[0]] > height[legs[0]]]
    return _sided(joints, arms[0], limb, legs) if arms else None


def _sided(joints: Joints, pair, limb: str, legs) -> dict[str, list[int | None]] | None:
    lengths = _lengths(joints)
    chains = []
    for chain in pair[1:]:
        bones = [lengths[chain[i + 1]] + lengths[chain[i + 2]] for i in range(len(chain) - 2)]
        i = int(np.argmax(bones))
        after = chain[i + 3] if i + 3 < len(chain) else None
        before = chain[i - 1] if i else pair[0]
        chains.append([*chain[i : i + 3], after] if limb == "leg" else [before, *chain[i : i + 3]])
    forward = np.mean([_ahead(joints, chain, lengths) for chain in legs[1:]], axis=0) * [1, 0, 1]
    left = np.cross([0.0, 1, 0], forward)
    middle = [joints.positions[:, chain[1]] for chain in chains]
    first = ((middle[0] - middle[1]) * left).sum(-1).mean() > 0
    return dict(zip(("left", "right"), chains if first else chains[::-1]))


def _ahead(joints: Joints, leg: list[int], lengths: np.ndarray) -> np.ndarray:
    """Where a leg faces [T, 3]: to where the knee bends, and from the ankle to the toes if there are any."""
    bones = [lengths[leg[i + 1]] + lengths[leg[i + 2]] for i in range(len(leg) - 2)]
    i = int(np.argmax(bones))
    hip, knee, ankle = (joints.positions[:, leg[i + k]] for k in range(3))
    bend = 2 * (knee - (hip + ankle) / 2)
    return bend + joints.positions[:, leg[i + 3]] - ankle if i + 3 < len(leg) else bend


def _common(parents: Sequence[int], a: int, b: int) -> int:
    """The nearest common ancestor of two joints."""
    above = {a}
    while (a := parents[a]) >= 0:
        above.add(a)
    while b not in above:
        b = parents[b]
        if b < 0:
            raise DataError("the skeleton has two roots")
    return b


def _neck_and_head(joints: Joints, by_name: dict, top: int, found: dict, how: dict) -> None:
    children, lengths = _children(joints.parents), _lengths(joints)
    limbs = {found[name] for name in found}
    neck = next((by_name["", word] for word in _NECKS if ("", word) in by_name), None)
    head = next((by_name["", word] for word in _HEADS if ("", word) in by_name), None)
    kind = "name"
    if neck is None or head is None:
        free = [c for c in children[top] if not limbs & set(_chain(c, children, lengths))]
        chain = _chain(free[0], children, lengths) if free else [top]
        neck = chain[0] if neck is None else neck
        head = chain[min(1, len(chain) - 1)] if head is None else head
        kind = "structure"
    found["neck"], found["head"] = neck, head
    how["neck"], how["head"] = (f"{joints.names[j]} ({kind})" for j in (neck, head))


def _places(joints: Joints, found: Found) -> np.ndarray:
    """Positions of the 22 joints [T, 22, 3]; the spine at fixed shares of the way from pelvis to neck."""
    where = joints.positions
    path = [found.joints["neck"]]
    while path[-1] != found.joints["pelvis"] and joints.parents[path[-1]] >= 0:
        path.append(joints.parents[path[-1]])
    path = path[::-1]
    steps = np.median(np.linalg.norm(np.diff(where[:, path], axis=1), axis=-1), axis=0)
    share = np.concatenate([[0], np.cumsum(steps)]) / max(steps.sum(), 1e-9)
    out = np.zeros((len(where), len(HUMANML3D.names), 3))
    for j, name in enumerate(HUMANML3D.names):
        if name.startswith("spine"):
            part = _SPINE[int(name[-1]) - 1]
            i = (
                min(int(np.searchsorted(share, part, "right")) - 1, len(path) - 2)
                if len(path) > 1
                else 0
            )
            after = path[min(i + 1, len(path) - 1)]
            width = max(share[min(i + 1, len(path) - 1)] - share[i], 1e-9)
            weight = float(np.clip((part - share[i]) / width, 0, 1))
            out[:, j] = where[:, path[i]] * (1 - weight) + where[:, after] * weight
        elif name in found.joints:
            out[:, j] = where[:, found.joints[name]]
    return _completed(out, found)


def _completed(out: np.ndarray, found: Found) -> np.ndarray:
    """Feet and collars that the file does not have: toes ahead of the ankle, collars between spine and shoulder."""
    index = HUMANML3D.index
    across = out[:, index("left_hip")] - out[:, index("right_hip")]
    forward = np.cross(across, [0.0, 1, 0])
    forward /= np.maximum(np.linalg.norm(forward, axis=-1, keepdims=True), 1e-9)
    for side in ("left", "right"):
        ankle, foot = index(f"{side}_ankle"), index(f"{side}_foot")
        if f"{side}_foot" not in found.joints:
            out[:, foot] = out[:, ankle] + 0.125 * forward + [0.0, -0.065, 0.0]
            found.how[f"{side}_foot"] = "12.5 cm ahead of the ankle (assumed)"
        if f"{side}_collar" not in found.joints:
            collar, above = index(f"{side}_collar"), index("spine3")
            out[:, collar] = 0.6 * out[:, above] + 0.4 * out[:, index(f"{side}_shoulder")]
            found.how[f"{side}_collar"] = "between spine and shoulder (assumed)"
    return out


def constant_lengths(
    places: np.ndarray, parents: Sequence[int] = HUMANML3D.parents
) -> tuple[np.ndarray, float]:
    """Joint positions [T, J, 3] with every bone at its median length, and the largest change in metres.

    Bones keep their directions; joints below a changed bone move with it.
    """
    out = np.array(places, np.float64)
    for j, parent in enumerate(parents):
        if parent < 0:
            continue
        bone = places[:, j] - places[:, parent]
        length = np.linalg.norm(bone, axis=-1, keepdims=True)
        out[:, j] = out[:, parent] + bone / np.maximum(length, 1e-9) * np.median(length)
    return out, float(np.linalg.norm(out - places, axis=-1).max(initial=0.0))


def _upright(joints: Joints) -> tuple[Joints, list[str]]:
    """The joints with y up; a skeleton that stands along z is turned."""
    spread = np.median(
        np.ptp(joints.positions[:, 1:], axis=1), axis=0
    )  # the root may stay at the origin
    if spread[2] > 1.5 * spread[1] and spread[2] > 1.2 * spread[0]:
        turned = joints.positions[..., [0, 2, 1]] * [1.0, 1.0, -1.0]
        return joints._replace(positions=turned), ["z was up in the file"]
    return joints, []


def _scale(joints: Joints, found: Found) -> tuple[float, list[str]]:
    """A factor to metres, where the positions are obviously in another unit."""
    where = joints.positions
    hip, knee, ankle = (where[:, found.joints[f"left_{n}"]] for n in ("hip", "knee", "ankle"))
    leg = float(
        np.median(np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1))
    )
    if _LEG[0] <= leg <= _LEG[1]:
        return 1.0, []
    fitting = [s / 0.01 for s in _SCALES if _LEG[0] <= leg * s / 0.01 <= _LEG[1]]
    if len(fitting) == 1:
        return fitting[0], [
            f"positions scaled by {fitting[0]:g}, so that the leg is {leg * fitting[0]:.2f} m long"
        ]
    if not leg > 0:
        raise DataError("the legs of the skeleton have no length")
    return 0.81 / leg, [
        f"positions scaled by {0.81 / leg:.4g}, so that the leg is 0.81 m long; the unit is unknown"
    ]
