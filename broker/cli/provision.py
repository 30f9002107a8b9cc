"""``partyline provision`` and ``partyline purge``: what needs more rights than the service has."""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client, RawCredentials

from broker.errors import BadName, BrokerError, HistoryUnavailable
from broker.identifiers import check_call_sid
from broker.provision import check_version, provision
from broker.settings import BrokerSettings
from broker.stream import last_stored
from broker.subjects import Subjects

DEFAULT_URL = "nats://127.0.0.1:4222"
CONNECT_SECONDS = 5.0
INBOX_PREFIX = b"_INBOX_admin"  # its own, as server/users.conf has it
DAY = 86_400

Command = Callable[[Client, Subjects, argparse.Namespace], Awaitable[int]]


class _Newest(msgspec.Struct):
    type: str = ""


def main_provision(argv: list[str], prog: str = "partyline provision") -> int:
    """Create the stream and the bucket, or bring them up to date; returns the exit code."""
    parser = _parser(
        prog,
        "Create the stream and the bucket, or bring them up to date. Needs a user that may; the "
        "service itself then needs no such rights.",
    )
    parser.add_argument("--replicas", type=int, choices=range(1, 6), default=_environ_replicas())
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
    arguments = parser.parse_args(argv)
    if not 1 / 1440 <= arguments.retention <= 366 or arguments.megabytes < 16:
        parser.error("retention is 1 minute to 366 days, and 16 megabytes are the least")
    return _run(arguments, prog, _provision)


def main_purge(argv: list[str], prog: str = "partyline purge") -> int:
    """Delete all records of a call; returns the exit code."""
    parser = _parser(
        prog,
        "Delete every record of a call that has ended, for good. A live call is refused: its "
        "owner would go on writing it.",
    )
    parser.add_argument("call", type=_call_sid, metavar="CALLSID")
    parser.add_argument(
        "--force", action="store_true", help="also a call without an end, if it is not listed"
    )
    return _run(parser.parse_args(argv), prog, _purge)


def _run(arguments: argparse.Namespace, prog: str, command: Command) -> int:
    try:
        return asyncio.run(_connected(arguments, command))
    except (BrokerError, nats.errors.Error, OSError, TimeoutError) as exc:
        print(f"{prog}: {str(exc) or type(exc).__name__}", file=sys.stderr)
        return 1


async def _connected(arguments: argparse.Namespace, command: Command) -> int:
    options = {}
    if arguments.creds is not None:
        options["user_credentials"] = RawCredentials(arguments.creds)
    problems: list[str] = []

    async def on_error(error: Exception) -> None:
        problems.append(str(error) or type(error).__name__)

    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            client = await nats.connect(
                arguments.url.split(","),
                name="partyline admin",
                inbox_prefix=INBOX_PREFIX,
                error_cb=on_error,
                max_reconnect_attempts=0,
                **options,
            )
    except (TimeoutError, OSError, nats.errors.Error) as exc:
        reason = problems[-1] if problems else str(exc) or type(exc).__name__
        raise BrokerError(f"cannot reach NATS: {reason}") from exc
    try:
        return await command(client, Subjects(arguments.prefix), arguments)
    finally:
        await client.close()


async def _provision(client: Client, subjects: Subjects, arguments: argparse.Namespace) -> int:
    check_version(client)
    settings = BrokerSettings(
        servers=(arguments.url,),
        instance="admin",
        prefix=arguments.prefix,
        provision=True,
        replicas=arguments.replicas,
        retention=arguments.retention * DAY,
        max_bytes=arguments.megabytes << 20,
    )
    await provision(client.jetstream(timeout=5), subjects, settings)
    print(
        f"stream {subjects.stream} and bucket {subjects.bucket}: {arguments.replicas} replica(s), "
        f"{arguments.retention:g} days, {arguments.megabytes} MB"
    )
    return 0


async def _purge(client: Client, subjects: Subjects, arguments: argparse.Namespace) -> int:
    subject = subjects.call(arguments.call)
    js = client.jetstream(timeout=5)
    if await _listed(client, subjects, arguments.call):
        raise BrokerError(f"{arguments.call} is live: end it first")
    newest = await last_stored(client, subjects.stream, subject)
    if newest is None:
        raise BrokerError(f"{arguments.call}: nothing is stored")
    if msgspec.json.decode(newest.data, type=_Newest).type != "CallEnded" and not arguments.force:
        raise BrokerError(f"{arguments.call} has no end; if its owner is gone for good: --force")
    before = (await js.stream_info(subjects.stream)).state.messages
    await js.purge_stream(subjects.stream, subject=subject)
    after = (await js.stream_info(subjects.stream)).state.messages
    print(f"{arguments.call}: {before - after} records deleted")
    return 0


async def _listed(client: Client, subjects: Subjects, call_sid: str) -> bool:
    try:
        newest = await last_stored(client, f"KV_{subjects.bucket}", subjects.call_key(call_sid))
    except HistoryUnavailable:
        return False  # no bucket: nobody is live
    return newest is not None and "KV-Operation" not in newest.headers


def _parser(prog: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--url",
        default=os.environ.get("NATS_URL", DEFAULT_URL),
        help=f"the server (default: NATS_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--creds", type=_credentials, metavar="FILE", help="credentials, for a server that asks"
    )
    parser.add_argument("--prefix", default=os.environ.get("SUBJECT_PREFIX", "transcripts"))
    return parser


def _environ_replicas() -> int:
    text = os.environ.get("NATS_REPLICAS", "1")
    return int(text) if text in ("1", "2", "3", "4", "5") else 1


def _call_sid(text: str) -> str:
    try:
        return check_call_sid(text)
    except BadName as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _credentials(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeError) as exc:
        raise argparse.ArgumentTypeError(f"cannot read {path}: {exc}") from exc
