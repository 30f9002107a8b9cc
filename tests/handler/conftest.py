"""What the tests of the handler's rooms share: all that they wait for is in their own process."""

import pytest
from support.steady import STEADY


@pytest.fixture
def anyio_backend() -> object:
    return STEADY
