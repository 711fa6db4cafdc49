"""What a reader should know before using a model: data, people, scores, licence, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Card:
    """A model card.

    Attributes:
        summary: One sentence: what the model maps to what.
        data: The data it was trained on.
        people: Who they were: number, age, impairment, real or simulated.
        licence: Licence of the weights.
        scores: Measured quality on held-out subjects, such as `{"RMSE hip moment": "0.11 N m/kg"}`.
        limits: What the model was not trained for.
        source: Command, config, commit and seed that reproduce the weights.
    """

    summary: str = ""
    data: str = ""
    people: str = ""
    licence: str = ""
    scores: Mapping[str, str] = field(default_factory=dict)
    limits: str = ""
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        """The card as JSON values."""
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Card:
        """The card with these values; unknown entries are ignored, so that newer files can be
        read.
        """
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        return cls(**known)

    def __str__(self) -> str:
        lines = [self.summary] if self.summary else []
        for name in ("data", "people", "licence", "limits", "source"):
            if value := getattr(self, name):
                lines.append(f"{name + ':':9}{value}")
        lines += [
            f"{'scores:' if not i else '':9}{k} {v}" for i, (k, v) in enumerate(self.scores.items())
        ]
        return "\n".join(lines)
