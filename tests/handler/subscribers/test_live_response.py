"""handler/subscribers/live_response.py: a response that goes on until one side ends it."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from support.timing import patience, until

from handler.errors import AlreadyComplete, AtCapacity, EndCode, HandlerError, SubscriberError
from handler.server.connection import CONNECTION
from handler.server.http_protocol import HttpProtocol
from handler.subscribers.live_response import AWAY, LiveResponse
from handler.tokens.grants import EVERYTHING


class Connection(HttpProtocol):
    """One whose peer has left, though nobody has noticed."""

    def __init__(self) -> None:
        gone: Any = SimpleNamespace(is_closing=lambda: True)
        self.transport = gone

    def limit_buffer(self) -> None:
        pass


class Pieces(LiveResponse):
    """Pieces of a test; then an end."""

    media_type = "text/plain"

    def __init__(self, subscribers, pieces, end: HandlerError | None = None) -> None:
        super().__init__(subscribers, EVERYTHING)
        self._pieces = pieces
        self._end_of_it = end

    async def pieces(self):
        for piece in self._pieces:
            yield piece
        if self._end_of_it is not None:
            raise self._end_of_it

    def farewell(self, error):
        return f"({error.reason})".encode()


async def answered(response, connection=None, method="GET"):
    """Call a response as a server would; returns the status and the body."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.Event().wait()

    extensions = {} if connection is None else {CONNECTION: connection}
    scope = {"type": "http", "method": method, "extensions": extensions}
    async with patience():
        await response(scope, receive, send)
    status = next((m["status"] for m in sent if "status" in m), None)
    return status, b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize(
    ("pieces", "end", "status", "body"),
    [
        ([b"a", b"b"], None, 200, b"ab"),
        ([], None, 200, b""),
        ([b"a"], SubscriberError(EndCode.TOKEN, "token expired"), 200, b"a(token expired)"),
        ([], SubscriberError(EndCode.NO_SUCH_CALL, "no such call"), 404, b"no such call\n"),
    ],
)
async def test_what_is_answered(make_subscribers, pieces, end, status, body):
    subscribers = make_subscribers()
    assert await answered(Pieces(subscribers, pieces, end)) == (status, body)
    assert (subscribers.places.taken, subscribers.refused) == (0, status == 404)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("pieces", "end", "status"),
    [
        ([b"a"], None, 200),
        ([], None, 200),
        ([], SubscriberError(EndCode.NO_SUCH_CALL, "no such call"), 404),
        ([], SubscriberError(EndCode.BAD_REQUEST, "since is beyond"), 400),
        ([], AtCapacity("NATS cannot be reached"), 503),
        ([], AlreadyComplete(), 204),
    ],
)
async def test_a_head_says_what_the_whole_would(make_subscribers, method, pieces, end, status):
    subscribers = make_subscribers()
    response = Pieces(subscribers, pieces, end)
    assert (await answered(response, method=method))[0] == status
    assert subscribers.places.taken == 0


async def test_a_head_is_told_as_soon_as_there_is_something_and_nothing_goes_on(make_subscribers):
    class Endless(Pieces):
        async def pieces(self):
            yield b"a"
            await asyncio.Event().wait()

    response = Endless(make_subscribers(), [])
    assert await answered(response, method="HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("end", "body"),
    [
        (AlreadyComplete(), b"(waiting)"),
        (SubscriberError(EndCode.NO_SUCH_CALL, "no such call"), b"(waiting)(no such call)"),
    ],
)
async def test_what_was_awaited_in_vain_ends_a_response_that_has_begun(make_subscribers, end, body):
    class Awaited(Pieces):
        found = False

        def aside(self, words):
            assert words == AWAY  # there is no NATS in this test
            return b"(waiting)"

        async def pieces(self):
            await until(lambda: self._started)
            for piece in self._pieces:
                yield piece
            raise end

    assert await answered(Awaited(make_subscribers(), [])) == (200, body)


async def test_it_ends_with_the_process(make_subscribers):
    subscribers = make_subscribers()

    class Endless(Pieces):
        async def pieces(self):
            yield b"a"
            subscribers.leaving.set()
            await asyncio.Event().wait()

    assert await answered(Endless(subscribers, [])) == (
        200,
        b"a(draining: come back with since)",
    )


@pytest.mark.parametrize("end", [None, SubscriberError(EndCode.TOKEN, "token expired")])
async def test_a_peer_that_has_left_is_no_defect_whatever_ends_the_response(make_subscribers, end):
    for pieces in ([b"a"], []):
        response = Pieces(make_subscribers(), pieces, end)
        response._started = True
        assert await answered(response, Connection()) == (None, b"")


@pytest.mark.parametrize(
    ("refused", "method", "left"),
    [
        (AtCapacity, "GET", False),
        (AlreadyComplete, "GET", False),
        (None, "GET", False),
        (None, "HEAD", False),
        (None, "GET", True),
    ],
)
async def test_what_was_answered_is_gone_before_the_collector_comes(
    make_subscribers, refused, method, left
):
    """Else what is refused again and again takes more memory than what is answered."""

    class Refused(Pieces):
        async def pieces(self):
            if refused is not None:
                raise refused
            yield b"a"

    response = Refused(make_subscribers(), [])
    response._started = left
    gone = weakref.ref(response)
    gc.collect()
    gc.disable()
    try:
        await answered(response, Connection() if left else None, method)
        del response
        await until(lambda: gone() is None)
    finally:
        gc.enable()
