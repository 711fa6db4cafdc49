"""The leaderboard of mechanics, and the reference values of `jaxdiff score --mechanics`.

    python -m benchmarks.mechanics --shared DIR [--motions NAME=DIR ...] --out
    docs/results/mechanics

`DIR` is the data pack with `cmu_mocap.npz` and `bandai_namco_2.npz`. Every further source is a
folder of motions (BVH, .npy, .npz), for instance what
`jaxdiff generate motion --text ... --output DIR` wrote. Simulated motion, the same with 1 cm of
jitter, and captured motion with its frames shuffled are the controls. Clips are drawn with seed 0;
the reference is rewritten with --reference.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jaxdiff.body.actions import simulate_motions
from jaxdiff.body.skeleton import HUMANML3D, Skeleton
from jaxdiff.data import formats
from jaxdiff.data.recording import Recording
from jaxdiff.errors import DataError
from jaxdiff.models import mechanics_card
from jaxdiff.report.tables import Cell, Table, provenance

SHORTEST = 15
"""Frames of a clip at least."""
SUPPORTED = ("climb", "sit", "playground", "terrain")
"""Words of captions of motions on something else than level ground, which the analysis does not
know.
"""


def captured(path: Path, count: int) -> Iterator[Recording]:
    """Clips of a data pack, drawn evenly; all for a count of 0."""
    pack = np.load(path, allow_pickle=False)
    tree = Skeleton(
        tuple(map(str, pack["joint_names"])), tuple(map(int, pack["parents"])), pack["bone_offsets"]
    )
    ends = pack["offsets"]
    words = [" ".join(np.atleast_1d(each)) for each in pack["captions"]]
    level = [not any(word in text for word in SUPPORTED) for text in words]
    whole = np.flatnonzero((np.diff(ends) >= SHORTEST) & level)
    chosen = whole if not count else whole[np.linspace(0, len(whole) - 1, count).astype(int)]
    for i in chosen:
        joints = pack["positions"][ends[i] : ends[i + 1]].astype(np.float64)
        yield formats.joints_recording(joints, tree, float(pack["fps"]))


def simulated(count: int, jitter: float = 0.0) -> Iterator[Recording]:
    """Simulated motion of all actions in turn, with white noise of `jitter` metres on every
    joint.
    """
    rng = np.random.default_rng(0)
    for clip in simulate_motions(count):
        joints = np.asarray(clip.joints, np.float64)
        joints = joints + jitter * rng.standard_normal(joints.shape)
        yield formats.joints_recording(joints, HUMANML3D, 20.0)


def shuffled(clips: Iterator[Recording]) -> Iterator[Recording]:
    """The same clips with their frames in random order."""
    rng = np.random.default_rng(0)
    for clip in clips:
        order = rng.permutation(len(clip))
        joints = clip.values[order].reshape(len(clip), -1, 3)
        parents = tuple(map(int, clip.meta["parents"].split()))
        names = tuple(channel[:-2] for channel in clip.channels[::3])
        yield formats.joints_recording(joints, Skeleton(names, parents, joints[0]), clip.rate)


def folder(path: Path) -> Iterator[Recording]:
    """The motions in a folder; of several files of one name the first format."""
    seen: set[str] = set()
    for kind in (".npy", ".bvh", ".npz"):
        for file in sorted(path.glob(f"*{kind}")):
            if file.stem not in seen:
                seen.add(file.stem)
                yield formats.read_one(file)


def cards(clips: Iterator[Recording]) -> list[tuple[str, dict[str, float]]]:
    """Pace and metrics of every clip that has the joints."""
    found = []
    for clip in clips:
        try:
            found.append(mechanics_card.card(clip))
            print(len(found), *found[-1], flush=True)
        except DataError as error:
            print(f"left out: {error}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shared", type=Path, required=True, metavar="DIR")
    parser.add_argument("--motions", nargs="+", default=(), metavar="NAME=DIR")
    parser.add_argument(
        "--count",
        type=int,
        default=40,
        help="clips of a source (default: 40; twice as many of Bandai Namco, all of CMU)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--reference", action="store_true", help="rewrite the reference values")
    options = parser.parse_args()
    packs = {"captured: CMU": "cmu_mocap.npz", "captured: Bandai Namco": "bandai_namco_2.npz"}
    counts = {"captured: CMU": 0, "captured: Bandai Namco": 2 * options.count}
    sources = {
        name: cards(captured(options.shared / file, counts[name])) for name, file in packs.items()
    }
    if options.reference:
        write_reference([each for found in sources.values() for each in found])
    mixed = captured(options.shared / packs["captured: CMU"], options.count)
    sources["simulated"] = cards(simulated(options.count))
    sources["control: simulated, 1 cm jitter"] = cards(simulated(options.count, 0.01))
    sources["control: CMU, frames shuffled"] = cards(shuffled(mixed))
    for each in options.motions:
        name, _, place = each.partition("=")
        sources[name] = cards(folder(Path(place)))
    heads = {name: f"{name} [{unit}]" for name, unit in mechanics_card.METRICS.items()}
    table = Table("Mechanics: medians over clips", ["clips", *heads.values()])
    for name, found in sources.items():
        if not found:
            continue
        medians = {
            head: Cell(float(np.median([m[k] for _, m in found]))) for k, head in heads.items()
        }
        table.row(name, {"clips": len(found), **medians})
    table.save(options.out, "table", provenance(f"{options.count} clips per source", 0))
    table.show()


def write_reference(found: list[tuple[str, dict[str, float]]]) -> None:
    """Quantiles per pace, beside the module that reads them."""
    values = {}
    for pace in mechanics_card.PACES:
        own = [metrics for name, metrics in found if name == pace]
        values[pace] = {"clips": len(own)} | {
            name: [
                round(float(q), 5) for q in np.quantile([m[name] for m in own], (0.05, 0.5, 0.95))
            ]
            for name in mechanics_card.METRICS
        }
    path = Path(mechanics_card.__file__).with_name("mechanics_reference.json")
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
