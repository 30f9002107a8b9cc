"""
Twilio media-stream messages: text in, typed messages out.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from typing import Annotated

import msgspec

from broker.identifiers import ACCOUNT_SID, CALL_SID, STREAM_SID
from handler.audio.mulaw import Track
from handler.errors import TwilioProtocolError

# A call may last 24 hours at the very most (Twilio's own limit is 4 hours by default).
MAX_TIMESTAMP_MS = 24 * 3600 * 1000
# Frames hold 160 bytes (20 ms); other sizes occur. Two seconds is far beyond any that was seen.
MAX_PAYLOAD = 16_000

AccountSid = Annotated[str, msgspec.Meta(pattern=rf"\A{ACCOUNT_SID.pattern}\Z")]
CallSid = Annotated[str, msgspec.Meta(pattern=rf"\A{CALL_SID.pattern}\Z")]
StreamSid = Annotated[str, msgspec.Meta(pattern=rf"\A{STREAM_SID.pattern}\Z")]
Parameter = Annotated[str, msgspec.Meta(max_length=500)]


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


class MediaFormat(msgspec.Struct, frozen=True, rename="camel"):
    """What the payloads hold. Documented as always mu-law, 8000, 1; others are refused."""

    encoding: str
    sample_rate: int
    channels: int


class StartDetails(msgspec.Struct, frozen=True, rename="camel"):
    """The facts of the media stream and of the call leg that began it."""

    account_sid: AccountSid
    call_sid: CallSid
    stream_sid: StreamSid
    media_format: MediaFormat
    tracks: Annotated[list[str], msgspec.Meta(max_length=8)] = []
    custom_parameters: dict[Parameter, Parameter] = {}


class Connected(msgspec.Struct, frozen=True, tag_field="event", tag="connected"):
    """The first message; says nothing about the call."""


class Start(msgspec.Struct, frozen=True, tag_field="event", tag="start"):
    """The second message: a media stream begins."""

    start: StartDetails


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
_known: msgspec.json.Decoder[Connected | Start | Media | Stop] = msgspec.json.Decoder(
    Connected | Start | Media | Stop, strict=False
)
_other = msgspec.json.Decoder(Other)
_KNOWN_EVENTS = {"connected", "start", "media", "stop"}


def parse(text: str) -> Message:
    """
    Read one message.

    Raises:
        TwilioProtocolError: it is no JSON, or a known event with a wrong or missing field.
    """
    try:
        return _known.decode(text)
    except msgspec.ValidationError as exc:
        return _unknown(text, exc)
    except msgspec.DecodeError as exc:
        raise TwilioProtocolError("not-json", str(exc)) from exc
    except UnicodeEncodeError as exc:  # a lone surrogate: JSON text cannot hold it
        raise TwilioProtocolError("not-json", "invalid unicode") from exc
    except RecursionError as exc:
        raise TwilioProtocolError("not-json", "nested too deep") from exc


def _unknown(text: str, problem: msgspec.ValidationError) -> Other:
    try:
        other = _other.decode(text)
    except msgspec.DecodeError as exc:
        raise TwilioProtocolError("no-event", str(exc)) from exc
    if other.event in _KNOWN_EVENTS:
        raise TwilioProtocolError(f"bad-{other.event}", str(problem)) from problem
    return other
