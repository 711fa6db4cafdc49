"""`jaxdiff adapt` from a laboratory's files to a model that generates with intervals of that
laboratory.
"""

import json

import numpy as np
import pytest

import jaxdiff as library
from jaxdiff.data import formats
from jaxdiff.data.recording import Event, Recording
from jaxdiff.methods.gait import Settings, gait, parts_of
from jaxdiff.methods.gait_fit import fit_law
from jaxdiff.models import file
from jaxdiff.models.trained import Trained
from jaxdiff.nets.gait_denoiser import Size
from jaxdiff.studies.gait import training
from jaxdiff.studies.gait.config import get_config
from tests.studies.gait import toys

PEOPLE, STRIDES, SHIFT = 6, 3, 1.5


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A model of toy strides whose network is the law itself."""
    import jax

    strides = toys.gaussian(np.random.default_rng(1), 2000)
    config = get_config("tiny")
    law = fit_law(strides.values, toys.layout(), floor=0.05, shrinkage=1e-4)
    method = gait(Settings(Size(16, 16, 1), steps=2), parts_of(law.layout))
    masks = law.condition({}).condition({n: x[:1] for n, x in strides.values.items()})
    params = jax.device_get(jax.jit(method.init)(jax.random.key(0), masks))
    trained = Trained("gait", {**params, "fixed": law.to_params()}, training.metadata(config, law))
    return file.save(tmp_path_factory.mktemp("model") / "toy.safetensors", trained)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory):
    """Files of people whose moments are larger than the toy's."""
    folder = tmp_path_factory.mktemp("lab")
    time = np.arange(round(100 * STRIDES) + 1) / 100
    phase = np.arange(0, STRIDES, 1 / toys.STEPS)
    events = tuple(Event(float(t), "foot_strike", "right") for t in range(STRIDES + 1))
    for person in range(PEOPLE):
        drawn = toys.gaussian(np.random.default_rng([7, person]), STRIDES).values
        drawn["moments"] = drawn["moments"] + SHIFT
        for name, unit in (("angles", "deg"), ("moments", "N m/kg")):
            rows = drawn[name].reshape(len(phase), -1)
            columns = [np.interp(time, phase, column) for column in rows.T]
            channels = toys.CHANNELS[name]
            made = Recording(
                np.stack(columns, 1), channels, (unit,) * len(channels), 100.0, 0.0, {}, events
            )
            formats.write(folder / f"P{person}_walk_{name}.csv", made)
    channels = {name: ", ".join(toys.CHANNELS[name]) for name in ("angles", "moments")}
    (folder / "lab.yaml").write_text(
        "name: lab\n"
        'files: "{subject}_{task}_angles.csv"\n'
        "modalities:\n"
        f"  angles: {{channels: [{channels['angles']}], units: deg}}\n"
        '  moments: {files: "{subject}_{task}_moments.csv", '
        f"channels: [{channels['moments']}], units: N m/kg}}\n"
    )
    return folder


def test_a_laboratory_adapts_a_model_from_the_command_line(jaxdiff, shipped, laboratory, tmp_path):
    made = tmp_path / "lab.safetensors"
    code, out, err = jaxdiff("adapt", shipped, "--data", laboratory / "lab.yaml", "--output", made)
    assert code == 0, err
    assert "left-out people" in out
    adapted = library.load(made)
    scores = adapted.trained.metadata["adaptation"]["crps"]
    assert scores[adapted.trained.metadata["adaptation"]["strength"]] <= scores["inf"]
    walk = laboratory / "P0_walk_angles.csv"
    errors = {}
    for model in (shipped, made):
        output = tmp_path / f"{model.stem}_moments.csv"
        words = ("generate", model, "--input", walk, "--outputs", "moments", "--output", output)
        code, out, err = jaxdiff(*words)
        assert code == 0, err
        truth = library.read(laboratory / "P0_walk_moments.csv")
        got = library.read(output)
        name = toys.CHANNELS["moments"][0]
        wanted = np.interp(got.time, truth.time, truth[name])
        errors[model.stem] = float(np.abs(got[name] - wanted).mean())
    assert errors["lab"] < 0.8 * errors["toy"]
    assert f"{PEOPLE} people of the laboratory" in out  # the note on the intervals
    assert json.dumps(adapted.trained.metadata)


def test_a_modality_that_cannot_be_used_is_named_with_the_reason(
    jaxdiff, shipped, laboratory, tmp_path
):
    recipe = (laboratory / "lab.yaml").read_text()
    unknown = ", ".join(f"M{i}: {name}" for i, name in enumerate(toys.CHANNELS["moments"]))
    known = f"[{', '.join(toys.CHANNELS['moments'])}]"
    (laboratory / "renamed.yaml").write_text(
        recipe.replace("name: lab", "name: renamed").replace(known, f"{{{unknown}}}")
    )
    code, _, err = jaxdiff(
        "adapt",
        shipped,
        "--data",
        laboratory / "renamed.yaml",
        "--output",
        tmp_path / "a.safetensors",
    )
    assert code == 2 and "two modalities" in err
    assert f"moments of {PEOPLE} of {PEOPLE} trials cannot be used" in err and "M0" in err
    assert "hip_extension_moment_r: M0" in err
