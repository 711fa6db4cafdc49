"""The base class of every trained model a user calls."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError
from jaxdiff.models import file
from jaxdiff.models.calibration import Calibration
from jaxdiff.models.card import Card
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained

__all__ = ["Model", "Signal"]


class Model:
    """A trained model. Subclasses set `inputs` and `outputs` and implement `generate` and
    `program`.

    Attributes:
        trained: Parameters and metadata.
        name: What it was loaded as: a shipped name, a file's stem, or a directory's name.
        inputs: What `generate` takes.
        outputs: What `generate` returns.
        card: Data, people, scores, licence.
        calibration: Factors for its intervals, or None.

    Examples:
        >>> model = Model(Trained("llma", {}, {"card": {"licence": "Apache-2.0"}}))
        >>> print(model)
        Model 'llma' (llma)
          licence: Apache-2.0
    """

    inputs: tuple[Signal, ...] = ()
    outputs: tuple[Signal, ...] = ()

    def __init__(self, trained: Trained):
        self.trained = trained
        self.study = trained.study
        self.name = trained.path.stem if trained.path else trained.study
        metadata = trained.metadata
        self.card = Card.from_json(metadata.get("card") or {})
        kept = metadata.get("calibration")
        self.calibration = Calibration.from_json(kept) if kept else None
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()

    def generate(
        self,
        recording: Recording | None = None,
        *,
        samples: int = 32,
        seed: int = 0,
        steps: int = 0,
        **options: Any,
    ) -> Prediction:
        """Generate the output for an input.

        Args:
            recording: The input recording, where the model takes one.
            samples: Number of samples.
            seed: Seed of the samples; the same seed gives the same samples.
            steps: Steps of the sampler; 0 for the model's own number.
            **options: Further inputs of the study, see `inputs`.

        Returns:
            The samples, their median and intervals.

        Raises:
            DataError: If the recording does not fit `inputs`.
            ConfigError: If an option is unknown or impossible.
        """
        raise NotImplementedError

    def program(self, *, steps: int = 0, **options: Any) -> Program:
        """The model as one pure function of arrays, for export and streams.

        Args:
            steps: Steps of the sampler; 0 for the model's own number.
            **options: Choices that the study offers, such as `given`.

        Returns:
            The program, a pure function of arrays with its description.
        """
        raise ConfigError(f"models of {self.study} cannot be exported")

    def given(self, source: Recording | Sequence[str]) -> dict[str, Any]:
        """The options of `program` for a source; models of one input have none.

        Args:
            source: A recording, or the channel names of a stream, in the model's own names.

        Returns:
            Options for `program`, such as `given`.
        """
        return {}

    def adapt(self, data: str | Path, **options: Any) -> Model:
        """A model fine-tuned on a laboratory's own recordings.

        Args:
            data: The YAML recipe that describes them (see docs/data.md).
            **options: Settings of the study.

        Returns:
            The adapted model.
        """
        raise ConfigError(f"models of {self.study} cannot be adapted")

    def score(
        self,
        recording: Recording | None,
        truth: Recording,
        *,
        interval: float = 0.9,
        **options: Any,
    ) -> dict[tuple[str, str], float]:
        """Generate and compare with a measured recording.

        Args:
            recording: The input.
            truth: The measured output, on the same clock.
            interval: Probability of the interval whose coverage is measured.
            **options: As for `generate`.

        Returns:
            Value per `(metric, unit)`; metrics of one channel are named `metric/channel`.
        """
        from jaxdiff.models.scoring import in_units_of, paired

        made = self.generate(recording, **options).summary(interval)
        return paired(in_units_of(made, truth, options.get("mass")), truth)

    def save(self, path: str | Path, dtype: str = "float32") -> Path:
        """Write the model to one file that `jaxdiff.load` reads.

        Args:
            path: A `.safetensors` file.
            dtype: `"float32"` or `"float16"`.

        Returns:
            The path.
        """
        path = Path(path)
        if path.suffix != ".safetensors":
            raise ConfigError(f"a model is saved as a .safetensors file, not as {path.name!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return file.save(path, self.trained, dtype)

    def export(
        self, path: str | Path, *, batch: int = 0, platforms: tuple[str, ...] = (), **options: Any
    ) -> Path:
        """Write the model as a StableHLO artefact that runs with JAX alone.

        Args:
            path: Folder to write.
            batch: Examples per call; 0 leaves it open.
            platforms: `cpu`, `cuda`, `rocm`, `tpu`; default: this machine's.
            **options: As for `program`.

        Returns:
            The directory that was written.
        """
        from jaxdiff.deployment import artefact

        return artefact.save(self.program(**options), path, batch, platforms)

    def __repr__(self) -> str:
        both = [signal for signal in self.inputs if signal in self.outputs]
        lines = [f"  takes    {signal}" for signal in self.inputs if signal not in both]
        lines += [f"  returns  {signal}" for signal in self.outputs if signal not in both]
        lines += [f"  in, out  {signal}" for signal in both]
        lines += [f"  {line}" for line in str(self.card).splitlines()]
        wrapped = [textwrap.fill(line, 80, subsequent_indent=" " * 11) for line in lines]
        return "\n".join([f"{type(self).__name__} {self.name!r} ({self.study})", *wrapped])

    def _once(self, key: Hashable, make: Callable[[], Any], most: int = 16) -> Any:
        """What `make()` returned for this key; compiled programs are kept so that repeated calls
        neither compile nor leak.
        """
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
