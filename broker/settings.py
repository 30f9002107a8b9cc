"""What the broker needs to be told, and how it is read from text. Pure."""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from broker import durations
from broker.subjects import DEFAULT_PREFIX, PREFIX

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----"
)
_CREDENTIALS = re.compile(
    r"BEGIN NATS USER JWT.*\n[\w-]+\.[\w-]+\.[\w-]+\n"
    r"(?:.*\n)*?"
    r".*BEGIN USER NKEY SEED.*\nSU[A-Z2-7]{56}\n",
    re.ASCII,
)

DEFAULT_SERVER = "nats://127.0.0.1:4222"
SHORTEST_RETENTION = 60
LONGEST_RETENTION = 366 * 86_400
LEAST_MEGABYTES = 16
MOST_SHARDS = 64  # each has a Raft group and an index of its own


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerSettings:
    """
    How to reach NATS, and what to keep there. Times in seconds.

    Attributes:
        servers: URLs, ``nats://`` or ``tls://``.
        instance: The name of this process: unique for each life, as leases and epochs are made
            from it.
        credentials: The text of a ``.creds`` file, for hosted NATS.
        authorities: Certificates in PEM: whom to trust to name a server, besides those that all do.
        provision: Also bring an existing stream and bucket up to date. They are created when they
            are missing in any case, if the user may.
        shards: How many streams share the records.
        replicas: Of streams and bucket: 1, or 3 in a cluster.
        retention: How long records are kept.
        max_bytes: What the streams may hold, in equal shares; beyond it the oldest records go.
        lease_ttl: How long after its last sign of life a process's calls leave the list. Longer
            than a cluster's leader election (8.5 s were seen), in which nothing can be renewed.
        lease_refresh: How often a process gives a sign of life.
        grace: How long after its owner's lease a call is ended by another process.
    """

    servers: tuple[str, ...] = field(repr=False)
    instance: str
    prefix: str = DEFAULT_PREFIX
    credentials: str | None = field(default=None, repr=False)
    authorities: str | None = None
    provision: bool = False
    shards: int = 1
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
        ValueError: there is none, or one is malformed; says which, and does not repeat it: a
            malformed one may hold a password anywhere.
    """
    urls = tuple(part for part in re.split(r"[,\s]+", text) if part)
    if not urls:
        raise ValueError("names no server; it is like nats://nats.example.com:4222")
    for number, url in enumerate(urls, 1):
        if (problem := _problem_of(url)) is not None:
            raise ValueError(f"server {number} of {len(urls)} {problem}" if urls[1:] else problem)
    return urls


def read_credentials(text: str) -> str:
    """
    Return the text of a ``.creds`` file, its lines ended as the client reads them.

    Raises:
        ValueError: it lacks a user's JWT or seed, of which the client would find out only once a
            server asks, by failing in ways of its own.
    """
    text = text.replace("\r\n", "\n")
    if not _CREDENTIALS.search(text):
        raise ValueError("is not the text of a .creds file with a user's JWT and seed")
    return text


def read_authorities(text: str) -> str:
    """Return certificates in PEM; a text that holds none is a ValueError."""
    # Where a variable has one line, its ends are written as they are in a program.
    text = text.replace("\\n", "\n")
    if not _CERTIFICATE.search(text):
        raise ValueError("is not the text of a certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return text


def read_prefix(text: str) -> str:
    """Return the prefix of all names on NATS; one that is no token of a subject is a ValueError."""
    if not PREFIX.fullmatch(text):
        raise ValueError(f"{text!r} is not one token of A-Z a-z 0-9 _ -")
    return text


def read_replicas(text: str) -> int:
    """Return how many copies a cluster keeps; another number than 1 to 5 is a ValueError."""
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError(f"{text!r}: the copies in a cluster are 1 to 5")
    return int(text)


def read_shards(text: str) -> int:
    """Return how many streams share the records; another number than 1 to 64 is a ValueError."""
    if not re.fullmatch("[0-9]{1,2}", text) or not 1 <= int(text) <= MOST_SHARDS:
        raise ValueError(f"{text!r}: the streams that share the records are 1 to {MOST_SHARDS}")
    return int(text)


def read_retention(text: str) -> float:
    """Return for how many seconds records are kept; too short or too long is a ValueError."""
    return durations.read_between(text, SHORTEST_RETENTION, LONGEST_RETENTION)


def read_megabytes(text: str, shards: int = 1) -> int:
    """
    Return how much the streams may hold; what is no number, or too little, is a ValueError.

    They share it equally, and each needs so much.
    """
    least = LEAST_MEGABYTES * shards
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
        among = f" for {shards} streams" if shards > 1 else ""
        raise ValueError(f"{text!r} is not a whole number of megabytes, {least} or more{among}")
    return int(text)


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


def _problem_of(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is not closed
        return "is no address"
    # ws:// would work where aiohttp happens to be installed, and fail in the image.
    if parts.scheme not in ("nats", "tls"):
        return "must begin with nats:// or tls://"
    if not parts.hostname:
        return "names no host"
    if parts.path.strip("/") or parts.query or parts.fragment:
        return "holds more than a host and a port (in a password / ? # must be percent-encoded)"
    if not _is_host(parts.hostname):
        return "has a host that is no name or IP address"
    try:
        port = parts.port
    except ValueError:
        port = 0
    return "has a port that is no number from 1 to 65535" if port == 0 else None


def _is_host(text: str) -> bool:
    """Whether it is an IP address or could be a name: one that could not is never resolved."""
    try:
        ip_address(text)
    except ValueError:
        return _is_name(text)
    return True


def _is_name(text: str) -> bool:
    try:
        # Labels in other scripts are allowed, one that is empty or longer than 63 bytes is not.
        encoded = text.encode("idna").decode()
    except UnicodeError:
        return False
    # With underscores, which names in Docker and Kubernetes have.
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,253}", encoded) is not None
