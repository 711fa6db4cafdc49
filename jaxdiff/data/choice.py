"""Which channel of a file stands for each channel of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from jaxdiff.data import units
from jaxdiff.data.aliases import ALIASES, SIDES
from jaxdiff.data.identify import BY_NAME, SPREAD, Channel, identify, key_of
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError, nearest


def convention_of(recording: Recording) -> str:
    """The convention that explains most names; between equals, the first in the table."""
    votes: Counter[str] = Counter()
    for name in recording.channels:
        votes.update({channel.convention for channel in BY_NAME.get(key_of(name), ())})
        votes.update({c.convention for c in BY_NAME.get(key_of(name.split(":", 1)[-1]), ())})
    order = list(dict.fromkeys(row.convention for row in ALIASES))
    return max(order, key=lambda each: votes[each]) if votes else "jaxdiff"


def pick(
    recording: Recording,
    wanted: Sequence[str],
    wanted_units: Sequence[str],
    side: str,
    convention: str,
) -> tuple[list[tuple[str, Channel | None]], str]:
    """The file's channel for every wanted one, and the leg it is (empty where names have no
    side).
    """
    if side not in ("", *SIDES):
        raise DataError(f"a side is 'right' or 'left'; got {side!r}")
    known = {
        name: identify(name, unit, convention)
        for name, unit in zip(recording.channels, recording.units)
        if not SPREAD.search(name)
    }
    targets = [identify(name, unit, "jaxdiff") for name, unit in zip(wanted, wanted_units)]
    one_leg = [
        t for t in targets if t is not None and not t.side and t.joint not in ("pelvis", "trunk")
    ]

    wanted_sides = {t.side for t in targets if t is not None and t.side}
    own_side = recording.meta.get("side", "")
    unnamed = len(wanted_sides) == 1 and own_side in ("", *wanted_sides)

    def find(name: str, unit: str, target: Channel | None, leg: str) -> str | None:
        if name in known and _compatible(recording, name, unit):
            own = known[name]
            if own is None or target is None or own.signal == target.signal or not own.quantity:
                return name
        if target is None:
            return None
        for other, own in known.items():
            if own is None or (own.joint, own.axis) != (target.joint, target.axis):
                continue
            if own.quantity not in ("", target.quantity) or not _compatible(recording, other, unit):
                continue
            if own.side == (target.side or leg) or (not own.side and (not target.side or unnamed)):
                return other
        return None

    missing: list[str] = []
    for leg in (side,) if side else (*SIDES, ""):
        found = [find(*each, leg) for each in zip(wanted, wanted_units, targets)]
        absent = [name for name, source in zip(wanted, found) if source is None]
        if not absent:
            used = {c.side for f in found if f and (c := known[f]) is not None and c.side}
            chosen = "both" if len(used) > 1 else (next(iter(used)) if used else "")
            if not chosen and one_leg:
                chosen = (
                    recording.meta.get("side", "") if recording.meta.get("side") in SIDES else ""
                )
            return [(f, known[f]) for f in found if f is not None], chosen
        missing = absent if not missing or len(absent) < len(missing) else missing
    for name, unit in zip(wanted, wanted_units):
        if name in missing and name in recording.channels:
            own = recording.units[recording.channels.index(name)]
            raise DataError(f"{name} is in {own!r}, which cannot be converted to {unit!r}")
    present = [n for n in recording.channels if not SPREAD.search(n)]
    shown = ", ".join(present[:12]) + (f" and {len(present) - 12} more" if present[12:] else "")
    lacking = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if missing[6:] else "")
    hint = nearest(missing[0], present)
    hint = f"; {hint}" if hint.startswith("did you mean") else ""
    raise DataError(
        f"the recording has no {lacking}{f' of the {side} leg' if side else ''}; its channels are"
        f" {shown}. Rename what the library does not know (rename, --rename old=new{hint})"
    )


def _compatible(recording: Recording, name: str, unit: str) -> bool:
    own = units.quantity(recording.units[recording.channels.index(name)])
    return not own or not units.quantity(unit) or own == units.quantity(unit)
