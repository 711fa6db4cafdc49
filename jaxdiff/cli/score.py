"""Score files: every metric that applies to what is in them, with units.

  gait          with hip flexion: strides, stride time, cadence, range of angles
  physical      with joint positions: speed, acceleration, jerk; with feet also
                skating, floating, penetration and clipping

and with --against, one measured file for each (or one for all):

  pose          of joint positions: MPJPE, PA-MPJPE, acceleration error; of
                SMPL parameters (.npz) PVE too, with the body model that
                $JAXDIFF_BODY_MODEL names
  pointwise     errors and R² of each channel over the time that both cover
  coverage      share of the measured samples between the written bounds
  cycles        errors and correlation of matched gait cycles
  distribution  Fréchet distance and correlational score of all strides (else
                seconds) of all files against all measured ones, each channel
                in units of its measured deviation

With --mechanics a motion of any human skeleton (BVH, joint positions, features
of HumanML3D) gets a mechanics card: unexplained force and moment on the pelvis,
foot slide, floating, penetration, jerk and bone stretch, with captured motion
at a similar speed beside it (extra physics).

A model of text to motion is scored in the published protocol by an evaluator
(converted weights, or a run that trained one) on the test clips of its data:

  --study text_to_motion --model MODEL --evaluator MODEL [--data DIR]

example:
  jaxdiff score walk.mot
  jaxdiff score moments.mot --against measured.mot --json
  jaxdiff score motion.bvh --mechanics
"""

from __future__ import annotations

import argparse
import json
import math
import os
import textwrap
from pathlib import Path
from typing import Any

from jaxdiff.errors import ConfigError, DataError

MEANINGS = {
    "stride_time_sd": "standard deviation of the stride time",
    "range": "range of the mean stride",
    "mae": "mean absolute error",
    "rmse": "root mean square error",
    "r2": "coefficient of determination; 1 is perfect, 0 as good as the mean",
    "pearson": "Pearson correlation",
    "coverage_90": "share of the measured samples in the 90 % interval; 0.9 is right",
    "cycle_mae": "mean absolute error of the mean gait cycle",
    "cycle_mae_each": "mean absolute error over matched gait cycles",
    "cycle_pearson": "Pearson correlation of matched gait cycles",
    "mpjpe": "mean distance of joints relative to the root",
    "pa_mpjpe": "the same after the best similarity of each frame",
    "accel_error": "mean difference of the accelerations of joints",
    "pve": "mean distance of surface points relative to the pelvis",
    "skating": "share of frames in which a foot on the ground slides",
    "floating": "share of frames in which no foot touches the ground",
    "penetration": "share of frames in which a foot is below the ground",
    "clipping": "share of frames in which the legs pass through each other",
    "vc": "high over low frequencies in the spectrum of the velocity",
    "ac": "high over low frequencies in the spectrum of the acceleration",
    "smoothness": "one over the mean jerk per frame",
    "frechet": "Fréchet distance between the distributions of strides or seconds",
    "correlational": "difference of the correlations between channels",
}
"""What a metric means, for those that do not say it themselves."""


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("files", metavar="FILE", nargs="*", type=Path, help="recordings to score")
    add("--study", metavar="NAME", help="score a model instead of files: text_to_motion")
    add("--model", metavar="MODEL", help="the model to score")
    add("--evaluator", metavar="MODEL", help="the evaluator that scores it")
    add("--data", metavar="DIR", help="folder of a data set that needs registration")
    add("--repetitions", type=int, default=20, metavar="N", help="of the protocol (default: 20)")
    add(
        "--against",
        metavar="REAL",
        nargs="+",
        type=Path,
        default=(),
        help="measured recordings to compare with",
    )
    add(
        "--rate",
        type=float,
        metavar="HZ",
        help="bring all files to this rate; needed where a file states none",
    )
    add(
        "--mass",
        type=float,
        metavar="KG",
        help="body mass, where files are in N m and N m/kg; default: that of their metadata",
    )
    add("--mechanics", action="store_true", help="the mechanics card of motions")
    add("--json", action="store_true", help="print JSON instead of a table")


def run(options: argparse.Namespace) -> None:
    if options.study or options.model:
        _score_model(options)
        return
    if not options.files:
        raise ConfigError(
            "score needs files, or --study text_to_motion --model MODEL --evaluator MODEL"
        )
    if options.mechanics:
        _score_mechanics(options)
        return
    from jaxdiff.cli.start import warn_of_gaps
    from jaxdiff.data.formats import read_one
    from jaxdiff.models import scoring

    count = len(options.files)
    if len(options.against) not in (0, 1, count):
        raise ConfigError(
            f"--against takes one file, or {count}, one for each; got {len(options.against)}"
        )
    made = [read_one(path, options.rate) for path in options.files]
    real = [read_one(path, options.rate) for path in options.against]
    for path, file in zip([*options.files, *options.against], [*made, *real]):
        warn_of_gaps(path, file)
    partners = real * (count if len(real) == 1 else 1) or [None] * count
    try:
        made = [
            scoring.in_units_of(file, partner, options.mass) if partner else file
            for file, partner in zip(made, partners)
        ]
    except DataError as error:
        if "body mass" in str(error):
            raise DataError(f"{error} (fix: --mass KG)") from None
        raise
    columns: dict[str, scoring.Scores] = {
        str(path): scoring.alone(file) | (scoring.paired(file, partner) if partner else {})
        for path, file, partner in zip(options.files, made, partners)
    }
    columns |= {
        f"{path} (measured)": scores
        for path, file in zip(options.against, real)
        if (scores := scoring.alone(file))
    }
    _surfaces(columns, options.files, options.against)
    together = scoring.together(made, real) if real else {}
    if not any(columns.values()) and not together:
        if unknown := scoring.without_units(made[0]):
            raise DataError(
                f"{options.files[0]} states no unit for {', '.join(unknown[:6])}, so no metric"
                f" applies: state them in the header, for instance {unknown[0]} [deg]"
            )
        raise DataError(
            "no metric applies: give angles with hip flexion, joint positions (NAME_x, NAME_y,"
            " NAME_z), or --against a file with channels of the same names"
        )
    if options.json:
        files = {name: _plain(scores) for name, scores in columns.items()}
        print(json.dumps({"files": files, "distribution": _plain(together)}, indent=1))
        return
    _show("", columns)
    if together:
        _show("distribution", {"all files": together})
    shown = {
        metric.partition("/")[0] for each in (*columns.values(), together) for metric, _ in each
    }
    print()
    for metric, meaning in MEANINGS.items():
        if metric in shown:
            print(textwrap.fill(f"{metric}: {meaning}", 80, subsequent_indent="  "))


def _plain(scores: dict[tuple[str, str], float]) -> dict[str, Any]:
    """JSON has no NaN: null."""
    return {
        name: {"value": value if math.isfinite(value) else None, "unit": unit}
        for (name, unit), value in scores.items()
    }


def _surfaces(columns: dict[str, Any], files: list[Path], against: list[Path]) -> None:
    """Add the error of the surface to the scores of files of SMPL parameters whose partner is one
    too.
    """
    from jaxdiff.body import smpl
    from jaxdiff.data.formats import poses
    from jaxdiff.models import scoring

    name = os.environ.get(poses.BODY_VARIABLE)
    partners = list(against) * (len(files) if len(against) == 1 else 1)
    for path, partner in zip(files, partners):
        if name and poses.has_parameters(path) and poses.has_parameters(partner):
            body = smpl.load(name)
            both = (poses.read_surface(each, body) for each in (path, partner))
            columns[str(path)] |= scoring.surface(*both)


def _score_model(options: argparse.Namespace) -> None:
    """The published protocol on a model of text to motion."""
    if options.study != "text_to_motion" or not options.model or not options.evaluator:
        raise ConfigError(
            "a model is scored with --study text_to_motion --model MODEL --evaluator MODEL"
        )
    from jaxdiff.cli.start import prepare_jax, progress

    prepare_jax()
    from jaxdiff.studies.text_to_motion import scoring

    with progress(f"scoring {options.model}, {options.repetitions} repetitions"):
        table, rows = scoring.score(
            options.model, options.evaluator, options.data, options.repetitions
        )
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        table.show()


def _score_mechanics(options: argparse.Namespace) -> None:
    """The mechanics card of each file."""
    from jaxdiff.cli.start import progress
    from jaxdiff.data.formats import read_one
    from jaxdiff.models import mechanics_card

    real, found = mechanics_card.reference(), {}
    for path in options.files:
        with progress(f"inverse dynamics of {path.name}"):
            found[str(path)] = mechanics_card.card(read_one(path, options.rate))
    if options.json:
        rows = {
            name: {"pace": pace, "metrics": metrics, "captured": real[pace]}
            for name, (pace, metrics) in found.items()
        }
        print(json.dumps(rows, indent=1))
        return
    for name, (pace, metrics) in found.items():
        clips = real[pace]["clips"]
        print(f"{Path(name).name}: {pace}; beside it {clips} captured motions of this pace\n")
        print(f"{'':14}{'unit':6}{'this':>8}{'captured':>10}   5 to 95 % of them")
        for metric, unit in mechanics_card.METRICS.items():
            low, middle, high = real[pace][metric]
            mark = "  outside" if not low <= metrics[metric] <= high else ""
            print(
                f"{metric:14}{unit:6}{metrics[metric]:8.3g}{middle:10.3g}   {low:.3g} to"
                f" {high:.3g}{mark}"
            )
        print()
    for metric, meaning in mechanics_card.MEANINGS.items():
        print(textwrap.fill(f"{metric}: {meaning}", 80, subsequent_indent="  "))


def _show(title: str, columns: dict[str, dict[tuple[str, str], float]]) -> None:
    """Print one row per metric, one column per file."""
    metrics = list(dict.fromkeys(metric for scores in columns.values() for metric in scores))
    rows = [["", "unit", *(Path(name).name for name in columns)]]
    for metric in metrics:
        cells = (f"{scores[metric]:.4g}" if metric in scores else "" for scores in columns.values())
        rows.append([*metric, *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    if title:
        print(f"\n{title}")
    for name, unit, *cells in rows:
        numbers = "  ".join(cell.rjust(width) for cell, width in zip(cells, widths[2:]))
        print(f"{name.ljust(widths[0])}  {unit.ljust(widths[1])}  {numbers}".rstrip())
