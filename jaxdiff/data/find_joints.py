"""The joints of the body in any tree of joints.

They are found by their names (CMU in the cgspeed/Daz and iClone conversions, Mixamo, 100STYLE,
LAFAN1, SOMA, Bandai Namco, Unreal); limbs with other names are found by structure: two mirror-image
chains below a common joint, the longer pair being the legs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

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


class Joints(NamedTuple):
    """A tree of joints and where they are: positions [T, J, 3], y up."""

    names: tuple[str, ...]
    parents: tuple[int, ...]
    positions: np.ndarray


class Found(NamedTuple):
    """The joints of the file for those of the body, and how they were found."""

    joints: dict[str, int]
    how: dict[str, str]


def find(joints: Joints) -> Found:
    """The pelvis, limbs, neck and head in a tree, by name where names are known and by structure
    elsewhere.

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
                f"the {limb}s are not found in this skeleton, neither by name nor by structure; its"
                f" joints are {', '.join(joints.names[:30])}"
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
    """Pairs of chains of equal bone lengths that start at one joint: the parent and both chains,
    longest first.
    """
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
    """Legs are the longest mirrored pair below the arms' parent; arms the longest pair that starts
    elsewhere.
    """
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
    """Where a leg faces [T, 3]: to where the knee bends, and from the ankle to the toes if there
    are any.
    """
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
