"""Addresses of services as people write them. Pure."""

import errno
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

DEFAULT_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}
_PLAIN = {"ws": "http", "wss": "https"}
_SOCKETS = {scheme: socket for socket, scheme in _PLAIN.items()}
# RFC 1035 section 2.3.4; of letters, digits, hyphens, and what containers are called besides.
MAX_NAME = 253
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
LISTENING = {
    errno.EADDRINUSE: "another program has it: end that one, or set another port",
    errno.EACCES: "this user may not: set another port, from 1024 on",
    errno.EADDRNOTAVAIL: "this machine has no such address: set HOST to one of its own",
}


def shown(text: str) -> str:
    """Return an address as a message may show it: without a user, a password, or a query."""
    return re.sub(r"\?.*", "?…", re.sub(r"(^|//)[^/?#\s]*@", r"\1", text), flags=re.DOTALL)


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
        raise ValueError(f"{shown(text)!r} is no address") from exc
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(f"{shown(text)!r} has a port that is no number from 1 to 65535")
    return url


def origin(text: str) -> str:
    """
    Return the origin of an address, spelled as browsers spell it.

    Small letters, no default port, names of other scripts in Punycode: two addresses have the same
    origin if these texts are the same.

    Raises:
        ValueError: it has none.

    Source: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    """
    url = read(text)
    # A page that opens a websocket is of the origin that the websocket's host has for pages.
    scheme = _PLAIN.get(url.scheme, url.scheme)
    if not scheme:
        raise ValueError(f"{shown(text)!r} is no address with a scheme")
    return f"{scheme}://{_place(url, DEFAULT_PORTS.get(scheme))}"


def is_same_place(one: str, other: str) -> bool:
    """Whether two addresses lead to one place, whatever their spelling; malformed ones do not."""
    try:
        return _landing(one) == _landing(other)
    except ValueError:
        return False


def _landing(text: str) -> tuple[str, str]:
    return origin(text), read(text).path.rstrip("/")


def for_requests(base: str, path: str = "") -> str:
    """Return the address of ``path`` under a base address of either kind, for plain requests."""
    return _under(base, path, _PLAIN)


def for_websockets(base: str, path: str = "") -> str:
    """Return the address of ``path`` under a base address of either kind, for a websocket."""
    return _under(base, path, _SOCKETS)


def _under(base: str, path: str, schemes: Mapping[str, str]) -> str:
    url = read(base)
    scheme = schemes.get(url.scheme, url.scheme)
    return f"{scheme}://{url.netloc}{url.path.rstrip('/')}{path}"


def host(text: str) -> str:
    """
    Read a ``Host`` header: a name or an address of a machine, and maybe a port.

    Raises:
        ValueError: it cannot be one.
    """
    url = read(f"//{text}")
    if url.netloc != text or "@" in text or not text.isascii():
        raise ValueError(f"{shown(text)!r} is no address of a host")
    return _place(url, None)


def is_loopback(host_name: str) -> bool:
    """Whether a name leads to this machine alone."""
    try:
        return ipaddress.ip_address(host_name).is_loopback
    except ValueError:
        return host_name.lower() == "localhost"


def is_in_clear(text: str) -> bool:
    """
    Whether what goes to an address of either kind can be read on the way: it leaves without TLS.

    Raises:
        ValueError: it is malformed.
    """
    url = read(text)
    return url.scheme in ("http", "ws") and not is_loopback(url.hostname or "")


def is_safe(text: str, *, near: bool) -> bool:
    """
    Whether nobody can change on the way what comes from an address: it is encrypted.

    Args:
        text: The address.
        near: Whether it may be one of this machine instead, where there is no way.

    Raises:
        ValueError: it is malformed.
    """
    url = read(text)
    if url.scheme == "http":
        return near and is_loopback(url.hostname or "")
    return url.scheme == "https" and bool(url.hostname)


def name(text: str) -> str:
    """
    Return the one spelling of the name of a machine, or of its address.

    Raises:
        ValueError: it is neither.
    """
    if ":" in text:
        return str(ipaddress.IPv6Address(text))  # its error says "not an address"
    try:
        spelled = text if text.isascii() else text.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise ValueError(f"{shown(text)!r} is no address of a host") from exc
    spelled = spelled.lower().removesuffix(".")
    if len(spelled) > MAX_NAME or not _NAME.fullmatch(spelled):
        raise ValueError(f"{shown(text)!r} is no address of a host")
    return spelled


def _place(url: SplitResult, default_port: int | None) -> str:
    found = name(url.hostname or "")
    shown = f"[{found}]" if ":" in found else found
    return shown if url.port in (None, default_port) else f"{shown}:{url.port}"


def cannot_listen(host: str, port: int, exc: OSError) -> str:
    """Say why a port cannot be opened, and what to do about it."""
    why = LISTENING.get(exc.errno or 0, f"{exc.strerror}; is HOST right?")
    return f"cannot listen on {host} port {port}: {why}"
