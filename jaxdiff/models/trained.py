"""A trained network before anything is built from it: parameters and the metadata that explain
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxdiff.typing import Params


@dataclass(frozen=True)
class Trained:
    """Parameters with everything that is needed to use them.

    Attributes:
        study: Name of the study that knows how to build a model (`jaxdiff.studies.study.STUDIES`).
        params: Nested dictionaries of arrays.
        metadata: JSON values: `config`, `normaliser`, `channels`, `calibration`, `card`, `arm`, ...
        path: The directory of the run's network or the file the parameters were read from, if any.
    """

    study: str
    params: Params = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    path: Path | None = None

    @property
    def arm(self) -> str:
        """Which of the networks of its study this is; empty where there is one only."""
        return str(self.metadata.get("arm", ""))
