"""Repeated work in one process neither leaks memory nor maps: scores, reports, streams (generation:
test_model.py).
"""

import jax
import numpy as np
import pytest
from models.tiny import MOMENTS, maps, needs_maps, resident, walk

from jaxdiff.body.skeleton import HUMANML3D
from jaxdiff.data.recording import Recording
from jaxdiff.deployment.program import Program
from jaxdiff.deployment.signal import Signal
from jaxdiff.deployment.streaming import Stream
from jaxdiff.models import scoring
from jaxdiff.report.publish import Report, publish
from jaxdiff.report.tables import Table

CALLS = [30, pytest.param(500, marks=pytest.mark.slow)]


def grows(work, calls):
    """Maps and MB that `calls` of `work` add once everything is compiled and cached."""
    for number in range(5):
        work(number)
    before = maps(), resident()
    for number in range(calls):
        work(number)
    return maps() - before[0], resident() - before[1]


@needs_maps
@pytest.mark.parametrize("calls", CALLS)
def test_scores(calls):
    files = [walk(seconds) for seconds in np.linspace(4, 6.5, 7)]
    joints = np.cumsum(HUMANML3D.offsets, 0)[None] + np.zeros((20, 1, 1))
    names = tuple(f"{name}_{axis}" for name in HUMANML3D.names for axis in "xyz")
    body = Recording(joints.reshape(20, -1), names, ("m",) * 66, 20.0)

    def work(number):
        one, other = files[number % 7], files[(number + 1) % 7]
        assert scoring.paired(one, other) and scoring.alone(one)
        scoring.together([one, other], [other, one])
        scoring.alone(body)

    added = grows(work, calls)
    assert added[0] <= 20 and added[1] < 30, added


@needs_maps
@pytest.mark.parametrize("calls", CALLS)
def test_reports(calls, tmp_path, capsys):
    joints = np.cumsum(HUMANML3D.offsets, 0)[None] + np.zeros((20, 1, 1))

    def work(number):
        table = Table("Errors", ("a",))
        table.row("row", {"a": str(number)})
        report = Report("A report", {"seed": str(number)}, {"errors": table})
        report.add(lambda page: page.motion("Walks", {"": {"made": joints}}, HUMANML3D, 20.0))
        publish(report, tmp_path)
        capsys.readouterr()

    added = grows(work, calls)
    assert added[0] <= 20 and added[1] < 30, added
    assert {path.name for path in tmp_path.iterdir()} == {"tables", "report.html"}


@needs_maps
@pytest.mark.parametrize("calls", CALLS)
def test_streams(calls):
    """A stream that runs on, and streams opened again and again over one program."""
    signal = Signal("signal", MOMENTS, ("N m/kg",) * 3, rate=100.0, length=20)

    def draw(seed, rows):
        return rows + jax.random.normal(jax.random.key(seed), rows.shape)

    program = Program(draw, (signal,), signal, "llma")
    rows = np.random.default_rng(0).normal(size=(40, 3))

    def work(number):
        stream = Stream(program, MOMENTS, ("N m/kg",) * 3, 100.0, samples=2, seed=number)
        for row in rows:
            stream.push(row)
        assert stream.newest(5) is not None

    added = grows(work, calls)
    assert added[0] <= 20 and added[1] < 30, added
    lasting = Stream(program, MOMENTS, ("N m/kg",) * 3, 100.0, samples=2)

    def more(number):
        lasting.push(rows[number % 40])
        lasting.newest(1)

    for _ in range(30):
        more(0)
    added = grows(more, 10 * calls)
    assert added[0] <= 5 and added[1] < 10, added
