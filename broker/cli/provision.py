"""``partyline provision``: what needs more rights than the service has."""

import argparse
import os

from broker.cli import connect
from broker.provision import check_version, provision
from broker.settings import BrokerSettings
from broker.subjects import Subjects

DAY = 86_400


def main(argv: list[str], prog: str = "partyline provision") -> int:
    """Create the stream and the bucket, or bring them up to date; returns the exit code."""
    parser = _parser(prog)
    arguments = parser.parse_args(argv)
    if not 1 / 1440 <= arguments.retention <= 366 or arguments.megabytes < 16:
        parser.error("retention is 1 minute to 366 days, and 16 megabytes are the least")
    return connect.run(prog, lambda: _provision(arguments))


async def _provision(arguments: argparse.Namespace) -> int:
    nats = connect.read_settings(arguments, os.environ)
    settings = BrokerSettings(
        servers=nats.servers,
        instance="admin",
        prefix=nats.prefix,
        provision=True,
        replicas=nats.replicas if arguments.replicas is None else arguments.replicas,
        retention=arguments.retention * DAY,
        max_bytes=arguments.megabytes << 20,
    )
    subjects = Subjects(settings.prefix)
    async with connect.connected(
        nats, name="partyline admin", inbox_prefix=connect.ADMIN_INBOX
    ) as client:
        check_version(client)
        await provision(client.jetstream(timeout=5), subjects, settings)
    print(
        f"stream {subjects.stream} and bucket {subjects.bucket}: {settings.replicas} replica(s), "
        f"{arguments.retention:g} days, {arguments.megabytes} MB"
    )
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Create the stream and the bucket, or bring them up to date. Needs a user "
        "that may; the service itself then needs no such rights.",
    )
    parser.add_argument(
        "--replicas",
        type=int,
        choices=range(1, 6),
        help="copies of each record in a cluster (default: NATS_REPLICAS, or 1)",
    )
    parser.add_argument(
        "--retention",
        type=float,
        default=3.0,
        metavar="DAYS",
        help="how long transcripts are kept (default: %(default)g)",
    )
    parser.add_argument(
        "--megabytes",
        type=int,
        default=4096,
        metavar="N",
        help="what the stream may hold; beyond it the oldest go (default: %(default)s)",
    )
    connect.add_arguments(parser)
    return parser
