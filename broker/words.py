"""
What the client of NATS and the system say went wrong, in words that say what to do.

Their own texts name a class or a number; whoever reads ours has something to mend.
"""

import errno
import os
import re
import socket
import ssl

import nats.errors
import nats.js.errors

NO_JETSTREAM = (
    "the server has no JetStream, which keeps the records: start nats-server with -js, or put "
    "jetstream {} into its configuration"
)
REFUSED = "connection refused: is a server running there?"
NO_ANSWER = "no answer in time"

# https://github.com/nats-io/nats-server/blob/main/server/errors.json
BY_CODE = {
    10002: "the account's limits are too small for this: raise them, or ask for less with "
    "MAX_MEGABYTES",
    10005: "no servers to put so many copies on: NATS_REPLICAS must not be more than the servers "
    "of the cluster that are up",
    10023: "the servers have no room for this: raise max_file_store, or ask for less with "
    "MAX_MEGABYTES",
    10026: "the account may have no more streams: raise its limit",
    10039: "this account has no JetStream, which keeps the records: enable it for the account",
    10047: "the server has less room than is asked for: raise its max_file_store, or lower "
    "MAX_MEGABYTES",
    10065: "another stream takes the same subjects, and NATS stores nothing in two: find it with "
    "`nats stream ls`, and delete it or its subjects; or set SUBJECT_PREFIX to a name that nothing "
    "else uses. If it is ours, made for another number of shards (NAME_0_OF_N, or NAME alone for "
    "one): set NATS_SHARDS to that number, as which stream has a call follows from it",
    10074: "copies need a cluster, and this is a single server: NATS_REPLICAS (--replicas) must "
    "be 1, or the servers joined",
    10076: NO_JETSTREAM,
}

# Of errors that come as text alone; the first that is found counts.
BY_TEXT = (
    (
        "authorization violation",
        (
            "the server takes no such user, password or token: check NATS_URL (what is special in "
            "a password is percent-encoded there) or NATS_CREDS"
        ),
    ),
    ("authentication timeout", "the server was not told in time who we are: is it overloaded?"),
    (
        r"authentication (?:expired|revoked)|invalid user credentials",
        "the credentials are no longer good: get others, and set NATS_CREDS or NATS_URL",
    ),
    ("maximum (?:account )?.*connections? exceeded", "the server takes no more connections"),
    (
        "empty response from server|json parse error|protocol error|unknown protocol",
        "what answers there is not NATS: is the port right?",
    ),
    ("unexpected eof|stale connection", "the server closed the connection"),
    ("maximum payload", "the server takes no message of that size: raise its max_payload"),
)
_DOING = {"publish": "publish to", "subscription": "subscribe to"}
_OWN_INBOX = re.compile(r"(\b_INBOX\w*)\.[^\"]*")
_PERMISSION = re.compile(r'permissions violation for (\w+) (?:to )?("[^"]*")', re.IGNORECASE)


def said(exc: BaseException) -> str:
    """Return what an error means and what to do about it, in one line and without a secret."""
    match exc:
        case nats.js.errors.APIError():
            return _of_the_api(exc)
        case nats.errors.NoRespondersError():
            return NO_JETSTREAM  # all that we ask for is JetStream's
        case TimeoutError():  # the client's own are, too
            return NO_ANSWER
        case OSError():
            return _of_the_system(exc)
        case _:
            return _of_the_client(exc)


def forbidden(exc: BaseException) -> str | None:
    """Return what a user may not do, with its subject; None if that is not what went wrong."""
    match = _PERMISSION.search(str(exc))
    if match is None:
        return None
    subject = _OWN_INBOX.sub(r"\1.>", match[2])  # what stands for each of its replies
    return f"{_DOING.get(match[1].lower(), match[1])} {subject}"


def _of_the_client(exc: BaseException) -> str:
    text = " ".join(str(exc).split()).removeprefix("nats: ").strip("'") or type(exc).__name__
    if (what := forbidden(exc)) is not None:
        return f"this user may not {what}: docs/operations.md says what each user needs"
    return next((words for form, words in BY_TEXT if re.search(form, text, re.IGNORECASE)), text)


def _of_the_api(exc: nats.js.errors.APIError) -> str:
    if exc.err_code in BY_CODE:
        return BY_CODE[exc.err_code]
    if exc.description:
        return str(exc.description)
    if isinstance(exc, nats.js.errors.ServiceUnavailableError):
        return NO_JETSTREAM
    return f"NATS refuses with code {exc.code}"


def is_for_good(exc: OSError) -> bool:
    """Whether an address is wrong, rather than what answers there away for now."""
    if isinstance(exc, socket.gaierror):
        return exc.errno != socket.EAI_AGAIN
    return isinstance(exc, ssl.SSLError)


def _of_the_system(exc: OSError) -> str:
    """Of an address that cannot be reached; its text repeats the address, as asyncio found it."""
    if isinstance(exc, socket.gaierror):
        return "no such host: is the name right?"
    if isinstance(exc, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({exc.verify_message}): name the host as the "
            "certificate does, and its authority in SSL_CERT_FILE"
        )
    if isinstance(exc, ssl.SSLError):
        return f"TLS failed ({_of_tls(exc)}): does the server speak it on this port?"
    # Of several addresses the loop joins the texts, of which the last one says enough.
    number = exc.errno or int(next(reversed(re.findall(r"\[Errno (\d+)\]", str(exc))), 0))
    if number == errno.ECONNREFUSED:
        return REFUSED
    if number:
        return os.strerror(number)
    return "the connection was closed" if isinstance(exc, ConnectionError) else str(exc) or "failed"


def _of_tls(exc: ssl.SSLError) -> str:
    """Name what failed, without the places in a library's source."""
    return str(getattr(exc, "reason", None) or "it was cut off").replace("_", " ").lower()
