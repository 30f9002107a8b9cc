"""What the client of HTTP, or what lies below it, says went wrong, in words of ours."""

import re
import ssl
import zlib
from collections.abc import Iterator

import httpx

from broker import words

# What the client says of a Location that it cannot read.
NOT_READ = re.compile("location header|URL|port|address", re.IGNORECASE)


def said(exc: BaseException) -> str:
    """Return what an error means, in one line and without an address."""
    below = system_error(exc)
    match below, exc:
        case ssl.SSLCertVerificationError(), _:
            return f"its certificate is not trusted ({below.verify_message}): is it the right host?"
        case OSError(), _:
            return words.said(below)
        case _, httpx.InvalidURL() | httpx.RemoteProtocolError() if NOT_READ.search(str(exc)):
            return "redirected to what is no address"
        case _, httpx.TimeoutException():
            return words.NO_ANSWER
        case _, zlib.error():
            return "compressed, and damaged"
        case _:
            return "what answers there speaks no HTTP, or broke off: is the port right?"


def system_error(exc: BaseException) -> OSError | None:
    """Return the error of the system that an error comes from, if there is one."""
    return next((cause for cause in _causes(exc) if isinstance(cause, OSError)), None)


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield what an error comes from, the first cause first; of a group that of its first error."""
    if isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    if exc is not None:
        yield from _causes(exc.__cause__ or exc.__context__)
        yield exc
