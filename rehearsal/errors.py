"""
Every error of this package.

    RehearsalError
    ├── BadAudio        a file that we cannot play
    ├── BadScript       a script of the scripted recogniser that cannot be read
    ├── TwilioFailure   what Twilio's console would show, with its error code
    │   ├── CallFailed      a media stream that could not be opened
    │   │   └── HandshakeRefused    the server answered something other than 101
    │   ├── WebhookFailed   a webhook that gave no answer
    │   └── BadTwiml        an answer that is no TwiML
    ├── RestError       a request to the REST API that the Twilio stand-in refuses
    ├── MissingExtra    a package of the demo extra is not installed
    ├── DemoFailed      a process of the demo died, or did not start
    └── Refusal         a handshake that the Deepgram stand-in refuses with HTTP
"""

MAX_SAID = 200


def behind(text: str) -> str:
    """Return the first line of what a server said, to be put behind its status, for a terminal."""
    line = text.strip().partition("\n")[0][:MAX_SAID]
    printable = "".join(char if char.isprintable() else "?" for char in line)
    return f": {printable}" if printable else ""


class RehearsalError(Exception):
    """What a person who rehearses can put right; its text says how."""


class BadAudio(RehearsalError):
    """A file that holds no telephone audio that we can play."""


class BadScript(RehearsalError):
    """A script that cannot be read."""


class TwilioFailure(RehearsalError):
    """
    What went wrong with a server of ours; says what Twilio's console would.

    Source: https://www.twilio.com/docs/api/errors
    """

    def __init__(self, code: int, name: str, detail: str) -> None:
        self.code = code
        self.name = name
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.detail}"


class CallFailed(TwilioFailure):
    """A media stream could not be opened."""


class HandshakeRefused(CallFailed):
    """The server did not take the media stream; ``text`` is what it said."""

    def __init__(self, status: int, reason: str, text: str = "") -> None:
        self.status = status
        detail = f"the server answered HTTP {status} {reason}{behind(text)}"
        super().__init__(31920, "Handshake Error", detail)


class WebhookFailed(TwilioFailure):
    """A webhook gave no answer that a call can go on with."""


class BadTwiml(TwilioFailure):
    """An answer is no TwiML."""

    def __init__(self, detail: str) -> None:
        super().__init__(12100, "Document parse failure", detail)


class RestError(RehearsalError):
    """A request to the REST API of the Twilio stand-in is refused, in Twilio's form."""

    def __init__(self, status: int, code: int, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.code}: {self.message}"


# The command's own name belongs to another program on the public index.
FROM_A_CHECKOUT = "in a checkout of the project: make demo, or pip install '.[demo]'"


class MissingExtra(RehearsalError):
    """A package of the demo extra is not installed, or is one that lacks its model."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __str__(self) -> str:
        return f"{self.what}; {FROM_A_CHECKOUT}"


class DemoFailed(RehearsalError):
    """A process of the demo died, or did not start."""


# What the service says; texts of codes that were never seen on the wire are ours.
# Source: https://developers.deepgram.com/docs/errors
REFUSALS = {
    400: ("Bad Request", "Bad Request."),
    401: ("INVALID_AUTH", "Invalid credentials."),
    402: ("ASR_PAYMENT_REQUIRED", "Project does not have enough credits for an ASR request."),
    403: ("INSUFFICIENT_PERMISSIONS", "Project does not have access to the requested model."),
    405: ("METHOD_NOT_ALLOWED", "This model cannot be streamed."),
    429: ("TOO_MANY_REQUESTS", "Too many requests. Please try again later."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable"),
}


class Refusal(RehearsalError):
    """A handshake that the Deepgram stand-in refuses with HTTP, in the service's words."""

    def __init__(self, status: int, message: str | None = None, code: str | None = None) -> None:
        self.status = status
        usual_code, usual_message = REFUSALS.get(status, ("ERROR", "Refused."))
        self.code = code or usual_code
        self.message = message or usual_message

    def __str__(self) -> str:
        return f"HTTP {self.status} {self.code}: {self.message}"
