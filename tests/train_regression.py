"""A training run as a program of its own, to be killed, stopped, or shared by processes.

python train_regression.py DIRECTORY [--steps N] [--signal NAME --at STEP] [--coordinator ...]

The signal comes from a thread of the program itself, up to 50 ms after the batch of STEP is
requested: at a random place during training and saving, but before the end of the run on a machine
of any load.
"""

import argparse
import os
import random
import signal
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("directory")
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--signal", choices=["SIGKILL", "SIGTERM", "SIGINT"])
parser.add_argument("--at", type=int, default=0)
parser.add_argument("--batch", type=int, default=8)
parser.add_argument("--coordinator")
parser.add_argument("--num_processes", type=int)
parser.add_argument("--process_id", type=int)
args = parser.parse_args()

from jaxdiff.training import distributed

distributed.initialize(args.coordinator, args.num_processes, args.process_id)

from regression import METHOD, Batches

from jaxdiff.errors import ProcessLost
from jaxdiff.training.loop import fit
from jaxdiff.training.optimizer import OptimizerSettings
from jaxdiff.training.settings import Settings


class Struck(Batches):
    """The last batch but one waits until the signal has been sent."""

    blow = None

    def __next__(self):
        if args.signal and self.count >= args.at and not self.blow:
            self.blow = threading.Thread(target=self.strike)
            self.blow.start()
        if self.blow and self.count == args.steps - 2:
            self.blow.join()
        return super().__next__()

    def strike(self):
        time.sleep(0.05 * random.random())
        os.kill(os.getpid(), signal.Signals[args.signal])


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


data = Struck(args.batch, rows=distributed.share(args.batch))
try:
    state = fit(
        METHOD, data, settings, args.directory, evaluate=evaluate, about={"config": {"width": 5}}
    )
except ProcessLost as error:
    distributed.abandon(error)
print("finished at", int(state.step))
