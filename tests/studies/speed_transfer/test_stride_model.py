"""The stride model as a user meets it: any recording in, a calibrated prediction out."""

import zlib
from dataclasses import replace

import numpy as np
import pytest

import jaxdiff
from jaxdiff.cli.options import own_options
from jaxdiff.data.recording import Event, Recording
from jaxdiff.errors import ConfigError, DataError, DataWarning
from jaxdiff.methods import stride_transfer as method
from jaxdiff.models.trained import Trained
from jaxdiff.nets.speed_set import size
from jaxdiff.studies.speed_transfer import (
    adaptation,
    bands,
    cohort,
    held_out,
    hierarchy,
    recorded,
    strides,
)
from jaxdiff.studies.speed_transfer.examples import Examples
from jaxdiff.studies.speed_transfer.model import StrideTransferModel
from jaxdiff.studies.speed_transfer.predictor import Question
from jaxdiff.studies.speed_transfer.recorded import ANGLES
from jaxdiff.studies.speed_transfer.stored import from_metadata, packed
from jaxdiff.studies.speed_transfer.strides import STRIDE_TIME, Gait

from .walkers import angles, frequency, laboratory

SPEEDS = (0.6, 0.9, 1.2, 1.5)


def person(name, manner, stature, speeds=SPEEDS, noise=0.6):
    """Gaits of one person in closed form."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    found = []
    for v in speeds:
        legs = strides.coefficients(angles(v, np.arange(100) / 100, manner))
        extras = [np.log(1 / frequency(v, stature)), 1.7 + stature, np.log(70.0)]
        mean = np.concatenate([legs, extras]) / strides.SCALE
        away = np.zeros((8, strides.SIZE))
        away[:, : STRIDE_TIME + 1] = noise * rng.normal(size=(8, STRIDE_TIME + 1)) / 4
        found.append(Gait(v, mean, away - away.mean(0), name))
    return found


def population(count, seed=0, manner=0.0):
    rng = np.random.default_rng(seed)
    found = []
    for i in range(count):
        found += person(f"P{seed}-{i}", manner + 2 * rng.normal(), 0.05 * rng.normal())
    return found


@pytest.fixture(scope="module")
def trained():
    """A model with a fresh network, which is the hierarchical model."""
    law = hierarchy.fit(population(30))
    settings = method.Settings(size=size("tiny"), steps=2)
    batch = Examples(population(6), law, 2)(
        np.zeros(4, int), np.random.default_rng(0).random((4, 4))
    )
    import jax

    params = jax.jit(method.stride_transfer(settings).init)(jax.random.key(0), batch)
    plain = settings._asdict() | {"size": settings.size._asdict()}
    plain.pop("dtype")
    metadata = {"method": "stride_transfer", "settings_of_method": plain, "config": {}}
    return Trained("speed_transfer", {**params, "fixed": packed(law)}, metadata)


def walking(speed=0.9, rate=100.0, seconds=8.0, names=ANGLES, manner=3.0):
    phase = 0.5 + frequency(speed) * np.arange(round(seconds * rate)) / rate
    first = -0.5 / frequency(speed)
    times = first + np.arange(12) / frequency(speed)
    events = tuple(Event(float(t), "foot_strike", "right") for t in times if 0 <= t <= seconds)
    values = angles(speed, phase, manner)
    return Recording(values, tuple(names), ("deg",) * 6, rate, events=events)


def test_own_speed_returns_the_walk(trained):
    model = StrideTransferModel(trained)
    given = walking(0.9)
    out = model.generate(given, source_speed=0.9, target_speed=0.9, band="mean", samples=16)
    assert np.abs(out.median.values - given.values).mean() < 1.0


def test_another_speed_is_the_persons_own(trained):
    model = StrideTransferModel(trained)
    out = model.generate(walking(0.9), source_speed=0.9, target_speed=1.5, band="mean")
    times = out.metadata["stride_time"]
    assert times["low"] < 1 / frequency(1.5) < times["high"]
    assert out.metadata["cadence"]["median"] == pytest.approx(120 / times["median"], rel=1e-3)
    phase = 0.5 + np.arange(len(out.median.values)) / 100.0 / times["median"]
    truth = angles(1.5, phase, 3.0)
    copied = angles(0.9, phase, 3.0)
    error = np.abs(out.median.values - truth).mean()
    assert error < 0.35 * np.abs(copied - truth).mean()


@pytest.mark.parametrize("rate", [50.0, 147.0, 1000.0])
def test_any_rate_gives_the_same_gait(trained, rate):
    model = StrideTransferModel(trained)
    a = model.generate(walking(0.9), source_speed=0.9, target_speed=1.2, samples=8)
    b = model.generate(walking(0.9, rate), source_speed=0.9, target_speed=1.2, samples=8)
    assert b.like.rate == rate
    assert b.metadata["stride_time"]["median"] == pytest.approx(
        a.metadata["stride_time"]["median"], rel=0.01
    )


def test_one_stride_is_enough(trained):
    model = StrideTransferModel(trained)
    duration = 1 / frequency(0.9)
    walk = walking(0.9).crop(0.5 * duration, 1.5 * duration + 0.01)
    out = model.generate(walk, source_speed=0.9, target_speed=1.2, seconds=3.0, samples=8)
    assert len(out.median.values) == 300


def test_one_leg_estimates_the_other_and_says_so(trained):
    model = StrideTransferModel(trained)
    for side, shown in (("r", ANGLES[:3]), ("l", ANGLES[3:])):
        walk = walking(0.9).select(shown)
        walk = replace(
            walk,
            events=tuple(
                Event(
                    e.time + (0.5 / frequency(0.9) if side == "l" else 0),
                    e.label,
                    {"r": "right", "l": "left"}[side],
                )
                for e in walk.events
            ),
        )
        out = model.generate(walk, source_speed=0.9, target_speed=0.9, band="mean", samples=16)
        assert out.metadata["estimated channels"] == [a for a in ANGLES if a not in shown]
        assert len(out.like.channels) == 6
        mine = [out.like.channels.index(name) for name in shown]
        assert np.abs(out.median.values[:, mine] - walk.values).mean() < 1.5


def test_opensim_names_and_signs_come_back(trained):
    model = StrideTransferModel(trained)
    names = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    names += tuple(name[:-1] + "l" for name in names)
    walk = walking(0.9)
    signs = np.array([1, -1, 1] * 2)
    other = replace(walk, values=walk.values * signs, channels=names)
    a = model.generate(walk, source_speed=0.9, target_speed=1.3, samples=8)
    with _quiet():
        b = model.generate(other, source_speed=0.9, target_speed=1.3, samples=8)
    assert b.like.channels == names
    np.testing.assert_allclose(b.values * signs, a.values, atol=1e-6)


def _quiet():
    import warnings

    return warnings.catch_warnings(action="ignore")


def test_two_recordings_are_better_than_one(trained):
    predictor = from_metadata(trained)
    people = population(12, seed=5)
    one, two = (held_out.tasks(people, n) for n in (1, 2))
    wrong = [held_out.errors(predictor.linear(t.questions), t.truth).mean() for t in (one, two)]
    assert wrong[1] < wrong[0]


def test_a_stride_varies_more_than_the_mean_stride(trained):
    model = StrideTransferModel(trained)
    wide = {}
    for band in ("stride", "mean"):
        out = model.generate(walking(0.9), source_speed=0.9, target_speed=1.2, band=band)
        low, high = out.interval(0.9)
        wide[band] = (high.values - low.values).mean()
    assert wide["mean"] < wide["stride"]


def test_extrapolation_is_marked_and_wider(trained):
    model = StrideTransferModel(trained)
    made = {
        v: model.generate(walking(0.9), source_speed=0.9, target_speed=v, band="mean")
        for v in (1.5, 2.1)
    }
    assert not made[1.5].metadata["extrapolated"]
    assert made[2.1].metadata["extrapolated"]
    assert "extrapolated" in made[2.1].like.meta
    wide = {
        v: np.subtract(*(b.values for b in out.interval(0.9)[::-1])).mean()
        for v, out in made.items()
    }
    assert wide[2.1] > 1.5 * wide[1.5]


def test_saved_model_generates_the_same(trained, tmp_path):
    model = StrideTransferModel(trained)
    again = jaxdiff.load(model.save(tmp_path / "speed.safetensors"))
    a, b = (
        m.generate(walking(0.9), source_speed=0.9, target_speed=1.2, samples=4)
        for m in (model, again)
    )
    np.testing.assert_allclose(a.values, b.values, atol=1e-4)


def test_score_compares_strides_and_not_clocks(trained):
    model = StrideTransferModel(trained)
    truth = walking(1.5).crop(0.37, 7.0)
    found = model.score(walking(0.9), truth, source_speed=0.9, target_speed=1.5)
    worse = model.score(walking(0.9), walking(0.9), source_speed=0.9, target_speed=1.5)
    assert found["mae/knee_flexion_r", "deg"] < 0.5 * worse["mae/knee_flexion_r", "deg"]
    assert found["cadence", "steps/min"] < 5
    assert 0 <= found["coverage", "1"] <= 1


def test_the_speed_of_the_metadata_is_used_and_held_against_a_stated_one(trained):
    model = StrideTransferModel(trained)
    walk = replace(walking(0.9), meta={"speed": "0.9 m/s"})
    stated = model.generate(walking(0.9), source_speed=0.9, target_speed=1.2, samples=2)
    found = model.generate(walk, target_speed=1.2, samples=2)
    np.testing.assert_array_equal(found.values, stated.values)
    with pytest.warns(DataWarning, match="metadata state 0.9 m/s"):
        model.generate(walk, source_speed=1.2, target_speed=1.2, samples=2)
    with pytest.raises(ConfigError, match="source_speed is needed"):
        model.generate(walking(0.9), target_speed=1.2, samples=2)


def test_strides_of_an_unusual_duration_are_named(trained):
    model = StrideTransferModel(trained)
    halves = np.arange(0.5, 5.0, 0.5) / frequency(0.9)
    half = 0.5 / frequency(0.9)
    with pytest.warns(DataWarning, match=f"strides of {half:.2f} s at 0.9 m/s.*foot strikes"):
        model.generate(walking(), source_speed=0.9, target_speed=1.2, strikes=halves, samples=2)


def test_mistakes_are_named(trained):
    model = StrideTransferModel(trained)
    with pytest.raises(ConfigError, match="needs a recording, source_speed"):
        model.generate(walking(), source_speed=1.0)
    with pytest.raises(ConfigError, match="m/s"):
        model.generate(walking(), source_speed=36.0, target_speed=1.0)
    with pytest.raises(ConfigError, match="band"):
        model.generate(walking(), source_speed=1.0, target_speed=1.2, band="step")
    with pytest.raises(DataError, match="no sagittal angle"):
        odd = replace(walking(), channels=tuple("abcdef"))
        model.generate(odd, source_speed=1.0, target_speed=1.2)


def test_a_fresh_network_samples_the_hierarchical_law(trained):
    predictor = from_metadata(trained)
    gait = population(1, seed=9)[0]
    states = predictor([Question((gait,), 1.2)], 400, 0)[:, 0]
    mean, cov = predictor.law.predict([gait], 1.2)
    spread = np.sqrt(np.diag(cov))
    assert np.abs((states.mean(0) - mean) / spread).max() < 0.25
    np.testing.assert_allclose(states.std(0) / spread, 1.0, atol=0.2)


def test_calibrated_bands_cover_people_left_out(trained):
    predictor = from_metadata(trained)
    narrow = predictor._replace(
        law=predictor.law._replace(
            person=predictor.law.person / 4, recording=predictor.law.recording / 4
        )
    )
    kept = held_out.calibrate(narrow, held_out.tasks(population(40, seed=21), most=4))
    new = held_out.tasks(population(40, seed=22), most=4)
    for band in ("mean", "stride"):
        assert 0.85 < held_out.coverage(narrow, new, band, kept).mean() < 0.96


def test_people_with_unlike_legs_have_factors_of_their_own():
    """They err four times as much: their factors are four times as large, those of the others
    stay.
    """
    rng = np.random.default_rng(0)
    legs = np.repeat(np.arange(len(strides.CHANNELS)) < 3, strides.TERMS)
    apart = np.concatenate(
        [np.where(legs, 12.0, 0.0) / np.sqrt(strides.TERMS), np.zeros(strides.SIZE - len(legs))]
    )
    limps = np.arange(60) % 2 == 1
    gaits = [
        Gait(1.0, apart * limp, np.zeros((0, strides.SIZE)), f"P{i}")
        for i, limp in enumerate(limps)
    ]
    shape = 60, 10, len(strides.CHANNELS)
    truth = rng.standard_normal(shape) * np.where(limps, 4.0, 1.0)[:, None, None]
    kept = bands.by_group(rng.standard_normal((32, *shape)), truth, [(g,) for g in gaits], "mean")
    assert set(kept) == {"mean", "mean, symmetric", "mean, asymmetric"}
    factors = {
        name: bands.chosen(kept, "mean", sources).scale(0.9).mean()
        for name, sources in (("limps", gaits[1:2]), ("walks", gaits[:1]))
    }
    assert 3.2 < factors["limps"] / factors["walks"] < 4.8
    stated = gaits[0]._replace(paretic="left")
    assert bands.group([stated]) == "hemiparesis"
    assert bands.chosen(kept, "mean", [stated]) is kept["mean"]  # too few of them for a group
    one_leg = gaits[0]._replace(mean=np.where(np.arange(strides.SIZE) < 63, 0.0, np.nan))
    assert bands.chosen(kept, "mean", [one_leg]) is kept["mean"]
    few = bands.by_group(
        rng.standard_normal((32, 30, 10, 6)), truth[:30], [(g,) for g in gaits[:30]], "mean"
    )
    assert set(few) == {"mean"}


def test_adapting_to_other_people_beats_the_model_it_starts_from(trained):
    predictor = from_metadata(trained)
    shifted = [
        g._replace(mean=g.mean + 3 * (g.speed - 0.6) * np.sign(np.arange(strides.SIZE) % 5 - 2))
        for g in population(10, seed=31)
    ]
    made = adaptation.adapt(predictor, shifted, folds=5, samples=8)
    new = [
        g._replace(mean=g.mean + 3 * (g.speed - 0.6) * np.sign(np.arange(strides.SIZE) % 5 - 2))
        for g in population(6, seed=32)
    ]
    asked = held_out.tasks(new)
    before, after = (
        held_out.errors(p.linear(asked.questions), asked.truth).mean()
        for p in (predictor, made.predictor)
    )
    assert after < 0.7 * before
    assert set(made.bands) == set(made.coverage) == {"stride", "mean"}
    for held in made.coverage.values():
        assert len(held) == 10 and 0.8 < held.mean() < 0.99
    with pytest.raises(DataError, match="4 people"):
        adaptation.adapt(predictor, shifted[:8])


def test_adapting_to_one_joint_keeps_the_law_of_the_others(trained):
    law = from_metadata(trained).law
    rows = np.arange(2 * strides.TERMS, 3 * strides.TERMS)
    found = adaptation.updated(law, population(8, seed=41), rows)
    values = np.linalg.eigvalsh(found.person.reshape(found.mean.size, -1))
    assert values.min() > -1e-6 * values.max()
    assert np.isfinite(found.mean).all()


def test_the_shipped_model_generates_with_calibrated_bands():
    model = jaxdiff.load("speed")
    assert model.calibrations["stride"].subjects >= 30
    assert "/" not in model.card.source
    made = {
        band: model.generate(walking(0.9), source_speed=0.9, target_speed=1.3, band=band)
        for band in ("stride", "mean")
    }
    wide = {
        band: np.subtract(*(bound.values for bound in out.interval(0.9)[::-1])).mean()
        for band, out in made.items()
    }
    assert wide["mean"] < wide["stride"] < 30
    assert 0.8 < made["mean"].metadata["stride_time"]["median"] < 1.4


def test_a_folder_of_a_laboratory_adapts_the_model(trained, tmp_path):
    recipe = laboratory(tmp_path, 5, ANGLES[:3])
    made = StrideTransferModel(trained).adapt(recipe, folds=2, samples=4)
    assert "5 people" in made.card.people
    assert any("inside the 90 % band" in name for name in made.card.scores)
    again = jaxdiff.load(made.save(tmp_path / "lab.safetensors"))
    walk = jaxdiff.read(tmp_path / "P00_0.7.csv")
    out = again.generate(walk, source_speed=0.7, target_speed=1.3, band="mean")
    truth = jaxdiff.read(tmp_path / "P00_1.3.csv")
    mine = out.median.select(ANGLES[:3]).values
    ranges = np.abs(np.ptp(mine, axis=0) - np.ptp(truth.values, axis=0))
    before = np.abs(np.ptp(walk.values, axis=0) - np.ptp(truth.values, axis=0))
    assert ranges.mean() < 0.5 * before.mean()


def test_the_settings_of_adapt_are_options_of_the_command():
    parsed = own_options(StrideTransferModel, (), "adapt").parse_args(["--modality", "angles"])
    assert parsed.modality == "angles" and parsed.folds is None


@pytest.mark.slow
def test_simulated_cohort_has_people_of_all_kinds():
    gaits = cohort.simulated(6, speeds=3, count=2, impaired=0.5, seed=1)
    assert len({g.subject for g in gaits}) == 6
    assert all(np.isfinite(g.mean).all() for g in gaits)
    assert all(0.3 <= g.speed <= 2.2 for g in gaits)
    assert 0.6 < np.exp(gaits[0].mean[STRIDE_TIME] * 0.01) < 3
    assert recorded.ANGLES[0] == "hip_flexion_r"
