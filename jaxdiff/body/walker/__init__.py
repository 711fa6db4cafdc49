"""A simulated walker: physically consistent gait of able-bodied people and stroke survivors, from one hidden state.

`cohorts` yields recorded trials. Underneath, in the order of computation: `subjects` draws a walker, `prescription`
says what the gait should be (`timing`, `templates`), `projection` makes it consistent in the sagittal plane and
`completion` in space, `nodes` does so over a grid of speeds and slopes, `variability` makes strides differ, `trials`
walks, and `dynamics` and `emg` say what forces and muscles that takes.
"""

from jaxdiff.body.walker.cohorts import CHANNELS, UNITS, Trial, gait_cohort, speed_cohort
from jaxdiff.body.walker.model import COORDINATES, JOINT_CENTRES, joint_centres
from jaxdiff.body.walker.nodes import gait_nodes
from jaxdiff.body.walker.recordings import task_name
from jaxdiff.body.walker.subjects import Walker, able_bodied, impaired, stroke_survivor
from jaxdiff.body.walker.trials import kinetics, walk

__all__ = [
    "CHANNELS",
    "COORDINATES",
    "JOINT_CENTRES",
    "UNITS",
    "Trial",
    "Walker",
    "able_bodied",
    "gait_cohort",
    "gait_nodes",
    "impaired",
    "joint_centres",
    "kinetics",
    "speed_cohort",
    "stroke_survivor",
    "task_name",
    "walk",
]
