"""
``start``, the message that says what a media stream is: each field is read on its own.

What the call cannot do without is refused by its name; what it can is left out, and counted.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from broker.identifiers import ACCOUNT_SID, CALL_SID, STREAM_SID
from handler.audio.mulaw import TRACKS, Track
from handler.errors import UnusableStart
from handler.parameters import fits

# Of a value that cannot be used, how much is shown in a log line and a close reason.
MAX_SHOWN = 40
# As Twilio spells them in ``start``, and as its TwiML does.
TRACK_NAMES = {
    "inbound": (Track.INBOUND,),
    "inbound_track": (Track.INBOUND,),
    "outbound": (Track.OUTBOUND,),
    "outbound_track": (Track.OUTBOUND,),
    "both_tracks": TRACKS,
}


class MediaFormat(msgspec.Struct, frozen=True):
    """What the payloads hold; what ``start`` does not say is as Twilio documents it."""

    encoding: str = "audio/x-mulaw"
    sample_rate: float = 8000
    channels: float = 1


class StartDetails(msgspec.Struct, frozen=True):
    """
    The facts of the media stream and of the call leg that began it.

    Attributes:
        account_sid: Of the account that owns the call.
        call_sid: Of the call leg.
        stream_sid: Of the media stream.
        media_format: What its payloads hold.
        tracks: Which sides it carries; both if that is not said.
        custom_parameters: Each ``<Parameter>`` that is a text.
        unusable: Names of the fields that were left out.
    """

    account_sid: str
    call_sid: str
    stream_sid: str
    media_format: MediaFormat
    tracks: tuple[Track, ...] = TRACKS
    custom_parameters: dict[str, str] = {}
    unusable: tuple[str, ...] = ()


def read_start(start: object, stream_sid: object = None) -> StartDetails:
    """
    Read the field ``start`` of the message; ``stream_sid`` stands beside it, too.

    Raises:
        UnusableStart: a field is missing or wrong that the call cannot do without.
    """
    if not isinstance(start, dict):
        raise UnusableStart("start", "missing" if start is None else "no object")
    unusable: list[str] = []
    if _matches(stream_sid, STREAM_SID) and not _matches(start.get("streamSid"), STREAM_SID):
        start = {**start, "streamSid": stream_sid}
    return StartDetails(
        account_sid=_sid(start, "accountSid", ACCOUNT_SID),
        call_sid=_sid(start, "callSid", CALL_SID),
        stream_sid=_sid(start, "streamSid", STREAM_SID),
        media_format=_media_format(start.get("mediaFormat")),
        tracks=_tracks(start.get("tracks"), unusable),
        custom_parameters=_parameters(start.get("customParameters"), unusable),
        unusable=tuple(unusable),
    )


def _sid(start: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = start.get(name)
    if _matches(value, pattern):
        return str(value)
    if value is None:
        raise UnusableStart(f"start.{name}", "missing")
    shown = value[:MAX_SHOWN] if isinstance(value, str) else type(value).__name__
    problem = f"{shown!r}, not {pattern.pattern[:2]} and 32 hexadecimal digits"
    raise UnusableStart(f"start.{name}", problem)


def _matches(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _media_format(given: object) -> MediaFormat:
    """Read the format; a part of it that is there and cannot be read may be any."""
    if given is None:
        return MediaFormat()
    if not isinstance(given, dict):
        raise UnusableStart("start.mediaFormat", "no object", close_code=1003)
    form = MediaFormat()
    encoding = given.get("encoding")
    if encoding is not None and not isinstance(encoding, str):
        raise UnusableStart("start.mediaFormat.encoding", "no text", close_code=1003)
    return MediaFormat(
        form.encoding if encoding is None else encoding.strip().lower(),
        _number(given, "sampleRate", form.sample_rate),
        _number(given, "channels", form.channels),
    )


def _number(given: dict[str, Any], name: str, documented: float) -> float:
    value = given.get(name)
    if value is None:
        return documented
    try:
        # Numbers come as strings elsewhere ("timestamp": "20"), hence not strict.
        return msgspec.convert(value, float, strict=False)
    except msgspec.ValidationError:
        raise UnusableStart(f"start.mediaFormat.{name}", "no number", close_code=1003) from None


def _tracks(given: object, unusable: list[str]) -> tuple[Track, ...]:
    if given is None:
        return TRACKS
    names = given if isinstance(given, list) else [given]
    known = [name for name in names if isinstance(name, str) and name.lower() in TRACK_NAMES]
    if len(known) < len(names):
        unusable.append("tracks")
    found = {track for name in known for track in TRACK_NAMES[name.lower()]}
    return tuple(track for track in TRACKS if track in found) or TRACKS


def _parameters(given: object, unusable: list[str]) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        unusable.append("customParameters")
        return {}
    read = dict(_usable(given))
    unusable += [f"customParameters.{name[:MAX_SHOWN]}" for name in given if name not in read]
    return read


def _usable(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is a text, or a number and so easily one."""
    for name, value in given.items():
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if isinstance(text, str) and fits(name, text):
            yield name, text
