"""Reading what is stored, without a consumer: batched Direct Get, and the leader's last word."""

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from broker.errors import HistoryUnavailable
from broker.records import Stored
from broker.words import said

BATCH = 500
# Messages that are taken in a row, before others have their turn: two milliseconds.
IN_A_ROW = 100
# Headers that say where a message was found: more than half of what comes with it.
OF_THE_ANSWER = {
    "Nats-Stream",
    "Nats-Subject",
    "Nats-Sequence",
    "Nats-Last-Sequence",
    "Nats-Num-Pending",
}
# Something newer was stored for the subject than the publisher knew of.
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


async def read_history(
    client: Client,
    stream: str,
    subject: str,
    *,
    first: int = 1,
    timeout: float = 5.0,
    wanted: str | None = None,
    most: int | None = None,
    since: str | None = None,
) -> list[Stored]:
    """
    Return all stored messages on ``subject`` (wildcards allowed) from stream sequence ``first`` on.

    Args:
        client: That is connected.
        stream: Where they are stored.
        subject: Of them.
        first: The stream sequence to begin at.
        timeout: Seconds for a batch of them.
        wanted: The one header that is kept; without it all are, which together are as large as a
            record.
        most: So many are enough, and no more is asked for: NATS counts all that fit for each batch,
            which takes it some 50 ms where a hundred thousand subjects do.
        since: A time in the form of RFC 3339, to begin at instead.

    Any replica may answer, so the newest may be missing: compare with :func:`last_stored`.

    Raises:
        HistoryUnavailable: no server has the stream now, or none answers.

    Source: https://github.com/nats-io/nats-architecture-and-design (ADR-31)
    """
    _check_connected(client)
    found: list[Stored] = []
    batch_over: asyncio.Future[tuple[str, dict[str, str]]] | None = None
    inbox = client.new_inbox()

    async def take(message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            names = headers.keys() - OF_THE_ANSWER if wanted is None else headers.keys() & {wanted}
            kept = {sys.intern(name): headers[name] for name in names}
            sequence, subject = int(headers["Nats-Sequence"]), sys.intern(headers["Nats-Subject"])
            found.append(Stored(sequence, subject, message.data, kept))
            if len(found) % IN_A_ROW == 0:
                await asyncio.sleep(0)
        elif batch_over is not None and not batch_over.done():
            batch_over.set_result((status, headers))

    try:
        subscription = await client.subscribe(inbox, cb=take)
        try:
            while True:
                batch_over = asyncio.get_running_loop().create_future()
                start: dict[str, Any] = {"seq": found[-1].sequence + 1 if found else first}
                if since is not None and not found:
                    start = {"start_time": since}
                ask = {**start, "batch": most or BATCH, "next_by_subj": subject}
                await client.publish(
                    f"$JS.API.DIRECT.GET.{stream}", json.dumps(ask).encode(), reply=inbox
                )
                async with asyncio.timeout(timeout):  # wait_for may swallow a cancellation
                    status, headers = await batch_over
                match status:
                    case "404":  # nothing stored from there on
                        return found
                    case "204":  # the end of a batch
                        if most is not None or headers.get("Nats-Num-Pending", "0") == "0":
                            return found
                    case _:  # 503: no server has the stream now
                        raise HistoryUnavailable(f"{status} {headers.get('Description', '')}")
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()
            found = []  # else all of it stays until Python collects the subscription and its task
    except (nats.errors.Error, TimeoutError, OSError) as exc:
        raise HistoryUnavailable(said(exc)) from exc


async def last_stored(
    client: Client, stream: str, subject: str, *, timeout: float = 2.0
) -> Stored | None:
    """
    Return the newest stored message on ``subject``; only the stream's leader answers.

    Raises:
        HistoryUnavailable: it does not, now.
    """
    _check_connected(client)
    ask = json.dumps({"last_by_subj": subject}).encode()
    try:
        reply = await client.request(f"$JS.API.STREAM.MSG.GET.{stream}", ask, timeout=timeout)
        answer = json.loads(reply.data)
    except (nats.errors.Error, TimeoutError, OSError, ValueError) as exc:
        raise HistoryUnavailable(said(exc)) from exc
    if (message := answer.get("message")) is None:
        if answer.get("error", {}).get("code") == 404:
            return None
        raise HistoryUnavailable(answer.get("error", {}).get("description", "no message"))
    return Stored(
        message["seq"],
        message["subject"],
        base64.b64decode(message.get("data", "")),
        _headers(base64.b64decode(message.get("hdrs", "")).decode()),
    )


class StreamState(msgspec.Struct):
    """
    What a stream holds.

    Attributes:
        first_seq: Of the oldest message.
        last_seq: Of the newest that was ever stored.
        num_deleted: How many are missing between these two: purged, not grown old.
        subjects: How many there are of each subject that was asked for.
    """

    first_seq: int = 0
    last_seq: int = 0
    num_deleted: int = 0
    subjects: dict[str, int] | None = None


class StreamInfo(msgspec.Struct):
    """What a stream's leader says of it: ``created``, in its words, is another of another one."""

    created: str
    state: StreamState


async def stream_info(
    client: Client, stream: str, subject: str | None = None, *, timeout: float = 2.0
) -> StreamInfo:
    """
    Return what a stream holds, and how many messages on ``subject``.

    NATS answers from memory, whatever there is.

    Raises:
        HistoryUnavailable: its leader does not answer, now.
    """
    _check_connected(client)
    ask = b"" if subject is None else json.dumps({"subjects_filter": subject}).encode()
    try:
        reply = await client.request(f"$JS.API.STREAM.INFO.{stream}", ask, timeout=timeout)
        return msgspec.json.decode(reply.data, type=StreamInfo)
    except (nats.errors.Error, TimeoutError, OSError) as exc:
        raise HistoryUnavailable(said(exc)) from exc
    except msgspec.MsgspecError as exc:
        raise HistoryUnavailable(f"{stream} cannot be looked at") from exc


def stored_at(headers: Mapping[str, str]) -> int | None:
    """Return the Unix time in ms at which the server stored a message; None if it does not say."""
    stamp = headers.get("Nats-Time-Stamp")
    if stamp is None:
        return None
    try:
        return int(datetime.fromisoformat(stamp).timestamp() * 1000)
    except ValueError:
        return None


def _check_connected(client: Client) -> None:
    """Ask nothing while NATS is away: the client would keep each question for later."""
    if not client.is_connected:
        raise HistoryUnavailable("NATS is away")


def _headers(text: str) -> dict[str, str]:
    """Read a header block: a version line, then ``Name: value`` lines."""
    pairs = (line.split(":", 1) for line in text.split("\r\n")[1:] if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


async def read_up_to(client: Client, stream: str, subject: str, newest: Stored) -> list[Stored]:
    """
    Return the messages on ``subject`` up to the one that the leader has told of.

    Raises:
        HistoryUnavailable: they cannot be read now, or the replica that answers lacks the newest.
    """
    found = await read_history(client, stream, subject)
    if not found or found[-1].sequence < newest.sequence:
        raise HistoryUnavailable("the replica lags behind its leader")
    return [stored for stored in found if stored.sequence <= newest.sequence]
