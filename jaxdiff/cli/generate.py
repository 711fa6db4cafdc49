"""Use a trained run: files in, files out.

What a run takes, its method decides (options in brackets may be left out):

  llma            --input FILE --output FILE [--samples --seed --strikes --fill-gaps]
                  one modality in, the other out: its median, and 5 and 95 % as channels NAME_p05 and NAME_p95
  speed_transfer  --input FILE --source-speed V --target-speed V ... [--output FILE_OR_DIRECTORY --samples --seed
                  --channels --resample --fill-gaps]
                  six sagittal angles at one speed in, at others out (m/s): likewise, in walk_0.60.csv beside walk.csv; an
                  --output that is a file names the files and their format
  text_to_motion  --text "..." --output DIRECTORY [--seconds --samples --seed]
                  motions as .npy, .bvh and .html
  biovae          --text "..." --output FILE [--edit PART=FACTOR --seconds --seed], or
                  --input FILE --output FILE --refine [--trust --strength], or --input FILE --output FILE --edit PART=FACTOR
                  [--strength]:
                  a motion made, an estimate made smooth, a motion with scaled accelerations; .npz or .bvh. A part is
                  left_arm, right_arm, left_leg, right_leg, torso, all or a joint; joints may be joined by commas

Files of signals are .mot, .sto, .csv, .tsv, .npz (and .trc, .c3d to read); the extension says which.

example:
  jaxdiff generate runs/llma-quick --input walk.mot --output moments.mot --samples 32
  jaxdiff generate runs/speed_transfer-quick --input walk.csv --source-speed 1.0 --target-speed 0.6 1.4
  jaxdiff generate runs/text_to_motion-quick --text "a person walks in a circle" --seconds 6 --output motions
  jaxdiff generate runs/biovae-quick --input walk.bvh --edit left_arm=1.5 --output wide.bvh
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("trained", metavar="RUN", type=Path, help="directory of a trained run")
    add("--input", type=Path, metavar="FILE", help="recording to start from")
    add("--output", type=Path, metavar="PATH", help="what to write")
    add(
        "--samples",
        type=int,
        metavar="N",
        help="samples behind the median and the spread (default: 32; of text: 1)",
    )
    add("--seed", type=int, metavar="N", help="seed of the samples (default: 0)")
    add(
        "--strikes",
        type=float,
        nargs="+",
        metavar="S",
        help="times of heel strikes, where the input does not tell",
    )
    add(
        "--fill-gaps",
        type=float,
        metavar="S",
        help="bridge gaps of up to so many seconds; otherwise they are an error",
    )
    add(
        "--resample",
        action="store_const",
        const=True,
        help="accept a recording of another rate than the model's",
    )
    add(
        "--channels",
        nargs=6,
        metavar="NAME",
        help="what the input calls hip, knee, ankle: right leg, then left",
    )
    add("--source-speed", type=float, metavar="V", help="the speed of the input in m/s")
    add("--target-speed", type=float, nargs="+", metavar="V", help="the speeds wanted in m/s")
    add("--text", help="what happens, in a sentence")
    add("--seconds", type=float, metavar="S", help="how long it takes (default: 6; of biovae: 3)")
    add(
        "--refine",
        action="store_const",
        const=True,
        help="make the estimated motion of --input smooth",
    )
    add("--edit", metavar="PART=FACTOR", help="scale the accelerations of a part of the body")
    add(
        "--strength",
        type=float,
        metavar="S",
        help="noise level to which a motion is taken back, 0 to 1 (--edit: 0.7)",
    )
    add(
        "--trust",
        type=float,
        metavar="T",
        help="how far --refine follows the stated accelerations, in s²",
    )


def run(options: argparse.Namespace) -> None:
    from jaxdiff.cli.trained import describe, of_this_version, prepare_jax

    place, about = describe(options.trained)
    method = about.get("method")
    if method not in METHODS:
        raise ConfigError(
            f"{place} is a run of {method or 'an experiment'}, from which files cannot be generated"
        )
    generate = METHODS[method]
    takes = list(inspect.signature(generate).parameters.values())[1:]
    own = {"trained", "run", "verbose"}
    given = {
        name: value
        for name, value in vars(options).items()
        if name not in own and value is not None
    }
    lacking = [_flag(p.name) for p in takes if p.default is p.empty and p.name not in given]
    foreign = [_flag(name) for name in given if name not in {p.name for p in takes}]
    if lacking or foreign:
        needs = f"needs {', '.join(lacking)}" if lacking else f"has no use for {', '.join(foreign)}"
        raise ConfigError(
            f"a run of {method} {needs}; it takes {', '.join(_flag(p.name) for p in takes)}"
        )
    if given.get("samples", 1) < 1:
        raise ConfigError(f"--samples must be 1 or more, not {given['samples']}")
    prepare_jax()
    with of_this_version(about):
        generate(place, **given)


def llma(
    run: Path,
    input: Path,
    output: Path,
    samples: int = 32,
    seed: int = 0,
    strikes: Sequence[float] | None = None,
    fill_gaps: float = 0.0,
) -> None:
    """One modality from the other."""
    from jaxdiff.studies.llma.generation import generate_file

    _check_writable(output)
    generate_file(
        run, input, output, samples=samples, seed=seed, strikes=strikes, longest_gap=fill_gaps
    )


def speed_transfer(
    run: Path,
    input: Path,
    source_speed: float,
    target_speed: Sequence[float],
    output: Path | None = None,
    samples: int = 32,
    seed: int = 0,
    channels: Sequence[str] | None = None,
    resample: bool = False,
    fill_gaps: float = 0.0,
) -> None:
    """A person's gait at other speeds; `output` is a directory or a file."""
    from jaxdiff.data import formats
    from jaxdiff.studies.speed_transfer.generation import generate, places

    paths = places(input, target_speed, output)
    drawn = generate(
        run,
        formats.read(input),
        source_speed,
        [speed for speed in target_speed for _ in range(samples)],
        channels,
        resample=resample,
        longest_gap=fill_gaps,
        seed=seed,
    )
    for number, (path, speed) in enumerate(zip(paths, target_speed)):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = median_and_spread(drawn[number * samples : (number + 1) * samples])
        formats.write(path, made)
        print(
            f"{path}: {len(made.values)} samples at {made.rate:g} Hz, {speed:g} m/s from {source_speed:g} m/s, "
            f"median and 5–95 % of {samples}"
        )


def text_to_motion(
    run: Path, text: str, output: Path, seconds: float = 6.0, samples: int = 1, seed: int = 0
) -> None:
    """Motions for a sentence."""
    from jaxdiff.studies.text_to_motion.generation import generate_files

    generate_files(run.parent, text, seconds, output, samples=samples, seed=seed)


def biovae(
    run: Path,
    output: Path,
    text: str | None = None,
    input: Path | None = None,
    refine: bool = False,
    edit: str | None = None,
    seconds: float = 3.0,
    strength: float | None = None,
    trust: float | None = None,
    seed: int = 0,
) -> None:
    """A motion for a sentence, an estimate refined, or a motion edited."""
    from jaxdiff.studies.biovae.generation import edit_file, generate_file, refine_file

    if (
        (text is None) == (input is None)
        or (input is not None and refine == (edit is not None))
        or (text and refine)
    ):
        raise ConfigError(
            "a run of biovae needs --text, or --input with either --refine or --edit PART=FACTOR"
        )
    factor, joints = _edit(edit) if edit else (1.0, None)
    if trust is not None and not refine:
        raise ConfigError("--trust belongs to --refine")
    how = {
        name: value
        for name, value in (("strength", strength), ("trust", trust))
        if value is not None
    }
    if text is not None:
        generate_file(run.parent, text, output, seconds, factor, joints, seed)
    elif refine:
        refine_file(run.parent, input, output, **how)  # type: ignore[arg-type]
    else:
        edit_file(run.parent, input, output, factor, joints, **how)  # type: ignore[arg-type]


METHODS: dict[str, Callable[..., None]] = {
    "llma": llma,
    "speed_transfer": speed_transfer,
    "text_to_motion": text_to_motion,
    "biovae": biovae,
}
"""By the method a checkpoint names; the parameters of each function are the options it takes."""


def _edit(text: str) -> tuple[float, list[str] | None]:
    """`left_arm=1.5` as the factor and the joints, None for all of them."""
    part, _, factor = text.partition("=")
    try:
        number = float(factor)
    except ValueError:
        raise ConfigError(f"--edit takes PART=FACTOR, such as left_arm=1.5, not {text!r}") from None
    if part == "all":
        return number, None
    return number, [joint for name in part.split(",") for joint in PARTS.get(name, (name,))]


PARTS = {
    **{
        f"{side}_arm": tuple(f"{side}_{j}" for j in ("shoulder", "elbow", "wrist"))
        for side in ("left", "right")
    },
    **{
        f"{side}_leg": tuple(f"{side}_{j}" for j in ("hip", "knee", "ankle", "foot"))
        for side in ("left", "right")
    },
    "torso": ("spine1", "spine2", "spine3", "neck", "head"),
}


def median_and_spread(drawn: Sequence[Any]) -> Any:
    """Recordings of the same channels and times as one: their median, and with several also `_p05` and `_p95`."""
    import numpy as np

    first = drawn[0]
    if len(drawn) == 1:
        return first
    values = np.stack([each.values for each in drawn])
    low, high = np.quantile(values, (0.05, 0.95), axis=0)
    return replace(
        first,
        values=np.concatenate([np.median(values, axis=0), low, high], axis=1),
        channels=tuple(name + part for part in ("", "_p05", "_p95") for name in first.channels),
        units=first.units * 3,
    )


def _check_writable(path: Path) -> None:
    """Said before the work, not after it."""
    from jaxdiff.data import formats

    if path.suffix.lower() not in formats.WRITERS:
        raise ConfigError(
            f"cannot write {path}: the extension must be one of {', '.join(formats.WRITERS)}"
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
