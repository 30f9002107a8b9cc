"""The settings of ``partyline forward``, read from variables. Pure."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from broker import durations
from broker.identifiers import E164
from broker.settings import (
    DEFAULT_SERVER,
    BrokerSettings,
    read_authorities,
    read_credentials,
    read_prefix,
    read_replicas,
    read_retention,
    read_servers,
    read_shards,
)
from broker.subjects import DEFAULT_PREFIX, FORWARDER
from handler import addresses
from handler.environment import Reader, log_level, name_instance
from handler.errors import SettingsError
from handler.tokens.grants import EVERYTHING, Grant

FINAL, EVENT, ENDED = "final", "event", "ended"
KINDS = (FINAL, EVENT, ENDED)
RECORDS = frozenset({FINAL, EVENT})
TRANSCRIPTS = frozenset({ENDED})
SECRET_PREFIX = "whsec_"  # noqa: S105  what one begins with
# https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
SECRET_BYTES = range(24, 65)
ALL, NOW = "all", "now"


@dataclass(frozen=True, kw_only=True, slots=True)
class ForwardSettings:
    """
    What is forwarded, whither, and how; times in seconds.

    Attributes:
        url: Where records are sent; empty if ``directory`` is where transcripts are put.
        directory: A path; empty if there is none.
        kinds: Of ``final``, ``event`` (records) and ``ended`` (whole transcripts of ended calls).
        keys: What requests are signed with: several while a secret is replaced by another.
        grant: Which calls are forwarded, by the rule of a token's.
        name: Under which it knows its place again. Two with different names are two forwarders.
        since: Where one that has never run begins: ``all``, ``now``, or so many seconds ago.
        connections: Calls that are sent at once: one that is slow takes one of these.
        timeout: For a request, from its beginning to its answer.
        longest_pause: Between two attempts at one record.
        lease: A process that gives no sign of life for so long is replaced by another one.
        metrics_port: Of ``/metrics``, if there is one.
        host: Its address.
        log_level: Of the least lines that are logged.
        broker: How NATS is reached.
    """

    url: str = field(default="", repr=False)  # it may hold a key in its path or its query
    directory: str = ""
    kinds: frozenset[str] = RECORDS
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    grant: Grant = EVERYTHING
    name: str = "main"
    since: str | float = ALL
    connections: int = 16
    timeout: float = 15.0  # as the specification has it: 15 to 30
    longest_pause: float = 60.0
    lease: float = 20.0
    metrics_port: int | None = None
    host: str = "0.0.0.0"  # noqa: S104  a container is reached from outside
    log_level: str = "INFO"
    broker: BrokerSettings

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], *, host_name: str, insecure: bool = False
    ) -> "ForwardSettings":
        """
        Read the settings.

        Args:
            environ: The environment, ``os.environ``.
            host_name: Of this machine.
            insecure: Send to addresses without TLS too, and without a signature.

        Raises:
            SettingsError: one is missing or malformed; says which, and what to set.
        """
        read, name = Reader(environ), "FORWARD_URL"
        address = read.optional(name)
        if address is None:
            raise SettingsError(
                name, "missing: set where to, https://… or file:///… for a directory"
            )
        url, directory = _destination(address, insecure=insecure)
        kinds = read.read("FORWARD", _kinds, TRANSCRIPTS if directory else RECORDS)
        if directory and kinds != TRANSCRIPTS:
            raise SettingsError("FORWARD", "a directory takes whole transcripts alone: set ended")
        unsigned: tuple[bytes, ...] = ()
        keys = read.read("FORWARD_SECRET", read_secrets, unsigned)
        if url and not keys and not insecure:
            raise SettingsError(
                "FORWARD_SECRET",
                f"missing: set {SECRET_PREFIX} and the output of `openssl rand -base64 32`, here "
                "and where the receiver checks the signature",
            )
        default = cls(broker=BrokerSettings(servers=(), instance=""))
        return cls(
            url=url,
            directory=directory,
            kinds=kinds,
            keys=keys,
            grant=read.read("FORWARD_NUMBERS", _numbers, EVERYTHING),
            name=read.read("FORWARD_NAME", _name, default.name),
            since=read.read("FORWARD_SINCE", read_since, default.since),
            connections=read.whole("FORWARD_CONNECTIONS", default.connections, 1, 256),
            timeout=read.duration("FORWARD_TIMEOUT", default.timeout, 0.1, 120),
            longest_pause=read.duration("FORWARD_RETRY_SECONDS", default.longest_pause, 0.01, 3600),
            lease=read.duration("LEASE_SECONDS", default.lease, 1, 3600),
            metrics_port=read.whole("METRICS_PORT", 0, 1, 65535) or None,
            host=read.text("HOST", default.host),
            log_level=log_level(read.text("LOG_LEVEL", default.log_level)),
            broker=_broker(read, read.optional("FLY_MACHINE_ID") or host_name),
        )


def read_secrets(text: str) -> tuple[bytes, ...]:
    """
    Read what requests are signed with, separated by commas or blanks.

    Raises:
        ValueError: there is none, or one is malformed; it is not repeated.
    """
    found = tuple(_secret(part) for part in re.split(r"[,\s]+", text) if part)
    if not found:
        raise ValueError("holds no secret")
    return found


def read_since(text: str) -> str | float:
    """Read where to begin: ``all``, ``now``, or how long ago; what is neither is a ValueError."""
    return text if text in (ALL, NOW) else durations.read_between(text, 0, 366 * 86_400)


def since_when(since: str | float, now: float) -> float | None:
    """Return the Unix time at which to begin, of what :func:`read_since` returned; None is all."""
    match since:
        case float():
            return now - since
        case "now":
            return now
        case _:
            return None


def _secret(text: str) -> bytes:
    form = f"is not {SECRET_PREFIX} and the base64 of 24 to 64 random bytes"
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(form)
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as exc:
        raise ValueError(form) from exc
    if len(key) not in SECRET_BYTES:
        raise ValueError(form)
    return key


def _destination(text: str, *, insecure: bool) -> tuple[str, str]:
    """Return the address of a webhook, or a directory."""
    name, shown = "FORWARD_URL", _shown(text)
    try:
        addresses.read(shown)  # what it says of a wrong one repeats it
        url = addresses.read(text)
    except ValueError as exc:
        raise SettingsError(name, str(exc)) from exc
    if url.scheme == "file":
        if url.netloc or not url.path.startswith("/") or url.query or url.fragment:
            raise SettingsError(name, f"{shown!r} is not like file:///var/lib/transcripts")
        return "", unquote(url.path)
    if url.scheme not in ("http", "https") or not url.hostname or url.fragment:
        raise SettingsError(name, f"{shown!r} is not like https://crm.example.com/calls")
    try:
        addresses.origin(shown)
    except ValueError as exc:
        raise SettingsError(name, str(exc)) from exc
    if url.username is not None:
        raise SettingsError(name, "without a user: the receiver knows us by the signature")
    if not addresses.is_safe(text, near=True) and not insecure:
        raise SettingsError(
            name,
            f"{shown!r} is without TLS: what was said could be read on the way; begin it with "
            "https:// (or start with --insecure)",
        )
    return text, ""


def _shown(text: str) -> str:
    """Return an address as a message may show it: a path may be a secret, but of a directory."""
    shown = addresses.shown(text)
    if shown.startswith("file:"):
        return shown
    found = re.match(r"(\w+://)?+[^/?#]*/(?=.)", shown, flags=re.DOTALL)
    return shown if found is None else f"{found[0]}…"


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(part for part in re.split(r"[,\s]+", text) if part)
    if not kinds or kinds - set(KINDS):
        raise ValueError(f"{text!r} is not some of {', '.join(KINDS)}")
    return kinds


def _numbers(text: str) -> Grant:
    numbers = frozenset(part for part in re.split(r"[,\s]+", text) if part)
    for number in numbers:
        if not E164.fullmatch(number):
            raise ValueError(f"{number!r} is not a number such as +15551230000")
    if not numbers:
        raise ValueError("holds no number")
    return Grant(frozenset(), numbers, float("inf"))


def _name(text: str) -> str:
    if not FORWARDER.fullmatch(text):
        raise ValueError(f"{text!r} is not one word of A-Z a-z 0-9 _ -")
    return text


def _broker(read: Reader, machine: str) -> BrokerSettings:
    default = BrokerSettings(servers=(DEFAULT_SERVER,), instance=name_instance(machine))
    return BrokerSettings(
        servers=read.read("NATS_URL", read_servers, default.servers),
        instance=default.instance,
        prefix=read.read("SUBJECT_PREFIX", read_prefix, DEFAULT_PREFIX),
        credentials=read.read("NATS_CREDS", read_credentials, None),
        authorities=read.read("NATS_CA", read_authorities, None),
        shards=read.read("NATS_SHARDS", read_shards, default.shards),
        replicas=read.read("NATS_REPLICAS", read_replicas, default.replicas),
        retention=read.read("RETENTION", read_retention, default.retention),
    )
