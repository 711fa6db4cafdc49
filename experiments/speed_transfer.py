"""Speed transfer: a person's gait at one walking speed, told at another.

python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:quick
python -m experiments.speed_transfer --config=experiments/configs/speed_transfer.py:table1 --mode=evaluate --out=runs/mine
python -m experiments.speed_transfer --mode=generate --input=walk.csv --source_speed=1.0 --target_speed 0.6 1.4
"""

import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict

from jaxdiff.errors import ConfigError
from jaxdiff.training import launch

DEFAULT = "experiments/configs/speed_transfer.py:quick"
launch.define_flags()
flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "generate"],
    "train and report, report only, or use a run",
)
flags.DEFINE_string("run", "runs/speed_transfer-quick", "generate: directory of the trained run")
flags.DEFINE_string("input", None, "generate: file with the six sagittal angles of one walk")
flags.DEFINE_float("source_speed", None, "generate: the speed of that walk in m/s")
flags.DEFINE_list("target_speed", [], "generate: the speeds wanted in m/s, one or several")
flags.DEFINE_string(
    "output", None, "generate: directory for the new files (default: beside the input)"
)
flags.DEFINE_list(
    "channels", None, "generate: names of hip, knee, ankle of the right leg, then of the left"
)
flags.DEFINE_bool(
    "resample", False, "generate: bring a recording of another rate to the model's and back"
)
flags.DEFINE_float(
    "fill_gaps", 0.0, "generate: bridge gaps of up to so many seconds; otherwise gaps are an error"
)
flags.DEFINE_integer("seed", 0, "generate: seed of the draws")


def main(config: ConfigDict, out: Path) -> None:
    given = flags.FLAGS
    if given.mode != "generate":
        from jaxdiff.studies.speed_transfer.experiments import run

        run(config, out, training=given.mode == "train")
        return
    from jaxdiff.studies.speed_transfer.generation import generate_files

    if not given.input or given.source_speed is None or not given.target_speed:
        raise ConfigError(
            "--mode=generate needs --input=FILE, --source_speed=M/S and --target_speed=M/S"
        )
    try:
        speeds = [float(speed) for speed in given.target_speed]
    except ValueError:
        raise ConfigError(
            f"--target_speed takes numbers in m/s, not {','.join(given.target_speed)}"
        ) from None
    generate_files(
        given.run,
        given.input,
        given.source_speed,
        speeds,
        output=given.output,
        channels=given.channels,
        resample=given.resample,
        longest_gap=given.fill_gaps,
        seed=given.seed,
    )


def spread(argv: list[str]) -> list[str]:
    """`--target_speed 0.6 1.4`, or one flag a speed, as the comma-separated list that absl reads."""
    kept: list[str] = []
    speeds: list[str] = []
    inside = False
    for word in argv:
        name, _, value = word.partition("=")
        if name.lstrip("-") == "target_speed":
            inside, speeds = True, speeds + [value] * bool(value)
        elif inside and not word.startswith("-"):
            speeds.append(word)
        else:
            inside = False
            kept.append(word)
    return [*kept, f"--target_speed={','.join(speeds)}"] if speeds else kept


if __name__ == "__main__":
    sys.argv = spread(sys.argv)
    launch.run(main, DEFAULT)
