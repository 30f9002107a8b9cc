"""A subscriber's messages as lines for a terminal: what stands, and what is being said. Pure."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from handler.subscribers.speakers import CALLEE, CALLER, Speakers, speakers

STYLES = {CALLER: "cyan", CALLEE: "magenta"}
MARK_DIGITS = 6  # of a callSid: two calls at once that share them are one in 16 million
# Ended calls that are remembered: one that is still listed when a connection comes back begins
# again there, and is not to be printed again.
MAX_ENDED = 1000


class Line(NamedTuple):
    """A line that stands."""

    style: str
    text: str


@dataclass(slots=True)
class _Call:
    last_seq: int = 0
    ended: bool = False
    speakers: Speakers = field(default_factory=lambda: speakers(None))
    interims: dict[str, str] = field(default_factory=dict)  # by track


class CallLines:
    """
    Makes lines of the messages of one call, or of several: then each line is marked with its call.

    A record that was received before, as after a broken connection, makes none.
    """

    def __init__(self, *, several: bool = False) -> None:
        self._several = several
        self._calls: dict[str, _Call] = {}

    @property
    def interims(self) -> list[str]:
        """What is being said now: a line for each side that speaks."""
        return [row for call in self._calls.values() for row in call.interims.values()]

    @property
    def to_resume(self) -> dict[str, int]:
        """The calls that go on, and the last record of each: where to resume."""
        return {sid: call.last_seq for sid, call in self._calls.items() if not call.ended}

    def has_ended(self, call_sid: str) -> bool:
        call = self._calls.get(call_sid)
        return call is not None and call.ended

    def has(self, message: dict[str, Any]) -> bool:
        """Whether it is a record that was received before."""
        call = self._calls.get(str(message.get("callSid")))
        return call is not None and _is_record(message) and message["seq"] <= call.last_seq

    def drop_interims(self) -> None:
        """Forget what is being said: what comes of it may be missed."""
        for call in self._calls.values():
            call.interims.clear()

    def receive(self, message: dict[str, Any]) -> list[Line]:
        """Receive a message; returns the lines that stand from now on."""
        call_sid = str(message.get("callSid", ""))
        kind = message.get("type")
        if kind == "Error":
            self._end(call_sid)
            return [self._marked(call_sid, Line("yellow", f"── {message.get('message')}"))]
        if self.has(message) or not (_is_record(message) or kind == "Results"):
            return []
        call = self._calls.setdefault(call_sid, _Call())
        if _is_record(message):
            call.last_seq = message["seq"]
        if kind == "Results":
            return self._speech(call_sid, call, message)
        line = self._event(call_sid, call, message)
        return [] if line is None else [self._marked(call_sid, line)]

    def _event(self, call_sid: str, call: _Call, message: dict[str, Any]) -> Line | None:
        match message["type"]:
            case "CallStarted":
                call.speakers = speakers(message.get("direction"))
                name = f" {call_sid}" if self._several else ""
                return Line("dim", f"── call begins{name}{_parties(message)}")
            case "CallResumed":
                return Line("dim", "── call resumes")
            case "Gap":
                side = call.speakers.of(message.get("track")).lower() or "both sides"
                span = f"{clock(message['start'])} to {clock(message['end'])}"
                return Line("yellow", f"── gap {span}, {side}: {message['reason']}")
            case "Recogniser":
                reason = f": {message['reason']}" if message.get("reason") else ""
                return Line("yellow", f"── recogniser {message['state']}{reason}")
            case "CallEnded":
                self._end(call_sid)
                return Line("dim", f"── call ended after {clock(message['duration'])}")
        return None  # the protocol grows

    def _end(self, call_sid: str) -> None:
        """Expect no more of a call: it is over, or cannot be read."""
        if (call := self._calls.get(call_sid)) is None:
            return
        call.ended = True
        call.interims.clear()
        ended = [sid for sid, known in self._calls.items() if known.ended]
        for sid in ended[:-MAX_ENDED]:
            del self._calls[sid]

    def _speech(self, call_sid: str, call: _Call, message: dict[str, Any]) -> list[Line]:
        track = str(message["track"])
        speaker = call.speakers.of(track)
        text = message["channel"]["alternatives"][0]["transcript"]
        row = f"{clock(message['start'])}  {speaker.lower():7} {text}"
        line = self._marked(call_sid, Line(STYLES.get(speaker, ""), row))
        if message["is_final"]:
            call.interims.pop(track, None)
            return [line] if text else []
        if text and not call.ended:
            call.interims[track] = line.text
        return []

    def _marked(self, call_sid: str, line: Line) -> Line:
        return (
            line._replace(text=f"{call_sid[-MARK_DIGITS:]}  {line.text}") if self._several else line
        )


def clock(seconds: float) -> str:
    """Seconds on the call clock as minutes and seconds."""
    tenths = round(seconds * 10)  # first, or 59.96 s would read 00:60.0
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def _is_record(message: dict[str, Any]) -> bool:
    """Whether it is kept; ``CaughtUp`` names the seq of another."""
    return "seq" in message and message.get("type") != "CaughtUp"


def _parties(message: dict[str, Any]) -> str:
    parties = [str(message[key]) for key in ("from", "to") if message.get(key)]
    return f" {' → '.join(parties)}" if parties else ""
