"""
The only code that builds or parses a subject. Pure.

``transcripts.<accountSid>.<callSid>.<kind>.<track>``: five tokens, always. What becomes part of a
subject is matched whole first: a callSid of ``*`` would subscribe to every call.
"""

import re
import zlib
from dataclasses import dataclass

from broker.errors import BadName
from broker.identifiers import check_account_sid, check_call_sid

DEFAULT_PREFIX = "transcripts"
PREFIX = re.compile(r"[A-Za-z0-9_-]{1,32}")
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
INSTANCE = re.compile(r"[A-Za-z0-9_-]{1,64}")
FORWARDER = re.compile(r"[A-Za-z0-9_-]{1,32}")
# A key that every process knows, like those of calls and leases: two tokens.
TICKETS_REQUIRED = "tickets.required"
# What keys begin with that are asked for one by one: how a call ended, and whose child a leg is, as
# Twilio has told; single tickets.
STATUS, LEG, TICKET = "twilio.status.", "twilio.leg.", "twilio.ticket."
# When media streams of a call were started again.
RESTART = "twilio.restart."
SIDES = "inbound", "outbound"
TRACKS = {
    "final": frozenset(SIDES),
    "interim": frozenset(SIDES),
    "event": frozenset({"call"}),
}


@dataclass(frozen=True, slots=True)
class Address:
    """What a subject says: whose call, and what kind of message."""

    account_sid: str
    call_sid: str
    kind: str
    track: str


@dataclass(frozen=True, slots=True)
class Subjects:
    """
    All names on NATS, derived from one prefix.

    Attributes:
        prefix: What they begin with.
        shards: How many streams share the records. Whoever writes or reads must know the number:
            which stream has a call follows from it. Live subjects do not know it.
    """

    prefix: str = DEFAULT_PREFIX
    shards: int = 1

    def __post_init__(self) -> None:
        if not PREFIX.fullmatch(self.prefix):
            raise BadName("a prefix", self.prefix)

    @property
    def streams(self) -> tuple[str, ...]:
        """
        The streams that keep the records.

        Those of another number have other names and take the same subjects: NATS refuses to have
        both, so that no call is looked for where it is not.
        """
        name = self.prefix.upper()
        if self.shards == 1:
            return (name,)
        return tuple(f"{name}_{shard}_OF_{self.shards}" for shard in range(self.shards))

    def stream_of(self, call_sid: str) -> str:
        """The stream that keeps the records of a call."""
        return self.streams[self._shard_of(check_call_sid(call_sid))]

    @property
    def bucket(self) -> str:
        """The KV bucket of live calls and of leases."""
        return f"{self.prefix.upper()}_CALLS"

    @property
    def live(self) -> str:
        """Everything that subscribers read."""
        return f"{self.prefix}.>"

    def ingest(self, stream: str) -> str:
        """Where records are published to that a stream keeps; it renames them."""
        return f"{self._ingest_root(self.streams.index(stream))}.>"

    @property
    def registry(self) -> str:
        """Where the bucket republishes its changes."""
        return f"registry.{self.prefix}.>"

    @property
    def bucket_keys(self) -> str:
        """The bucket's own subjects."""
        return f"$KV.{self.bucket}.>"

    @property
    def listed_keys(self) -> str:
        """
        Of them, those that every process knows: of live calls, and of leases.

        What is asked for one by one has a longer name, as there may be very many.
        """
        return f"$KV.{self.bucket}.*.*"

    @property
    def stored(self) -> tuple[str, ...]:
        """What is stored, as it is told on: what subscribers read, but for interims."""
        return f"{self.prefix}.*.*.final.*", f"{self.prefix}.*.*.event.*"

    @property
    def forward_bucket(self) -> str:
        """The KV bucket of what `partyline forward` must know again."""
        return f"{self.prefix.upper()}_FORWARD"

    @property
    def forward_keys(self) -> str:
        """That bucket's own subjects."""
        return f"$KV.{self.forward_bucket}.>"

    def ledger_key(self, forwarder: str, stream: str) -> str:
        """That bucket's subject for how far a forwarder is with a stream."""
        return f"$KV.{self.forward_bucket}.ledger.{_forwarder(forwarder)}.{stream}"

    def given_up_key(self, forwarder: str, call_sid: str) -> str:
        """That bucket's subject for what a forwarder has given up of a call: its dead letters."""
        name = _forwarder(forwarder)
        return f"$KV.{self.forward_bucket}.dead.{name}.{check_call_sid(call_sid)}"

    def given_up_keys(self, forwarder: str) -> str:
        """All of those."""
        return f"$KV.{self.forward_bucket}.dead.{_forwarder(forwarder)}.*"

    def record(self, address: Address) -> str:
        """Where a record or an interim of a call is read."""
        return f"{self.prefix}.{_tail(address)}"

    def ingested(self, address: Address) -> str:
        """Where a record of a call is published."""
        tail = _tail(address)
        return f"{self._ingest_root(self._shard_of(address.call_sid))}.{tail}"

    def call(self, call_sid: str, account_sid: str | None = None) -> str:
        """Everything of one call; whoever does not know the account leaves it out."""
        account = "*" if account_sid is None else check_account_sid(account_sid)
        return f"{self.prefix}.{account}.{check_call_sid(call_sid)}.>"

    def move(self, call_sid: str) -> str:
        """Where the owner of a call that moves is asked, by its successor alone."""
        return f"moves.{self.prefix}.{check_call_sid(call_sid)}"

    def wishes(self, instance: str) -> str:
        """Where a process is asked to move one of its calls."""
        if not INSTANCE.fullmatch(instance):
            raise BadName("the name of a process", instance)
        return f"moves.{self.prefix}.by.{instance}"

    def call_key(self, call_sid: str) -> str:
        """The bucket's subject for a live call."""
        return f"$KV.{self.bucket}.call.{check_call_sid(call_sid)}"

    def lease_key(self, instance: str) -> str:
        """The bucket's subject for the lease of a process."""
        if not INSTANCE.fullmatch(instance):
            raise BadName("the name of a process", instance)
        return f"$KV.{self.bucket}.pod.{instance}"

    def status_key(self, call_sid: str, account_sid: str) -> str:
        """The bucket's subject for how a call ended, as its account was told by Twilio."""
        account = check_account_sid(account_sid)
        return f"$KV.{self.bucket}.{STATUS}{account}.{check_call_sid(call_sid)}"

    def leg_key(self, call_sid: str, account_sid: str | None = None) -> str:
        """The bucket's subject for whose child a call leg is, as one account, or any, was told."""
        account = "*" if account_sid is None else check_account_sid(account_sid)
        return f"$KV.{self.bucket}.{LEG}{account}.{check_call_sid(call_sid)}"

    def restart_key(self, call_sid: str) -> str:
        """The bucket's subject for when media streams of a call were started again."""
        return f"$KV.{self.bucket}.{RESTART}{check_call_sid(call_sid)}"

    def ticket_key(self, nonce: str) -> str:
        """The bucket's subject for a ticket that was promised, or is spent."""
        if not NONCE.fullmatch(nonce):
            raise BadName("the name of a ticket", nonce)
        return f"$KV.{self.bucket}.{TICKET}{nonce}"

    @property
    def tickets_required(self) -> str:
        """The bucket's subject that says that media streams need a ticket."""
        return f"$KV.{self.bucket}.{TICKETS_REQUIRED}"

    def key_of(self, subject: str) -> str:
        """Return the key (``call.…``, ``pod.…``, …) of a bucket's or the registry's subject."""
        return ".".join(subject.split(".")[2:])

    def _ingest_root(self, shard: int) -> str:
        root = f"ingest.{self.prefix}"
        return root if self.shards == 1 else f"{root}.{shard}"

    def _shard_of(self, call_sid: str) -> int:
        return zlib.crc32(call_sid.encode()) % self.shards

    def parse(self, subject: str) -> Address:
        """Read a subject; raises :exc:`BadName` if it is none of ours."""
        prefix, *tokens = subject.split(".")
        if prefix != self.prefix or len(tokens) != 4:
            raise BadName("a subject", subject)
        address = Address(*tokens)
        _tail(address)
        return address


def _forwarder(name: str) -> str:
    if not FORWARDER.fullmatch(name):
        raise BadName("the name of a forwarder", name)
    return name


def _tail(address: Address) -> str:
    if address.track not in TRACKS.get(address.kind, ()):
        raise BadName("a kind and track", f"{address.kind}.{address.track}")
    account = check_account_sid(address.account_sid)
    return f"{account}.{check_call_sid(address.call_sid)}.{address.kind}.{address.track}"
