"""What commands that use a trained run have in common: finding it, and knowing its method."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jaxdiff.errors import CheckpointError, ConfigError


def prepare_jax() -> None:
    """Cores and compiled programs as the experiments have them, and Orbax speaks only of errors."""
    from absl import logging

    from jaxdiff.training import cores, launch

    logging.set_verbosity(logging.ERROR)
    cores.as_devices()
    launch.use_cache(launch.CACHE)


PARTS = ("", "arm-all", "refiner", "model")
"""Where in a run the model may be: studies that train several networks give each a directory."""


def describe(run: Path) -> tuple[Path, dict[str, Any]]:
    """Where in a run the model is, and what its newest checkpoint says about itself, without reading any array."""
    if not run.is_dir():
        raise CheckpointError(
            f"there is no run {run}; `jaxdiff runs` lists those under a directory"
        )
    for place in (run / part for part in PARTS):
        found = sorted(
            (place / "checkpoints").glob("[0-9]*/about/metadata"),
            key=lambda path: int(path.parts[-3]),
        )
        if found:
            try:
                return place, json.loads(found[-1].read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise CheckpointError(
                    f"checkpoint {found[-1].parent.parent} cannot be read ({error})"
                ) from None
    inside = sorted(path.parent for path in run.glob("*/checkpoints"))
    hint = f"; it holds the runs {', '.join(map(str, inside[:6]))}" if inside else ""
    raise CheckpointError(f"no checkpoints under {run}{hint}")


def positive(options: Any, *names: str) -> None:
    """Counts that were given must count something; 0 is what they are when not given."""
    for name in names:
        if getattr(options, name) < 0:
            raise ConfigError(f"--{name} must be 1 or more, not {getattr(options, name)}")


@contextmanager
def of_this_version(about: Mapping[str, Any]) -> Iterator[None]:
    """A run whose config lacks what today's configs have, and that fails for it, says so."""
    try:
        yield
    except (AttributeError, KeyError) as error:
        today = (
            importlib.import_module(f"jaxdiff.studies.{about['method']}.config")
            .get_config()
            .to_dict()
        )
        missing = _missing(today, about.get("config", {}))
        if not missing:
            raise
        what = f"{', '.join(missing[:4])}{' and others' if missing[4:] else ''}"
        raise CheckpointError(
            f"the run was made by another version of jaxdiff, whose configs had no {what}: use that version, or train again"
        ) from error


def _missing(today: Mapping[str, Any], then: Mapping[str, Any], above: str = "") -> list[str]:
    found = []
    for name, value in today.items():
        if name not in then:
            found.append(above + name)
        elif isinstance(value, dict) and isinstance(then[name], dict):
            found += _missing(value, then[name], f"{above}{name}.")
    return found
