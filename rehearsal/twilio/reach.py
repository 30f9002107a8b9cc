"""
Where a URL leads: as it says, or elsewhere, so that a public URL can be rehearsed on one machine.

Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

SECURE = ("https", "wss")
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


@dataclass(frozen=True, slots=True)
class Reach:
    """
    Which hosts are reached elsewhere.

    Attributes:
        elsewhere: Where a public name leads, as ``{"https://calls.example.com":
            "http://127.0.0.1:8080"}``; what is signed, and the ``Host``, stay the public ones.
    """

    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def of(self, url: str) -> str:
        """Return the URL to connect to for ``url``; a websocket's for a websocket's."""
        parts = urlsplit(url)
        for public, real in self.elsewhere.items():
            known, target = urlsplit(public), urlsplit(real)
            if _place(known.scheme, known.netloc) == _place(parts.scheme, parts.netloc):
                scheme = (
                    target.scheme.replace("http", "ws") if _is_websocket(url) else target.scheme
                )
                return parts._replace(scheme=scheme, netloc=target.netloc).geturl()
        return url


def port_of(url: str) -> int:
    """Return the port that a URL means."""
    parts = urlsplit(url)
    return parts.port or PORTS[parts.scheme]


def _is_websocket(url: str) -> bool:
    return urlsplit(url).scheme in ("ws", "wss")


def _place(scheme: str, netloc: str) -> tuple[bool, str]:
    """Return what two URLs of one server have in common: TLS or none, host and port."""
    host, colon, port = netloc.rpartition("@")[2].lower().partition(":")
    return scheme in SECURE, f"{host}:{port if colon else PORTS.get(scheme, 0)}"


def may_be_called(url: str) -> bool:
    """Whether a URL is one that the stand-in calls: with TLS, or on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        known = parts.scheme in PORTS and parts.port != 0
    except ValueError:  # a bracket that is not closed, a port that is no number
        return False
    return known and bool(host) and (parts.scheme in SECURE or is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
