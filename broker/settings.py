"""What the broker needs to be told."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


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


def user_of(url: str) -> tuple[str, str] | None:
    """Return user and password of a server's URL, as they were before they were encoded."""
    parts = urlsplit(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")
