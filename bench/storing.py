"""Storing many records fast: so many in flight, acknowledged in their order."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from nats.aio.client import Client

IN_FLIGHT = 2000


class ToStore(NamedTuple):
    """A record as it is published."""

    subject: str
    payload: bytes
    headers: dict[str, str]


async def store(client: Client, records: Iterable[ToStore]) -> None:
    """Publish all of them; returns once the last one is acknowledged."""
    sent = acked = 0
    room = asyncio.Event()
    inbox = client.new_inbox()

    async def take(_: object) -> None:
        nonlocal acked
        acked += 1
        room.set()

    await client.subscribe(inbox, cb=take)
    for record in records:
        await client.publish(record.subject, record.payload, reply=inbox, headers=record.headers)
        sent += 1
        while sent - acked >= IN_FLIGHT:
            room.clear()
            await room.wait()
    while acked < sent:
        room.clear()
        await room.wait()
