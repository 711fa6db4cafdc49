"""Points on a line: a mixture of Gaussians learned by a small network. It has no model to use
afterwards.
"""

from jaxdiff.errors import ConfigError
from jaxdiff.models.model import Model
from jaxdiff.models.trained import Trained
from jaxdiff.studies.points.config import WORDS, get_config
from jaxdiff.studies.study import Study, lazily


def _model(trained: Trained) -> Model:
    raise ConfigError("points on a line have no model: the study shows that training works")


STUDY = Study(
    name="points",
    get_config=get_config,
    words=WORDS,
    experiments={"train": lazily("jaxdiff.studies.points.experiment:run")},
    model=_model,
    arms=(),
)
