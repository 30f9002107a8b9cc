"""How media streams behave, and what became of one."""

import secrets
import ssl
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from rehearsal.frames import INBOUND, OUTBOUND, Course, Frame
from rehearsal.twilio.reach import Reach

MAX_KINDS = 32  # of problems that a report tells apart


class Signature(StrEnum):
    """How the handshake is signed."""

    RIGHT = "right"
    SLASH = "slash"  # over the URL with a slash behind it, which Twilio may do as well
    WRONG = "wrong"
    NONE = "none"


class HangUp(StrEnum):
    """How the stream ends."""

    STOP = "stop"
    CLOSE = "close"  # the socket closes without stop
    RESET = "reset"  # the path breaks, behind what was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Course):
    """
    How the stand-in behaves; what becomes of the frames is in :class:`Course`.

    Attributes:
        auth_token: Signs the handshake; empty for no signature.
        signed_url: What is signed, where it is not the URL that is called: the ``<Stream url>``
            of a server behind a proxy.
        reach: Where the URL leads, if not to what it says.
        trust: Whose certificates are trusted, if not those that this machine trusts.
        tracks: What the stream says that it carries.
        parameters: ``<Parameter>`` names and values.
        speed: 1 is real time.
        shared_chunks: One ``chunk`` counter for both tracks; else one for each. Which of them
            Twilio has is not known.
    """

    auth_token: str = field(default="", repr=False)
    account_sid: str = field(default_factory=lambda: f"AC{secrets.token_hex(16)}")
    call_sid: str = field(default_factory=lambda: f"CA{secrets.token_hex(16)}")
    stream_sid: str = field(default_factory=lambda: f"MZ{secrets.token_hex(16)}")
    signed_url: str | None = None
    signature: Signature = Signature.RIGHT
    reach: Reach = field(default_factory=Reach)
    trust: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    tracks: tuple[str, ...] = (INBOUND, OUTBOUND)
    parameters: dict[str, str] = field(default_factory=dict)
    speed: float = 1.0
    shared_chunks: bool = True
    hang_up: HangUp = HangUp.STOP


@dataclass(slots=True)
class Report:
    """
    What became of a call, from Twilio's side.

    Attributes:
        call_sid: Its callSid.
        stream_sid: The streamSid of its media stream.
        frames: How many media messages were sent.
        problems: Error codes and names as Twilio's console would show them, and how often.
        ended_by: The problem that ended the stream, if one did.
        close_code: With which the socket was closed.
        sent: The frames that were sent, if they were asked for.
    """

    call_sid: str
    stream_sid: str
    frames: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    ended_by: str = ""
    close_code: int | None = None
    sent: list[Frame] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems

    def note(self, problem: str) -> None:
        """Count a problem."""
        if problem in self.problems or len(self.problems) < MAX_KINDS:
            self.problems[problem] += 1
