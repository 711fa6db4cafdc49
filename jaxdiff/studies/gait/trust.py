"""What a user should know before relying on the intervals for a recording."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxdiff.data.recording import Recording

SIMULATED = "jaxdiff.body.walker"
"""`source` in the metadata of recordings of simulated people."""


def warnings(recording: Recording, metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences for a person who reads the output; none for simulated people like those of the
    training.

    Args:
      recording: what is given to the model.
      metadata: of the model.
    """
    return () if recording.meta.get("source") == SIMULATED else (promise(metadata),)


def promise(metadata: Mapping[str, Any]) -> str:
    """For whom the intervals of a model are calibrated, and what was measured on others.

    Args:
      metadata: of the model: `real`, its coverage on real people, and `adaptation`.
    """
    if adaptation := metadata.get("adaptation"):
        return (
            f"intervals are calibrated on {adaptation['people']} people of the laboratory"
            " adapted to"
        )
    text = "intervals are calibrated on simulated people"
    if real := metadata.get("real"):
        low, high = real["coverage"]
        text += (
            f"; on {real['who']} {low:.0%} to {high:.0%} of the values of a signal lay in the 90 %"
            " interval"
        )
    return text
