"""``partyline move``: let another container take a live call, with nothing lost."""

import argparse
import asyncio
import sys

import msgspec
import nats.errors
from nats.aio.client import Client

from broker.cli.arguments import Parser
from broker.cli.connect import add_options, argument, connected, parse, run
from broker.connection import INBOX_PREFIX
from broker.entries import CallEntry, is_gone
from broker.errors import BrokerError
from broker.identifiers import check_call_sid
from broker.stream import last_stored
from broker.subjects import Subjects
from broker.wishes import GRANT_SECONDS, Wish, Wished

# Exit codes beside 0, and 1 for what goes wrong with NATS.
NO_SUCH_CALL = 3
CANNOT = 4  # its owner moves no call: a setting is missing
STAYED = 5  # this time
# What an owner that lacks a setting answers.
NO_ACCESS = "no-access"
# The registry has the new owner within so long.
LISTED_SECONDS = 3.0
LOOK_SECONDS = 0.1


def main(argv: list[str], prog: str = "partyline move") -> int:
    """Move a call; returns the exit code."""
    return run(_move(parse(_parser(prog), argv), prog), prog)


async def _move(arguments: argparse.Namespace, prog: str) -> int:
    subjects, call_sid = Subjects(arguments.prefix), arguments.call
    async with connected(
        arguments, name="partyline move", user="handler", inbox_prefix=INBOX_PREFIX
    ) as client:
        before = await _entry(client, subjects, call_sid)
        if before is None:
            return _fail(prog, f"{call_sid} is not live", NO_SUCH_CALL)
        wished = await _ask(client, subjects.wishes(before.owner), call_sid)
        if wished is None:
            silent = "does not answer: it has ended, or is cut off from NATS"
            return _fail(prog, f"{before.owner}, which has {call_sid}, {silent}", STAYED)
        if wished.problem:
            code = CANNOT if wished.kind == NO_ACCESS else STAYED
            return _fail(prog, f"{call_sid} stays with {before.owner}: {wished.problem}", code)
        now = await _successor(client, subjects, before)
    print(_told(before, now))
    return 0


async def _ask(client: Client, subject: str, call_sid: str) -> Wished | None:
    """Ask the owner; None if there is none."""
    wish = msgspec.json.encode(Wish(call_sid))
    try:
        reply = await client.request(subject, wish, timeout=GRANT_SECONDS + 5.0)
    except nats.errors.NoRespondersError:
        return None
    return msgspec.json.decode(reply.data, type=Wished)


async def _successor(client: Client, subjects: Subjects, before: CallEntry) -> CallEntry | None:
    """Return the entry of who has the call now; None if it is over."""
    entry: CallEntry | None = before
    for _ in range(round(LISTED_SECONDS / LOOK_SECONDS)):
        entry = await _entry(client, subjects, before.call_sid)
        if entry is None or entry.epoch != before.epoch:
            return entry
        await asyncio.sleep(LOOK_SECONDS)
    return entry


async def _entry(client: Client, subjects: Subjects, call_sid: str) -> CallEntry | None:
    newest = await last_stored(client, f"KV_{subjects.bucket}", subjects.call_key(call_sid))
    if newest is None or is_gone(newest.headers):
        return None
    try:
        return msgspec.json.decode(newest.data, type=CallEntry)
    except msgspec.MsgspecError as exc:
        raise BrokerError(f"the entry of {call_sid} cannot be read: {exc}") from exc


def _told(before: CallEntry, now: CallEntry | None) -> str:
    call_sid = before.call_sid
    if now is None:
        return f"{call_sid} has moved away from {before.owner}, and is over"
    if now.owner == before.owner:
        return f"{call_sid}: {now.owner} has it still, by another media stream"
    return f"{call_sid}: {now.owner} has it now, before it was {before.owner}"


def _fail(prog: str, problem: str, code: int) -> int:
    print(f"{prog}: {problem}", file=sys.stderr)
    return code


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = Parser(
        prog=prog,
        description="Let another container take a live call: Twilio is asked for another media "
        "stream of it, and where that comes in, the call goes on with nothing lost. It is done "
        "as the service's own user of NATS (NATS_URL). Exit code 3: there is no such call; 4: its "
        "container moves none, a setting is missing; 5: it stays where it is, this time.",
    )
    add_options(parser)
    parser.add_argument("call", type=argument(check_call_sid), metavar="CALLSID")
    return parser
