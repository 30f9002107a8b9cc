"""handler/server/collector.py: nothing looks at all objects while many come."""

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from handler.server import collector


class Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def full_collections() -> Iterator[list[object]]:
    found: list[object] = []

    def note(phase: str, info: dict[str, Any]) -> None:
        if phase == "start" and info["generation"] == 2:
            found.append(info)

    before = gc.get_threshold()
    collector.look_rarely()
    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)
    gc.set_threshold(*before)
    gc.unfreeze()


def test_many_who_come_are_no_reason_to_look_at_all_there_is(full_collections):
    """A thousand subscribers are some 200,000 objects."""
    kept = [[number] for number in range(400_000)]
    assert not full_collections
    del kept


def test_circles_are_found_all_the_same(full_collections):
    circles = [weakref.ref(Circle()) for _ in range(10_000)]
    assert not full_collections
    assert sum(circle() is not None for circle in circles) < 5_000
