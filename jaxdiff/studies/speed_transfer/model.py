"""A trained stride transfer as a model: walking at some speeds in, the same person's gait at
another speed out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.errors import ConfigError, DataWarning
from jaxdiff.models.calibration import Calibration, predictive_interval
from jaxdiff.models.model import Model
from jaxdiff.models.prediction import Prediction
from jaxdiff.models.trained import Trained
from jaxdiff.studies.speed_transfer import bands, held_out, recorded, synthesis
from jaxdiff.studies.speed_transfer.hierarchy import Law
from jaxdiff.studies.speed_transfer.playback import prediction
from jaxdiff.studies.speed_transfer.predictor import Predictor, Question
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.stored import from_metadata


class StrideTransferModel(Model):
    """The gait of a person at a speed that was not recorded.

    Examples:
        >>> import jaxdiff
        >>> model = jaxdiff.load("speed")                                      # doctest: +SKIP
        >>> out = model.generate(walk, source_speed=1.0, target_speed=1.4)     # doctest: +SKIP
    """

    def __init__(self, trained: Trained):
        super().__init__(trained)
        self.predictor = from_metadata(trained)
        centre, deviation = _usual(self.predictor.law)
        gait = Signal(
            "gait", ANGLES, ("deg",) * len(ANGLES), centre=centre, deviation=deviation, partial=True
        )
        self.inputs = gait, _speed("source_speed", 1.0), _speed("target_speed", 1.4)
        self.outputs = (gait,)
        self.calibration = None
        """Intervals are calibrated per phase: `calibrations` has entries per kind of band and group
        of people.
        """
        kept = trained.metadata.get("bands") or {}
        self.calibrations = {name: Calibration.from_json(value) for name, value in kept.items()}

    @property
    def speeds(self) -> tuple[float, float]:
        """Slowest and fastest speed of the people it was fitted to, m/s."""
        return self.predictor.law.speeds

    def generate(
        self,
        recording: Recording | Sequence[Recording] | None = None,
        *,
        samples: int = 32,
        seed: int = 0,
        steps: int = 0,
        source_speed: float | Sequence[float] | None = None,
        target_speed: float | None = None,
        band: str = "stride",
        seconds: float = 0.0,
        channels: Sequence[str] | None = None,
        strikes: Sequence[float] | None = None,
        fill_gaps: float = 0.0,
    ) -> Prediction:
        """The gait at another speed, in the names, units, signs and rate of the recording.

        Args:
            recording: Steady walking, one stride or more; or several recordings of one person at
                different speeds, of which the first gives names and rate. Hip, knee and ankle
                angles of one leg or both; what is missing is estimated, and named in the metadata.
            samples: Number of samples; each is one gait.
            seed: Seed of the samples.
            steps: Steps of the sampler; 0 for the model's own number.
            source_speed: Speed of the recording in m/s, or of each recording; default: `speed` in
                its metadata.
            target_speed: Speed to generate in m/s.
            band: What an interval holds: a single `stride`, or the `mean` stride.
            seconds: Duration; 0 for that of the recording, or one stride if the recording is
                shorter.
            channels: What the recording calls hip, knee and ankle of the right leg, then of the
                left.
            strikes: Right foot strikes in the (first) recording in seconds, where they cannot be
                found.
            fill_gaps: Bridge gaps of up to this many seconds.

        Returns:
            Samples on one clock. The metadata hold `stride_time` (s) and `cadence` (steps/min),
            each with `median`, `low` and `high` of 90 %, and `extrapolated`.

        Raises:
            ConfigError: If a speed is missing or implausible, or an option is unknown.
            DataError: If the recording does not fit.
        """
        if recording is None or target_speed is None:
            raise ConfigError(
                "a model of speed transfer needs a recording, source_speed and target_speed"
            )
        if band not in bands.KINDS:
            raise ConfigError(f"band is 'stride' or 'mean', not {band!r}")
        if samples < 1:
            raise ConfigError(f"samples must be 1 or more, not {samples}")
        given = [recording] if isinstance(recording, Recording) else list(recording)
        each = recorded.speeds(given) if source_speed is None else list(np.atleast_1d(source_speed))
        if len(given) != len(each):
            raise ConfigError(
                f"one source_speed per recording: got {len(each)} speeds for {len(given)}"
                " recordings"
            )
        recorded.check_speed(float(target_speed))
        walks = [
            recorded.walk(
                one,
                float(speed),
                channels=channels,
                strikes=strikes if i == 0 else None,
                fill_gaps=fill_gaps,
            )
            for i, (one, speed) in enumerate(zip(given, each))
        ]
        predictor = self._with_steps(steps)
        for one in walks:
            measured = np.full((len(one.matched.recording), len(ANGLES)), np.nan)
            there = [ANGLES.index(name) for name in one.matched.recording.channels]
            measured[:, there] = one.matched.recording.values
            unusual = synthesis.unusual_time(predictor.law, one.gait)
            for text in (*self.inputs[0].unusual(measured), *filter(None, [unusual])):
                warnings.warn(text, DataWarning, stacklevel=2)
        sources = [one.gait for one in walks]
        states = predictor([Question(tuple(sources), float(target_speed))], samples, seed)[:, 0]
        return prediction(
            predictor.law,
            self.calibrations,
            given[0],
            walks,
            states,
            target=float(target_speed),
            band=band,
            seconds=seconds,
            seed=seed,
        )

    def score(
        self,
        recording: Recording | None,
        truth: Recording,
        *,
        interval: float = 0.9,
        source_speed: float | None = None,
        target_speed: float | None = None,
        samples: int = 32,
        seed: int = 0,
    ) -> dict[tuple[str, str], float]:
        """Compare with a recording of the same person at the target speed, stride by stride: clocks
        need not agree.

        Args:
            recording: Walking at `source_speed`.
            truth: Walking at `target_speed`.
            interval: Probability of the band of the mean stride whose coverage is measured.
            source_speed: Speed of the recording in m/s.
            target_speed: Speed of the truth in m/s.
            samples: Number of samples.
            seed: Seed of the samples.

        Returns:
            `mae/CHANNEL` in degrees, `coverage` of the mean stride, and the error of the `cadence`
            in steps/min.
        """
        if recording is None or source_speed is None or target_speed is None:
            raise ConfigError("a score needs a recording, source_speed and target_speed")
        source = recorded.walk(recording, float(source_speed)).gait
        real = recorded.walk(truth, float(target_speed)).gait
        asked = held_out.Tasks([Question((source,), real.speed)], [real])
        drawn = held_out.drawn(self.predictor, asked, "mean", samples, seed)[:, 0]
        state = self.predictor.point(asked.questions)[0]
        measured = held_out.curves(real.mean)
        wrong = np.abs(held_out.curves(state) - measured).mean(0)
        kept = bands.chosen(self.calibrations, "mean", [source])
        phase = np.arange(held_out.POINTS) / held_out.POINTS
        scale = bands.at(kept, phase, range(len(ANGLES))).scale(interval)
        low, high = predictive_interval(drawn, interval, scale)
        there = np.isfinite(measured)
        inside = ((measured >= low) & (measured <= high))[there].mean()
        found = {
            (f"mae/{name}", "deg"): float(e) for name, e in zip(ANGLES, wrong) if np.isfinite(e)
        }
        times = [120 / synthesis.stride_time(each) for each in (state, real.mean)]
        return found | {
            ("coverage", "1"): float(inside),
            ("cadence", "steps/min"): float(abs(times[0] - times[1])),
        }

    def program(
        self,
        *,
        steps: int = 0,
        source_speed: float | None = None,
        target_speed: float | None = None,
    ) -> Program:
        """The mean stride of a recording to a sample of the mean stride at another speed, as one
        function of arrays.

        Args:
            steps: Steps of the sampler; 0 for the model's own number.
            source_speed: Fix the speed of the recording (m/s); together with `target_speed`, as
                streams need it.
            target_speed: Fix the speed to generate.
        """
        from jaxdiff.studies.speed_transfer.program import program

        given = [v for v in (source_speed, target_speed) if v is not None]
        if len(given) == 1:
            raise ConfigError("fix both source_speed and target_speed, or neither")
        for speed in given:
            recorded.check_speed(float(speed))
        made = program(self._with_steps(steps), source_speed, target_speed)
        usual = self.inputs[0]
        first = made.inputs[0]._replace(centre=usual.centre, deviation=usual.deviation)
        return made._replace(inputs=(first, *made.inputs[1:]))

    def _with_steps(self, steps: int) -> Predictor:
        settings = self.predictor.settings
        return self.predictor._replace(settings=settings._replace(steps=steps or settings.steps))

    def adapt(
        self,
        data: str | Path,
        *,
        modality: str = "",
        folds: int = 10,
        samples: int = 32,
        seed: int = 0,
    ) -> StrideTransferModel:
        """The model updated by a laboratory's own recordings of people at two speeds or more.

        Args:
            data: The YAML recipe of the recordings, with `speed` and `subject` for each
                (docs/papers/speed_transfer.md).
            modality: The recipe's name for the angles, if it has several modalities.
            folds: Groups of people left out in turn.
            samples: Samples per prediction of the left-out people.
            seed: Seed of the samples.
        """
        from jaxdiff.studies.speed_transfer.adaptation import adapted

        made = adapted(
            self.trained, data, modality=modality, folds=folds, samples=samples, seed=seed
        )
        return StrideTransferModel(made)


def build(trained: Trained) -> Model:
    """The model of a trained network: of strides, or of the paper's sequences."""
    if trained.metadata.get("method") == "stride_transfer":
        return StrideTransferModel(trained)
    from jaxdiff.studies.speed_transfer.time_model import SpeedTransferModel

    return SpeedTransferModel(trained)


def _usual(law: Law) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Centre and deviation of each angle in mean strides at the slowest, middle and fastest trained
    speed.
    """
    speeds = np.linspace(*law.speeds, 3)
    curves = held_out.curves(np.stack([law.at(speed) for speed in speeds]))
    curves = curves.reshape(-1, len(ANGLES))
    return tuple(curves.mean(0).tolist()), tuple(curves.std(0).tolist())


def _speed(name: str, value: float) -> Signal:
    return Signal(name, (), ("m/s",), shape=(), example=np.array(value, np.float32))
