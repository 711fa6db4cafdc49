"""What is gathered on the device is what the host gathers, bit for bit."""

import chex
import jax
import numpy as np
import pytest
from studies.test_text_to_motion import RNG, clips

from jaxdiff.data import windows
from jaxdiff.data.builders.example import example
from jaxdiff.data.pipeline import Batches
from jaxdiff.data.trials import gather
from jaxdiff.studies.biovae.preparation import ESTIMATE, MUSCLES, Source
from jaxdiff.studies.llma.starts import Guessed
from jaxdiff.studies.text_to_motion import preparation
from jaxdiff.studies.text_to_motion.config import get_config


def paired():
    signals = {
        name: RNG.normal(size=(90, n)).astype(np.float32) for name, n in (("a", 3), ("b", 2))
    }
    channels = {"a": ["h", "k", "l"], "b": ["p", "q"]}
    units = {name: ["1"] * len(each) for name, each in channels.items()}
    made = [example(f"S{i}", signals, 100.0, f"t{i}") for i in range(3)]
    trials = gather([each | {"channels": channels, "units": units} for each in made])
    return windows.break_pairs(windows.cut(trials, "a", "b", 30, hop=7), 0.5)


def guessed():
    cut = paired()
    return Guessed(cut, {"guess_x": RNG.normal(size=(len(cut), 30, 3)).astype(np.float32)})


def captioned():
    prepared = preparation.prepare(get_config("tiny"), gather(clips(30)))
    return preparation.evaluator_source(prepared, "train")


def with_muscles():
    def more(clip):
        motion = clip["signals"]["motion"]
        signals = {**clip["signals"], MUSCLES: motion[:, :8] + 1, ESTIMATE: motion * 2}
        channels = {
            **clip["channels"],
            MUSCLES: [f"m{i}" for i in range(8)],
            ESTIMATE: clip["channels"]["motion"],
        }
        units = {name: ["1"] * len(each) for name, each in channels.items()}
        return clip | {"signals": signals, "channels": channels, "units": units}

    trials = gather(list(map(more, clips(30))))
    prepared = preparation.prepare(get_config("tiny"), trials)
    side = preparation.captioned(trials, extra=(MUSCLES, ESTIMATE), crop=True)
    return Source(side, prepared.normaliser, {"text": np.arange(len(side.captions))[:, None]})


@pytest.mark.parametrize("make", [paired, guessed, captioned, with_muscles])
def test_a_batch_gathered_on_the_device_is_that_of_the_host(make):
    source = make()
    kept = Batches(source, 4).resident(1e9)
    assert kept is not None
    batches = Batches(source, 4)
    for batch in (next(batches), next(batches)):
        plan = next(kept.plans)
        assert max(np.ndim(a) for a in plan.values()) == 1  # a few integers per example
        found = jax.jit(kept.gather)(kept.arrays, plan)
        chex.assert_trees_all_equal(dict(found), dict(batch))
