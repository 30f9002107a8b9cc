"""What a subscriber's messages amount to on a terminal: the lines that stand. Pure."""

from collections.abc import Iterator
from typing import Any

from broker.printable import shown
from handler.subscribers.speakers import CALLEE, CALLER, Speakers, speakers_of

STYLES = {"inbound": "cyan", "outbound": "magenta"}
# In small letters, as they stand in the midst of a line; names are as they are given.
UNNAMED = {"callerName": CALLER.lower(), "calleeName": CALLEE.lower()}


class Transcript:
    """
    Makes lines of messages: of one call, or of several, each line then marked with its call.

    What was received before, as after a connection that broke, is passed over.

    Attributes:
        interim: By call and track, the line of what is being said.
        last_seq: By call, the newest record.
        over: The calls that have ended and will hardly go on, or that cannot be read.
        error: Why the one call cannot be read, in the service's words.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.interim: dict[tuple[str, str], str] = {}
        self.last_seq: dict[str, int] = {}
        self.over: set[str] = set()
        self.error: str | None = None
        self._several = several
        self._speakers: dict[str, Speakers] = {}

    @property
    def to_resume(self) -> dict[str, int]:
        """The calls that may go on, and the newest record of each: where to resume."""
        return {sid: seq for sid, seq in self.last_seq.items() if sid not in self.over}

    def is_known(self, message: dict[str, Any]) -> bool:
        """Whether it is a record that was received before."""
        seq = _seq(message)
        return seq is not None and seq <= self.last_seq.get(str(message.get("callSid", "")), 0)

    def receive(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Take a message; yield (style, line) for what stands from now on."""
        if self.is_known(message):
            return
        call_sid = str(message.get("callSid", ""))
        if (seq := _seq(message)) is not None:
            self.last_seq[call_sid] = seq
        for style, row in self._rows(call_sid, message):
            yield style, self._marked(call_sid, row)

    def _rows(self, call_sid: str, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        match message.get("type"):
            case "Results":
                yield from self._speech(call_sid, message)
            case "CallStarted" | "CallResumed":
                yield from self._beginning(call_sid, message)
            case "Gap":
                side = self._party(call_sid, message.get("track")) or "both sides"
                span = f"{clock(message['start'])} to {clock(message['end'])}"
                yield "yellow", f"── gap {span}, {side}: {message['reason']}"
            case "Recogniser":
                yield "yellow", f"── recogniser {message['state']}{_reason(message)}"
            case "Expired":
                yield "yellow", "── the beginning is no longer kept"
            case "Waiting":
                waiting = f"waiting {message['seconds']:g} s for it"
                yield "dim", f"── nothing is known of the call yet: {waiting}"
            case "CallEnded" | "Over" | "Error" as kind:
                yield from self._end(call_sid, kind, message)

    def _end(self, call_sid: str, kind: str, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Take what ends a call, or a subscription to it."""
        match kind:
            case "CallEnded":
                self._forget_interims(call_sid)
                yield "dim", f"── call ended after {clock(message['duration'])}"
            case "Over":
                self.over.add(call_sid)
            case "Error" if self._several:
                self.over.add(call_sid)
                self._forget_interims(call_sid)
                yield "yellow", f"── {message.get('message')}"
            case _:
                self.error = shown(str(message.get("message")))

    def _beginning(self, call_sid: str, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        verb = "resumes"
        if message["type"] == "CallStarted":
            verb = "begins"
            self._speakers[call_sid] = speakers_of(UNNAMED | message)
        self.over.discard(call_sid)
        if message.get("reason") != "moved":  # else it is as if nothing had been
            yield "dim", f"── call {verb}{_parties(message)}"

    def _forget_interims(self, call_sid: str) -> None:
        self.interim = {key: row for key, row in self.interim.items() if key[0] != call_sid}

    def _speech(self, call_sid: str, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        track = str(message["track"])
        text = message["channel"]["alternatives"][0]["transcript"]
        row = f"{clock(message['start'])}  {self._party(call_sid, track):7} {text}"
        if message["is_final"]:
            self.interim.pop((call_sid, track), None)
            if text:
                yield STYLES[track], row
        elif text:
            self.interim[call_sid, track] = self._marked(call_sid, row)

    def _party(self, call_sid: str, track: str | None) -> str:
        return self._speakers.get(call_sid, speakers_of(UNNAMED)).of(track)

    def _marked(self, call_sid: str, row: str) -> str:
        return shown(f"…{call_sid[-6:]}  {row}" if self._several and call_sid else row)


def clock(seconds: float) -> str:
    """Seconds on the call clock as minutes and seconds."""
    tenths = round(seconds * 10)  # first, or 59.96 s would read 00:60.0
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def _parties(started: dict[str, Any]) -> str:
    """Write who calls whom, as far as it is known, with a blank before it."""
    sides = (("callerName", "from"), ("calleeName", "to"))
    parties = [" ".join(str(started[key]) for key in side if started.get(key)) for side in sides]
    return f" {' → '.join(filter(None, parties))}" if any(parties) else ""


def _seq(message: dict[str, Any]) -> int | None:
    """Return the number of a record; ``CaughtUp`` and ``Over`` name one, and are none."""
    seq = message.get("seq")
    return seq if isinstance(seq, int) and message.get("type") not in ("CaughtUp", "Over") else None


def _reason(message: dict[str, Any]) -> str:
    return f": {message['reason']}" if message.get("reason") else ""
