"""A training run as a program of its own, to be killed, stopped, or shared by processes.

python train_regression.py DIRECTORY [--steps N] [--pause SECONDS] [--rows A:B] [--coordinator ...]
"""

import argparse
import time

parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--coordinator")
parser.add_argument("--num_processes", type=int)
parser.add_argument("--process_id", type=int)
args = parser.parse_args()

from jaxdiff.training import distributed

distributed.initialize(args.coordinator, args.num_processes, args.process_id)

from regression import METHOD, Batches

from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import Settings


class Slow(Batches):
    def __next__(self):
        time.sleep(args.pause)
        return super().__next__()


settings = Settings(
    steps=args.steps,
    optimizer=OptimizerSettings(learning_rate=1e-2, clip_norm=1.0),
    log_every=1,
    save_every=7,
    score="fit",
    evaluate_every=20,
)


def evaluate(state):
    return {"fit": float(abs(state.ema["w"]).sum())}


state = fit(
    METHOD, Slow(rows=distributed.share(8)), settings, args.directory, evaluate=evaluate, about={"config": {"width": 5}}
)
print("finished at", int(state.step))
