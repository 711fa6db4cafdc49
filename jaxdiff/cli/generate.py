"""Generate from a trained model: files in, files out.

MODEL is the name of a shipped model (gait, speed or motion), a file written by
Model.save, or a run directory. `jaxdiff generate MODEL` without options shows
what the model takes, what it returns, and its own options, which follow those
below.

A signal is written as its median and, as channels NAME_p05 and NAME_p95, the
bounds of its --interval. The extension names the format: .mot, .sto, .csv,
.tsv, .npz, .parquet, .c3d, .bvh. Motions go to a file (.bvh, .npy, .rrd; of
several --samples, motion-0.bvh, motion-1.bvh ...), or to a directory as .npy,
.bvh and .html (and -smpl.npz for meshes, with $JAXDIFF_BODY_MODEL). Of several
--target-speed, walk.csv becomes walk_0.60.csv beside it or in the directory
--output.

example:
  jaxdiff generate gait --input walk.mot --output forces.mot
  jaxdiff generate speed --input walk.csv \\
      --source-speed 1.0 --target-speed 0.6 1.4
  jaxdiff generate runs/llma-quick --input walk.mot --output moments.mot
  jaxdiff generate runs/text_to_motion-quick --text "a person walks" \\
      --seconds 6 --output motions
  jaxdiff generate runs/biovae-quick --input walk.bvh --edit left_arm=1.5 \\
      --output wide.bvh
"""

from __future__ import annotations

import argparse
import os
import re
import textwrap
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError

COMMON = ("samples", "seed", "steps")
"""Parameters of every model."""
INPUT = ("rename", "units")
"""Parameters that are applied to the input before the model sees it."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(extra=[])  # the model's own options, parsed once it is loaded
    add = parser.add_argument
    add("model", metavar="MODEL", help="a shipped model, a model file or a run directory")
    add("--input", type=Path, metavar="FILE", help="recording to start from")
    add("--trial", default="", metavar="NAME", help="trial of an input that holds several")
    add("--rename", nargs="+", default=(), metavar="THEIRS=OURS", help="channels with other names")
    add("--units", nargs="+", default=(), metavar="NAME=UNIT", help="units that the input lacks")
    add("--channel-map", type=Path, metavar="YAML", help="names, units and mass from a file")
    add("--output", type=Path, metavar="PATH", help="file or directory to write")
    add(
        "--interval",
        type=float,
        default=0.9,
        metavar="P",
        help="probability of the written interval; 0 for the median alone (default: %(default)s)",
    )
    add("--samples", type=int, metavar="N", help="number of samples (default: the model's)")
    add("--seed", type=int, metavar="N", help="seed of the samples (default: 0)")
    add("--steps", type=int, metavar="N", help="steps of the sampler (default: the model's)")


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.options import own_options
    from jaxdiff.cli.start import prepare_jax, progress, seed, warn_of_gaps

    seed(options)
    given = {name: getattr(options, name) for name in COMMON}
    given = {name: value for name, value in given.items() if value is not None}
    if given.get("samples", 1) < 1:
        raise ConfigError(f"--samples must be 1 or more, not {given['samples']}")
    prepare_jax()
    from jaxdiff.data import formats
    from jaxdiff.data.channel_map import ChannelMap
    from jaxdiff.studies.loading import load

    model = load(options.model)
    parser = own_options(type(model), (*COMMON, *INPUT), command=options.parser)
    given |= {k: v for k, v in vars(parser.parse_args(options.extra)).items() if v is not None}
    if not given and not options.input:
        print(f"{model}\n\n{parser.format_help()}")
        return
    speeds = given.pop("target_speed", [None])
    if len(speeds) > 1 or (options.output is None and speeds != [None] and options.input):
        targets = places(options.input, speeds, options.output)
    elif options.output is None:
        raise ConfigError("--output is missing: the file or directory to write")
    else:
        targets = [options.output]
    folder = "text" in given and not targets[0].suffix
    if folder and given.get("features"):
        raise ConfigError("features are written to a file: --output motion.npy")
    for target in () if folder else targets:
        writable(target)
    recording = formats.read_one(options.input, trial=options.trial) if options.input else None
    if recording is not None:
        warn_of_gaps(options.input, recording)
        stated = ChannelMap.from_words(options.rename, options.units)
        if options.channel_map:
            stated = stated.over(ChannelMap.read(options.channel_map))
        recording = stated(recording)
    for target, speed in zip(targets, speeds):
        choice = given if speed is None else {**given, "target_speed": speed}
        with progress(f"generating {target.name}"):
            made = model.generate(recording, **choice)
        if folder:
            _motions(made, target, str(given["text"]))
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(made) > 1 and not made.pointwise:  # alternatives, which have no median
            numbered = [target.with_stem(f"{target.stem}-{i}") for i in range(len(made))]
            for path, sample in zip(numbered, made.samples):
                formats.write(path, sample)
            print(f"{', '.join(map(str, numbered))}: {made.values.shape[1]} frames")
            continue
        made.write(target, options.interval)
        what = f"{made.values.shape[1]} samples at {made.like.rate:g} Hz"
        if made.pointwise:
            spread = f" and {options.interval:.0%} interval" if options.interval else ""
            what += f", median{spread if len(made) > 1 else ''} of {len(made)} samples"
        if mapping := changed(made.metadata.get("channel_mapping", "")):
            print(textwrap.fill(f"channels: {mapping}", 80, subsequent_indent="  "))
        for warning in made.metadata.get("warnings", ()):
            print(textwrap.fill(f"note: {warning}", 80, subsequent_indent="  "))
        print(f"{target}: {what}" + (f", {speed:g} m/s" if speed is not None else ""))


def places(source: Path | None, speeds: list[float], output: Path | None) -> list[Path]:
    """`walk_0.60.csv` for `walk.csv` at 0.6 m/s: beside the source, or in the directory `output`.

    An `output` with an extension is a file: that of a single speed, else the stem and format of
        all.
    """
    from jaxdiff.data import formats

    if source is None:
        raise ConfigError("--input is missing: the recording to start from")
    wanted = source.parent if output is None else output
    named = wanted.suffix.lower() in formats.WRITERS and not wanted.is_dir()
    directory, pattern = (wanted.parent, wanted) if named else (wanted, source)
    if pattern.suffix.lower() not in formats.WRITERS:
        raise ConfigError(
            f"gait cannot be written as {pattern.suffix or 'a file without an extension'}, the"
            f" format of {source}: give an output file, such as --output {source.stem}.csv; known"
            f" are {', '.join(formats.WRITERS)}"
        )
    if named and len(speeds) == 1:
        return [wanted]
    return [directory / f"{pattern.stem}_{speed:.2f}{pattern.suffix}" for speed in speeds]


def changed(mapping: str) -> str:
    """The links of a channel mapping that change a name, a sign or a unit."""
    links = [link.partition(" = ") for link in mapping.split("; ") if link]
    return "; ".join(f"{ours} = {theirs}" for ours, _, theirs in links if ours != theirs)


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


def _motions(made: Any, folder: Path, text: str | list[str]) -> None:
    """Every motion as .npy, .bvh and .html, and as SMPL parameters where a body model is named."""
    text = text if isinstance(text, str) else " then ".join(text)
    from einops import rearrange

    from jaxdiff.body import smpl, smpl_fit
    from jaxdiff.body.skeleton import HUMANML3D, Skeleton
    from jaxdiff.data import formats
    from jaxdiff.data.formats.poses import BODY_VARIABLE
    from jaxdiff.report.page import Page

    folder.mkdir(parents=True, exist_ok=True)
    name = "-".join(re.findall(r"\w+", text.lower())[:8]) or "motion"
    names = [channel[:-2] for channel in made.like.channels[::3]]
    body = os.environ.get(BODY_VARIABLE) if tuple(names) == HUMANML3D.names else None
    for number, motion in enumerate(made.samples):
        joints = rearrange(motion.values, "t (j c) -> t j c", c=3)
        parents = tuple(int(parent) for parent in motion.meta["parents"].split())
        skeleton = Skeleton(tuple(names), parents, joints[0])
        paths = [folder / f"{name}-{number}{kind}" for kind in (".npy", ".bvh", ".html")]
        formats.write(paths[0], motion)
        formats.write(paths[1], motion)
        page = Page(text)
        page.motion("Motion", {"": {"generated": joints}}, skeleton, motion.rate)
        page.save(paths[2])
        if body:
            paths.append(folder / f"{name}-{number}-smpl.npz")
            smpl_fit.write(paths[-1], smpl_fit.fit(smpl.load(body), joints), motion.rate)
        print(f"{folder}: {', '.join(path.name for path in paths)}")
    print(f"{made.values.shape[1]} frames at {made.like.rate:g} Hz")
