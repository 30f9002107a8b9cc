"""``partyline purge``: delete what is stored of a call, for good."""

import argparse

import msgspec
from nats.aio.client import Client

from broker.cli.arguments import Parser
from broker.cli.connect import add_options, add_shards, argument, connected, parse, run
from broker.entries import is_gone
from broker.errors import BrokerError
from broker.identifiers import check_call_sid
from broker.records import Stored
from broker.stream import last_stored
from broker.subjects import Subjects

INBOX_PREFIX = b"_INBOX_admin"  # its own, as server/users.conf has it

PURGE_SECONDS = 5.0


class _Newest(msgspec.Struct):
    type: str = ""


class _Error(msgspec.Struct):
    description: str = ""


class _Purged(msgspec.Struct):
    purged: int = 0
    error: _Error | None = None


def main(argv: list[str], prog: str = "partyline purge") -> int:
    """Delete all records of a call; returns the exit code."""
    return run(_purge(parse(_parser(prog), argv)), prog)


async def _purge(arguments: argparse.Namespace) -> int:
    subjects, call_sid = Subjects(arguments.prefix, arguments.shards), arguments.call
    subject, stream = subjects.call(call_sid), subjects.stream_of(call_sid)
    async with connected(
        arguments, name="partyline admin", user="admin", inbox_prefix=INBOX_PREFIX
    ) as client:
        if await _is_live(client, subjects, call_sid):
            raise BrokerError(f"{call_sid} is live: end it first")
        newest = await last_stored(client, stream, subject)
        if newest is None:
            raise BrokerError(f"{call_sid}: nothing is stored in {stream}")
        if not _is_end(newest) and not arguments.force:
            raise BrokerError(f"{call_sid} has no end; if its owner is gone for good: --force")
        deleted = await _delete(client, stream, subject)
    print(f"{call_sid}: {deleted} records deleted")
    return 0


async def _delete(client: Client, stream: str, subject: str) -> int:
    # Not by purge_stream, which keeps the server's count to itself. What the stream holds before
    # and after differs also by what other calls write meanwhile.
    ask = msgspec.json.encode({"filter": subject})
    reply = await client.request(f"$JS.API.STREAM.PURGE.{stream}", ask, timeout=PURGE_SECONDS)
    answer = msgspec.json.decode(reply.data, type=_Purged)
    if answer.error is not None:
        raise BrokerError(f"NATS purges nothing: {answer.error.description}")
    return answer.purged


def _is_end(record: Stored) -> bool:
    try:
        return msgspec.json.decode(record.data, type=_Newest).type == "CallEnded"
    except msgspec.MsgspecError:
        return False  # not ours


async def _is_live(client: Client, subjects: Subjects, call_sid: str) -> bool:
    newest = await last_stored(client, f"KV_{subjects.bucket}", subjects.call_key(call_sid))
    return newest is not None and not is_gone(newest.headers)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Delete every record of a call that has ended, for good. A live call is "
        "refused: its owner would go on writing it.",
    )
    add_options(parser)
    add_shards(parser)
    parser.add_argument("call", type=argument(check_call_sid), metavar="CALLSID")
    parser.add_argument(
        "--force", action="store_true", help="also a call without an end, if it is not listed"
    )
    return parser
