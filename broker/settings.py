"""What the broker needs to be told, and how the environment says where NATS is. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

from broker.errors import BadSetting
from broker.subjects import PREFIX

DEFAULT_URL = "nats://127.0.0.1:4222"
DEFAULT_PREFIX = "transcripts"
MAX_REPLICAS = 5  # JetStream's own limit

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class NatsSettings:
    """
    Where NATS is, as every command reads it.

    Attributes:
        servers: URLs, ``nats://`` or ``tls://``; with passwords, so they do not show.
        credentials: The text of a ``.creds`` file.
        prefix: First token of all subjects.
        replicas: Of stream and bucket, when they are created.
    """

    servers: tuple[str, ...] = field(default=(DEFAULT_URL,), repr=False)
    credentials: str | None = field(default=None, repr=False)
    prefix: str = DEFAULT_PREFIX
    replicas: int = 1

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """
        Read the settings; an empty one counts as not set, as deployment tools leave them.

        Raises:
            BadSetting: one is malformed; says which.
        """

        def read(name: str, parse: Callable[[str], T], default: T) -> T:
            text = environ.get(name, "").strip()
            if not text:
                return default
            try:
                return parse(text)
            except ValueError as exc:
                raise BadSetting(name, str(exc)) from exc

        return cls(
            servers=read("NATS_URL", parse_servers, (DEFAULT_URL,)),
            credentials=read("NATS_CREDS", parse_credentials, None),
            prefix=read("SUBJECT_PREFIX", parse_prefix, DEFAULT_PREFIX),
            replicas=read("NATS_REPLICAS", parse_replicas, 1),
        )


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


def parse_servers(text: str) -> tuple[str, ...]:
    """
    Read a list of URLs, separated by commas or blanks.

    Raises:
        ValueError: there is none, or one is malformed. A URL may hold a password, and a malformed
            one may hold it anywhere, so the error says which URL it is and does not repeat it.
    """
    urls = tuple(filter(None, re.split(r"[,\s]+", text)))
    if not urls:
        raise ValueError("names no server")
    for number, url in enumerate(urls, 1):
        if (problem := _problem_of(url)) is not None:
            raise ValueError(f"server {number} of {len(urls)}: {problem}" if urls[1:] else problem)
    return urls


def _problem_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a URL"
    # ws:// would work where aiohttp happens to be installed, and fail in the image.
    if parts.scheme not in ("nats", "tls") or "://" not in url:
        return "must begin with nats:// or tls://"
    if not parts.hostname:
        return "names no host"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "holds more than a host and a port (a password must be percent-encoded)"
    try:
        port = parts.port
    except ValueError:
        port = 0
    return "its port is not a number from 1 to 65535" if port == 0 else None


def parse_credentials(text: str) -> str:
    """Check the text of a ``.creds`` file, or raise ValueError, which does not repeat it."""
    if "-----BEGIN NATS USER JWT-----" not in text:
        raise ValueError("is not the text of a .creds file")
    return text


def parse_prefix(text: str) -> str:
    """Check the first token of all subjects, or raise ValueError."""
    if not PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is not one token of A-Z a-z 0-9 _ -")
    return text


def parse_replicas(text: str) -> int:
    """Read how many copies are kept, or raise ValueError."""
    if not re.fullmatch(r"[0-9]", text) or not 1 <= int(text) <= MAX_REPLICAS:
        raise ValueError(f"{text!r} is not a whole number from 1 to {MAX_REPLICAS}")
    return int(text)


def without_logins(servers: tuple[str, ...]) -> str:
    """Say where servers are, for people: their URLs without users and passwords."""
    return ", ".join(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" for parts in map(urlsplit, servers)
    )


def login(servers: tuple[str, ...]) -> dict[str, str]:
    """
    Return what the client is told of who we are: ``user`` and ``password``, or ``token``, or none.

    From the first URL, for all servers: a cluster names its others without what that URL came with.
    The client's own reading of a URL leaves ``%40`` for ``@``.
    """
    parts = urlsplit(servers[0])
    if parts.username is None:
        return {}
    if parts.password is None:
        return {"token": unquote(parts.username)}
    return {"user": unquote(parts.username), "password": unquote(parts.password)}


def user_of(url: str) -> tuple[str, str] | None:
    """Return user and password of a server's URL, as they were before they were encoded."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
