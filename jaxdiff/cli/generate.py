"""Generate from a trained model: files in, files out.

MODEL is the name of a shipped model, a file written by Model.save, or a run
directory. What a model takes depends on its study (options in brackets may be
left out); `jaxdiff generate MODEL` without options shows the model itself.

  llma            --input FILE --output FILE [--given --strikes --fill-gaps]
                  one modality in, the other out
  speed_transfer  --input FILE --source-speed V --target-speed V ...
                  [--output PATH --channels --resample --fill-gaps]
                  six sagittal angles at one speed (m/s) in, at others out, in
                  walk_0.60.csv beside walk.csv; an --output that is a file
                  names the files and their format
  text_to_motion  --text "..." --output PATH [--seconds]
                  motions; a directory gets .npy, .bvh and .html of each
  biovae          --text "..." --output PATH [--edit PART=FACTOR --seconds],
                  --input FILE --output FILE --refine [--trust --strength], or
                  --input FILE --output FILE --edit PART=FACTOR [--strength]:
                  a motion made, an estimate refined, accelerations scaled. A
                  part is left_arm, right_arm, left_leg, right_leg, torso, all,
                  or joints joined by commas

A signal is written as its median and, as channels NAME_p05 and NAME_p95, the
bounds of its --interval. The extension names the format: .mot, .sto, .csv,
.tsv, .npz, .bvh (and .trc, .c3d to read).

example:
  jaxdiff generate runs/llma-quick --input walk.mot --output moments.mot
  jaxdiff generate runs/speed_transfer-quick --input walk.csv \\
      --source-speed 1.0 --target-speed 0.6 1.4
  jaxdiff generate runs/text_to_motion-quick --text "a person walks" \\
      --seconds 6 --output motions
"""

from __future__ import annotations

import argparse
import inspect
import re
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError

FILES = (
    *("model", "input", "trial", "output", "interval", "run", "parser", "verbose"),
    *("rename", "units", "channel_map"),
)
"""Options that are not passed on to `Model.generate`."""


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add("--input", type=Path, metavar="FILE", help="recording to start from")
    add("--trial", default="", metavar="NAME", help="trial of an input that holds several")
    add("--rename", nargs="+", default=(), metavar="THEIRS=OURS", help="channels with other names")
    add("--units", nargs="+", default=(), metavar="NAME=UNIT", help="units that the input lacks")
    add("--channel-map", type=Path, metavar="YAML", help="names, units and mass from a file")
    add("--output", type=Path, metavar="PATH", help="file or directory to write")
    add("--samples", type=int, metavar="N", help="number of samples (default: 32; of a text: 1)")
    add("--seed", type=int, metavar="N", help="seed of the samples (default: 0)")
    add("--steps", type=int, metavar="N", help="steps of the sampler (default: the model's)")
    add(
        "--interval",
        type=float,
        default=0.9,
        metavar="P",
        help="probability of the written interval; 0 for the median alone (default: %(default)s)",
    )
    add("--given", metavar="NAME", help="modality of the input, where its channels fit several")
    add(
        "--strikes",
        type=float,
        nargs="+",
        metavar="S",
        help="times of heel strikes in s, where they cannot be found in the input",
    )
    add(
        "--fill-gaps",
        type=float,
        metavar="S",
        help="bridge gaps of up to S seconds; otherwise gaps are an error",
    )
    add(
        "--resample",
        action="store_const",
        const=True,
        help="accept a recording at another rate than the model's",
    )
    add(
        "--channels",
        nargs="+",
        metavar="NAME",
        help="the input's names for hip, knee, ankle: right leg, then left",
    )
    add("--source-speed", type=float, metavar="V", help="speed of the input in m/s")
    add("--target-speed", type=float, nargs="+", metavar="V", help="speeds to generate in m/s")
    add(
        "--band",
        choices=("stride", "mean"),
        help="speed_transfer: the interval holds a single stride (default) or the mean stride",
    )
    add("--text", help="what happens, in a sentence")
    add("--seconds", type=float, metavar="S", help="duration (default: 6; of biovae: 3)")
    add("--refine", action="store_const", const=True, help="refine the estimated motion of --input")
    add("--edit", metavar="PART=FACTOR", help="scale the accelerations of a part of the body")
    add(
        "--strength",
        type=float,
        metavar="S",
        help="noise level from 0 to 1 to which a motion is taken back (--edit: 0.7)",
    )
    add("--trust", type=float, metavar="T", help="how far --refine follows accelerations, in s²")


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.start import prepare_jax, progress

    given = {
        name: value
        for name, value in vars(options).items()
        if name not in FILES and value is not None
    }
    if given.get("samples", 1) < 1:
        raise ConfigError(f"--samples must be 1 or more, not {given['samples']}")
    prepare_jax()
    from jaxdiff.data.channel_map import ChannelMap
    from jaxdiff.data.formats import read_one
    from jaxdiff.studies.loading import load

    model = load(options.model)
    takes = inspect.signature(model.generate).parameters
    if foreign := [_flag(name) for name in given if name not in takes]:
        known = [_flag(name) for name in takes if name != "recording"]
        raise ConfigError(
            f"a model of {model.study} has no option {', '.join(foreign)}; it takes --input, {', '.join(known)}"
        )
    if not given and not options.input:
        print(model)
        return
    speeds = given.pop("target_speed", [None])
    if len(speeds) > 1 or (options.output is None and speeds != [None] and options.input):
        targets = places(options.input, speeds, options.output)
    elif options.output is None:
        raise ConfigError("--output is missing: the file or directory to write")
    else:
        targets = [options.output]
    directory = not options.output or not options.output.suffix
    if not (directory and "text" in given):
        for target in targets:
            writable(target)
    recording = read_one(options.input, trial=options.trial) if options.input else None
    if recording is not None:
        stated = ChannelMap.from_words(options.rename, options.units)
        if options.channel_map:
            stated = stated.over(ChannelMap.read(options.channel_map))
        recording = stated(recording)
    for target, speed in zip(targets, speeds):
        choice = given if speed is None else {**given, "target_speed": speed}
        with progress(f"generating {target.name}"):
            made = model.generate(recording, **choice)
        if directory and "text" in given:
            _motions(made, target, given["text"])
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        made.write(target, options.interval)
        what = f"{made.values.shape[1]} samples at {made.like.rate:g} Hz"
        if made.pointwise:
            spread = f" and {options.interval:.0%} interval" if options.interval else ""
            what += f", median{spread if len(made) > 1 else ''} of {len(made)} samples"
        if mapping := made.metadata.get("channel mapping", ""):
            print(f"channels: {mapping}")
        print(f"{target}: {what}" + (f", {speed:g} m/s" if speed is not None else ""))


def places(source: Path | None, speeds: list[float], output: Path | None) -> list[Path]:
    """`walk_0.60.csv` for `walk.csv` at 0.6 m/s: beside the source, or in the directory `output`.

    An `output` with an extension is a file: that of a single speed, else the stem and format of all.
    """
    from jaxdiff.data import formats

    if source is None:
        raise ConfigError("--input is missing: the recording to start from")
    wanted = source.parent if output is None else output
    named = wanted.suffix.lower() in formats.WRITERS and not wanted.is_dir()
    directory, pattern = (wanted.parent, wanted) if named else (wanted, source)
    if pattern.suffix.lower() not in formats.WRITERS:
        raise ConfigError(
            f"gait cannot be written as {pattern.suffix or 'a file without an extension'}, the format of {source}: give "
            f"an output file, such as --output {source.stem}.csv; known are {', '.join(formats.WRITERS)}"
        )
    if named and len(speeds) == 1:
        return [wanted]
    return [directory / f"{pattern.stem}_{speed:.2f}{pattern.suffix}" for speed in speeds]


def writable(path: Path) -> None:
    """Raise a `ConfigError` if a recording cannot be written there, before any work is done."""
    from jaxdiff.data import formats

    if path.suffix.lower() not in formats.WRITERS:
        raise ConfigError(
            f"cannot write {path}: the extension must be one of {', '.join(formats.WRITERS)}"
        )
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a directory")
    above = next(each for each in path.absolute().parents if each.exists())
    if not above.is_dir():
        raise ConfigError(f"cannot write {path}: {above} is not a directory")


def _motions(made: Any, folder: Path, text: str) -> None:
    """Every motion as .npy, .bvh and .html."""
    from jaxdiff.body.skeleton import Skeleton
    from jaxdiff.data import formats
    from jaxdiff.report.page import Page

    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(re.findall(r"\w+", text.lower())[:8]) or "motion"
    names = [channel[:-2] for channel in made.like.channels[::3]]
    for number, motion in enumerate(made.samples):
        joints = motion.values.reshape(len(motion.values), -1, 3)
        parents = tuple(int(parent) for parent in motion.meta["parents"].split())
        skeleton = Skeleton(tuple(names), parents, joints[0])
        paths = [folder / f"{name}-{number}{kind}" for kind in (".npy", ".bvh", ".html")]
        formats.write(paths[0], motion)
        formats.write(paths[1], motion)
        page = Page(text)
        page.motion("Motion", {"": {"generated": joints}}, skeleton, motion.rate)
        page.save(paths[2])
        print(f"{folder}: {', '.join(path.name for path in paths)}")
    print(f"{made.values.shape[1]} frames at {made.like.rate:g} Hz")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
