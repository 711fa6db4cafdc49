"""Train, kill, damage, resume, generate and score in a loop: in the end nothing has happened."""

import os
import random
import signal
import time
import warnings

import jax
import numpy as np
import pytest
from regression import METHOD
from training.test_loop import contents, finish, launch, same

from jaxdiff.training.checkpoint import load_params

MINUTES = float(os.environ.get("JAXDIFF_SOAK_MINUTES", "10"))


def harm(run, dice):
    """One random fault of the kinds that a run must survive."""
    files = [run / "run.json", run / "metrics.jsonl"]
    checkpoints = sorted(p for p in (run / "checkpoints").glob("[0-9]*") if p.name.isdigit())
    if len(checkpoints) > 1:  # the last sound one is left
        newest = max(checkpoints, key=lambda p: int(p.name))
        files += [p for p in newest.rglob("*") if p.is_file()]
    file = dice.choice(files)
    if not file.exists():
        return f"none of {file.name}"
    content = bytearray(file.read_bytes())
    kind = dice.choice(["flip", "truncate", "empty"])
    if kind == "flip" and content and file.name != "metrics.jsonl":
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    elif kind == "truncate" and file.name != "metrics.jsonl":
        del content[dice.randrange(len(content) + 1) :]
    elif file.name != "metrics.jsonl":
        content.clear()
    file.write_bytes(content)
    return f"{kind} {file.relative_to(run)}"


@pytest.mark.slow
def test_a_run_survives_minutes_of_kills_and_damage(tmp_path):
    seed = random.randrange(10**6)
    dice, end, rounds = random.Random(seed), time.monotonic() + 60 * MINUTES, 0
    print("seed", seed)
    while time.monotonic() < end:
        run, steps = tmp_path / str(rounds), 60
        finish(launch(tmp_path / "calm", "--steps", str(steps)))
        for _ in range(3):
            at = str(dice.randint(20, 50))
            finish(launch(run, "--signal", "SIGKILL", "--at", at), code=-signal.SIGKILL)
            print(at, harm(run, dice))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                params, _ = load_params(run / "checkpoints", "ema", "latest")
            drawn = METHOD.generate(
                params, jax.random.split(jax.random.key(0), 4), np.ones((4, 3), np.float32)
            )
            assert np.isfinite(drawn).all()
        finish(launch(run, "--steps", str(steps)))
        same(contents(run), contents(tmp_path / "calm"))
        rounds += 1
    print(rounds, "rounds")
    assert rounds
