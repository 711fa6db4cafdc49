"""LLMA: cross-modal diffusion with local latent manifold alignment.

python -m experiments.llma --config=experiments/configs/llma.py:quick
python -m experiments.llma --config=experiments/configs/llma.py:table1 --config.data.size=full
python -m experiments.llma --mode=generate --run=runs/llma-quick --input=walk.mot --output=moments.mot --samples=32
"""

from pathlib import Path

from absl import flags

from jaxdiff.errors import ConfigError
from jaxdiff.training import launch
from jaxdiff.typing import Config

DEFAULT = "experiments/configs/llma.py:quick"
launch.define_flags()
flags.DEFINE_enum(
    "mode", "train", ["train", "generate"], "run the experiment of the config, or use a trained run"
)
flags.DEFINE_string("run", "runs/llma-quick", "generate: directory of the trained run")
flags.DEFINE_string("input", None, "generate: file with one modality")
flags.DEFINE_string(
    "output", None, "generate: file for the other modality; its extension names the format"
)
flags.DEFINE_integer("samples", 16, "generate: samples behind the median and the spread")
flags.DEFINE_integer("seed", 0, "generate: seed of the samples")
flags.DEFINE_list(
    "strikes", None, "generate: times of heel strikes in s, where they cannot be found in the input"
)
flags.DEFINE_float(
    "fill_gaps", 0.0, "generate: bridge gaps of up to so many seconds; otherwise gaps are an error"
)


def main(config: Config, out: Path) -> None:
    if flags.FLAGS.mode == "generate":
        from jaxdiff.studies.llma.generation import generate_file

        if not flags.FLAGS.input or not flags.FLAGS.output:
            raise ConfigError("--mode=generate needs --input=FILE and --output=FILE")
        strikes = [float(t) for t in flags.FLAGS.strikes] if flags.FLAGS.strikes else None
        generate_file(
            flags.FLAGS.run,
            flags.FLAGS.input,
            flags.FLAGS.output,
            samples=flags.FLAGS.samples,
            seed=flags.FLAGS.seed,
            strikes=strikes,
            longest_gap=flags.FLAGS.fill_gaps,
        )
        return
    from jaxdiff.studies.llma.experiments import EXPERIMENTS

    EXPERIMENTS[config.experiment](config, out)


if __name__ == "__main__":
    launch.run(main, DEFAULT)
