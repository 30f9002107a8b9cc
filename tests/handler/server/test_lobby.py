"""handler/server/lobby.py: places for those who have shown nothing yet."""

import asyncio

import pytest
from structlog.testing import capture_logs
from support.served import serving
from support.timing import patience

from handler.server.lobby import MAX_BYTES, Lobby


class Guest:
    """Notes that it had to go."""

    evicted = False

    def evict(self) -> None:
        self.evicted = True


@pytest.fixture
def guests():
    return [Guest() for _ in range(6)]


async def test_who_comes_takes_the_place_of_who_has_waited_longest(guests):
    lobby = Lobby(3)
    for guest in guests:
        lobby.enter(guest)
    assert [guest.evicted for guest in guests] == [True, True, True, False, False, False]
    assert len(lobby) == 3


async def test_who_is_being_answered_keeps_its_place_while_anybody_waits_for_a_request(guests):
    lobby = Lobby(3)
    for guest in guests[:3]:
        lobby.enter(guest)
    for guest in guests[:2]:
        lobby.serve(guest)
    lobby.enter(guests[3])
    assert [guest.evicted for guest in guests] == [False, False, True, False, False, False]


async def test_who_waits_for_an_answer_that_does_not_come_gives_way_too(guests):
    lobby = Lobby(3)
    for guest in guests[:3]:
        lobby.enter(guest)
    for guest in (guests[1], guests[0], guests[2]):
        lobby.serve(guest)
    with capture_logs() as lines:
        lobby.enter(guests[3])
    assert [line["status"] for line in lines] == [503]
    assert "advice" in lines[0]
    assert [guest.evicted for guest in guests] == [False, True, False, False, False, False]
    assert len(lobby) == 3


async def test_who_leaves_gives_a_place_back(guests):
    lobby = Lobby(2)
    for guest in guests:
        lobby.enter(guest)
        lobby.serve(guest)
        lobby.leave(guest)
    assert len(lobby) == 0
    assert not any(guest.evicted for guest in guests)
    assert not lobby.make_room()


@pytest.mark.parametrize("kept", [True, False])
async def test_a_connection_that_is_kept_for_later_gives_its_place_up_without_a_word(guests, kept):
    """Balancers keep many; of a stranger who says nothing somebody is told."""
    lobby = Lobby(1)
    with capture_logs() as logs:
        (lobby.keep if kept else lobby.enter)(guests[0])
        lobby.enter(guests[1])
        assert guests[0].evicted
        assert bool(logs) is not kept
        lobby.keep(guests[1])
        lobby.hold(guests[1], 5)  # it asks, and not to the end
        lobby.enter(guests[2])
    assert logs


async def test_who_waits_longest_goes_too_where_all_together_have_sent_too_much(guests):
    lobby = Lobby(10)
    for guest in guests:
        lobby.enter(guest)
        lobby.hold(guest, 10)
        lobby.hold(guest, MAX_BYTES // 3)
    assert [guest.evicted for guest in guests] == [True, True, True, False, False, False]
    lobby.serve(guests[3])  # it has all of its request
    lobby.leave(guests[4])
    lobby.hold(guests[5], MAX_BYTES)
    assert not guests[5].evicted
    lobby.hold(guests[4], 2 * MAX_BYTES)  # it has left
    assert not guests[5].evicted


async def told(scope, receive, send):
    fields = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\n"])
async def test_a_request_is_answered_however_many_say_nothing(begun):
    async with serving(told, lobby=Lobby(5)) as port:
        hung = []
        for _ in range(20):
            hung.append(await asyncio.open_connection("127.0.0.1", port))
            hung[-1][1].write(begun)
            await asyncio.sleep(0.01)  # for it to be read
        async with patience():
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 ")
                writer.close()
            ends = [await reader.read() for reader, _ in hung[:15]]
        for _, writer in hung:
            writer.close()
    assert {end[9:12] for end in ends} == ({b"503"} if begun else {b""})


async def test_a_stream_that_is_let_in_needs_no_place():
    going = asyncio.Event()

    async def stream(scope, receive, send):
        if scope["path"] == "/plain":
            await told(scope, receive, send)
            return
        scope["extensions"]["partyline.connection"].limit_buffer()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"let in", "more_body": True})
        await going.wait()
        await send({"type": "http.response.body", "body": b"the end"})

    lobby = Lobby(2)
    async with serving(stream, lobby=lobby) as port, patience():
        streams = []
        for _ in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            streams.append((reader, writer))
            writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"let in")
        assert len(lobby) == 0
        going.set()
        for reader, _ in streams:
            await reader.readuntil(b"the end")
        assert len(lobby) <= 2  # they may ask again: as many as there are places
        for _, writer in streams:
            writer.close()
