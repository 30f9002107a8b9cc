"""
What one call publishes, and when: measured once on recorded speech, then played by many.

The file beside (``call.json``) has each message of the recorded support call: the second of its
publishing on the call clock, its kind and track, and how many bytes its payload has.
"""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One message: its second on the call clock, where it belongs, how long its payload is."""

    at: float
    kind: str
    track: str
    size: int


@dataclass(frozen=True, slots=True)
class Trace:
    """
    All that a call publishes while it lasts.

    Attributes:
        seconds: How long it lasts.
        messages: In the order of their publishing.
        entries: How often its entry in the registry was written.
    """

    seconds: float
    messages: tuple[Message, ...]
    entries: int

    def count(self, *kinds: str) -> int:
        """How many messages are of these kinds."""
        return sum(message.kind in kinds for message in self.messages)

    def size(self, *kinds: str) -> float:
        """Mean bytes of the payloads of these kinds."""
        sizes = [message.size for message in self.messages if message.kind in kinds]
        return sum(sizes) / len(sizes)

    def dump(self) -> str:
        """Write it as JSON."""
        rows = [
            json.dumps([message.at, message.kind, message.track, message.size])
            for message in self.messages
        ]
        head = f'"seconds": {self.seconds}, "entries": {self.entries}'
        return f'{{{head}, "messages": [\n' + ",\n".join(rows) + "\n]}\n"


def load(text: str) -> Trace:
    """Read what :meth:`Trace.dump` has written."""
    read = json.loads(text)
    messages = tuple(Message(*row) for row in read["messages"])
    return Trace(read["seconds"], messages, read["entries"])
