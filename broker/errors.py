"""
Every error of the broker.

    BrokerError
    ├── BadName             a SID or a prefix that must not become part of a subject
    ├── Fenced              another owner has claimed the call: stop writing it
    ├── Replaced            another process forwards now: stop, and stand by
    ├── StreamChanged       it is not the stream that was there before NATS went away
    ├── OwnerSilent         the owner of a call that moves does not answer
    ├── HistoryUnavailable  the stream could not be read now; worth another try
    ├── NotWritten          a key could not be written now; worth another try
    ├── Misconfigured       the server is not as we need it; an operator must act
    │   ├── ServerTooOld
    │   ├── NotProvisioned
    │   └── Misshapen
    └── EmbeddedFailed      our own nats-server did not start
"""


class BrokerError(Exception):
    """Anything that goes wrong between us and NATS."""


class BadName(BrokerError, ValueError):
    """A name that must not become part of a subject."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        super().__init__(f"{name[:80]!r} is not {kind}")


class Fenced(BrokerError):
    """Another owner has claimed this call: what this one publishes is refused."""

    def __init__(self, call_sid: str, epoch: str) -> None:
        self.call_sid = call_sid
        self.epoch = epoch
        super().__init__(f"{call_sid} is no longer owned by epoch {epoch}")


class Replaced(BrokerError):
    """Another process has taken up the work of this one: what it writes is refused."""


class StreamChanged(BrokerError):
    """A stream has lost its newest records, or is another one: to be looked at anew."""


class OwnerSilent(BrokerError):
    """The owner of a call that moves does not answer now."""

    def __init__(self, call_sid: str, problem: str) -> None:
        self.call_sid = call_sid
        super().__init__(f"the owner of {call_sid} does not answer: {problem}")


class HistoryUnavailable(BrokerError):
    """The stream could not be read now."""


class NotWritten(BrokerError):
    """A key could not be written now."""


class Misconfigured(BrokerError):
    """The server is not as we need it; trying again helps only once an operator has acted."""


class ServerTooOld(Misconfigured):
    """The server lacks what we rely on."""

    def __init__(self, version: str, needed: str) -> None:
        super().__init__(f"nats-server {version} is too old: {needed} or newer is needed")


class NotProvisioned(Misconfigured):
    """The stream or the bucket is missing or old, and we may not, or could not, mend that."""

    def __init__(self, name: str, state: str, detail: str) -> None:
        super().__init__(f"{name} {state}: {detail}")


class Misshapen(Misconfigured):
    """The stream or the bucket is there, but is not as publishing and following need it."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name} {detail}")


class EmbeddedFailed(BrokerError):
    """Our own nats-server did not start."""
