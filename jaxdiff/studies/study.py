"""One paper made runnable, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from jaxdiff.errors import CheckpointError, ConfigError, nearest
from jaxdiff.models.model import Model
from jaxdiff.models.trained import Trained
from jaxdiff.typing import Config


@dataclass(frozen=True)
class Study:
    """What the command line and `jaxdiff.load` need to know of a paper.

    Attributes:
        name: The name of its package under `jaxdiff.studies`.
        get_config: A config for a word.
        words: The words that `get_config` knows.
        experiments: What `config.experiment` may name: `(config, out) -> anything`.
        model: Builds the model of a trained network.
        arms: Sub-directories of a run that may hold a network which generates, in order of
            preference; `""` is the run itself.
    """

    name: str
    get_config: Callable[[str], Config]
    words: tuple[str, ...]
    experiments: Mapping[str, Callable[[Config, Path], Any]]
    model: Callable[[Trained], Model]
    arms: tuple[str, ...] = ("",)

    def run(self, config: Config, out: Path) -> Any:
        """Run the experiment that the config names."""
        name = config.get("experiment", "train")
        if name not in self.experiments:
            raise ConfigError(
                f"{self.name} has no experiment {name!r}; {nearest(name, self.experiments)}"
            )
        return self.experiments[name](config, out)

    def build(self, trained: Trained) -> Model:
        """The model of a trained network; a network of an older version says which settings it
        lacks.
        """
        try:
            return self.model(trained)
        except (AttributeError, KeyError) as error:
            today = self.get_config(self.words[0]).to_dict()
            missing = _missing(today, trained.metadata.get("config", {}))
            if not missing and isinstance(error, KeyError):
                missing = [str(each) for each in error.args if each not in trained.metadata]
            if not missing:
                raise
            what = f"{', '.join(missing[:4])}{' and others' if missing[4:] else ''}"
            raise CheckpointError(
                f"{trained.path or 'the model'} was made by another version of jaxdiff, which had"
                f" no {what}: use that version, or train again"
            ) from error


def lazily(place: str) -> Callable[..., Any]:
    """The function at `module:name`, imported at its first call."""

    def call(*arguments: Any, **options: Any) -> Any:
        module, _, name = place.partition(":")
        return getattr(import_module(module), name)(*arguments, **options)

    call.__name__ = place.rpartition(":")[2]
    return call


class Registry(Mapping[str, Study]):
    """Studies by name, imported on first use: the packages of `jaxdiff.studies` that have a
    `study.py`.
    """

    def __getitem__(self, name: str) -> Study:
        if name not in _names():
            raise ConfigError(f"no study {name!r}; {nearest(name, _names())}")
        return import_module(f"jaxdiff.studies.{name}.study").STUDY

    def __contains__(self, name: object) -> bool:
        return name in _names()

    def __iter__(self) -> Iterator[str]:
        return iter(_names())

    def __len__(self) -> int:
        return len(_names())


STUDIES = Registry()


@cache
def _names() -> tuple[str, ...]:
    packages = files("jaxdiff.studies").iterdir()
    return tuple(sorted(each.name for each in packages if (each / "study.py").is_file()))


def _missing(today: Mapping[str, Any], then: Mapping[str, Any], above: str = "") -> list[str]:
    """Fields of today's config that another one lacks."""
    found = []
    for name, value in today.items():
        if name not in then:
            found.append(above + name)
        elif isinstance(value, dict) and isinstance(then[name], dict):
            found += _missing(value, then[name], f"{above}{name}.")
    return found
