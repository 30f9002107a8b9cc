"""
Server-sent events: one call, or the list of live calls, for ``EventSource`` and ``curl -N``.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from broker.call_log import Delivery
from broker.follower import Outlet
from handler.errors import AlreadyComplete, EndCode, SubscriberError
from handler.server.frames import RecentFrames, chunk, event
from handler.subscribers import commands
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import read_call
from handler.subscribers.live_response import LiveResponse
from handler.tokens.grants import Grant

# Ends after which an EventSource comes back by itself, with the id that it had last.
SILENT_ENDS = frozenset({EndCode.LEAVING, EndCode.TOO_SLOW})

_events: RecentFrames[tuple[int | None, bytes]] = RecentFrames(lambda message: event(*message))
_chunks: RecentFrames[tuple[int | None, bytes]] = RecentFrames(
    lambda message: chunk(event(*message))
)


class EventsEndpoint:
    """Answers requests for event streams."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    async def call(self, request: Request, grant: Grant) -> Response:
        """``GET /calls/{callSid}/events``: the records of a call, from ``since`` on, then live."""
        last_id = request.headers.get("last-event-id", "")
        wanted = commands.subscribe_from_query(
            request.path_params["call_sid"], request.query_params, last_id
        )
        await self._subscribers.check_could_be_read(wanted.call_sid, grant)
        return CallEvents(self._subscribers, grant, wanted)

    async def calls(self, _: Request, grant: Grant) -> Response:
        """``GET /calls/events``: the list of live calls, whole, at each change."""
        return ListEvents(self._subscribers, grant)


class EventStream(LiveResponse):
    """A stream of server-sent events."""

    media_type = "text/event-stream"
    opening = b"retry: 2000\n\n"  # ms
    heartbeat = b":\n\n"

    def aside(self, words: str) -> bytes:
        """Return a comment, which an EventSource passes over."""
        return f": {words}\n\n".encode()

    def farewell(self, error: SubscriberError) -> bytes:
        """Return a ``close`` event, unless the subscriber is to come back."""
        if error.code in SILENT_ENDS:
            return b""
        end = msgspec.json.encode({"code": int(error.code), "reason": error.reason})
        return b"event: close\ndata: %b\n\n" % end


class CallEvents(EventStream):
    """The event stream of one call."""

    found = False

    def __init__(self, subscribers: Subscribers, grant: Grant, wanted: commands.Subscribe) -> None:
        super().__init__(subscribers, grant)
        self._wanted = wanted

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the records after ``since``, then live; until the call is over."""
        settings = self.shared.settings
        async with read_call(
            self.shared.broker,
            self._wanted,
            lambda: self.admission.grant,
            patience=settings.await_call_seconds,
            pause=settings.pause_seconds,
            unknown_calls=self.shared.unknown_calls,
        ) as reader:
            self.note_found()
            if reader.over:  # an EventSource would come back to an empty stream for ever
                raise AlreadyComplete
            await reader.check_since()
            yield self.heartbeat  # a quiet call: the answer must not wait for its next word
            if (expired := reader.expired) is not None:
                yield event(None, msgspec.json.encode(expired))
            if self.write is not None:
                reader.hand_to(Outlet(self._take, self.write))
            try:
                async for delivery in reader:
                    self.shared.deliveries += 1
                    yield _events.of((delivery.seq, delivery.payload))
                    reader.check_pace()
            finally:
                self.shared.skipped_interims += reader.skipped_interims

    def _take(self, delivery: Delivery, size: int) -> bytes | None:
        chunk = _chunks.of((delivery.seq, delivery.payload))
        if not self.keeps_up(size + len(chunk)):
            return None
        self.shared.deliveries += 1
        return chunk


class ListEvents(EventStream):
    """The list of live calls, at each change."""

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the whole list, now and whenever the token sees another."""
        async with self.shared.calls_list.read(self.admission.grant) as reader:
            while True:
                yield (await reader.newest()).event
