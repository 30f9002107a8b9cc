"""What a subscriber's messages amount to on a terminal: the lines that stand. Pure."""

from collections.abc import Iterator

from broker.printable import shown
from handler.subscribers.speakers import CALLEE, CALLER, Speakers, speakers
from partyline_client.messages import (
    CallEnded,
    CallMessage,
    CallResumed,
    CallStarted,
    Expired,
    Final,
    Gap,
    Interim,
    Message,
    Recogniser,
    Refusal,
    Track,
    Waiting,
)

STYLES: dict[Track, str] = {"inbound": "cyan", "outbound": "magenta"}


class Transcript:
    """
    Makes lines of messages: of one call, or of several, each line then marked with its call.

    Attributes:
        interim: By call and track, the line of what is being said.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.interim: dict[tuple[str, Track], str] = {}
        self._several = several
        self._speakers: dict[str, Speakers] = {}

    def receive(self, message: Message) -> Iterator[tuple[str, str]]:
        """Take a message; yield (style, line) for what stands from now on."""
        match message:
            case Final():
                self.interim.pop((message.call_sid, message.track), None)
                if message.transcript:
                    yield STYLES[message.track], self._spoken(message)
            case Interim():
                self.interim.pop((message.call_sid, message.track), None)
                if message.transcript:
                    self.interim[message.call_sid, message.track] = self._spoken(message)
            case CallMessage(call_sid=call_sid) | Refusal(call_sid=str(call_sid)):
                for style, row in self._events(call_sid, message):
                    yield style, self._marked(call_sid, row)

    def _events(self, call_sid: str, message: Message) -> Iterator[tuple[str, str]]:
        match message:
            case CallStarted(direction=direction, caller_name=caller, callee_name=callee):
                self._speakers[call_sid] = _speakers(direction, caller, callee)
                yield "dim", f"── call begins{_parties(message)}"
            case CallResumed(reason=reason) if reason != "moved":  # else nothing is missing
                yield "dim", "── call resumes"
            case Gap(start=start, end=end, track=track, reason=reason):
                side = self._party(call_sid, track) or "both sides"
                yield "yellow", f"── gap {clock(start)} to {clock(end)}, {side}: {reason}"
            case Recogniser(state=state, reason=reason):
                yield "yellow", f"── recogniser {state}{f': {reason}' if reason else ''}"
            case Expired():
                yield "yellow", "── the beginning is no longer kept"
            case Waiting(seconds=seconds):
                yield "dim", f"── nothing is known of the call yet: waiting {seconds:g} s for it"
            case CallEnded(duration=duration):
                self._forget_interims(call_sid)
                yield "dim", f"── call ended after {clock(duration)}"
            case Refusal(message=words):
                self._forget_interims(call_sid)
                yield "yellow", f"── {words}"

    def _forget_interims(self, call_sid: str) -> None:
        self.interim = {key: row for key, row in self.interim.items() if key[0] != call_sid}

    def _spoken(self, said: Final | Interim) -> str:
        party = self._party(said.call_sid, said.track)
        return self._marked(said.call_sid, f"{clock(said.start)}  {party:7} {said.transcript}")

    def _party(self, call_sid: str, track: Track | None) -> str:
        return self._speakers.get(call_sid, UNNAMED).of(track)

    def _marked(self, call_sid: str, row: str) -> str:
        return shown(f"…{call_sid[-6:]}  {row}" if self._several else row)


def clock(seconds: float) -> str:
    """Seconds on the call clock as minutes and seconds."""
    tenths = round(seconds * 10)  # first, or 59.96 s would read 00:60.0
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


def _speakers(direction: str | None, caller: str | None, callee: str | None) -> Speakers:
    """Name the sides; in small letters, as they stand in the midst of a line, what has no name."""
    caller, callee = caller or CALLER.lower(), callee or CALLEE.lower()
    return speakers(direction, caller=caller, callee=callee)


UNNAMED = _speakers(None, None, None)


def _parties(started: CallStarted) -> str:
    """Write who calls whom, as far as it is known, with a blank before it."""
    sides = ((started.caller_name, started.from_), (started.callee_name, started.to))
    parties = [" ".join(filter(None, side)) for side in sides]
    return f" {' → '.join(filter(None, parties))}" if any(parties) else ""
