"""
Why Twilio could not carry a media stream, or not further: its codes, in words. Pure.

Source: https://www.twilio.com/docs/api/errors (31901 to 31951)
"""

import re
from dataclasses import dataclass

CODE = re.compile(r"(?<![0-9])319[0-9]{2}(?![0-9])")
WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class StreamProblem:
    """
    What an error of a media stream means.

    Attributes:
        code: Twilio's.
        name: Twilio's.
        cause: What it means.
        advice: What to do about it.
        warning: Whether the stream goes on all the same.
    """

    code: int
    name: str
    cause: str
    advice: str
    warning: bool = False


PROBLEMS = {
    problem.code: problem
    for problem in (
        StreamProblem(
            31901,
            "Connection Timeout",
            "no answer to the connection request",
            "is the host of <Stream url> up, and does a firewall or tunnel let any address in?",
        ),
        StreamProblem(
            31902,
            "Connection Refused",
            "nobody listens at the host and port of <Stream url>",
            "is the service up, and is it the port that is reached from outside?",
        ),
        StreamProblem(
            31903,
            "Connection Broken Pipe",
            "the connection broke while the stream was active",
            "a restart, a crash, or a proxy or load balancer that ends connections after a time: "
            "raise its idle timeout",
        ),
        StreamProblem(
            31910,
            "SSL Protocol Error",
            "no TLS, or a certificate that Twilio does not trust",
            "the port must speak TLS, with a certificate of a public authority and its chain",
        ),
        StreamProblem(
            31920,
            "Handshake Error",
            "something else than 101 was answered to the handshake",
            "a wrong path, a proxy that takes Upgrade away, a query string in <Stream url>, or a "
            "refusal of ours: the log has a line of it at the same time",
        ),
        StreamProblem(
            31921,
            "Close Error",
            "the server closed the connection",
            "we refused the stream or left: the log has a line of it; if not, a proxy did it",
        ),
        StreamProblem(
            31922,
            "URL schema unsupported",
            "<Stream url> does not begin with wss://",
            "write it as wss://HOST/twilio",
        ),
        StreamProblem(
            31923,
            "URL malformed",
            "<Stream url> is no address",
            "write it as wss://HOST/twilio",
        ),
        StreamProblem(
            31924,
            "Protocol Error",
            "a bad websocket frame, or something sent that is not allowed",
            "a proxy between Twilio and us that writes frames of its own is the likely cause",
        ),
        StreamProblem(
            31930,
            "Buffer Overflow",
            "the stream was read too slowly: Twilio throws audio away",
            "the process, or the way to it, has too much to do: lower MAX_CALLS, or add containers",
            warning=True,
        ),
        StreamProblem(
            31941,
            "Invalid Track configuration",
            "the track of <Stream> is unknown, or not to be had there",
            'write <Start><Stream track="both_tracks">; within <Connect> only inbound_track works',
        ),
        StreamProblem(
            31950,
            "Malformed Message",
            "binary was sent to Twilio",
            "we send nothing: is something else answering at <Stream url>?",
            warning=True,
        ),
        StreamProblem(
            31951,
            "Invalid Message",
            "something outside the protocol was sent to Twilio",
            "we send nothing: is something else answering at <Stream url>?",
            warning=True,
        ),
    )
}


def explain(error: str) -> StreamProblem | None:
    """
    Return what a ``StreamError`` means; None if nobody has said.

    It is a text, which names the code or says it in words.
    """
    for code in CODE.findall(error):
        if (problem := PROBLEMS.get(int(code))) is not None:
            return problem
    said = _words(error)
    found = [problem for problem in PROBLEMS.values() if _words(problem.name) <= said]
    # "SSL Protocol Error" is not "Protocol Error": the one that says most.
    return max(found, key=lambda problem: len(_words(problem.name)), default=None)


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))
