"""nginx and HAProxy before the service: as Debian ships them, and with docs/deploy.md's lines."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from support.credentials import AUTH_TOKEN
from support.processes import Service
from support.proxies import proxy
from support.timing import PATIENCE, patience
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from handler.front_door import MAX_FIELDS
from rehearsal.twilio import Options, place_call
from rehearsal.twilio import signature as sign

PUBLIC = Origin("https://calls.example.com")
TWILIOS = "a media stream or a webhook of Twilio's?"
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
    service = serve(DEEPGRAM_URL=deepgram.url, PUBLIC_URL=PUBLIC)
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
        calling = asyncio.create_task(place_call(f"{sockets}/twilio", audio, audio, options))
        said = [str(await socket.recv())]
        async with client.stream("GET", f"{url}/events") as events:
            lines = events.aiter_lines()
            first = [line async for line in until_record(lines)]
            assert not calling.done()  # it came while the call was on: nobody held it back
        report = await calling
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


async def test_every_refusal_is_told_in_words_and_logged(front):
    signed = {"x-twilio-signature": sign(AUTH_TOKEN, "wss://other.example.com/twilio")}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        for method, path, status, words in (
            ("POST", "/twilio", 405, "TwiML"),
            ("GET", "/twilio", 426, "proxy_set_header Upgrade"),
            ("GET", "/media", 404, "/twilio"),
            ("GET", "/calls", 401, "Authorization"),
            ("GET", "/calls?" + "&" * MAX_FIELDS, 414, "fields"),
        ):
            answer = await client.request(method, f"{front.http}{path}", headers=signed)
            assert (answer.status_code, words in answer.text) == (status, True)
    reached = front.websockets
    assert await status_of(front, "/twilio", additional_headers=signed) == (403 if reached else 426)
    assert await status_of(front, "/client") == (401 if reached else 426)
    assert await status_of(front, "/media", additional_headers=signed) == 404
    assert front.service.stop() == 0
    told = {(line["status"], line["event"]) for line in front.service.lines if "status" in line}
    for status, event in (
        (405, f"request refused: {TWILIOS}"),
        (426, f"request refused: {TWILIOS}"),
        (404, f"request refused: {TWILIOS}"),
        (414, f"request refused: {TWILIOS}"),
        (401, "subscriber refused"),
        (404, f"websocket refused: {TWILIOS}" if reached else f"request refused: {TWILIOS}"),
        (403, "media stream refused: wrong X-Twilio-Signature")
        if reached
        else (426, "request refused"),
    ):
        assert (status, event) in told
