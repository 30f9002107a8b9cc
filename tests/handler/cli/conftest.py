"""Services as processes of their own."""

from collections.abc import Iterator

import pytest
from support.processes import Serve, serving


@pytest.fixture
def serve() -> Iterator[Serve]:
    with serving() as start:
        yield start
