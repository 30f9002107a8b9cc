"""handler/server/http_protocol.py: a request at a time, bounded in time and size."""

import asyncio
import re
import resource

import pytest
from structlog.testing import capture_logs
from support.served import port_of, running, say, serving
from support.timing import patience, until

from handler.server import connection, http_protocol
from handler.server.bodies import Bodies

GET = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /hook HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
HOOK = Bodies(re.compile("/hook"), 100)
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


class Echo:
    """Answers with the path and the body, and counts what comes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self, scope, receive, send):
        self.asked.append(scope["path"])
        await self.go_on.wait()
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        said = scope["path"].encode() + b" " + body
        fields = [(b"content-length", b"%d" % len(said))]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": said})


@pytest.fixture
def app():
    return Echo()


async def test_requests_one_after_the_other_are_answered_on_one_connection(app):
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with patience():
            for number in range(5):
                writer.write(GET % number)
                await reader.readuntil(b"/%d " % number)
        writer.close()
    assert app.asked == ["/0", "/1", "/2", "/3", "/4"]


@pytest.mark.parametrize("behind", [GET % 2, GET % 2 * 1000, b"no request", b"\0" * 1000])
async def test_what_comes_before_the_answer_is_not_read_and_the_connection_ends(app, behind):
    with capture_logs() as lines:
        async with serving(app) as port:
            answer = await say(port, GET % 1 + behind)
    assert answer.count(b"HTTP/1.1") == 1
    assert answer.endswith(b"/1 ")
    assert b"connection: close" in answer
    assert app.asked == ["/1"]
    assert [line["event"] for line in lines] == ["request not read: another is unanswered"]


async def test_what_comes_in_another_piece_before_the_answer_is_not_read_either(app):
    app.go_on.clear()
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET % 1)
        await until(lambda: app.asked)
        for _ in range(10):
            writer.write(GET % 2)
            await writer.drain()
            await asyncio.sleep(0.01)  # in pieces
        app.go_on.set()
        async with patience():
            answer = await reader.read()
        writer.close()
    assert answer.count(b"HTTP/1.1") == 1
    assert app.asked == ["/1"]


async def test_who_sends_without_end_before_the_answer_is_cut_off(app):
    app.go_on.clear()
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET % 1)
        await until(lambda: app.asked)
        writer.write(GET % 2 * 5000)
        async with patience():
            assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()
        app.go_on.set()
    assert app.asked == ["/1"]


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"/a/b?c=d", b"sent.example", "/a/b", b"c=d"),
        (b"/?to=http://named.example/", b"sent.example", "/", b"to=http://named.example/"),
        (b"http://named.example/a/b?c=d", b"named.example", "/a/b", b"c=d"),
        (b"HTTPS://named.example:8443/a%20b", b"named.example:8443", "/a b", b""),
        (b"ws://named.example/a?c=d", b"named.example", "/a", b"c=d"),
        (b"wss://[::1]:8080/a", b"[::1]:8080", "/a", b""),
        (b"http://named.example", b"named.example", "/", b""),
        (b"http://named.example?c=d", b"named.example", "/", b"c=d"),
        (b"http://who:ever@named.example/a", b"named.example", "/a", b""),
    ],
    ids=str,
)
@pytest.mark.parametrize("upgrade", [b"", UPGRADE], ids=["plain", "websocket"])
async def test_a_target_in_absolute_form_names_path_and_host(target, host, path, query, upgrade):
    """Source: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2."""
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)

    async with serving(app) as port:
        await say(port, b"GET %b HTTP/1.1\r\nHost: sent.example\r\n%b\r\n" % (target, upgrade))
    (scope,) = scopes
    assert scope["type"] == ("websocket" if upgrade else "http")
    assert (scope["path"], scope["query_string"]) == (path, query)
    assert [value for name, value in scope["headers"] if name == b"host"] == [host]


async def test_a_target_in_absolute_form_comes_to_a_door_with_its_bound(app):
    whole = POST.replace(b"/hook", b"http://x/hook") + b"Content-Length: 5\r\n"
    async with serving(app, bodies=HOOK) as port:
        assert (await say(port, whole + b"Connection: close\r\n\r\nhello")).endswith(b"/hook hello")


async def test_thousands_of_requests_at_once_cost_little_more_than_one(app):
    """In CPU, by what as many would cost that are answered."""

    async def cost(port: int, *pieces: bytes) -> float:
        before = resource.getrusage(resource.RUSAGE_SELF)
        await say(port, *pieces)
        after = resource.getrusage(resource.RUSAGE_SELF)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    async with serving(app) as port:
        one = min([await cost(port, LAST) for _ in range(20)])
        many = min([await cost(port, b"GET / HTTP/1.1\r\n\r\n" * 1700) for _ in range(5)])
    assert len(app.asked) == 25
    assert many < 100 * one


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", 413),
        (b"HEAD /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413),
        (b"GET /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n", 413),
        (POST + b"Content-Length: 101\r\n\r\n", 413),
        (CHUNKED + b"65\r\n" + b"x" * 101, 413),
        (CHUNKED + b"1\r\nx\r\n" * 101, 413),
        (CHUNKED + b"0\r\nA: b\r\nC: d\r\n\r\n", 400),
        (CHUNKED + b"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n", 400),
        (CHUNKED + b"no length\r\n", 400),
        (CHUNKED + b"1;" + b"e" * 70_000, 431),
        (CHUNKED + b"0\r\nA: " + b"e" * 70_000, 431),
        (b"GET /" + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431),
        (b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 129 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"hello\r\n\r\n", 400),
    ],
    ids=str,
)
async def test_what_is_no_request_of_ours_is_refused_in_words_and_in_the_log(sent, status, app):
    with capture_logs() as lines:
        async with serving(app, bodies=HOOK) as port:
            answer = await say(port, sent)
    head, _, words = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head.lower()
    assert [line["status"] for line in lines] == [status]
    assert words.decode().strip() == lines[0]["advice"]


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 100000000\r\n\r\n" + b"x" * 10_000,
        b"Content-Length: 5\r\n\r\n",
        b"Transfer-Encoding: gzip\r\n\r\n",
        b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 1000,
    ],
    ids=str,
)
async def test_a_body_that_no_door_takes_is_not_read_and_the_application_answers(app, body):
    async with serving(app) as port:
        answer = await say(port, b"POST /x HTTP/1.1\r\nHost: x\r\n" + body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer
    assert answer.endswith(b"/x ")


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"Content-Length: 100\r\nConnection: close\r\n\r\n" + b"x" * 100,
        POST
        + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n64\r\n"
        + b"x" * 100
        + b"\r\n0\r\n\r\n",
    ],
)
async def test_a_body_is_taken_up_to_the_bound_of_its_door(app, sent):
    async with serving(app, bodies=HOOK) as port:
        answers = [await say(port, sent), await say(port, *(bytes([b]) for b in sent))]
    assert all(answer.endswith(b"/hook " + b"x" * 100) for answer in (answers[0], answers[1]))


LARGE = Bodies(re.compile("/hook"), 64 * 1024)


@pytest.mark.parametrize(
    "sent",
    [
        GET % 1 * 1300,
        b"GET /" + b"x" * 34_000,
        b"GET / HTTP/1.1\r\nX: " + b"x" * 34_000 + b"\r\n\r\n",
        POST + b"X: " + b"x" * 34_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"\r\n" + b"\x89\x80\0\0\0\0" * 6000,
    ],
    ids=lambda sent: repr(sent[:12]),
)
async def test_a_request_without_a_body_has_no_more_bytes_where_others_bring_one(app, sent):
    async with serving(app, bodies=LARGE) as port:
        answer = await say(port, sent)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not app.asked


@pytest.mark.parametrize("piece", [1000, 2**17])
async def test_a_body_comes_beside_what_a_request_has_otherwise(app, piece):
    """On a connection that has brought a request without one before."""
    head = POST + b"X: " + b"x" * 2000 + b"\r\nContent-Length: 65536\r\n\r\n"
    sent = head + b"y" * 65_536
    async with serving(app, bodies=LARGE) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with patience():
            for number in range(2):
                writer.write(GET % number)
                await reader.readuntil(b"/%d " % number)
                for begin in range(0, len(sent), piece):
                    writer.write(sent[begin : begin + piece])
                    await writer.drain()
                await reader.readuntil(b"/hook ")
                assert await reader.readexactly(65_536) == b"y" * 65_536
        writer.close()


async def test_trailers_without_end_are_cut_off_at_once(app):
    async with running(app, bodies=HOOK) as server:
        begun = CHUNKED + b"0\r\n"
        answer = await say(port_of(server), begun, *[b"A: " + b"b" * 1000 + b"\r\n"] * 2000)
        await until(lambda: not server.server_state.tasks)
    assert answer[9:12] in (b"400", b"431", b"")  # who goes on sending may not read it


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET / HTTP/1.1\r\n",),
        (b"\r\n",),
        (POST + b"Content-Length: 10\r\n\r\n", b"12345"),
        (CHUNKED, b"1\r\nx\r\n"),
    ],
    ids=str,
)
async def test_a_request_that_does_not_come_to_its_end_is_not_waited_for(app, monkeypatch, pieces):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.2)
    async with serving(app, bodies=HOOK) as port:
        assert (await say(port, *pieces)).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_on_which_nothing_comes_is_closed_without_a_word(app, monkeypatch):
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.1)
    async with serving(app) as port:
        assert await say(port) == b""


async def test_line_ends_between_two_requests_keep_no_connection_open(app, monkeypatch):
    async with serving(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with patience():
            writer.write(GET % 1)
            await reader.readuntil(b"/1 ")
            monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.2)
            writer.write(b"\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_peer_that_never_reads_its_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.1)

    async def large(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 30_000_000})

    async with running(large) as server:
        for last in (b"", b"Connection: close\r\n"):
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(server), limit=1024)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n" + last + b"\r\n")
            await until(lambda: server.server_state.connections)
            if not last:
                [one] = server.server_state.connections
                one.timeout_keep_alive_handler()
            await until(lambda: not server.server_state.connections)
            writer.transport.abort()


async def test_another_protocol_that_is_offered_is_not_taken_and_no_matter(app, caplog):
    offer = b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
    async with serving(app) as port:
        answer = await say(port, b"GET /x HTTP/1.1\r\nHost: x\r\n" + offer + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not caplog.records
