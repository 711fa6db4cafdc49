"""Points on a line: trains a small diffusion model through the real engine and draws what it learned.

python -m experiments.points
"""

from pathlib import Path

from jaxdiff.training import launch
from jaxdiff.typing import Config


def main(config: Config, out: Path) -> None:
    from jaxdiff.studies.points import run

    run(config, out)


if __name__ == "__main__":
    launch.run(main, "experiments/configs/points.py")
