"""``partyline provision``: make the streams and the bucket, as the service itself may not."""

import argparse
import dataclasses
import time
from collections.abc import Callable
from typing import TypeVar

from broker import durations
from broker.cli.arguments import Parser
from broker.cli.connect import add_options, add_shards, argument, connected, parse, run
from broker.errors import BrokerError
from broker.provision import (
    check_version,
    look_at,
    oldest_age,
    provision,
    provision_forward,
)
from broker.settings import BrokerSettings, read_megabytes, read_replicas, read_retention
from broker.shape import SECOND, Config, losses, stream_config
from broker.subjects import Subjects

INBOX_PREFIX = b"_INBOX_admin"  # its own, as server/users.conf has it

ON_PURPOSE = "Nothing was changed: if that is what you want, say --shorten"

T = TypeVar("T", float, int)


def main(argv: list[str], prog: str = "partyline provision") -> int:
    """Create the stream and the bucket, or bring them up to date; returns the exit code."""
    return run(_provision(parse(_parser(prog), argv)), prog)


async def _provision(arguments: argparse.Namespace) -> int:
    subjects, lost = Subjects(arguments.prefix, arguments.shards), list[str]()
    async with connected(
        arguments, name="partyline admin", user="admin", inbox_prefix=INBOX_PREFIX
    ) as client:
        check_version(client)
        streams = {stream: await look_at(client, stream) for stream in subjects.streams}
        settings = _settings(arguments, streams[subjects.streams[0]][0])
        for stream, (found, stored) in streams.items():
            ours, age = stream_config(subjects, settings, stream), oldest_age(stored, time.time())
            lost += [f"{stream}: {text}" for text in losses(found, ours, stored, age)]
        if lost and not arguments.shorten:
            raise BrokerError(f"{'; '.join(lost)}. {ON_PURPOSE}")
        changed = await provision(client, subjects, settings)
        if arguments.forward:
            changed += await provision_forward(client, subjects, settings)
    for text in lost:
        print(f"shortened: {text}")
    for text in changed:
        print(f"changed: {text}")
    kept_by = "streams" if subjects.shards > 1 else "stream"
    print(
        f"{kept_by} {', '.join(subjects.streams)} and bucket {subjects.bucket}: "
        f"{settings.replicas} replica(s), "
        f"{_or_unlimited(durations.shown, settings.retention)}, "
        f"{_or_unlimited(lambda size: f'{size >> 20} MB', settings.max_bytes)}"
    )
    if arguments.forward:
        print(f"bucket {subjects.forward_bucket}, for `partyline forward`")
    return 0


def _settings(arguments: argparse.Namespace, found: Config) -> BrokerSettings:
    """Return what is asked for; where nothing is, what the stream has, or what we would choose."""
    default = BrokerSettings(servers=arguments.servers, instance="admin")
    retention, max_bytes = default.retention, default.max_bytes
    if found:
        retention, max_bytes = found.get("max_age", 0) / SECOND, found.get("max_bytes", -1)
        max_bytes = max_bytes * arguments.shards if max_bytes > 0 else -1
    return dataclasses.replace(
        default,
        prefix=arguments.prefix,
        shards=arguments.shards,
        provision=True,
        replicas=arguments.replicas or found.get("num_replicas", default.replicas),
        retention=retention if arguments.retention is None else arguments.retention,
        max_bytes=max_bytes if arguments.megabytes is None else arguments.megabytes << 20,
    )


def _or_unlimited(shown: Callable[[T], str], value: T) -> str:
    return shown(value) if value > 0 else "unlimited"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Create the stream and the bucket, or bring them up to date. Needs a user that "
        "may; the service itself then needs no such rights.",
    )
    add_options(parser)
    add_shards(parser)
    kept = "what the stream has"
    parser.add_argument(
        "--replicas",
        type=argument(read_replicas),
        help=f"copies in a cluster, 1 to 5 (default: NATS_REPLICAS, or {kept}, or 1)",
    )
    parser.add_argument(
        "--retention",
        type=argument(_retention),
        metavar="TIME",
        help="how long transcripts are kept: 36h, 7d, or a number of days (default: RETENTION, or "
        f"{kept}, or 72h)",
    )
    parser.add_argument(
        "--megabytes",
        type=argument(read_megabytes),
        metavar="N",
        help="what the streams may hold; beyond it the oldest go (default: MAX_MEGABYTES, or "
        f"{kept}, or 4096)",
    )
    parser.add_argument(
        "--forward",
        action="store_true",
        help="also the bucket in which `partyline forward` keeps its place",
    )
    parser.add_argument(
        "--shorten",
        action="store_true",
        help="also where less is kept then, in time, size or copies, than is now, and records go",
    )
    return parser


def _retention(text: str) -> float:
    """Return seconds; a number alone is of days here."""
    days = text.replace(".", "", 1).isdecimal()
    return read_retention(f"{text}d" if days else text)
