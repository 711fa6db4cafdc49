"""The shipped model of text to motion: its card, its limits, and a sentence as a file."""

import numpy as np
import pytest

import jaxdiff
from jaxdiff.body.humanml3d import LAYOUT_22
from jaxdiff.body.rigid import violation
from jaxdiff.body.skeleton import bone_lengths


@pytest.fixture(scope="module")
def model():
    return jaxdiff.load("motion")


def test_its_card_states_scores_and_the_acknowledgement_cmu_asks_for(model):
    assert "motion" in jaxdiff.models()
    assert "mocap.cs.cmu.edu" in model.card.data and "NSF EIA-0196217" in model.card.data
    assert float(model.card.scores["R@3"].split()[0]) > 0.8
    for control in ("other clip", "frames shuffled", "frozen", "noise"):
        assert model.card.scores[f"{control} worse in"].count(",") >= 1
    assert f"{len(model.words)} words" in model.card.limits
    metadata = str(model.trained.metadata["config"])
    assert "/tmp" not in metadata and "/home" not in metadata


@pytest.mark.slow
def test_a_sentence_becomes_a_motion_of_one_skeleton_with_planted_feet(model, tmp_path):
    made = model.generate(text="a person walks forward", seconds=4.0, samples=2, seed=1)
    path = made.write(tmp_path / "walk.bvh")
    raw = model.generate(text="a person walks forward", seconds=4.0, samples=2, seed=1, raw=True)

    def slide(prediction):
        return np.mean(
            [
                violation(motion.values.reshape(-1, 22, 3), LAYOUT_22, 20.0)["foot_slide"]
                for motion in prediction.samples
            ]
        )

    assert slide(made) < 0.5 * slide(raw)
    for motion in made.samples:
        joints = motion.values.reshape(-1, 22, 3)
        lengths = bone_lengths(joints, LAYOUT_22.skeleton.parents)
        np.testing.assert_allclose(lengths, np.tile(lengths[0], (80, 1)), atol=1e-5)
        assert np.linalg.norm(np.ptp(joints[:, 0, [0, 2]], axis=0)) > 1.0  # it goes somewhere
        assert 0.6 < joints[:, 0, 1].mean() < 1.2  # and stands
    assert jaxdiff.read(path).rate == pytest.approx(20.0, rel=1e-3)
    with pytest.warns(UserWarning, match="moonwalks"):
        model.generate(text="a person moonwalks", seconds=4.0, seed=1)
