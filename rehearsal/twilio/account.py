"""An account at Twilio's: who may use it, and what it has."""

import hmac
import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from rehearsal.twilio.behaviour import Behaviour
from rehearsal.twilio.numbers import Number, Numbers
from rehearsal.twilio.running_call import RunningCall

MAX_ALERTS = 1000
MAX_CALLS = 1000  # that are kept: of those that are over, the oldest goes


def new_sid(prefix: str) -> str:
    """Return a SID that nobody has."""
    return f"{prefix}{secrets.token_hex(16)}"


@dataclass(frozen=True, slots=True)
class Alert:
    """An entry of the console's error log: Twilio's code, what happened, and whose it is."""

    code: int
    text: str
    sid: str


@dataclass(slots=True, eq=False)
class Account:
    """
    An account.

    Attributes:
        auth_token: Signs what is sent, and may use the API.
        api_keys: Secrets by SID (``SK…``), which may use it too.
        behaviour: How its calls go; what is changed here holds for the next call.
        alerts: What went wrong, the newest last.
    """

    sid: str = field(default_factory=lambda: new_sid("AC"))
    auth_token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    api_keys: dict[str, str] = field(default_factory=dict, repr=False)
    behaviour: Behaviour = field(default_factory=Behaviour)
    numbers: Numbers = field(default_factory=Numbers)
    calls: dict[str, RunningCall] = field(default_factory=dict)
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=MAX_ALERTS))

    def may(self, user: str, password: str) -> bool:
        """Whether somebody may use the API."""
        known = self.auth_token if user == self.sid else self.api_keys.get(user)
        return known is not None and hmac.compare_digest(known.encode(), password.encode())

    def add_number(self, phone_number: str, **fields: Any) -> Number:  # noqa: ANN401  of a Number
        """Give the account a number; ``fields`` are attributes of it, such as ``voice_url``."""
        now = time.time()
        number = Number(
            new_sid("PN"), self.sid, phone_number, created_at=now, updated_at=now, **fields
        )
        self.numbers.by_sid[number.sid] = number
        return number

    def add_call(self, call: RunningCall) -> None:
        """Keep a call, in the place of the oldest that is over."""
        over = [sid for sid, known in self.calls.items() if known.leg.status.final]
        for sid in over[: max(0, len(self.calls) - MAX_CALLS)]:
            del self.calls[sid]
        self.calls[call.leg.sid] = call

    def alert(self, code: int, text: str, sid: str) -> None:
        self.alerts.append(Alert(code, text, sid))
