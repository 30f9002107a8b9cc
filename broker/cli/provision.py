"""``partyline provision``: make the stream and the bucket, as the service itself may not."""

import argparse

from broker.cli.connect import add_options, argument, connected, parse, run
from broker.provision import check_version, provision
from broker.settings import BrokerSettings, read_replicas
from broker.subjects import Subjects

INBOX_PREFIX = b"_INBOX_admin"  # its own, as server/users.conf has it
DAY = 86_400


def main(argv: list[str], prog: str = "partyline provision") -> int:
    """Create the stream and the bucket, or bring them up to date; returns the exit code."""
    return run(_provision(parse(_parser(prog), argv)), prog)


async def _provision(arguments: argparse.Namespace) -> int:
    subjects = Subjects(arguments.prefix)
    settings = BrokerSettings(
        servers=arguments.servers,
        instance="admin",
        prefix=arguments.prefix,
        provision=True,
        replicas=arguments.replicas,
        retention=arguments.retention * DAY,
        max_bytes=arguments.megabytes << 20,
    )
    async with connected(arguments, name="partyline admin", inbox_prefix=INBOX_PREFIX) as client:
        check_version(client)
        await provision(client, subjects, settings)
    print(
        f"stream {subjects.stream} and bucket {subjects.bucket}: {arguments.replicas} replica(s), "
        f"{arguments.retention:g} days, {arguments.megabytes} MB"
    )
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Create the stream and the bucket, or bring them up to date. Needs a user that "
        "may; the service itself then needs no such rights.",
    )
    add_options(parser)
    parser.add_argument(
        "--replicas",
        type=argument(read_replicas),
        help="copies in a cluster, 1 to 5 (default: NATS_REPLICAS, or 1)",
    )
    parser.add_argument(
        "--retention",
        type=argument(_days),
        default=3.0,
        metavar="DAYS",
        help="how long transcripts are kept (default: %(default)g)",
    )
    parser.add_argument(
        "--megabytes",
        type=argument(_megabytes),
        default=4096,
        metavar="N",
        help="what the stream may hold; beyond it the oldest go (default: %(default)s)",
    )
    return parser


def _days(text: str) -> float:
    days = float(text)
    if not 1 / 1440 <= days <= 366:
        raise ValueError(f"{text!r}: retention is 1 minute to 366 days")
    return days


def _megabytes(text: str) -> int:
    megabytes = int(text)
    if megabytes < 16:
        raise ValueError(f"{text!r}: 16 megabytes are the least")
    return megabytes
