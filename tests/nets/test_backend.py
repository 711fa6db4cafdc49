"""The backend that programs are traced for can be overridden."""

import jax
import pytest

from jaxdiff.errors import ConfigError
from jaxdiff.nets.backend import backend, override


def test_override_holds_within_its_context_only():
    assert backend() == jax.default_backend()
    with override("gpu"):
        assert backend() == "gpu"
        with override("tpu"):
            assert backend() == "tpu"
        assert backend() == "gpu"
    assert backend() == jax.default_backend()


def test_a_compiled_function_is_retraced_under_another_backend():
    seen = []

    @jax.jit
    def double(x):
        seen.append(backend())
        return 2 * x

    double(1.0)
    with override("gpu"):
        double(1.0)
    double(1.0)
    assert seen == [jax.default_backend(), "gpu"]


def test_unknown_backend_is_an_error():
    with pytest.raises(ConfigError, match="did you mean 'gpu'"), override("gpus"):
        pass
