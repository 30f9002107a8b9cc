"""What a process of the load is told, and what it answers: a line of JSON each."""

import json
import sys
from typing import Any

from bench.load.sockets import Poller


class Orders:
    """Lines of standard input."""

    def __init__(self, poller: Poller) -> None:
        self.lines: list[str] = []
        self.ended = False
        self._poller = poller
        poller.add(sys.stdin.fileno(), self)

    def ready(self, events: int) -> None:
        del events
        line = sys.stdin.readline()
        if line:
            self.lines.append(line)
        else:
            self.ended = True
            self._poller.remove(sys.stdin.fileno())

    def next(self) -> dict[str, Any] | None:
        """Return the next order once it is there; None if there will be none."""
        self._poller.run(float("inf"), lambda: bool(self.lines) or self.ended)
        return json.loads(self.lines.pop(0)) if self.lines else None


def tell(body: dict[str, Any]) -> None:
    """Answer an order."""
    print(json.dumps(body), flush=True)
