"""Sample files of every format, and the writer of C3D files."""

import pytest

from tests.data.formats import made


@pytest.fixture(scope="session")
def make_c3d():
    """The writer of C3D files, with one force plate and one EMG channel unless stated otherwise."""
    return lambda points, analog, **options: made.c3d_bytes(
        points, analog, **{**made.LAB, **options}
    )


@pytest.fixture(scope="session")
def gait():
    return made.walk()


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    return made.write_samples(tmp_path_factory.mktemp("samples"))
