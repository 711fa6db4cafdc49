"""A rehearsal of a study: every network traced on real shapes before the first step is computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from jaxdiff.errors import ConfigError, Error
from jaxdiff.typing import Batch, Method, Params


def rehearse(
    method: Method,
    batch: Batch,
    condition: Mapping[str, Any] | None = None,
    what: str = "the model",
    known: Params | None = None,
) -> None:
    """Trace initialisation, loss and generation without computing anything.

    A config whose shapes do not fit is refused here and not after hours of training.

    Args:
      method: the Method.
      batch: a batch as training has it.
      condition: a condition as `method.generate` takes it; None to leave generation out.
      what: name for the message.
      known: parameters that take the place of those of `method.init`, by their top-level names.

    Raises:
      ConfigError: If a shape does not fit.
    """

    def loss(params: Any, batch: Batch, keys: Any) -> Any:
        return method.loss(params, batch, keys, lambda z: z, {})

    def keys(of: Mapping[str, Any]) -> Any:
        return jax.random.split(jax.random.key(0), len(next(iter(of.values()))))

    try:
        params = {**jax.eval_shape(method.init, jax.random.key(0), batch), **(known or {})}
        jax.eval_shape(loss, params, batch, keys(batch))
        if condition is not None:
            jax.eval_shape(method.generate, params, keys(condition), condition)
    except Error:
        raise
    except (TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"{what} cannot be trained with this config, its shapes do not fit: {reason}"
        ) from error
