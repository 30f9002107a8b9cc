"""What a service says to its subscribers: whole messages, as the wire has them."""

import json
from typing import Any

from support.sids import account_sid, call_sid, stream_sid

from partyline_client.messages import Message
from partyline_client.wire import parse

CALL = call_sid(1)
Body = dict[str, Any]


def record(kind: str, seq: int, call: str = CALL, **rest: Any) -> Body:
    head = {"type": kind, "v": 1, "callSid": call, "seq": seq, "epoch": "i7-1", "at": 1}
    return head | rest


def started(seq: int = 1, call: str = CALL, from_: str | None = None, **rest: Any) -> Body:
    facts = {"startedAt": 1, "accountSid": account_sid(1), "streamSid": stream_sid(1)}
    parties = {"from": from_, "to": None, "direction": "inbound"}
    return record("CallStarted", seq, call, **{**facts, **parties, **rest})


def resumed(seq: int, call: str = CALL, **rest: Any) -> Body:
    return record("CallResumed", seq, call, streamSid=stream_sid(2), **rest)


def final(text: str, seq: int, call: str = CALL, **rest: Any) -> Body:
    return record("Results", seq, call, is_final=True, **_said(text) | rest)


def interim(text: str, after: int = 0, call: str = CALL, **rest: Any) -> Body:
    head = {"type": "Results", "v": 1, "callSid": call, "epoch": "i7-1", "at": 1, "after": after}
    return head | {"is_final": False} | _said(text) | rest


def gap(seq: int, call: str = CALL, **rest: Any) -> Body:
    what = {"start": 61.0, "end": 62.5, "track": None, "reason": "media-lost"}
    return record("Gap", seq, call, **what | rest)


def ended(seq: int, call: str = CALL, duration: float = 3.0) -> Body:
    return record("CallEnded", seq, call, duration=duration, reason="completed", requestIds=[])


def over(seq: int, call: str = CALL) -> Body:
    return {"type": "Over", "callSid": call, "seq": seq}


def error(code: int, words: str, call: str | None = CALL) -> Body:
    named = {} if call is None else {"callSid": call}
    return {"type": "Error", "code": code, **named, "message": words}


def message(body: Body) -> Message:
    """Return a message as the client has it."""
    return parse(json.dumps(body))


def _said(text: str) -> Body:
    words = [{"word": word, "start": 1.0, "end": 1.5, "confidence": 0.9} for word in text.split()]
    alternative = {"transcript": text, "confidence": 0.9, "words": words}
    where = {"track": "inbound", "channel_index": [0, 2], "start": 1.0, "duration": 1.0}
    return where | {"channel": {"alternatives": [alternative]}}
