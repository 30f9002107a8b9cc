"""What the broker needs to be told, and how it is read from text. Pure."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from broker.subjects import PREFIX


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerSettings:
    """
    How to reach NATS, and what to keep there. Times in seconds.

    Attributes:
        servers: URLs, ``nats://`` or ``tls://``.
        instance: The name of this process: unique for each life, as leases and epochs are made
            from it.
        credentials: The text of a ``.creds`` file, for hosted NATS.
        provision: Also bring an existing stream and bucket up to date. They are created when they
            are missing in any case, if the user may.
        replicas: Of stream and bucket: 1, or 3 in a cluster.
        retention: How long records are kept.
        max_bytes: What the stream may hold; beyond it the oldest records go.
        lease_ttl: How long after its last sign of life a process's calls leave the list. Longer
            than a cluster's leader election (8.5 s were seen), in which nothing can be renewed.
        lease_refresh: How often a process gives a sign of life.
        grace: How long after its owner's lease a call is ended by another process.
    """

    servers: tuple[str, ...] = field(repr=False)
    instance: str
    prefix: str = "transcripts"
    credentials: str | None = field(default=None, repr=False)
    provision: bool = False
    replicas: int = 1
    retention: float = 72 * 3600.0
    max_bytes: int = 4 * 2**30
    lease_ttl: int = 20
    lease_refresh: float = 5.0
    grace: float = 60.0


def read_servers(text: str) -> tuple[str, ...]:
    """
    Read the addresses of servers, separated by commas or blanks.

    Raises:
        ValueError: there is none, or one is malformed; says which, without its password.
    """
    urls = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not urls:
        raise ValueError("names no server; it is like nats://nats.example.com:4222")
    for url in urls:
        _check_server(url)
    return urls


def read_credentials(text: str) -> str:
    """Return the text of a ``.creds`` file; another raises ValueError."""
    if "-----BEGIN NATS USER JWT-----" not in text:
        raise ValueError("is not the text of a .creds file")
    return text


def read_prefix(text: str) -> str:
    """Return the prefix of all names on NATS; one that is no token of a subject is a ValueError."""
    if not PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is not one token of A-Z a-z 0-9 _ -")
    return text


def user_of(url: str) -> tuple[str, str] | None:
    """Return user and password of a server's URL, as they were before they were encoded."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def without_password(url: str) -> str:
    """Return a server's URL as it may be shown."""
    scheme, slashes, rest = url.rpartition("//")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"


def _check_server(url: str) -> None:
    shown = without_password(url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:  # a port that is none, a bracket that is not closed
        raise ValueError(f"{shown!r} is no address: {exc}") from exc
    # ws:// would work where aiohttp happens to be installed, and fail in the image.
    if parts.scheme not in ("nats", "tls"):
        raise ValueError(f"{shown!r} must begin with nats:// or tls://")
    if not parts.hostname:
        raise ValueError(f"{shown!r} names no host")
    if port == 0:
        raise ValueError(f"{shown!r} has no port that could be reached")
