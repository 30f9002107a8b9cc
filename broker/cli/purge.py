"""``partyline purge``: delete what is stored of a call."""

import argparse
import os

import msgspec
from nats.aio.client import Client

from broker.cli import connect
from broker.entries import is_gone
from broker.errors import BrokerError, HistoryUnavailable
from broker.identifiers import check_call_sid
from broker.stream import last_stored
from broker.subjects import Subjects


class _Newest(msgspec.Struct):
    type: str = ""


def main(argv: list[str], prog: str = "partyline purge") -> int:
    """Delete all records of a call; returns the exit code."""
    arguments = _parser(prog).parse_args(argv)
    return connect.run(prog, lambda: _purge(arguments))


async def _purge(arguments: argparse.Namespace) -> int:
    settings = connect.read_settings(arguments, os.environ)
    async with connect.connected(
        settings, name="partyline admin", inbox_prefix=connect.ADMIN_INBOX
    ) as client:
        subjects = Subjects(settings.prefix)
        await _check_over(client, subjects, arguments.call, force=arguments.force)
        js = client.jetstream(timeout=5)
        before = (await js.stream_info(subjects.stream)).state.messages
        await js.purge_stream(subjects.stream, subject=subjects.call(arguments.call))
        after = (await js.stream_info(subjects.stream)).state.messages
    print(f"{arguments.call}: {before - after} records deleted")
    return 0


async def _check_over(client: Client, subjects: Subjects, call_sid: str, *, force: bool) -> None:
    """Refuse a call that somebody writes, or may write."""
    if await _is_listed(client, subjects, call_sid):
        raise BrokerError(f"{call_sid} is live: end it first")
    newest = await last_stored(client, subjects.stream, subjects.call(call_sid))
    if newest is None:
        raise BrokerError(f"{call_sid}: nothing is stored")
    if msgspec.json.decode(newest.data, type=_Newest).type != "CallEnded" and not force:
        raise BrokerError(f"{call_sid} has no end; if its owner is gone for good: --force")


async def _is_listed(client: Client, subjects: Subjects, call_sid: str) -> bool:
    try:
        newest = await last_stored(client, f"KV_{subjects.bucket}", subjects.call_key(call_sid))
    except HistoryUnavailable:
        return False  # no bucket: nobody is live
    return newest is not None and not is_gone(newest.headers)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Delete every record of a call that has ended, for good. A live call is "
        "refused: its owner would go on writing it.",
    )
    parser.add_argument("call", type=connect.argument(check_call_sid), metavar="CALLSID")
    parser.add_argument(
        "--force", action="store_true", help="also a call without an end, if it is not listed"
    )
    connect.add_arguments(parser)
    return parser
