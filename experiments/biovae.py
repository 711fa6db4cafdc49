"""BioVAE: generation, editing and refinement of motion by a diffusion model that states accelerations.

python -m experiments.biovae --config=experiments/configs/biovae.py:quick
python -m experiments.biovae --mode=generate --run=runs/biovae-quick --text="a person walks" --scale=1.2 --output=walk.bvh
python -m experiments.biovae --mode=refine --run=runs/biovae-quick --input=estimate.npz --output=smooth.bvh
python -m experiments.biovae --mode=edit --run=runs/biovae-quick --input=walk.bvh --scale=1.5 --joints=left_wrist --output=big.bvh
"""

from pathlib import Path

from absl import flags

from jaxdiff.errors import ConfigError
from jaxdiff.training import launch
from jaxdiff.typing import Config

DEFAULT = "experiments/configs/biovae.py:quick"
MODES = ("train", "generate", "refine", "edit")
launch.define_flags()
flags.DEFINE_enum("mode", "train", MODES, "run the experiment of the config, or use a trained run")
flags.DEFINE_string(
    "run", "runs/biovae-quick", "generate, refine, edit: directory of the trained run"
)
flags.DEFINE_string("input", None, "refine, edit: .npz of joints or poses, or .bvh")
flags.DEFINE_string("output", None, "generate, refine, edit: .npz or .bvh")
flags.DEFINE_string("text", None, "generate: what happens, in a sentence")
flags.DEFINE_float("seconds", 3.0, "generate: how long it takes")
flags.DEFINE_float("scale", 1.0, "generate, edit: factor of the acceleration")
flags.DEFINE_list(
    "joints", None, "generate, edit: joints whose acceleration is scaled; all of them unless given"
)
flags.DEFINE_float(
    "strength",
    None,
    "edit (0.7), refine (0: no inversion): noise level the motion is taken back to, 0 … 1",
)
flags.DEFINE_float(
    "trust", None, "refine: how far stated accelerations are followed, in s²; 0: not at all"
)
flags.DEFINE_integer("seed", 0, "generate: seed of the sample")


def main(config: Config, out: Path) -> None:
    values = flags.FLAGS
    if values.mode == "train":
        from jaxdiff.studies.biovae.experiments import EXPERIMENTS

        EXPERIMENTS[config.experiment](config, out)
        return
    from jaxdiff.studies.biovae import generation

    needed = ("text", "output") if values.mode == "generate" else ("input", "output")
    if any(not getattr(values, name) for name in needed):
        raise ConfigError(
            f"--mode={values.mode} needs {' and '.join(f'--{name}=…' for name in needed)}"
        )
    run, path, output = values.run, values.input, values.output
    given = {
        name: getattr(values, name)
        for name in ("strength", "trust")
        if getattr(values, name) is not None
    }
    if values.mode == "generate":
        generation.generate_file(
            run, values.text, output, values.seconds, values.scale, values.joints, values.seed
        )
    elif values.mode == "refine":
        generation.refine_file(run, path, output, **given)
    else:
        given.pop("trust", None)
        generation.edit_file(run, path, output, values.scale, values.joints, **given)


if __name__ == "__main__":
    launch.run(main, DEFAULT)
