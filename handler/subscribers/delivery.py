"""Carrying one call to a websocket: from the first record that is wanted to the last."""

import msgspec

from broker.call_log import Delivery
from broker.follower import Outlet
from handler.errors import SubscriberError, TooSlow
from handler.server.sockets import SubscriberSocket
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import CallReader
from handler.subscribers.commands import Subscribe


class CallDelivery:
    """
    Passes payloads on; in JSON it says where the past lies, when it has been told, and that the
    call is over.

    A subscriber that takes nothing for the write timeout, or falls too far behind, is cut off.
    """

    __slots__ = ("_socket", "_subscribers", "_wanted")

    def __init__(
        self, subscribers: Subscribers, socket: SubscriberSocket, wanted: Subscribe
    ) -> None:
        self._subscribers = subscribers
        self._socket = socket
        self._wanted = wanted

    async def run(self, reader: CallReader) -> None:
        """
        Deliver all of the call.

        Raises:
            TooSlow: with the ``since`` to come back with.
            CallRefused: ``since`` is beyond the call's records.
        """
        await reader.check_since()
        try:
            await self._deliver(reader)
        finally:
            self._subscribers.skipped_interims += reader.skipped_interims

    async def _deliver(self, reader: CallReader) -> None:
        last, since, plain = reader.last, self._wanted.since, self._wanted.plain
        names = {"callSid": reader.asked}
        if not plain:
            leg = {} if reader.call_sid == reader.asked else {"parentCallSid": reader.call_sid}
            # Whose call it is: the record that says so may be behind the reader, or expired.
            numbers = dict(zip(("from", "to"), reader.numbers, strict=True))
            extent = {"first": reader.first, "last": last}
            await self._socket.say({"type": "Subscribed", **names, **leg, **numbers, **extent})
        if (expired := reader.expired) is not None:
            await self._socket.say(expired)
        in_past = not plain
        if in_past and (since is None or since >= last):
            in_past = False
            await self._socket.say({"type": "CaughtUp", **names, "seq": last})
        if not in_past:
            self._hand_over(reader)
        while True:
            async for delivery in reader:
                await self._pass_on(reader, delivery.payload)
                if in_past and delivery.seq is not None and delivery.seq >= last:
                    in_past = False
                    self._hand_over(reader)
                    await self._socket.say({"type": "CaughtUp", **names, "seq": delivery.seq})
            if plain or not await reader.goes_on():
                break
        if not plain:
            await self._socket.say({"type": "Over", **names, "seq": reader.cursor})

    def _hand_over(self, reader: CallReader) -> None:
        if (write := self._socket.write) is not None:
            reader.hand_to(Outlet(self._take, write))

    def _take(self, delivery: Delivery, size: int) -> bytes | None:
        frame = self._socket.frame(delivery.payload, size)
        self._subscribers.deliveries += frame is not None
        return frame

    async def _pass_on(self, reader: CallReader, payload: bytes) -> None:
        self._subscribers.deliveries += 1
        try:
            kept_up = await self._socket.send(payload)
        except TooSlow:
            raise TooSlow(reader.cursor) from None
        if not kept_up:
            reader.check_pace()


def refusal_message(call_sid: str | None, error: SubscriberError) -> bytes:
    """Return the ``Error`` message that ends one subscription, or, without a call, the socket."""
    call = {} if call_sid is None else {"callSid": call_sid}
    return msgspec.json.encode(
        {"type": "Error", "code": int(error.code), **call, "message": error.reason}
    )
