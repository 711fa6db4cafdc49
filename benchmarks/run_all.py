"""All benchmarks one after another, each in a process of its own:
`python -m benchmarks.run_all --out=DIRECTORY`.

Writes one JSON per script into the directory, and all of them into `all.json`.
`--only=peers,training` runs some; `--seconds` and `--tiny` are those of the scripts, `--minutes` is
shared among them. `python -m benchmarks.page DIRECTORY` puts the tables into the docs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

SCRIPTS = {
    "sampling": 2.5,
    "training": 2.0,
    "loader": 0.5,
    "quality": 3.0,
    "peers": 8.5,
    "scaling": 1.5,
}
"""And how many of 18 minutes each may take."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="runs/benchmarks")
    parser.add_argument("--only", default=",".join(SCRIPTS))
    parser.add_argument("--seconds", default="2")
    parser.add_argument(
        "--minutes",
        type=float,
        default=18.0,
        help="of all scripts: each begins no case beyond its share",
    )
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args(argv)
    out, failed = Path(given.out), []
    out.mkdir(parents=True, exist_ok=True)
    for name in given.only.split(","):
        if name == "peers" and not (find_spec("torch") and find_spec("diffusers")):
            print(
                "peers: left out, for torch and diffusers are not installed (pip install"
                " jaxdiff[peers])"
            )
            continue
        start = time.perf_counter()
        command = [
            sys.executable,
            "-m",
            f"benchmarks.{name}",
            f"--out={out / name}.json",
            f"--seconds={given.seconds}",
        ]
        command.append(f"--minutes={given.minutes * SCRIPTS[name] / sum(SCRIPTS.values())}")
        command += ["--tiny", f"--runs={out}"] if given.tiny else []
        if subprocess.run(command).returncode:
            failed.append(name)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    whole = {
        path.stem: json.loads(path.read_text())
        for path in sorted(out.glob("*.json"))
        if path.stem != "all"
    }
    (out / "all.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
