"""A simulated walker: physically consistent gait of healthy and impaired people, from one hidden
state.

`batch` simulates many people at once. In the order of computation: `people` draws `traits` and
tasks, `design` states what each gait should be (`stance`, `shapes`), `solve` makes it consistent
with contact and Newton in the sagittal plane and `whole` in space, `synthesis` walks with the
variability of `modes` and computes forces and sensors (`kinematics`, `contact`, `sensors`),
`muscles` the EMG. `population` gives the result as trials of one leg.

`cohorts` yields the trials of the papers' cohorts, one walker at a time: `subjects`, `prescription`
(`timing`, `templates`), `projection` (`sagittal`), `completion`, `nodes`, `variability`, `trials`,
`dynamics`, `emg`.
"""

from jaxdiff.body.walker.cohorts import CHANNELS, UNITS, Trial, gait_cohort, speed_cohort
from jaxdiff.body.walker.model import COORDINATES, JOINT_CENTRES, joint_centres
from jaxdiff.body.walker.nodes import gait_nodes
from jaxdiff.body.walker.population import people_cohort
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
    "people_cohort",
    "speed_cohort",
    "stroke_survivor",
    "task_name",
    "walk",
]
