"""
A call's transcript on the terminal as it comes: what a subscriber's messages amount to.

On a terminal interims are grey until they stand; elsewhere only what stands is printed.
"""

from collections.abc import Iterator
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

PARTIES = {"inbound": "caller", "outbound": "callee"}
# Of a call that we made, the track inbound is what the callee says.
OUR_PARTIES = {"inbound": "callee", "outbound": "caller"}
STYLES = {"inbound": "cyan", "outbound": "magenta"}


class Transcript:
    """
    Makes lines of messages. Pure.

    Attributes:
        interims: By track, the line of what is being said.
        said: By track, the finals so far.
        ended: Whether the call is over.
    """

    def __init__(self) -> None:
        self.interims: dict[str, str] = {}
        self.said: dict[str, list[str]] = {track: [] for track in PARTIES}
        self.ended = False
        self._parties = PARTIES

    def receive(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Take a message; yields (style, line) of what stands from now on."""
        match message["type"]:
            case "Results":
                yield from self._speech(message)
            case "CallStarted":
                ours = str(message.get("direction") or "").startswith("outbound")
                self._parties = OUR_PARTIES if ours else PARTIES
                parties = [message[key] for key in ("from", "to") if message.get(key)]
                yield "dim", f"── call begins {' → '.join(parties)}".rstrip()
            case "CallResumed" if message.get("reason") != "moved":
                yield "dim", "── call resumes"
            case "Gap":
                side = self._parties.get(message["track"] or "", "both sides")
                span = f"{clock(message['start'])} to {clock(message['end'])}"
                yield "yellow", f"── gap {span}, {side}: {message['reason']}"
            case "Recogniser":
                yield "yellow", f"── recogniser {message['state']}: {message['reason']}"
            case "CallEnded":
                self.ended = True
                self.interims.clear()
                yield "dim", f"── call ended after {clock(message['duration'])}"

    def _speech(self, message: dict[str, Any]) -> Iterator[tuple[str, str]]:
        track = message["track"]
        text = message["channel"]["alternatives"][0]["transcript"]
        line = f"{clock(message['start'])}  {self._parties[track]:7} {text}"
        if message["is_final"]:
            self.interims.pop(track, None)
            if text:
                self.said[track].append(text)
                yield STYLES[track], line
        elif text:
            self.interims[track] = line


def clock(seconds: float) -> str:
    """Seconds on the call clock as minutes and seconds."""
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths % 600 / 10:04.1f}"


class Display:
    """Shows a :class:`Transcript` while it grows. A context manager."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live: Live | None = None
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=12, transient=True)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, transcript: Transcript, message: dict[str, Any]) -> None:
        """Take a message and print what it changes."""
        for style, line in transcript.receive(message):
            # Elsewhere than on a terminal one line each, however long: other programs read it.
            self._console.print(Text(line, style=style), soft_wrap=self._live is None)
        if self._live is not None:
            lines = "\n".join(transcript.interims.values())
            self._live.update(Text(lines, style="dim italic"))
