"""A run: a directory with the checkpoints of one trained network. Nothing else in the library opens
one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxdiff.errors import CheckpointError, nearest
from jaxdiff.models.model import Model
from jaxdiff.models.trained import Trained
from jaxdiff.studies.study import STUDIES
from jaxdiff.training.checkpoint import load_params


@dataclass(frozen=True)
class Run:
    """One network of a run directory.

    Attributes:
        path: The directory that holds `checkpoints`.
        study: Name of its study.
        arm: Which of the networks of a run it is; empty where there is one only.
        metadata: What its newest checkpoint says, without any array.
    """

    path: Path
    study: str
    arm: str
    metadata: Mapping[str, Any] = field(repr=False)

    @staticmethod
    def is_at(path: str | Path) -> bool:
        """Whether a directory holds the checkpoints of a network, in itself or one level below."""
        path = Path(path)
        return path.is_dir() and any(_newest(each) for each in (path, *path.iterdir()))

    @classmethod
    def open(cls, path: str | Path, arm: str = "") -> Run:
        """Open a run.

        Args:
            path: A run directory, or the directory of one of its networks (`runs/x/arm-backbone` is
                exactly that arm).
            arm: Name of a network in the run directory; by default the first of the study's `arms`
                that is there.

        Raises:
            CheckpointError: If there is no such run or network, or its checkpoint cannot be read.
        """
        path = Path(path)
        if not path.is_dir():
            raise CheckpointError(
                f"there is no run {path}; `jaxdiff runs` lists those under a directory"
            )
        inside = {each.name: each for each in sorted(path.iterdir()) if _newest(each)}
        if arm:
            if arm not in inside:
                raise CheckpointError(f"{path} holds no network {arm!r}; {nearest(arm, inside)}")
            return cls._at(inside[arm])
        if _newest(path):
            return cls._at(path)
        for each in inside.values():
            study = _study_of(_metadata(each))
            for name in STUDIES[study].arms if study in STUDIES else ():
                if name in inside:
                    return cls._at(inside[name])
        hint = (
            f"; it holds {', '.join(str(each) for each in list(inside.values())[:6])}"
            if inside
            else ""
        )
        raise CheckpointError(f"no checkpoints under {path}{hint}")

    @classmethod
    def _at(cls, path: Path) -> Run:
        metadata = _metadata(path)
        study = _study_of(metadata)
        arms = STUDIES[study].arms if study in STUDIES else ("",)
        name = str(metadata.get("arm", path.name))
        known = name in arms or re.sub(r"-\d+$", "", name) in arms
        return cls(path, study, "" if not known and "" in arms else name, metadata)

    @property
    def config(self) -> Mapping[str, Any]:
        """The config it was trained with."""
        return self.metadata.get("config", {})

    def trained(self, average: bool = True, step: int | str = "best") -> Trained:
        """The parameters of a checkpoint.

        Args:
            average: The moving average of the parameters rather than the parameters themselves.
            step: A step, `"latest"`, or `"best"` (the latest where none was scored).
        """
        params, metadata = load_params(
            self.path / "checkpoints", "ema" if average else "params", step
        )
        return Trained(self.study, params, {**metadata, "arm": self.arm}, self.path)

    def model(self) -> Model:
        """The model of this network, ready to generate."""
        if self.study not in STUDIES:
            raise CheckpointError(
                f"{self.path} is a run of {self.study or 'an unknown experiment'}, from which"
                " nothing can be generated"
            )
        study = STUDIES[self.study]
        if self.arm not in study.arms and re.sub(r"-\d+$", "", self.arm) not in study.arms:
            raise CheckpointError(
                f"{self.path} holds no network that generates; those of {self.study} are "
                f"{', '.join(arm or 'the run itself' for arm in study.arms)}"
            )
        return study.build(self.trained())


def _newest(path: Path) -> Path | None:
    """The description of the newest checkpoint in a directory, if there is one."""
    return max(_described(path), key=lambda each: int(each.parts[-3]), default=None)


def _described(path: Path) -> list[Path]:
    """The descriptions of the checkpoints in a directory; half-written ones have other names."""
    found = path.glob("checkpoints/[0-9]*/about/metadata")
    return [each for each in found if each.parts[-3].isdigit()]


def _metadata(path: Path) -> dict[str, Any]:
    """The metadata of the newest checkpoint that can be read; `load_params` verifies its checksum
    later.
    """
    found = sorted(_described(path), key=lambda each: int(each.parts[-3]))
    if not found:
        raise CheckpointError(f"no checkpoints under {path}")
    why = ""
    for each in reversed(found):
        try:
            return dict(json.loads(each.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError) as error:
            why = why or f"checkpoint {each.parent.parent} cannot be read ({error})"
    raise CheckpointError(why)


def _study_of(metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("study") or metadata.get("method") or "")
