"""Fuzz every reader: `python -m tests.fuzz --minutes 10`.

Mutant `i` of a format is a pure function of `--seed` and `i`. With `--state FILE` a run continues
where the last one ended. A failure is an exception that is no error of the library, a message that
is no sentence, more than 2 GB, more than 10 s, or a crash; `--show FORMAT NUMBER` writes the mutant
to a file. The exit code is 1 if there are failures.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--mutants", type=int, default=10**9, help="most mutants per format")
    parser.add_argument("--formats", nargs="*", help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="JSON file that keeps what was done")
    parser.add_argument("--show", nargs=2, metavar=("FORMAT", "NUMBER"), help="write one mutant")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        from tests.fuzz.targets import targets

        named = [*(options.formats or ()), *(options.show or ())[:1]]
        every = targets(Path(folder), not named or "checkpoint" in named)
    if options.show:
        return show(every, options)
    names = options.formats or list(every)
    state = (
        json.loads(options.state.read_text()) if options.state and options.state.exists() else {}
    )
    share = 60 * options.minutes / len(names)
    for name in names:
        done = state.setdefault(
            f"{name}/{options.seed}", {"mutants": 0, "read": 0, "slowest": 0.0, "failures": []}
        )
        fuzz(name, options.seed, done, share, options.mutants)
        report(name, done)
        if options.state:
            options.state.write_text(json.dumps(state, indent=1))
    failures = [f for name in names for f in state[f"{name}/{options.seed}"]["failures"]]
    print(
        f"{sum(state[f'{n}/{options.seed}']['mutants'] for n in names)} mutants, {len(failures)}"
        " failures"
    )
    return int(bool(failures))


def fuzz(name: str, seed: int, done: dict, seconds: float, most: int) -> None:
    """Workers one after the other until the time is up: one that dies has found a crash, and the
    next goes on behind it.
    """
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
        "OPENBLAS_NUM_THREADS": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "progress.json"
        until = time.time() + seconds
        while done["mutants"] < most and seconds > 0:
            progress.unlink(missing_ok=True)
            start = done["mutants"]
            arguments = [name, seed, start, seconds, most - start, progress]
            ended = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.worker", *map(str, arguments)],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if not progress.exists():
                raise SystemExit(f"the sound file of {name} is not read:\n{ended.stderr[-2000:]}")
            reached = json.loads(progress.read_text())
            crashed = ended.returncode != 0
            done["mutants"] = reached["number"] + crashed
            done["read"] += reached["read"]
            done["slowest"] = max(done["slowest"], reached["slowest"])
            done["failures"] += [
                json.loads(line) for line in ended.stdout.splitlines() if line[:1] == "{"
            ]
            seconds = until - time.time()
            if crashed:
                last = ended.stderr.strip().splitlines()[-1:] or [""]
                what = f"the process ended with {ended.returncode}: {last[0][:200]}"
                done["failures"].append({"number": reached["number"], "failure": what})


def report(name: str, done: dict) -> None:
    print(
        f"{name:12} {done['mutants']:7} mutants, {done['read']:6} read, slowest"
        f" {done['slowest']:.2f} s, {len(done['failures'])} failures",
        flush=True,
    )
    for failure in done["failures"][:5]:
        print(f"  {failure['number']}: {failure['failure']}", flush=True)


def show(every: dict, options: argparse.Namespace) -> int:
    from tests.fuzz.mutants import mutant

    name, number = options.show[0], int(options.show[1])
    path = Path(f"mutant-{name}-{number}{every[name].extension}")
    path.write_bytes(mutant(every[name].files, options.seed, number))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
