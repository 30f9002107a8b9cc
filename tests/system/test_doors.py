"""Who gets in: Twilio with a signature, subscribers with a token, nobody else."""

import asyncio
import contextlib
import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.request

import jwt
import pytest
from starlette.routing import Route
from support.credentials import AUTH_TOKEN, DEEPGRAM_KEY, TOKEN_SECRET
from support.monitoring import samples, scrape
from support.sids import account_sid, call_sid
from support.streams import call_that_goes_on
from support.timing import PATIENCE, TTL, patience, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from bench.processes import free_port
from handler.app import create_app
from handler.config import Settings
from handler.refusals import LINES
from handler.subscribers.http import UNAUTHORIZED
from handler.tokens.tokens import MAX_TOKEN_BYTES
from rehearsal.twilio import HandshakeRefused, HangUp, Options, Signature, place_call
from rehearsal.twilio import signature as sign

CALL, OTHER = call_sid(1), call_sid(2)


@pytest.fixture(scope="module")
def service(serve_many):
    """Run one for the tests that need no other settings, and do not read its log."""
    return serve_many()


@pytest.fixture(scope="module")
def hasty(serve_many):
    """Run one that awaits no call."""
    return serve_many(AWAIT_CALL_SECONDS="0")


def get(url: str, token: str | None = None) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  ours
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


def asked(service, method: str, path: str, **headers: str) -> tuple[int, dict[str, str]]:
    """Ask by some method; returns status and header fields."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders())


async def refusal(url: str) -> int:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, compression=None, proxy=None):
            pass
    return caught.value.response.status_code


async def test_a_media_stream_must_be_signed(serve):
    service = serve()
    for signature in (Signature.NONE, Signature.WRONG):
        call = Options(auth_token=AUTH_TOKEN, signature=signature)
        with pytest.raises(HandshakeRefused) as caught:
            await place_call(f"{service.ws}/twilio", b"\xff" * 160, b"", call)
        assert caught.value.status == 403
    told = await asyncio.to_thread(
        service.wait_for, "media stream refused: wrong X-Twilio-Signature"
    )
    assert f"{service.ws}/twilio" in told["tried"]
    assert "PUBLIC_URL" in told["advice"]
    assert "TWILIO_AUTH_TOKEN" in told["advice"]


async def test_each_of_two_auth_tokens_and_the_public_url_are_taken(serve, deepgram):
    service = serve(
        TWILIO_AUTH_TOKEN="new,old",
        PUBLIC_URL="https://calls.example.com",
        DEEPGRAM_URL=deepgram.url,
    )
    for auth_token, url in (
        ("new", "wss://calls.example.com/twilio"),
        ("old", "wss://calls.example.com/twilio/"),
        ("old", "https://calls.example.com/twilio"),
    ):
        call = Options(auth_token=auth_token, signed_url=url)
        report = await place_call(f"{service.ws}/twilio", b"\xff" * 160, b"", call)
        assert report.ok
    with pytest.raises(HandshakeRefused):
        await place_call(f"{service.ws}/twilio", b"", b"", Options(auth_token="new"))
    # Before the recogniser leaves, or their ends would be awaited.
    await asyncio.to_thread(service.wait_for, "call over", 3)


async def test_an_account_is_named_by_the_path_and_has_tokens_of_its_own(serve, deepgram, tmp_path):
    ours, theirs, nobodys = account_sid(1), account_sid(2), account_sid(3)
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps({theirs: {"auth_tokens": ["their-token"]}}))
    service = serve(
        TWILIO_ACCOUNT_SID=ours, TWILIO_ACCOUNTS=str(accounts), DEEPGRAM_URL=deepgram.url
    )

    async def place(path: str, auth_token: str, account: str) -> int | None:
        """Place a call; returns the status of its handshake if it was refused, or how it ended."""
        call = Options(auth_token=auth_token, account_sid=account)
        try:
            report = await place_call(f"{service.ws}{path}", b"\xff" * 1600, b"", call)
        except HandshakeRefused as exc:
            return exc.status
        return report.close_code

    for path, auth_token, account in (
        ("/twilio", AUTH_TOKEN, ours),
        (f"/twilio/{ours}", AUTH_TOKEN, ours),
        (f"/twilio/{theirs}", "their-token", theirs),
    ):
        assert await place(path, auth_token, account) == 1000
    for path, auth_token, account in (
        ("/twilio", "their-token", theirs),
        (f"/twilio/{ours}", "their-token", ours),
        (f"/twilio/{theirs}", AUTH_TOKEN, theirs),
        (f"/twilio/{nobodys}", AUTH_TOKEN, nobodys),
    ):
        assert await place(path, auth_token, account) == 403
    for path, auth_token, account in (
        ("/twilio", AUTH_TOKEN, theirs),
        (f"/twilio/{theirs}", "their-token", ours),
    ):
        assert await place(path, auth_token, account) == 1008
    assert (await door(service, f"/twilio/{theirs[:-1]}"))[0] == 404
    line = await asyncio.to_thread(
        service.wait_for, "media stream refused: an account that is not ours"
    )
    assert (line["account_sid"], "TWILIO_ACCOUNTS" in line["advice"]) == (nobodys, True)
    assert service.stop() == 0
    assert "their-token" not in service.text


async def test_a_door_without_a_name_takes_no_stream_of_an_account_that_the_file_names(
    serve, deepgram, tmp_path
):
    """Whose token it is, is not said there: TWILIO_ACCOUNT_SID is not set."""
    accounts = tmp_path / "accounts.json"
    accounts.write_text(json.dumps({account_sid(2): {"auth_tokens": ["their-token"]}}))
    service = serve(TWILIO_ACCOUNTS=str(accounts), DEEPGRAM_URL=deepgram.url)
    for account, code in ((account_sid(2), 1008), (account_sid(1), 1000)):
        call = Options(auth_token=AUTH_TOKEN, account_sid=account)
        report = await place_call(f"{service.ws}/twilio", b"\xff" * 1600, b"", call)
        assert report.close_code == code
    # Before the recogniser leaves, or its end would be awaited.
    await asyncio.to_thread(service.wait_for, "call over")


async def test_a_subscriber_must_show_a_token(service, mint):
    client = f"{service.ws}/client"
    expired, other = mint(ttl=-5, calls=["*"]), mint(calls=[OTHER])
    forged = jwt.encode({"exp": time.time() + 60, "calls": ["*"]}, "x" * 40, algorithm="HS256")
    assert await refusal(client) == 401
    assert await refusal(f"{client}?token=") == 401
    assert await refusal(f"{client}?token={expired}") == 401
    assert await refusal(f"{client}?token={forged}") == 401
    assert await refusal(f"{client}?token={other}&token={other}") == 401
    assert await refusal(f"{client}?token={other}&call={CALL}") == 403
    assert await refusal(f"{client}?token={other}&call=CA*") == 400
    assert await refusal(f"{service.ws}/elsewhere") == 404
    for token in (None, expired, forged):
        answer = await asyncio.to_thread(get, f"{service.url}/calls", token)
        assert answer == (401, UNAUTHORIZED)


async def test_a_token_for_another_call_opens_nothing_on_the_socket_either(service, mint):
    async with connect(f"{service.ws}/client?token={mint(calls=[OTHER])}", proxy=None) as socket:
        assert await socket.recv() == "[]"
        await socket.send(CALL)
        await socket.wait_closed()
    assert socket.close_code == 4403


def long_token(mint, length: int) -> str:
    """Make a token of so many bytes that opens each call; of one or two more if base64 has none."""
    return next(
        token
        for padding in range(length)
        if len(token := mint(calls=["*"], subject="x" * padding)) >= length
    )


async def test_a_token_of_the_longest_kind_opens_every_door_in_address_and_header(
    service, mint, tell
):
    longest, longer = long_token(mint, MAX_TOKEN_BYTES - 2), long_token(mint, MAX_TOKEN_BYTES + 1)
    assert len(longest) <= MAX_TOKEN_BYTES < len(longer)
    call = await tell(service)
    asked = f"call={call.sid}&since=0000000000&interim=false"
    for token, status in ((longest, 200), (longer, 401)):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await asyncio.to_thread(get, f"{service.url}/calls", token))[0] == status
        in_address = f"{service.url}/calls?token={token}"
        assert (await asyncio.to_thread(get, in_address))[0] == status
        for url, sent in (
            (f"{service.ws}/client?{asked}&token={token}", {}),
            (f"{service.ws}/client?{asked}", headers),
        ):
            if status == 200:
                async with connect(url, additional_headers=sent, proxy=None) as socket_:
                    assert json.loads(await socket_.recv())["type"] == "CallStarted"
            else:
                with pytest.raises(InvalidStatus) as caught:
                    await connect(url, additional_headers=sent, proxy=None)
                assert caught.value.response.status_code == status


async def test_a_token_ends_on_an_open_socket_unless_it_is_renewed(service, mint):
    short = {"calls": ["*"], "subject": "page"}
    client = f"{service.ws}/client?token={{}}"
    async with (
        connect(client.format(mint(ttl=TTL, **short)), proxy=None) as left_alone,
        connect(client.format(mint(ttl=TTL, **short)), proxy=None) as renewed,
        connect(client.format(mint(ttl=600, **short)), proxy=None) as stolen,
    ):
        await renewed.recv()
        await renewed.send(json.dumps({"token": mint(ttl=600, **short)}))
        assert json.loads(await renewed.recv())["type"] == "Token"
        await stolen.send(json.dumps({"token": mint(calls=["*"], subject="somebody")}))
        await asyncio.gather(left_alone.wait_closed(), stolen.wait_closed())
        await renewed.ping()
        assert renewed.close_code is None
    assert (left_alone.close_code, stolen.close_code) == (4401, 4401)


async def test_a_bad_message_ends_a_subscribers_socket_and_nothing_else(serve, token):
    service = serve()
    client = f"{service.ws}/client?token={token}"
    async with connect(client, proxy=None) as good, connect(client, proxy=None) as bad:
        await bad.send("transcripts.>")
        await bad.wait_closed()
        await good.send('{"list":true}')
        assert await good.recv() == "[]"
        assert json.loads(await good.recv()) == {"type": "Calls", "calls": []}
    assert bad.close_code == 4400


@pytest.mark.parametrize(
    ("query", "said", "code"),
    [
        ("", "transcripts.>", 4400),
        ("", '{"list":', 4400),
        ("&since=9&call=", "", 4400),
        (f"&call={OTHER}", "", 4404),
        ("", OTHER, 4404),
        ("", '{"token":"none"}', 4401),
    ],
)
async def test_why_a_socket_is_closed_is_said_in_words(hasty, token, tell, query, said, code):
    """For people with websocat and the like, which show no close code."""
    call = await tell(hasty)
    query = query + call.sid if query.endswith("=") else query
    async with connect(f"{hasty.ws}/client?token={token}{query}", proxy=None) as socket:
        if said:
            await socket.send(said)
        last = ""
        with contextlib.suppress(ConnectionClosedError):
            while True:
                last = str(await socket.recv())
        reason = socket.close_reason
    assert socket.close_code == code
    assert json.loads(last) == {"type": "Error", "code": code, "message": reason}
    assert reason


HEADS = {
    "/": 200,
    "/page.css": 200,
    "/healthz": 200,
    "/readyz": 200,
    "/nothing": 404,
    "/twilio": 426,
    "/client": 426,
    "/calls": 200,
    "/calls/events": 200,
    "/calls/{call}/events": 200,
    "/calls/{call}/events?since=1&interim=false": 200,
    "/calls/{call}/events?since=99": 400,
    "/calls/{call}/events?since=soon": 400,
    "/calls/{over}/events": 200,
    "/calls/{over}/events?since=2": 204,
    "/calls/{none}/events": 404,
    "/calls/x/events": 400,
    "/calls/{call}/transcript.doc": 404,
    "/calls/{call}/transcript.json?follow=true": 400,
    "/calls/{none}/transcript.json": 404,
    "/calls/{none}/transcript.vtt?follow=true": 404,
} | {
    f"/calls/{call}/transcript.{form}": status
    for form in ("json", "txt", "srt", "vtt", "txt?follow=true", "vtt?follow=true")
    for call, status in (("{call}", 200), ("{over}", 200))
}


async def test_a_head_says_what_a_get_would_at_every_door(hasty, token, tell):
    call, over = await tell(hasty), await tell(hasty)
    await over.end()
    bearer = {"Authorization": f"Bearer {token}"}
    for door, status in HEADS.items():
        path = door.format(call=call.sid, over=over.sid, none=OTHER)
        whole, head = await asyncio.gather(
            asyncio.to_thread(asked, hasty, "GET", path, **bearer),
            asyncio.to_thread(asked, hasty, "HEAD", path, **bearer),
        )
        assert (door, head[0]) == (door, whole[0]) == (door, status)
        assert told(head[1]) == told(whole[1])


def told(fields: dict[str, str]) -> dict[str, str]:
    """Return what a head says, but for the time, how a body is sent, and what comes after it."""
    how = {"date", "content-length", "transfer-encoding", "connection"}
    return {name: value for name, value in fields.items() if name.lower() not in how}


def test_every_door_of_the_application_is_among_those_asked_for_their_heads():
    app = create_app(Settings(deepgram_api_key="key"))
    routes = [route for route in app.routes if isinstance(route, Route)]
    doors = {route.path for route in routes if "HEAD" in (route.methods or {"HEAD"})}
    known = {door.partition("?")[0] for door in HEADS}
    for name in ("call", "over", "none"):
        known = {door.replace(f"{{{name}}}", "{call_sid}") for door in known}
    known = {re.sub(r"transcript\..*", "transcript.{form}", door) for door in known}
    assert doors - {"/{path:path}"} <= known


async def test_health_is_for_anyone(service):
    assert await asyncio.to_thread(get, f"{service.url}/healthz") == (200, "ok\n")
    assert await asyncio.to_thread(get, f"{service.url}/readyz") == (200, "ready\n")


async def test_a_full_process_takes_no_more_calls(serve, deepgram, read, sound, token):
    service = serve(MAX_CALLS="1", DEEPGRAM_URL=deepgram.url)
    call = Options(auth_token=AUTH_TOKEN)
    url = f"{service.ws}/twilio"
    async with call_that_goes_on(url, sound.bursts(1, 3), b"", call) as report:
        await read(service, call.call_sid, token=token, until="CallStarted")
        assert await asyncio.to_thread(get, f"{service.url}/readyz") == (503, "full\n")
        with pytest.raises(HandshakeRefused) as caught:
            await place_call(url, b"", b"", Options(auth_token=AUTH_TOKEN))
        assert caught.value.status == 503
    assert report.ok
    await read(service, call.call_sid, token=token)


async def test_a_full_process_still_takes_the_next_stream_of_its_own_call(
    serve, deepgram, sound, read, token
):
    service = serve(MAX_CALLS="1", DEEPGRAM_URL=deepgram.url)
    first = Options(auth_token=AUTH_TOKEN, hang_up=HangUp.RESET)
    second = Options(auth_token=AUTH_TOKEN, call_sid=first.call_sid, account_sid=first.account_sid)
    await place_call(f"{service.ws}/twilio", sound.bursts(1, 1), b"", first)
    await asyncio.to_thread(service.wait_for, "media stream over")
    assert await asyncio.to_thread(get, f"{service.url}/readyz") == (200, "ready\n")
    assert (await place_call(f"{service.ws}/twilio", sound.bursts(2, 1), b"", second)).ok
    reader = await read(service, first.call_sid, token=token)
    assert "CallResumed" in reader.types()


async def test_on_fly_a_full_process_sends_the_handshake_elsewhere(
    serve, deepgram, sound, read, token
):
    one = serve(MAX_CALLS="1", DEEPGRAM_URL=deepgram.url, FLY_MACHINE_ID="e28650")
    other = serve(MAX_CALLS="1", DEEPGRAM_URL=deepgram.url, NATS_URL=one.nats_url)
    call, next_call = Options(auth_token=AUTH_TOKEN), Options(auth_token=AUTH_TOKEN)
    url = f"{one.ws}/twilio"
    async with call_that_goes_on(url, sound.bursts(1, 2), b"", call) as report:
        await read(one, call.call_sid, token=token, until="CallStarted")
        headers = {"x-twilio-signature": sign(AUTH_TOKEN, url)}
        with pytest.raises(InvalidStatus) as caught:
            await connect(url, additional_headers=headers, proxy=None)
        assert caught.value.response.status_code == 503
        assert caught.value.response.headers["fly-replay"] == "elsewhere=true"
        assert (await place_call(f"{other.ws}/twilio", sound.bursts(2, 1), b"", next_call)).ok
    assert report.ok
    await read(one, next_call.call_sid, token=token)


async def test_metrics_are_told_on_a_port_of_their_own(serve, deepgram, sound, read, token):
    port = free_port()
    service = serve(METRICS_PORT=str(port), DEEPGRAM_URL=deepgram.url, MAX_CALLS="7")
    call = Options(auth_token=AUTH_TOKEN, speed=4)
    reading = asyncio.create_task(read(service, call.call_sid, token=token))
    async with patience():  # who comes later reads the past, which is no delivery that is timed
        while samples(await scrape(port))["partyline_subscribers"] == 0.0:
            pass
    await place_call(f"{service.ws}/twilio", sound.bursts(1, 2), b"", call)
    await reading
    values = samples(await scrape(port))
    assert values["partyline_calls_capacity"] == 7.0
    assert values["partyline_frames_total"] == 100.0
    assert values["partyline_filled_audio_seconds_total"] > 1
    assert values["partyline_outbox_depth"] == 0.0
    assert values["partyline_nats_connected"] == 1.0
    assert values["partyline_speech_to_published_seconds_count"] >= 1
    assert values["partyline_published_to_delivered_seconds_count"] >= 1
    assert values["partyline_loop_delay_seconds_count"] >= 1
    assert (await asyncio.to_thread(get, f"{service.url}/metrics"))[0] == 404


async def test_no_output_holds_a_token_or_what_was_said(serve, deepgram, sound, read, token):
    service = serve(DEEPGRAM_URL=deepgram.url)
    call = Options(auth_token=AUTH_TOKEN, speed=4)
    inbound = sound.bursts(2, 4)
    await place_call(f"{service.ws}/twilio", inbound, b"", call)
    await read(service, call.call_sid, token=token)
    await refusal(f"{service.ws}/client?token=x{token}")
    await refusal(f"{service.ws}/nowhere?token={token}")
    await asyncio.to_thread(get, f"{service.url}/calls?token=x{token}")
    await asyncio.to_thread(get, f"{service.url}/calls", token)
    assert await asyncio.to_thread(service.stop) == 0
    output = service.text + service.popen.stdout.read()
    assert "media stream begins" in output
    secrets = [token, AUTH_TOKEN, TOKEN_SECRET, DEEPGRAM_KEY]
    assert not [secret for secret in secrets if secret in output]
    assert not [word for word in sound.words_of(inbound) if word in output]


async def door(service, path: str, *, signed: bool = True, **headers: str) -> tuple[int, str]:
    """Come to a door as Twilio does; returns what is answered."""
    url = f"{service.ws}{path}"
    if signed:
        headers["x-twilio-signature"] = sign(AUTH_TOKEN, url)
    try:
        async with connect(url, additional_headers=headers, compression=None, proxy=None):
            return 101, ""
    except InvalidStatus as exc:
        return exc.response.status_code, exc.response.body.decode()


async def test_a_media_stream_that_comes_to_a_wrong_path_is_told_the_right_one(serve):
    service = serve()
    for path in ("/twilio/", "//twilio", "/twilio"):
        assert (await door(service, path))[0] == 101
    for path in ("/media", "/", "/twilio/stream", "/calls"):
        status, words = await door(service, path)
        assert (status, "/twilio, in TwiML <Start><Stream url=" in words) == (404, True)
        status, words = await door(service, path, signed=False)
        assert status == 404
    line = await asyncio.to_thread(
        service.wait_for, "websocket refused: a media stream or a webhook of Twilio's?"
    )
    assert (line["path"], line["status"], line["level"]) == ("/media", 404, "warning")
    assert "/twilio" in line["advice"]


async def test_a_stream_url_with_the_port_that_goes_without_saying_is_taken(deepgram, serve):
    service = serve(PUBLIC_URL="https://Calls.example.com", DEEPGRAM_URL=deepgram.url)
    for url in (
        "wss://calls.example.com:443/twilio",
        "wss://calls.example.com/twilio",
        "wss://Calls.example.com/twilio",
    ):
        call = Options(auth_token=AUTH_TOKEN, signed_url=url)
        assert (await place_call(f"{service.ws}/twilio", b"\xff" * 160, b"", call)).ok
    await asyncio.to_thread(service.stop)  # while its recogniser can answer


def raw(service, request: str) -> bytes:
    """Send a request as it stands; returns the first line of the answer."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE) as one:
        one.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        return one.recv(65536).partition(b"\r\n")[0]


def test_a_host_that_is_none_is_refused_at_every_door_and_costs_a_short_line(serve):
    service = serve()
    upgrade = "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
    upgrade += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
    upgrade += "X-Twilio-Signature: c2lnbmF0dXJl\n"
    for host in ("[", "a]b", "a b", "a" * 8000, "\xe9", "a\nHost: b"):
        for path, more in (
            ("/twilio", upgrade),
            ("/client", upgrade),
            ("/calls", ""),
            ("/", ""),
            ("/healthz", ""),
        ):
            answer = raw(service, f"GET {path} HTTP/1.1\nHost: {host}\n{more}\n")
            assert answer == b"HTTP/1.1 400 Bad Request", (host[:9], path)
    assert service.stop() == 0
    assert "Traceback" not in service.text
    assert max(map(len, service.output)) < 2000


async def test_who_is_refused_without_end_fills_no_log(serve):
    service = serve(ALLOWED_ORIGINS="https://crm.example.com")
    for number in range(3 * LINES):
        assert (await asyncio.to_thread(get, f"{service.url}/calls", "wrong"))[0] == 401
        assert (await asyncio.to_thread(get, f"{service.url}/wrong/{number}"))[0] == 404
    page = {"Origin": "https://evil.example"}
    assert (await door(service, "/client", signed=False, **page))[0] == 403
    await until(lambda: [line for line in service.lines if line.get("status") == 403])
    line = next(line for line in service.lines if line.get("status") == 403)
    assert (line["origin"], "ALLOWED_ORIGINS" in line["reason"]) == (page["Origin"], True)
    for event, status in (("subscriber refused", 401), ("request refused", 404)):
        kind = [line for line in service.lines if line.get("event") == event]
        assert len([line for line in kind if line["status"] == status]) == LINES
