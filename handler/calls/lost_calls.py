"""Calls of this process whose media streams have gone without a stop, and who has them by now."""

import asyncio

from broker.broker import Broker
from handler.calls.call import Call
from handler.calls.media_stream import End


def is_lost(call: Call) -> bool:
    """Whether a call is heard no more: its sockets are gone, or silent and without an answer."""
    now = asyncio.get_running_loop().time()
    return call.listening and call.streams.current.may_be_replaced(now)


def is_taken(call: Call, broker: Broker) -> bool:
    """Whether another container has taken a call that was lost here."""
    entry, writer = broker.registry.entry(call.call_sid), call.writer
    if entry is None or not writer.claimed.is_set() or not is_lost(call):
        return False
    taken_from = None if writer.claim is None else writer.claim.epoch
    return entry.owner not in ("", broker.settings.instance) and entry.epoch != taken_from


def let_go(call: Call) -> None:
    """Wait no longer for a media stream of a call: whatever it says is refused by now."""
    call.streams.current.finish(End.LOST)
    call.streams.close()
