"""What tests of connections share."""

import pytest

from handler.refusals import refusals


@pytest.fixture(autouse=True)
def lines_to_spare():
    """Let each test see its own refusals: a process logs so many of a kind."""
    refusals._counts.clear()
