"""What goes over the sockets: handshakes, frames of websockets, media messages. Pure."""

import base64
import binascii
import json
import struct
from collections.abc import Iterator, Mapping

from websockets.speedups import apply_mask
from websockets.utils import accept_key

from bench.load.marks import FILLER, mark
from rehearsal.twilio import Options

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
TRACKS = ("inbound", "outbound")
_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of a handshake; there is no cache between us to be fooled
# Masks of our frames, in turn: what they hide from is not on this machine.
_MASKS = tuple(struct.pack(">I", 0x9E3779B9 * number & 0xFFFFFFFF) for number in range(1, 65))
_FILLER = base64.b64encode(FILLER)


def ask(path: str, host: str, headers: Mapping[str, str], *, websocket: bool = True) -> bytes:
    """Make the head of a request."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}"]
    if websocket:
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        lines += [f"Sec-WebSocket-Key: {_KEY}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def accept(head: bytes) -> bytes | None:
    """Answer a handshake; None for what is none."""
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "sec-websocket-key":
            return (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept_key(value.strip())}\r\n"
                "dg-request-id: 00000000-1111-4222-8333-444455556666\r\n\r\n"
            ).encode()
    return None


def frame(opcode: int, payload: bytes, mask: int | None = None) -> bytes:
    """Make a frame; with a number for a mask it is a client's."""
    masked = 0 if mask is None else 0x80
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, masked | length))
    elif length < 65536:
        head = struct.pack(">BBH", 0x80 | opcode, masked | 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, masked | 127, length)
    if mask is None:
        return head + payload
    key = _MASKS[mask & 63]
    return head + key + apply_mask(payload, key)


class Frames:
    """Takes bytes of a websocket, gives its frames."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """
        Yield opcode and payload of each frame that is complete.

        Raises:
            ValueError: a message comes in several frames, which nobody that is measured does.
        """
        data = self._rest + data
        at = 0
        while (ends := _bounds(data, at)) is not None:
            begin, end = ends
            if not data[at] & 0x80:
                raise ValueError("a message in several frames")
            payload = data[begin:end]
            if data[at + 1] & 0x80:
                payload = apply_mask(payload, data[begin - 4 : begin])
            opcode, at = data[at] & 15, end
            yield opcode, payload
        self._rest = data[at:]


def _bounds(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the payload of a frame begins and ends, if it is all there."""
    if len(data) - at < 2:
        return None
    length = data[at + 1] & 0x7F
    begin = at + 2
    if length > 125:
        size = 2 if length == 126 else 8
        length = int.from_bytes(data[begin : begin + size])
        begin += size
    begin += data[at + 1] >> 7 << 2
    end = begin + length
    return (begin, end) if begin <= len(data) and end <= len(data) else None


class Stream:
    """
    The media messages of one stream, as ``rehearsal.twilio.Messages`` writes them.

    Made from a template: a frame takes 2 us here and 15 there, and there are 30,000 a second.
    """

    def __init__(self, call: int, stream_sid: str, sequence: int) -> None:
        """
        Prepare a stream.

        Args:
            call: Its number in the marks.
            stream_sid: Its name.
            sequence: How many numbered messages it has sent.
        """
        self.sequence = sequence
        self._call = call
        self._media = tuple(
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"'
            + track.encode()
            + b'","chunk":"%d","timestamp":"%d","payload":"%b'
            + _FILLER
            + b'"},"streamSid":"'
            + stream_sid.encode()
            + b'"}'
            for track in TRACKS
        )

    def media(self, track: int, number: int, timestamp: int) -> bytes:
        """Make the frame of a websocket that carries a frame of audio."""
        self.sequence += 1
        payload = binascii.b2a_base64(mark(self._call, track, number, timestamp), newline=False)
        message = self._media[track] % (self.sequence, number + 1, timestamp, payload)
        return frame(TEXT, message, self.sequence)

    def stop(self, options: Options) -> bytes:
        """Make the last message."""
        body = {
            "event": "stop",
            "sequenceNumber": str(self.sequence + 1),
            "streamSid": options.stream_sid,
            "stop": {"accountSid": options.account_sid, "callSid": options.call_sid},
        }
        return json.dumps(body, separators=(",", ":")).encode()
