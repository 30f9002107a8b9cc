"""
Why a call, a number or the list can be read no longer.

What passes (a connection that breaks, a service that restarts or is full) is no error: it is a
:class:`~partyline_client.messages.StateChanged`, and the client comes back. These are for good::

    PartylineError
    ├── NotPartyline          something else answers there
    ├── Unreachable           nothing answers under such a name, or with a certificate to be trusted
    └── Refused               the service says no
        ├── BadRequest        400, 4400
        ├── InvalidToken      401, 4401
        ├── NotAllowed        403, 4403
        └── NoSuchCall        4404

Their ``__cause__`` is what the connection ended with, if it was a connection that ended.
"""


class PartylineError(Exception):
    """Trying again would get the same answer."""


class NotOpen(RuntimeError):
    """Nothing is read before a client is entered, nor after it was closed."""


class NotPartyline(PartylineError):
    """What answers there says what no service says."""


class Unreachable(PartylineError):
    """The address leads nowhere: a name that nobody has, a certificate that nobody trusts."""


class Refused(PartylineError):
    """
    The service says no.

    Attributes:
        code: The close code, or the HTTP status.
        reason: The service's words.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code} {reason}".strip())


class BadRequest(Refused):
    """What was asked for is malformed, or ``since`` is beyond the last record."""


class InvalidToken(Refused):
    """The token opens nothing: it has expired, or was never good."""


class NotAllowed(Refused):
    """The token can never see this; or it was renewed, and no longer does."""


class NoSuchCall(Refused):
    """Nobody knows such a call, or the token does not allow it."""


class TooMuch(Refused):
    """4429: too much at once, of this socket or this token. It passes, and no reader gets it."""


_BY_CODE: dict[int, type[Refused]] = {
    400: BadRequest,
    401: InvalidToken,
    403: NotAllowed,
    4400: BadRequest,
    4401: InvalidToken,
    4403: NotAllowed,
    4404: NoSuchCall,
    4429: TooMuch,
}


def refused(code: int, reason: str) -> Refused:
    """Return the error that a close code, or an HTTP status, stands for."""
    return _BY_CODE.get(code, Refused)(code, reason)
