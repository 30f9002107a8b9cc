"""What a service says: JSON text in, messages out. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, get_type_hints

from partyline_client.messages import (
    CallEnded,
    CallResumed,
    Calls,
    CallStarted,
    CaughtUp,
    Expired,
    Final,
    Gap,
    Interim,
    ListedCall,
    Message,
    Other,
    Over,
    Recogniser,
    Refusal,
    Renewed,
    SpeechStarted,
    Subscribed,
    Track,
    UtteranceEnd,
    Waiting,
    Word,
)

# Results are apart: a final or an interim.
TYPES: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        *(UtteranceEnd, SpeechStarted, CallStarted, CallResumed, Gap, Recogniser, CallEnded),
        *(Subscribed, CaughtUp, Waiting, Expired, Over, Calls),
    )
} | {"Error": Refusal, "Token": Renewed}
# Deepgram's own names, on the wire as they are here; ours are camelCase there.
_SNAKE_CASE = {"speech_final", "last_word_end", "punctuated_word"}

# A value as JSON has it in, as the dataclass has it out; raises _Malformed.
_Reader = Callable[[object], object]


class Unreadable(ValueError):
    """It is no message at all."""


class _Malformed(Exception):
    """It is not what its type has."""


def parse(text: str) -> Message:
    """
    Read what came.

    A message of an unknown type, or one that lacks what its type has, is an :class:`Other`.

    Raises:
        Unreadable: it is no JSON object with a type.
    """
    body = _decoded(text)
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        raise Unreadable("no message with a type")
    try:
        kind, values = _kind(body)
        return kind(wire=text, **_values(kind, values))
    except _Malformed:
        call_sid, seq = body.get("callSid"), body.get("seq")
        return Other(
            wire=text,
            type=body["type"],
            call_sid=call_sid if isinstance(call_sid, str) else None,
            seq=seq if type(seq) is int else None,
        )


def greeting(text: str) -> tuple[str, ...]:
    """
    Read what a socket begins with: the live calls that the token may see.

    Raises:
        Unreadable: no service says that.
    """
    calls = _decoded(text)
    if not isinstance(calls, list) or not all(isinstance(call, str) for call in calls):
        raise Unreadable("no list of calls")
    return tuple(calls)


def wire_name(name: str) -> str:
    """Return what a field of a message is called on the wire."""
    if name in _SNAKE_CASE:
        return name
    return re.sub("_([a-z])", lambda found: found[1].upper(), name.rstrip("_"))


def _decoded(text: str) -> object:
    try:
        decoded: object = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Unreadable("no JSON") from exc
    return decoded


def _kind(body: dict[str, Any]) -> tuple[type[Message], dict[str, Any]]:
    """Return the type of a message, and its body: that of a result with what was said beside it."""
    if body["type"] != "Results":
        if (kind := TYPES.get(body["type"])) is None:
            raise _Malformed
        return kind, body
    try:
        spoken = {**body["channel"]["alternatives"][0], **body}
    except (KeyError, IndexError, TypeError) as exc:
        raise _Malformed from exc
    return Final if "seq" in body else Interim, spoken


def _values(kind: type, body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _Malformed
    values = {}
    for name, key, read, is_required in _plan(kind):
        if key in body:
            values[name] = read(body[key])
        elif is_required:
            raise _Malformed
    return values


@cache
def _plan(kind: type) -> tuple[tuple[str, str, _Reader, bool], ...]:
    """Return of each field its name, that on the wire, its reader, and whether it must be."""
    hints = get_type_hints(kind)
    return tuple(
        (one.name, wire_name(one.name), _READERS[hints[one.name]], _is_required(one))
        for one in fields(kind)
        if one.name != "wire"
    )


def _is_required(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _Malformed
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Malformed
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _Malformed
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Malformed
    return value


def _track(value: object) -> Track:
    if value == "inbound":
        return "inbound"
    if value == "outbound":
        return "outbound"
    raise _Malformed


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _Malformed
    return {name: _text(text) for name, text in value.items()}


def _or_none(read: _Reader) -> _Reader:
    return lambda value: None if value is None else read(value)


def _each(read: _Reader) -> _Reader:
    def read_all(value: object) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise _Malformed
        return tuple(map(read, value))

    return read_all


def _nested(kind: type) -> _Reader:
    return lambda value: kind(**_values(kind, value))


_READERS: dict[Any, _Reader] = {
    str: _text,
    str | None: _or_none(_text),
    int: _whole,
    int | None: _or_none(_whole),
    float: _number,
    float | None: _or_none(_number),
    bool: _truth,
    Track: _track,
    Track | None: _or_none(_track),
    Mapping[str, str]: _texts,
    tuple[str, ...]: _each(_text),
    tuple[Word, ...]: _each(_nested(Word)),
    tuple[ListedCall, ...]: _each(_nested(ListedCall)),
}
