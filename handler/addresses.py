"""Addresses of services as people write them. Pure."""

from urllib.parse import SplitResult, urlsplit


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
