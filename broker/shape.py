"""
What the streams and the bucket must be like: made so, and compared with what the server says. Pure.

Configurations are as they are on the wire: times in nanoseconds, and what is false may be left out.
Source: https://github.com/nats-io/nats-architecture-and-design (ADR-8, ADR-36, ADR-43)
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from broker import durations
from broker.settings import LEAST_MEGABYTES, SHORTEST_RETENTION, BrokerSettings
from broker.subjects import Subjects

Config = Mapping[str, Any]

SECOND = 10**9
MAX_MESSAGE = 64 * 1024
MAX_RECORDS_PER_SUBJECT = 50_000  # one runaway call cannot evict the others
DUPLICATE_WINDOW = 120 * SECOND  # longer than a retry can take while the server answers
MARKER_SECONDS = 60  # how long the bucket remembers that a key has expired

# What an operator may have chosen otherwise than we would, and what is too little to work with.
LEAST_RETENTION = SHORTEST_RETENTION * SECOND
LEAST_BYTES = LEAST_MEGABYTES << 20
LEAST_RECORDS_PER_SUBJECT = 10_000  # eight hours of one side
LEAST_BUCKET_BYTES = 2**20
LEAST_ENTRY = 4096
LARGEST_LEDGER = 128 * 1024  # of a thousand calls and some that wait for their receiver

TIMES = frozenset({"max_age", "duplicate_window", "subject_delete_marker_ttl"})


class Rule(NamedTuple):
    """
    What one field must be.

    Attributes:
        field: Its name on the wire.
        fits: Whether a value will do; None where the server leaves it out.
        needed: What would do, in words.
        fixed: NATS changes it in no stream that exists.
    """

    field: str
    fits: Callable[[Any], bool]
    needed: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not as it must be, in words; ``fixed`` if NATS cannot change it."""

    text: str
    fixed: bool


def stream_config(
    subjects: Subjects, settings: BrokerSettings, stream: str | None = None
) -> dict[str, Any]:
    """Return a stream of the records, as it is created: the one of that name, or the first."""
    name = subjects.streams[0] if stream is None else stream
    ingest, retention = subjects.ingest(name), round(settings.retention * SECOND)
    return {
        "name": name,
        "subjects": [ingest],
        # Live subscribers see what was stored, once and in order; retries and replaced writers
        # never show.
        "subject_transform": {"src": ingest, "dest": subjects.live},
        "republish": {"src": subjects.live, "dest": subjects.live},
        "storage": "file",
        "num_replicas": settings.replicas,
        "retention": "limits",
        "discard": "old",
        "max_age": retention,
        "max_bytes": _share(settings.max_bytes, subjects.shards),
        "max_msgs": -1,
        "max_msgs_per_subject": MAX_RECORDS_PER_SUBJECT,
        "max_msg_size": MAX_MESSAGE,
        "max_consumers": -1,
        "duplicate_window": _window(retention),
        "allow_direct": True,  # off by default; without it a Direct Get gets no answer at all
        "deny_delete": True,  # single messages; purging a whole call stays possible
    }


def bucket_config(subjects: Subjects, settings: BrokerSettings) -> dict[str, Any]:
    """Return the stream of the bucket of live calls and leases, as it is created."""
    return {
        "name": f"KV_{subjects.bucket}",
        "subjects": [subjects.bucket_keys],
        "republish": {"src": subjects.bucket_keys, "dest": subjects.registry},
        "storage": "file",
        "num_replicas": settings.replicas,
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_bytes": -1,
        "max_msgs": -1,
        "max_msgs_per_subject": 1,
        "max_msg_size": -1,
        "max_consumers": -1,
        "duplicate_window": DUPLICATE_WINDOW,
        "allow_direct": True,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_msg_ttl": True,  # leases and tombstones go by themselves
        "subject_delete_marker_ttl": MARKER_SECONDS * SECOND,
    }


def forward_config(subjects: Subjects, settings: BrokerSettings) -> dict[str, Any]:
    """Return the stream of the forwarders' bucket, as it is created: nobody follows it."""
    config = bucket_config(subjects, settings)
    del config["republish"]
    return config | {
        "name": f"KV_{subjects.forward_bucket}",
        "subjects": [subjects.forward_keys],
    }


def stream_differences(subjects: Subjects, config: Config) -> list[Difference]:
    """Return what of a stream would keep records from being stored, read or followed."""
    window, ingest = _window(config.get("max_age")), subjects.ingest(config["name"])
    rules = (
        _exactly("subjects", [ingest]),
        _mapping("subject_transform", ingest, subjects.live),
        _mapping("republish", subjects.live, subjects.live),
        *_COMMON,
        _exactly("discard", "old"),  # a full stream that refuses records is deaf
        _unlimited_or_least("max_age", LEAST_RETENTION, "a minute at least"),
        _unlimited_or_least("max_bytes", LEAST_BYTES),
        _unlimited_or_least("max_msgs", MAX_RECORDS_PER_SUBJECT),
        _unlimited_or_least("max_msgs_per_subject", LEAST_RECORDS_PER_SUBJECT),
        _unlimited_or_least("max_msg_size", MAX_MESSAGE),
        Rule(
            "duplicate_window",
            lambda value: (value or 0) >= window,
            f"{durations.shown(window / SECOND)} at least",
        ),
        # It says that a record is stored before it is on the disk.
        Rule("persist_mode", lambda value: value in (None, "", "default"), "default", fixed=True),
    )
    return _differences(config, rules)


def bucket_differences(subjects: Subjects, config: Config) -> list[Difference]:
    """Return what of the bucket would keep calls and leases from being listed or followed."""
    rules = (
        _exactly("subjects", [subjects.bucket_keys]),
        _mapping("republish", subjects.bucket_keys, subjects.registry),
        *_OF_BUCKETS,
        _unlimited_or_least("max_msg_size", LEAST_ENTRY),
        Rule(
            "subject_delete_marker_ttl",
            lambda value: (value or 0) >= SECOND,
            "a second at least: readers hear by it of a lease that has expired",
        ),
    )
    return _differences(config, rules)


def forward_differences(subjects: Subjects, config: Config) -> list[Difference]:
    """Return what of the bucket of `partyline forward` would keep it from knowing its place."""
    rules = (
        _exactly("subjects", [subjects.forward_keys]),
        *_OF_BUCKETS,
        _unlimited_or_least("max_msg_size", LARGEST_LEDGER),
    )
    return _differences(config, rules)


def advice(name: str, differences: Sequence[Difference]) -> str:
    """Say of a stream that is there what is wrong with it, and what to do."""
    found = "; ".join(difference.text for difference in differences)
    if any(difference.fixed for difference in differences):
        mend = (
            "NATS cannot change all of that: set SUBJECT_PREFIX to a name that nothing else uses, "
            f"or delete it with all that it holds (nats stream rm {name})"
        )
    else:
        mend = (
            "if it is ours, `partyline provision` brings it up to date and keeps what it holds; "
            "else set SUBJECT_PREFIX to a name that nothing else uses"
        )
    return f"is there, but not as it must be: {found}. {mend[0].upper()}{mend[1:]}"


def has(config: Config, ours: Config) -> bool:
    """Whether each of our fields is as we would have it."""
    return all(config.get(field) == value for field, value in ours.items())


def brought_up_to_date(config: Config, ours: Config) -> dict[str, Any]:
    """Return an existing configuration with our fields; what only an operator sets stays."""
    return {**config, **ours}


def losses(found: Config, ours: Config, stored: Config, age: float) -> list[str]:
    """
    Say what of the records that are stored would go, or be less safe, with our configuration.

    Args:
        found: The stream's configuration.
        ours: What it is to be.
        stored: Its state, as NATS tells it.
        age: Of the oldest record, in seconds.
    """
    if not stored.get("messages"):
        return []
    lost = []
    if _is_less(ours["max_age"], found.get("max_age")):
        lost.append(
            f"retention is {_age(found)}, to be {_age(ours)}: records that are older are deleted "
            f"at once, and the oldest is of {durations.shown(round(age))} ago"
        )
    if _is_less(ours["max_bytes"], found.get("max_bytes")):
        too_many = max(0, stored["bytes"] - ours["max_bytes"])
        lost.append(
            f"it may hold {_megabytes(found)}, to be {_megabytes(ours)}: of the "
            f"{stored['bytes'] / 2**20:.1f} MB that are stored the oldest "
            f"{too_many / 2**20:.1f} MB are deleted at once"
        )
    most = ours["max_msgs_per_subject"]
    if _is_less(most, found.get("max_msgs_per_subject")) and stored["messages"] > most:
        lost.append(f"of more than {most} records of one kind and track of a call the oldest go")
    copies = found.get("num_replicas", 1)
    if ours["num_replicas"] < copies:
        lost.append(
            f"copies are {copies}, to be {ours['num_replicas']}: it bears the loss of "
            f"{(ours['num_replicas'] - 1) // 2} servers then, and of {(copies - 1) // 2} now"
        )
    return lost


def _is_less(value: int, than: int | None) -> bool:
    """Whether a limit is tighter than another one; what is not positive is none."""
    return value > 0 and (than is None or than <= 0 or value < than)


def _age(config: Config) -> str:
    age = config.get("max_age") or 0
    return durations.shown(age / SECOND) if age > 0 else "unlimited"


def _megabytes(config: Config) -> str:
    size = config.get("max_bytes") or -1
    return f"{size >> 20} MB" if size > 0 else "unlimited"


def _share(max_bytes: int, shards: int) -> int:
    """What one of the streams may hold; without a limit for all there is none."""
    return max_bytes if max_bytes <= 0 else max(LEAST_BYTES, max_bytes // shards)


def _window(max_age: int | None) -> int:
    """For how long a repetition is known as one: NATS allows no longer than records are kept."""
    return min(DUPLICATE_WINDOW, max_age or DUPLICATE_WINDOW)


def _differences(config: Config, rules: Sequence[Rule]) -> list[Difference]:
    return [
        Difference(
            f"{rule.field} is {_found(config, rule.field)}, must be {rule.needed}", rule.fixed
        )
        for rule in rules
        if not rule.fits(config.get(rule.field))
    ]


def _exactly(field: str, value: object, *, fixed: bool = False) -> Rule:
    return Rule(field, lambda found: found == value, _shown(value), fixed)


def _absent(field: str, *, fixed: bool = False) -> Rule:
    return Rule(field, lambda found: not found, "left out", fixed)


def _mapping(field: str, source: str, destination: str) -> Rule:
    """Of ``republish`` and ``subject_transform``: from where, to where, with the payload."""

    def fits(found: object) -> bool:
        if not isinstance(found, Mapping) or found.get("headers_only"):
            return False
        return (found.get("src"), found.get("dest")) == (source, destination)

    return Rule(field, fits, f"{source} to {destination}")


def _unlimited_or_least(field: str, least: int, words: str | None = None) -> Rule:
    def fits(found: object) -> bool:
        return not isinstance(found, int) or found <= 0 or found >= least

    return Rule(field, fits, f"without limit or {words or f'{least} at least'}")


def _found(config: Config, field: str) -> str:
    value = config.get(field)
    if field in TIMES and isinstance(value, int):
        return durations.shown(value / SECOND)
    return _shown(value)


def _shown(value: object) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


# Of both: they take messages in, acknowledge them once they are on a disk, and let them be read.
_COMMON = (
    _exactly("retention", "limits", fixed=True),
    _exactly("storage", "file", fixed=True),
    _exactly("allow_direct", True),
    _absent("no_ack"),
    _absent("sealed", fixed=True),
    _absent("mirror", fixed=True),
    _absent("sources"),
    _absent("allow_msg_counter", fixed=True),
)
# Of both buckets: keys stay until they are deleted, or go by themselves where it is asked for.
_OF_BUCKETS = (
    _absent("subject_transform"),
    *_COMMON,
    Rule("max_age", lambda value: not value, "without limit: entries do not grow old"),
    _unlimited_or_least("max_bytes", LEAST_BUCKET_BYTES),
    _unlimited_or_least("max_msgs", MAX_RECORDS_PER_SUBJECT),
    _exactly("allow_msg_ttl", True),
)
