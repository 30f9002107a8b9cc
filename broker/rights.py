"""
May this user do what the service does? Each is done once, in a way that leaves nothing behind.

What would be stored is published as the successor of what is not there, which the stream refuses:
the answer shows that it was allowed to ask. A refusal by rights has no answer at all; the client
reports it beside (see ``broker/cli/connect.py``).
"""

import asyncio
import json
import secrets
import time
from collections.abc import Iterator

from broker.client import Client
from broker.records import encode_interim
from broker.subjects import Address, Subjects

ANSWER_SECONDS = 5.0
NOBODY = f"AC{'0' * 32}"
# No record is so late: what is to follow it is refused.
IMPOSSIBLE = str(2**53)
# Of what is refused by what it is to follow.
NOTHING = b"{}"
# For what is seen by whoever taps every call: it takes nothing back and says nothing.
STALE = {"type": "UtteranceEnd", "channel": [0, 2], "last_word_end": -1}


async def try_rights(client: Client, subjects: Subjects) -> float:
    """
    Do what the service does; returns how many seconds a message took to NATS and back.

    Raises:
        nats.errors.Error: NATS does not answer.
        TimeoutError: likewise, or the message did not come back.
    """
    call_sid = f"CA{secrets.token_hex(16)}"
    back = await client.subscribe(subjects.call(call_sid))
    await client.subscribe(subjects.registry)
    await client.flush(timeout=5)
    taken = await _there_and_back(client, subjects, call_sid, back)
    for subject in _written(subjects, call_sid):
        headers = {"Nats-Expected-Last-Subject-Sequence": IMPOSSIBLE}
        await client.request(subject, NOTHING, timeout=ANSWER_SECONDS, headers=headers)
    last = json.dumps({"last_by_subj": subjects.call_key(call_sid)}).encode()
    for stream in (*subjects.streams, f"KV_{subjects.bucket}"):
        for api in ("DIRECT.GET", "STREAM.MSG.GET"):
            await client.request(f"$JS.API.{api}.{stream}", last, timeout=ANSWER_SECONDS)
    return taken


def _written(subjects: Subjects, call_sid: str) -> Iterator[str]:
    """Yield a subject of each kind that the service stores under; of names that nobody has."""
    yield subjects.ingested(Address(NOBODY, call_sid, "event", "call"))
    yield subjects.call_key(call_sid)
    yield subjects.lease_key(call_sid)
    yield subjects.status_key(call_sid, NOBODY)
    yield subjects.leg_key(call_sid, NOBODY)
    yield subjects.ticket_key(call_sid)
    yield subjects.tickets_required


async def _there_and_back(client: Client, subjects: Subjects, call_sid: str, back: object) -> float:
    """Publish an interim of a call that nobody reads, and wait for it."""
    begun = time.monotonic()
    subject = subjects.record(Address(NOBODY, call_sid, "interim", "inbound"))
    at = int(time.time() * 1000)
    interim = encode_interim(
        STALE, call_sid=call_sid, track="inbound", epoch="doctor", after=0, at=at
    )
    await client.publish(subject, interim)
    async with asyncio.timeout(ANSWER_SECONDS):
        await back.next_msg(timeout=ANSWER_SECONDS)  # type: ignore[attr-defined]
    return time.monotonic() - begun
