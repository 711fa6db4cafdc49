"""Every benchmark runs on sizes of a test, writes the JSON it promises, and the page takes its
tables.
"""

import json
import math
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from data.pretended import pretended_gait

from benchmarks import cases, page, report, timing
from jaxdiff.data.builders.simulated import SimulatedGait

SCRIPTS = {
    "sampling": {"median", "samples/s", "share", "memory", "compile"},
    "training": {"median", "steps/s", "share", "memory"},
    "scaling": {"what", "value", "median", "memory"},
    "loader": {"examples/s", "appetite"},
    "quality": {"solver", "steps", "crps"},
    "peers": {"against", "ratio", "ours", "theirs", "difference"},
}


DEAR = {"training", "scaling"}  # they compile a dozen training steps


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in DEAR else n for n in SCRIPTS]
)
def test_a_script_writes_what_it_promises(name, tmp_path, monkeypatch):
    monkeypatch.setenv("JAXDIFF_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(SimulatedGait, "simulator", staticmethod(pretended_gait))
    if name == "peers":
        pytest.importorskip("torch")
        pytest.importorskip("diffusers")
    module, out = import_module(f"benchmarks.{name}"), tmp_path / f"{name}.json"
    argv = [
        "--tiny",
        "--seconds=0.02",
        f"--out={out}",
        f"--runs={tmp_path}",
        "--against=eager",
        "--cases=llma,speed",
    ]
    report.run(name, module.main, module.tables, argv)
    result = json.loads(out.read_text())
    assert result["rows"] and all(SCRIPTS[name] <= set(row) for row in result["rows"])
    assert {"machine", "versions", "date", "commit"} <= set(result["about"])
    text = page.fill(
        f"before <!-- {name} -->stale<!-- end {name} --> after", name, page.render(name, result)
    )
    assert (
        "stale" not in text
        and "| " in text
        and text.startswith("before")
        and text.endswith("after")
    )
    if name == "peers":
        assert all(row["difference"] < 1e-4 for row in result["rows"])


def test_products_are_counted_as_often_as_they_are_run():
    a, b = jnp.ones((3, 4)), jnp.ones((4, 5))
    assert timing.products(jnp.matmul, a, b) == 2 * 3 * 4 * 5
    w = jnp.ones((4, 4))

    def looped(x):
        return jax.lax.scan(lambda x, _: (jax.jit(jnp.matmul)(x, w), None), x, None, length=7)[0]

    assert timing.products(looped, a) == 7 * 2 * 3 * 4 * 4
    batched = jax.vmap(jnp.matmul)
    assert timing.products(batched, jnp.ones((6, 3, 4)), jnp.ones((6, 4, 5))) == 6 * 2 * 3 * 4 * 5


def test_a_convolution_counts_its_taps():
    x, kernel = jnp.ones((2, 9, 3)), jnp.ones((5, 3, 4))

    def run(x):
        return jax.lax.conv_general_dilated(
            x, kernel, (1,), [(2, 2)], dimension_numbers=("NWC", "WIO", "NWC")
        )

    assert timing.products(run, x) == 2 * 2 * 9 * 5 * 3 * 4


def test_turns_tell_the_ratio_of_neighbours(monkeypatch):
    lost = 100.0  # whatever goes unmeasured: first of all, and before every turn
    pairs = [(1.0, 3.0), (10.0, 20.0), (1.0, 2.0)]
    times = iter([lost, lost, *(time for pair in pairs for one in pair for time in (lost, one))])
    monkeypatch.setattr(timing, "once", lambda run, chained=1: next(times))
    said = timing.turns(lambda: 0, lambda: 0, seconds=1e-9, least=3)
    assert said["ratio"] == 2.0 and said["pairs"] == 3


def test_no_parameter_of_a_case_hides_a_network():
    for case in cases.tiny()[:2]:
        assert all(
            np.any(np.asarray(leaf)) for leaf in jax.tree.leaves(case.params()) if leaf.size > 1
        )
    assert math.isfinite(timing.resident())
