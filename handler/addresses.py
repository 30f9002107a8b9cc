"""Addresses of services as people write them. Pure."""

import errno
from urllib.parse import SplitResult, urlsplit

LISTENING = {
    errno.EADDRINUSE: "another program has it: end that one, or set another port",
    errno.EACCES: "this user may not: set another port, from 1024 on",
    errno.EADDRNOTAVAIL: "this machine has no such address: set HOST to one of its own",
}


def read(text: str) -> SplitResult:
    """
    Split an address, whose parts are there when they are asked for.

    ``urlsplit`` alone raises for one malformed address, and for another only once its port is read.

    Raises:
        ValueError: it has a bracket that is not closed, or a port that cannot be one.
    """
    try:
        url = urlsplit(text)
    except ValueError as exc:
        raise ValueError(f"{text!r} is no address") from exc
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{text!r} has a port that is no number from 1 to 65535")
    return url


def cannot_listen(host: str, port: int, exc: OSError) -> str:
    """Say why a port cannot be opened, and what to do about it."""
    why = LISTENING.get(exc.errno or 0, f"{exc.strerror}; is HOST right?")
    return f"cannot listen on {host} port {port}: {why}"
