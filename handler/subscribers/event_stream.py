"""
Server-sent events: one call, or the list of live calls, for ``EventSource`` and ``curl -N``.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from handler.errors import AlreadyComplete, Forbidden, SocketOver
from handler.server.uvicorn_protocols import NEWEST_FRAMES
from handler.subscribers import commands
from handler.subscribers.access import calls_message
from handler.subscribers.admission import Subscribers
from handler.subscribers.call_reader import read_call
from handler.subscribers.live_response import LiveResponse
from handler.tokens.tokens import Grant

# Ends after which an EventSource comes back by itself, with the id that it had last.
SILENT_ENDS = frozenset({1012, 4408})


@lru_cache(NEWEST_FRAMES)
def event(seq: int | None, payload: bytes) -> bytes:
    """Make the event of a message: records have an id to resume from, interims have none."""
    if seq is None:
        return b"data: %b\n\n" % payload
    return b"id: %d\ndata: %b\n\n" % (seq, payload)


class EventsEndpoint:
    """Answers requests for event streams."""

    def __init__(self, subscribers: Subscribers) -> None:
        self._subscribers = subscribers

    async def call(self, request: Request, grant: Grant) -> Response:
        """``GET /calls/{callSid}/events``: the records of a call, from ``since`` on, then live."""
        call_sid = commands.call_sid(request.path_params["call_sid"])
        if not grant.could_allow(call_sid):
            raise Forbidden
        # EventSource repeats the address that it was made with: what it had last is newer.
        last_id = request.headers.get("last-event-id", "")
        since = commands.since(last_id or request.query_params.get("since", "0"))
        interim = request.query_params.get("interim", "true") != "false"
        wanted = commands.Subscribe(call_sid, since, interim)
        return CallEvents(self._subscribers, grant, wanted, resumed=bool(last_id))

    async def calls(self, _: Request, grant: Grant) -> Response:
        """``GET /calls/events``: the list of live calls, whole, at each change."""
        return ListEvents(self._subscribers, grant)


class EventStream(LiveResponse):
    """A stream of server-sent events."""

    media_type = "text/event-stream"
    opening = b"retry: 2000\n\n"  # ms
    heartbeat = b":\n\n"

    def farewell(self, over: SocketOver) -> bytes:
        """Return a ``close`` event, unless the subscriber is to come back."""
        if over.close_code in SILENT_ENDS:
            return b""
        reason = msgspec.json.encode({"code": over.close_code, "reason": over.reason})
        return b"event: close\ndata: %b\n\n" % reason


class CallEvents(EventStream):
    """The event stream of one call."""

    def __init__(
        self, subscribers: Subscribers, grant: Grant, wanted: commands.Subscribe, *, resumed: bool
    ) -> None:
        super().__init__(subscribers, grant)
        self._wanted = wanted
        self._resumed = resumed

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the records behind ``since``, then live; nothing after ``CallEnded``."""
        patience = self.shared.settings.await_call_seconds
        async with read_call(
            self.shared.broker, self._wanted, lambda: self.grant, patience=patience
        ) as reading:
            if self._resumed and reading.over:
                raise AlreadyComplete
            await reading.check_since()
            yield self.heartbeat  # a quiet call: the answer must not wait for its next word
            if (expired := reading.expired) is not None:
                yield event(None, msgspec.json.encode(expired))
            try:
                async for delivery in reading:
                    self.shared.deliveries += 1
                    yield event(delivery.seq, delivery.payload)
                    reading.check_pace()
            finally:
                self.shared.skipped_interims += reading.skipped_interims


class ListEvents(EventStream):
    """The list of live calls, at each change."""

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the whole list, now and whenever the token sees another."""
        sent = b""
        async for _ in self.shared.broker.registry.changes():
            message = msgspec.json.encode(calls_message(self.shared.broker, self.grant))
            if message != sent:
                sent = message
                yield event(None, message)
