"""Payloads as they go out on a wire, made once for all who get them. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Generic, TypeVar

from websockets.frames import Frame, Opcode

# Bytes of frames that are kept for those who have not had them yet. Some thousand results, or one
# long list; what does not fit is made for each of its readers.
MAX_RECENT_BYTES = 4 * 1024 * 1024

K = TypeVar("K", bound=Hashable)


def text_frame(payload: bytes) -> bytes:
    """Make a text frame as a server sends it: whole, unmasked, without extensions."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def event(seq: int | None, payload: bytes) -> bytes:
    """Make the event of a message: records have an id to resume from, interims have none."""
    if seq is None:
        return b"data: %b\n\n" % payload
    return b"id: %d\ndata: %b\n\n" % (seq, payload)


class RecentFrames(Generic[K]):
    """
    The frames that were made last; the oldest go when there are too many bytes of them.

    Each counts twice, as its key holds the payload.
    """

    def __init__(self, make: Callable[[K], bytes], max_bytes: int = MAX_RECENT_BYTES) -> None:
        self._make = make
        self._max_bytes = max_bytes
        self._frames: OrderedDict[K, bytes] = OrderedDict()
        self.bytes = 0

    def of(self, key: K) -> bytes:
        """Return the frame of what ``make`` takes."""
        if (frame := self._frames.get(key)) is not None:
            return frame
        frame = self._make(key)
        self._frames[key] = frame
        self.bytes += 2 * len(frame)
        while self.bytes > self._max_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.bytes -= 2 * len(oldest)
        return frame


class SharedMessage:
    """A message that is too large to be kept beside others: its frames live as long as it does."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    @cached_property
    def frame(self) -> bytes:
        """As a websocket sends it."""
        return text_frame(self.payload)

    @cached_property
    def event(self) -> bytes:
        """As an event stream sends it."""
        return event(None, self.payload)
