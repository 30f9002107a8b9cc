"""
Twilio media-stream messages: text in, typed messages out.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import re
from typing import Annotated, Any

import msgspec

from handler.audio.mulaw import Track
from handler.errors import TwilioProtocolError, UnusableStart
from handler.twilio.start import StartDetails, read_start

# A call may last 24 hours at the very most (Twilio's own limit is 4 hours by default).
MAX_TIMESTAMP_MS = 24 * 3600 * 1000
# Frames hold 160 bytes (20 ms); other sizes occur. Two seconds is far beyond any that was seen.
MAX_PAYLOAD = 16_000


class Frame(msgspec.Struct, frozen=True, gc=False):
    """
    One frame of one track.

    Attributes:
        track: The side of the call.
        timestamp: Offset of the first sample from the start of the media stream, in ms.
        payload: mu-law samples, one byte each; base64 on the wire.
    """

    track: Track
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=MAX_TIMESTAMP_MS)]
    payload: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_PAYLOAD)]


class Connected(msgspec.Struct, frozen=True, tag_field="event", tag="connected"):
    """The first message; says nothing about the call."""


class Start(msgspec.Struct, frozen=True):
    """The second message: a media stream begins."""

    start: StartDetails


class _Start(msgspec.Struct, rename="camel", tag_field="event", tag="start"):
    """The same as it comes: its fields are read one by one."""

    start: Any = None
    stream_sid: Any = None


class Media(msgspec.Struct, frozen=True, gc=False, tag_field="event", tag="media"):
    """A frame of audio; about 100 a second for each call."""

    media: Frame


class Stop(msgspec.Struct, frozen=True, tag_field="event", tag="stop"):
    """The last message: the media stream was stopped, or the call is over."""


class Other(msgspec.Struct, frozen=True):
    """An event that we do not know; the protocol may grow."""

    event: Annotated[str, msgspec.Meta(max_length=64)]


Message = Connected | Start | Media | Stop | Other

# Numbers come as strings ("sequenceNumber": "2"), hence not strict.
_known: msgspec.json.Decoder[Connected | _Start | Media | Stop] = msgspec.json.Decoder(
    Connected | _Start | Media | Stop, strict=False
)
_other = msgspec.json.Decoder(Other)
_KNOWN_EVENTS = {"connected", "media", "stop"}

# An escape: a whole character in two of them, half of one, or any other.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def parse(text: str | bytes) -> Message:
    """
    Read one message.

    Raises:
        TwilioProtocolError: it is no JSON, or a known event with a wrong or missing field.
        UnusableStart: it is a ``start`` that lacks what the call cannot do without.
    """
    try:
        message = _decode(text)
    except msgspec.ValidationError as exc:
        return _unknown(text, exc)
    except msgspec.DecodeError as exc:
        raise TwilioProtocolError("not-json", str(exc)) from exc
    except UnicodeEncodeError as exc:  # a lone surrogate: JSON text cannot hold it
        raise TwilioProtocolError("not-json", "invalid unicode") from exc
    except RecursionError as exc:
        raise TwilioProtocolError("not-json", "nested too deep") from exc
    if isinstance(message, _Start):
        return Start(read_start(message.start, message.stream_sid))
    return message


def _decode(text: str | bytes) -> Connected | _Start | Media | Stop:
    """Decode a message; half a character in a ``<Parameter>`` is no reason not to hear the call."""
    try:
        return _known.decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        raw = text.encode() if isinstance(text, str) else text
        mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], raw)
        if mended == raw:
            raise
        return _known.decode(mended)


def _unknown(text: str | bytes, problem: msgspec.ValidationError) -> Other:
    try:
        other = _other.decode(text)
    except msgspec.DecodeError as exc:
        raise TwilioProtocolError("no-event", str(exc)) from exc
    if other.event == "start":  # a number beyond any bound, say
        raise UnusableStart("start", f"not to be read: {problem}") from problem
    if other.event in _KNOWN_EVENTS:
        raise TwilioProtocolError(f"bad-{other.event}", str(problem)) from problem
    return other
