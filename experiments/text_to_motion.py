"""Text to motion: a diffusion model of captioned movement, its text encoder and its evaluator.

python -m experiments.text_to_motion --config=experiments/configs/text_to_motion.py:quick
python -m experiments.text_to_motion --mode=generate --run=runs/text_to_motion-quick \
    --text="a person walks in a circle, slowly" --seconds=6 --output=motions
"""

from pathlib import Path

from absl import flags

from jaxdiff.errors import ConfigError
from jaxdiff.training import launch
from jaxdiff.typing import Config

DEFAULT = "experiments/configs/text_to_motion.py:quick"
launch.define_flags()
flags.DEFINE_enum(
    "mode", "train", ["train", "generate"], "run the experiment of the config, or use a trained run"
)
flags.DEFINE_string("run", "runs/text_to_motion-quick", "generate: directory of the trained run")
flags.DEFINE_string("text", None, "generate: what happens, in a sentence")
flags.DEFINE_float("seconds", 6.0, "generate: how long it takes")
flags.DEFINE_string("output", "motions", "generate: directory for .npy, .bvh and .html")
flags.DEFINE_integer("samples", 1, "generate: motions for the sentence")
flags.DEFINE_integer("seed", 0, "generate: seed of the samples")


def main(config: Config, out: Path) -> None:
    values = flags.FLAGS
    if values.mode == "generate":
        from jaxdiff.studies.text_to_motion.generation import generate_files

        if not values.text:
            raise ConfigError('--mode=generate needs --text="what happens"')
        generate_files(
            values.run,
            values.text,
            values.seconds,
            values.output,
            samples=values.samples,
            seed=values.seed,
        )
        return
    from jaxdiff.studies.text_to_motion.experiments import EXPERIMENTS

    EXPERIMENTS[config.experiment](config, out)


if __name__ == "__main__":
    launch.run(main, DEFAULT)
