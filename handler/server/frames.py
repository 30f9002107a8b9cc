"""Payloads as they go out on a wire, made once for all who get them. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Generic, TypeVar

from websockets.frames import Frame, Opcode

# Bytes of frames that are kept for those who have not had them yet. Some thousand results, or one
# long list; what does not fit is made for each of its readers.
MAX_RECENT_BYTES = 4 * 1024 * 1024

# Ends of lines to Unicode, though not to an event stream, as JSON writes them otherwise: U+0085,
# U+2028 and U+2029. Those below U+0020 no JSON holds raw.
LINE_ENDS = {
    b"\xc2\x85": b"\\u0085",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
}

K = TypeVar("K", bound=Hashable)


def text_frame(payload: bytes) -> bytes:
    """Make a text frame as a server sends it: whole, unmasked, without extensions."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def event(seq: int | None, payload: bytes) -> bytes:
    """Make the event of a message: records have an id to resume from, interims have none."""
    # A JSON string may hold them raw, and many a reader of lines takes them for a line's end.
    for mark, escaped in LINE_ENDS.items():
        payload = payload.replace(mark, escaped)
    if seq is None:
        return b"data: %b\n\n" % payload
    return b"id: %d\ndata: %b\n\n" % (seq, payload)


def chunk(piece: bytes) -> bytes:
    """Make a chunk of a response that goes on; an empty one would be its end."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


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
