"""nginx and HAProxy before the service: as Debian ships them, and with docs/deploy.md's lines."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from support.credentials import AUTH_TOKEN
from support.processes import Service
from support.proxies import proxy
from support.streams import call_that_goes_on
from support.timing import PATIENCE, patience, until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from handler.front_door import MAX_FIELDS
from rehearsal.twilio import Options

PUBLIC = Origin("https://calls.example.com")
STREAM = "wss://calls.example.com/twilio"


@dataclass
class Front:
    """A service, and the port of a proxy before it."""

    service: Service
    port: int
    websockets: bool  # whether it lets them through

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@pytest.fixture(
    params=[("nginx", False), ("nginx", True), ("haproxy", False), ("haproxy", True)],
    ids=["nginx", "nginx as recommended", "haproxy", "haproxy as recommended"],
)
def front(request, serve, deepgram, tmp_path) -> Iterator[Front]:
    kind, own_lines = request.param
    service = serve(
        DEEPGRAM_URL=deepgram.url, PUBLIC_URL=PUBLIC, ALLOWED_ORIGINS="https://CRM.example.com:443"
    )
    with proxy(kind, service.port, tmp_path, own_lines=own_lines) as port:
        yield Front(service, port, websockets=kind != "nginx" or own_lines)


async def status_of(front: Front, path: str, **options: object) -> int:
    """Try a handshake; returns how it was answered."""
    try:
        async with connect(f"{front.ws}{path}", compression=None, proxy=None, **options):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as exc:
        return exc.response.status_code


async def until_record(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """Yield the lines of an event stream until there is a record among them."""
    async for line in lines:
        yield line
        if line.startswith("data: "):
            return


async def test_every_door_opens(front, token, sound):
    """A call is carried and read by each way there is, while it is on."""
    sockets = front.ws if front.websockets else front.service.ws
    options = Options(auth_token=AUTH_TOKEN, signed_url=STREAM)
    bearer = {"Authorization": f"Bearer {token}"}
    audio = sound.bursts(1, 2.5)
    url = f"{front.http}/calls/{options.call_sid}"
    async with (
        patience(),
        httpx.AsyncClient(headers=bearer, trust_env=False, timeout=PATIENCE) as client,
    ):
        socket = await connect(
            f"{sockets}/client?call={options.call_sid}",
            additional_headers=bearer,
            origin=PUBLIC,
            compression=None,
            proxy=None,
        )
        async with call_that_goes_on(f"{sockets}/twilio", audio, audio, options) as report:
            said = [str(await socket.recv())]
            async with client.stream("GET", f"{url}/events") as events:
                lines = events.aiter_lines()
                first = [line async for line in until_record(lines)]
        said += [str(text) async for text in socket]
        assert (report.close_code, dict(report.problems)) == (1000, {})
        assert first[-2:] == ["id: 1", f"data: {said[0]}"]
        assert [text for text in said if '"CallEnded"' in text] == said[-1:]
        assert socket.close_code == 1000
        for path in ("transcript.txt", "transcript.vtt", "transcript.json"):
            answer = await client.get(f"{url}/{path}")
            assert (answer.status_code, bool(answer.text)) == (200, True)
        assert (await client.get(f"{front.http}/calls")).json()["type"] == "Calls"
        assert "<html" in (await client.get(f"{front.http}/")).text
        for path in ("healthz", "readyz"):
            assert (await client.get(f"{front.http}/{path}")).status_code == 200


# What is asked, and how it is refused: method, path, headers, status, and what the words name.
REFUSED = [
    ("POST", "/twilio", {}, 405, "TwiML"),
    ("GET", "/twilio", {}, 426, "proxy_set_header Upgrade"),
    ("GET", "/media", {}, 404, "/twilio"),
    ("GET", "/calls", {}, 401, "Authorization"),
    ("GET", "/calls?token=ey.no.token", {}, 401, "token"),
    ("GET", f"/calls?{'&' * MAX_FIELDS}", {}, 414, "fields"),
    ("GET", "/calls", {"Origin": "https://elsewhere.example"}, 403, "ALLOWED_ORIGINS"),
    ("GET", "/calls/CA1/transcript.pdf", {}, 401, "token"),
    ("DELETE", "/calls", {}, 405, "GET"),
]
# Likewise of handshakes: path, origin, signature; 426 where the proxy takes Upgrade away.
REFUSED_SOCKETS = [
    ("/twilio", None, None, 403),
    ("/twilio", None, "c2lnbmVkIGJ5IG5vYm9keQ==", 403),
    ("/media", None, "c2lnbmVkIGJ5IG5vYm9keQ==", 404),
    ("/client", None, None, 401),
    ("/client?token=ey.no.token", None, None, 401),
    ("/client", Origin("https://elsewhere.example"), None, 403),
]


async def test_every_refusal_is_told_and_logged(front):
    """With words for who asks, and a line for who runs it."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        for method, path, headers, status, words in REFUSED:
            async with one_more_line(front):
                answer = await client.request(method, f"{front.http}{path}", headers=headers)
            assert (path, answer.status_code, words in answer.text) == (path, status, True)
    for path, origin, signature, status in REFUSED_SOCKETS:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        async with one_more_line(front):
            answered = await status_of(front, path, origin=origin, additional_headers=headers)
        if front.websockets:
            assert (path, answered) == (path, status)
        else:
            assert (path, answered) in [(path, 426), (path, 404)]


@asynccontextmanager
async def one_more_line(front: Front) -> AsyncIterator[None]:
    """What happens in it is logged, with what was answered or why."""
    before = len(front.service.lines)
    yield
    told = {"status", "reason", "advice"}
    await until(lambda: any(told & {*line} for line in front.service.lines[before:]))
