"""
What an attacker may try at a subscriber's doors; each try is a test, named after it.

None gets a byte of a transcript, and none learns that a call exists: what is answered for a call
that is there is what is answered for one that is not.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import select
import socket
import time
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support.credentials import TOKEN_SECRET
from support.sids import account_sid, call_sid, stream_sid
from support.timing import LOOK, PATIENCE, TTL, patience, until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from broker import supervise
from broker.broker import Broker
from broker.records import CallFacts, Record
from broker.settings import BrokerSettings
from handler.server.http_protocol import REQUEST_SECONDS
from handler.subscribers.http import UNAUTHORIZED

AUDIENCE = "partyline-of-the-tests"
SAID = "the words that nobody may read"
THERE, NOT_THERE, MINE = call_sid(1), call_sid(2), call_sid(3)
NUMBER = "+15550001111"
PRIVATE = rsa.generate_private_key(65537, 2048)
PUBLIC = PRIVATE.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def crafted(claims: object, *, key: bytes = TOKEN_SECRET.encode(), **header: object) -> str:
    """Make a token by hand, signed with HMAC whatever its header says."""
    said = json.dumps({"alg": "HS256", "typ": "JWT", **header}).encode()
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{b64(said)}.{b64(body)}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def good(**changes: object) -> dict[str, object]:
    claims = {"exp": time.time() + 600, "aud": AUDIENCE, "calls": ["*"], **changes}
    return {name: value for name, value in claims.items() if value is not None}


def signed(**changes: object) -> str:
    return crafted(good(**changes))


async def tell(nats_url: str) -> None:
    """Put a call on NATS that was there before."""
    settings = BrokerSettings(servers=(nats_url,), instance="tests_of_attacks")
    async with Broker(settings) as broker:
        await broker.wait_ready()
        call = CallFacts(
            call_sid=THERE,
            account_sid=account_sid(1),
            stream_sid=stream_sid(1),
            started_at=0,
            from_=NUMBER,
        )
        writer = broker.writer(call, broker.next_epoch())
        alternative = {"transcript": SAID, "confidence": 1, "words": []}
        body = {"type": "Results", "start": 0.0, "duration": 1.0, "is_final": True}
        body |= {"speech_final": True, "channel": {"alternatives": [alternative]}}
        writer.put(Record("final", "inbound", body))
        writer.put(Record("event", "call", {"type": "CallEnded", "duration": 1.0, "reason": "x"}))
        writer.finish()
        await writer.run()


@pytest.fixture(scope="module")
def service(serve_many):
    """A service with a call that was, a secret, a public key, an audience and an origin."""
    service = serve_many(
        TOKEN_PUBLIC_KEY=PUBLIC.decode(),
        TOKEN_AUDIENCE=AUDIENCE,
        ALLOWED_ORIGINS="https://crm.example.com",
        AWAIT_CALL_SECONDS="1",
    )
    asyncio.run(tell(service.nats_url))
    yield service
    assert service.stop() == 0
    # Whatever was tried: reasons are logged, no token, nothing that was said, no surprise.
    parts = {part for line in service.lines for part in str(line).split(".") if len(part) > 60}
    assert not [part for part in parts if part.startswith("ey")]
    assert SAID not in service.text
    assert "Traceback" not in service.text


def get(service, path: str, **headers: str) -> SimpleNamespace:
    """Ask for something as plainly as can be."""
    host = service.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=PATIENCE)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        kept = [item for item in answer.getheaders() if item[0] != "date"]
        return SimpleNamespace(status=answer.status, body=answer.read(65536), headers=kept)
    finally:
        connection.close()


async def handshake(service, query: str, **headers: str) -> SimpleNamespace:
    """Try to open a socket; returns the refusal."""
    try:
        async with connect(
            f"{service.ws}/client?{query}",
            additional_headers={n.replace("_", "-"): v for n, v in headers.items()},
            proxy=None,
        ):
            return SimpleNamespace(status=101, body=b"")
    except InvalidStatus as exc:
        return SimpleNamespace(status=exc.response.status_code, body=exc.response.body)


async def opens_nothing(service, token: str, statuses: tuple[int, ...] = (401,)) -> None:
    """Check a token at every door, for a call that is there and for one that is not."""
    answers = []
    for sid in (THERE, NOT_THERE):
        at_socket = await handshake(service, f"token={token}&call={sid}")
        by_path = [
            await asyncio.to_thread(get, service, f"{path}?token={token}")
            for path in (f"/calls/{sid}/events", f"/calls/{sid}/transcript.txt", "/calls")
        ]
        answers.append([(one.status, one.body) for one in (at_socket, *by_path)])
    assert answers[0] == answers[1]
    for status, body in answers[0]:
        assert status in statuses
        assert SAID.encode() not in body
        assert THERE.encode() not in body


def test_the_words_are_there_for_who_may_read_them(service):
    """Else nothing below would mean anything."""
    for token in (signed(), signed(calls=None, numbers=[NUMBER])):
        assert SAID in get(service, f"/calls/{THERE}/transcript.txt?token={token}").body.decode()
        assert SAID in get(service, f"/calls/{THERE}/events?token={token}").body.decode()
    token = jwt.encode(good(), PRIVATE, algorithm="RS256")
    assert SAID in get(service, f"/calls/{THERE}/transcript.vtt?token={token}").body.decode()


FORGED = {
    "alg_none": lambda: f"{crafted(good(), alg='none').rpartition('.')[0]}.",
    "alg_none_in_other_letters": lambda: crafted(good(), alg="nOnE").rpartition(".")[0] + ".",
    "hs256_signed_with_the_public_key": lambda: crafted(good(), key=PUBLIC),
    "hs256_signed_with_the_public_key_stripped": lambda: crafted(good(), key=PUBLIC.strip()),
    "rs256_with_an_hmac": lambda: crafted(good(), alg="RS256"),
    "rs256_of_another_key": lambda: jwt.encode(
        good(), rsa.generate_private_key(65537, 2048), algorithm="RS256"
    ),
    "hs512_with_the_secret": lambda: jwt.encode(
        good(), TOKEN_SECRET + TOKEN_SECRET, algorithm="HS512"
    ),
    "empty_secret": lambda: crafted(good(), key=b""),
    "short_secret": lambda: crafted(good(), key=TOKEN_SECRET.encode()[:16]),
    "wrong_secret": lambda: crafted(good(), key=b"x" * 40),
    "key_in_the_header": lambda: crafted(
        good(), key=b"x" * 40, jwk={"kty": "oct", "k": b64(b"x" * 40)}
    ),
    "missing_exp": lambda: signed(exp=None),
    "past_exp": lambda: signed(exp=time.time() - 1),
    "far_exp": lambda: signed(exp=time.time() + 400 * 86_400),
    "text_exp": lambda: signed(exp=str(time.time() + 600)),
    "true_exp": lambda: signed(exp=True),
    "nan_exp": lambda: signed(exp=float("nan")),
    "infinite_exp": lambda: signed(exp=float("inf")),
    "endless_exp": lambda: signed(exp=10**400),
    "negative_exp": lambda: signed(exp=-1),
    "future_nbf": lambda: signed(nbf=time.time() + 120),
    "number_sub": lambda: signed(sub=7),
    "text_nbf": lambda: signed(nbf="now"),
    "wrong_aud": lambda: signed(aud="another-service"),
    "no_aud": lambda: signed(aud=None),
    "aud_as_an_object": lambda: signed(aud={AUDIENCE: 1}),
    "unknown_kid_and_key": lambda: crafted(good(), key=b"x" * 40, kid="unknown"),
    "path_like_kid": lambda: crafted(good(), key=b"", kid="../../../../dev/null"),
    "url_kid": lambda: crafted(good(), key=b"", kid="http://127.0.0.1:1/jwks"),
    "kid_as_a_list": lambda: crafted(good(), kid=[1]),
    "jku_elsewhere": lambda: crafted(good(), key=b"", jku="http://127.0.0.1:1/jwks"),
    "grants_nothing": lambda: signed(calls=None),
    "empty_lists": lambda: signed(calls=[], numbers=[]),
    "calls_as_a_string": lambda: signed(calls="*"),
    "calls_nested": lambda: signed(calls=[["*"]]),
    "calls_as_an_object": lambda: signed(calls={"*": True}),
    "wildcard_inside_a_sid": lambda: signed(calls=[THERE[:-1] + "*"]),
    "subject_wildcard": lambda: signed(calls=[">"]),
    "sid_and_wildcard": lambda: signed(calls=[THERE + ".>"]),
    "numbers_with_a_wildcard": lambda: signed(calls=None, numbers=["*"]),
    "numbers_with_a_pattern": lambda: signed(calls=None, numbers=["+1555*"]),
    "numbers_not_e164": lambda: signed(calls=None, numbers=["5550001111"]),
    "numbers_as_numbers": lambda: signed(calls=None, numbers=[15550001111]),
    "numbers_as_a_string": lambda: signed(calls=None, numbers=NUMBER),
    "claims_that_are_a_list": lambda: crafted(b"[1]"),
    "claims_that_are_not_json": lambda: crafted(b"\xff\xfe"),
    "claims_deeply_nested": lambda: crafted(b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "cut_off": lambda: signed()[:-10],
    "no_dots": lambda: "token",
    "empty": lambda: "",
    "with_nul": lambda: signed() + "%00",
    "with_newline": lambda: signed() + "%0A",
    "with_newline_inside": lambda: signed().replace(".", ".%0D%0A", 1),
    "not_ascii": lambda: "%C3%A9" * 20,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_token_that_opens_nothing(service, forge):
    await opens_nothing(service, forge())


async def test_a_token_100_kb_long(service):
    """Refused before anybody looks at it."""
    await opens_nothing(service, "a" * 100_000, (431,))


async def test_a_token_longer_than_any_of_ours(service):
    await opens_nothing(service, signed(sub="x" * 7000), (401, 431))


async def test_a_token_twice(service):
    token = signed()
    await opens_nothing(service, f"{token}&token={token}")
    for path in ("/calls", f"/calls/{THERE}/transcript.txt"):
        both = get(service, f"{path}?token={token}", Authorization=f"Bearer {token}")
        assert (both.status, both.body) == (401, UNAUTHORIZED.encode())


async def test_a_token_in_the_wrong_place(service):
    token = signed()
    for headers in (
        {"Cookie": f"token={token}"},
        {"Authorization": token},
        {"Authorization": f"Basic {token}"},
        {"X_Token": token},
        {"Referer": f"http://x/?token={token}"},
    ):
        assert get(service, "/calls", **headers).status == 401
        assert (await handshake(service, f"call={THERE}", **headers)).status == 401
    assert get(service, f"/calls/{token}").status == 404


# With a token that is good, for something else


async def answers(
    service, token: str, *messages: str | bytes, count: int | None = None
) -> tuple[list[dict], int | None, str | None]:
    """
    Say something on a socket; returns what was answered, and how the socket ended.

    It ends by itself, or we end it after ``count`` answers. Of one that ends for a fault the last
    text says why, and no more than the close does.
    """
    heard: list[dict] = []
    async with connect(f"{service.ws}/client?token={token}", proxy=None) as socket_, patience():
        assert json.loads(await socket_.recv()) == []
        with contextlib.suppress(ConnectionClosed):
            for message in messages:
                await socket_.send(message)
            while len(heard) != count:
                heard.append(json.loads(await socket_.recv()))
            await socket_.close()
            heard += [json.loads(text) async for text in socket_]  # more than was wanted?
    assert SAID not in json.dumps(heard)
    code, reason = socket_.close_code, socket_.close_reason
    if code is not None and code >= 4000:
        why = heard.pop()
        assert why == {"type": "Error", "code": code, "message": why["message"]}
        assert why["message"].startswith(reason or "nothing")
    return heard, code, reason


async def test_a_foreign_call(service):
    token = signed(calls=[MINE])
    for sid in (THERE, NOT_THERE):
        heard, _, _ = await answers(service, token, json.dumps({"subscribe": sid}), count=1)
        assert heard == [
            {
                "type": "Error",
                "code": 4403,
                "callSid": sid,
                "message": "the token can never see this call",
            }
        ]
        assert (await answers(service, token, sid))[1] == 4403
        assert (await handshake(service, f"token={token}&call={sid}")).status == 403
        for path in (f"/calls/{sid}/events", f"/calls/{sid}/transcript.json"):
            asked = get(service, f"{path}?token={token}")
            assert asked.status == 403
            assert asked.body == b"forbidden: the token can never see this call\n"


async def test_a_call_of_a_foreign_number_looks_like_none(service):
    """In the answer, and in the time that it takes."""
    token = signed(calls=None, numbers=["+15559999999"])
    seen: list[list[Any]] = []
    for sid in (THERE, NOT_THERE):
        begun = time.monotonic()
        heard, _, _ = await answers(service, token, json.dumps({"subscribe": sid}), count=2)
        seen.append([{**message, "callSid": ""} for message in heard])
        events = get(service, f"/calls/{sid}/events?token={token}")
        text = get(service, f"/calls/{sid}/transcript.txt?token={token}")
        seen[-1] += [(one.status, one.body, one.headers) for one in (events, text)]
        assert time.monotonic() - begun >= 1.9  # a second each at the socket and the stream
    assert seen[0] == seen[1]
    assert [message.get("code") for message in seen[0][:2]] == [None, 4404]
    assert [one[0] for one in seen[0][2:]] == [200, 404]  # that it waits was said before
    assert b'"code":4404' in seen[0][2][1]


async def test_a_replayed_last_event_id_of_a_foreign_call(service):
    token = signed(calls=[MINE])
    for sid in (THERE, NOT_THERE):
        asked = get(service, f"/calls/{sid}/events?token={token}", Last_Event_ID="3")
        assert asked.status == 403


async def test_a_renewal_for_somebody_else(service):
    token = signed(sub="one", calls=[MINE])
    heard, code, reason = await answers(
        service, token, json.dumps({"token": signed(sub="two")}), json.dumps({"subscribe": THERE})
    )
    assert (heard, code, reason) == ([], 4401, "token refused")


async def test_a_renewal_with_a_token_that_opens_nothing(service):
    for forge in (FORGED["alg_none"], FORGED["past_exp"], FORGED["wrong_aud"]):
        renewal = json.dumps({"token": forge()})
        heard, code, reason = await answers(service, signed(calls=[MINE]), renewal)
        assert (heard, code, reason) == ([], 4401, "token refused")


async def test_an_open_socket_after_its_token_expired_and_a_renewal_too_late(service):
    url = f"{service.ws}/client?token="
    async with connect(url + signed(exp=time.time() + TTL, calls=[MINE]), proxy=None) as socket_:
        await socket_.recv()
        assert json.loads(await socket_.recv())["code"] == 4401
        with pytest.raises(ConnectionClosed):
            await socket_.recv()
        with pytest.raises(ConnectionClosed):
            await socket_.send(json.dumps({"token": signed()}))
        assert socket_.close_code == 4401


SAYINGS = {
    "subject": "transcripts.>",
    "all": ">",
    "star": "*",
    "sid_with_wildcard": f"{THERE}.>",
    "sid_and_star": THERE[:-1] + "*",
    "json_subject": '{"subscribe":"transcripts.*.*.final.*"}',
    "json_sid_in_capitals": json.dumps({"subscribe": THERE.replace("0", "A")}),
    "json_sid_with_newline": json.dumps({"subscribe": THERE + "\n"}),
    "number_with_wildcard": '{"subscribe":"+1555*"}',
    "deep": "[" * 10_000,
    "deep_json": '{"subscribe":' + "[" * 10_000,
    "huge": "x" * 50_000,
    "empty": "",
    "binary": b"\x00\x01",
    "unknown_keys": '{"subscribe":"' + THERE + '","admin":true}',
    "since_negative": '{"subscribe":"' + MINE + '","since":-1}',
    "since_huge": '{"subscribe":"' + MINE + '","since":1e300}',
    "since_endless": '{"subscribe":"' + MINE + '","since":' + "9" * 400 + "}",
    "since_float": '{"subscribe":"' + MINE + '","since":1.5}',
    "since_text": '{"subscribe":"' + MINE + '","since":"1; drop"}',
    "since_true": '{"subscribe":"' + MINE + '","since":true}',
    "interim_text": '{"subscribe":"' + MINE + '","interim":"no"}',
}


@pytest.mark.parametrize("saying", SAYINGS.values(), ids=SAYINGS.keys())
async def test_a_saying_that_nobody_should_obey(service, saying):
    heard, code, reason = await answers(service, signed(calls=[MINE]), saying)
    assert (heard, code) == ([], 4400)
    assert reason


async def test_a_message_larger_than_any(service):
    heard, code, _ = await answers(service, signed(calls=[MINE]), "x" * 200_000)
    why = {"type": "Error", "code": 1009, "message": "a message is at most 65536 bytes"}
    assert (heard, code) == ([why], 1009)


async def test_text_that_is_not_utf_8(service):
    async with connect(f"{service.ws}/client?token={signed()}", proxy=None) as socket_:
        await socket_.recv()
        mask = b"\x00\x00\x00\x00"
        socket_.transport.write(b"\x81\x82" + mask + b"\xc3\x28")
        said = json.loads(await socket_.recv())
        assert said == {"type": "Error", "code": 1007, "message": "not UTF-8"}
        with pytest.raises(ConnectionClosed):
            await socket_.recv()
        assert socket_.close_code == 1007


async def test_ten_thousand_subscriptions(service):
    # None of them is there.
    asked = [json.dumps({"subscribe": call_sid(100 + number)}) for number in range(10_000)]
    _, code, reason = await answers(service, signed(), *asked)
    assert (code, reason) == (4429, "more than 100 subscriptions")


async def test_a_flood_of_messages(service):
    asked = ['{"unsubscribe":"x"}'] * 10_000
    _, code, reason = await answers(service, signed(), *asked)
    assert (code, reason) == (4429, "more than 20 messages a second")


@pytest.mark.parametrize("query", ["since=-1", "since=1.5", "since=9999999999999", "since=x"])
async def test_a_since_that_is_none(service, query):
    token = signed()
    assert (await handshake(service, f"token={token}&call={THERE}&{query}")).status == 400
    assert get(service, f"/calls/{THERE}/events?token={token}&{query}").status == 400


@pytest.mark.parametrize("path", ["/calls", "/calls/events", "events", "transcript.txt"])
def test_a_misspelt_name_in_a_query(service, path):
    whole = path if path.startswith("/") else f"/calls/{THERE}/{path}"
    asked = get(service, f"{whole}?token={signed()}&sinse=1")
    assert asked.status == 400
    assert asked.body.startswith(b"'sinse' in the query says nothing here; what does: ")
    assert get(service, f"{whole}?token=none&sinse=1").status == 401  # nobody learns more before


async def test_a_misspelt_name_in_the_query_of_a_socket(service):
    asked = await handshake(service, f"token={signed()}&cal={THERE}")
    assert asked.status == 400
    assert asked.body.startswith(b"'cal' in the query says nothing here; what does: call, ")
    assert (
        await handshake(service, f"token={signed()}&call={THERE}&_=1&utm_source=x")
    ).status == 101


async def test_a_slow_handshake(service):
    """One that never ends is not waited for, and holds up nobody."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /client HTTP/1.1\r\nHost: x\r\n")

    async def drip() -> None:
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.5)

    dripping = asyncio.create_task(drip())
    assert get(service, f"/calls?token={signed()}").status == 200
    answer = await reader.read(1000)
    await supervise.end(dripping)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun > 0.9 * REQUEST_SECONDS


def test_headers_without_end(service):
    host, _, port = service.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as one:
        one.sendall(b"GET /calls HTTP/1.1\r\nHost: x\r\n")
        one.settimeout(PATIENCE)
        with contextlib.suppress(OSError):  # it is closed while we send
            for _ in range(1000):
                one.sendall(b"X-A: " + b"b" * 1000 + b"\r\n")
                if select.select([one], [], [], LOOK)[0]:
                    break
        answer = one.recv(1000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert get(service, f"/calls?token={signed()}").status == 200


@pytest.mark.parametrize(
    "sid", ["CA%0d%0aX-Evil:%20yes", THERE + "%0d%0aX-Evil:%20yes", "%00", ".."]
)
def test_a_header_injected_by_a_sid(service, sid):
    for path in (f"/calls/{sid}/transcript.txt", f"/calls/{sid}/events"):
        asked = get(service, f"{path}?token={signed()}")
        assert asked.status in (400, 404)
        assert "evil" not in str(asked.headers).lower()
    for name in ("inbound=%0d%0aX-Evil:%20yes", "outbound=%3Cscript%3E"):
        asked = get(service, f"/calls/{THERE}/transcript.vtt?token={signed()}&{name}")
        assert asked.status == 400
        assert "evil" not in str(asked.headers).lower()


async def test_another_origin_where_origins_are_set(service):
    token = signed()
    for origin in ("https://evil.example", "null", "https://crm.example.com.evil.example", ""):
        assert (await handshake(service, f"token={token}", Origin=origin)).status == 403
        asked = get(service, f"/calls?token={token}", Origin=origin)
        assert asked.status == 403
        assert asked.body.startswith(b"forbidden: pages of this origin may not ask: see ALLOWED_")
        assert "access-control-allow-origin" not in dict(asked.headers)
    allowed = {"Origin": "https://crm.example.com"}
    assert (await handshake(service, f"token={token}", **allowed)).status == 101
    asked = get(service, f"/calls?token={token}", **allowed)
    assert dict(asked.headers)["access-control-allow-origin"] == "https://crm.example.com"
    assert dict(asked.headers)["referrer-policy"] == "no-referrer"
    assert dict(asked.headers)["cache-control"] == "no-store"


def test_another_page_on_a_laptop_without_tokens(serve):
    """Without tokens whoever gets a browser on this machine to ask would read along."""
    service = serve("--insecure", TOKEN_SECRET="", TWILIO_AUTH_TOKEN="")
    assert get(service, "/calls").status == 200
    assert get(service, "/calls", Origin=service.url).status == 200
    assert get(service, "/calls", Origin="https://evil.example").status == 403
    evil = "evil.example:8080"  # whose name resolves to this machine, for a moment
    for headers in ({"Host": evil}, {"Host": evil, "Origin": f"http://{evil}"}):
        asked = httpx.get(f"{service.url}/calls", headers=headers, trust_env=False)
        assert asked.status_code == 403
    by_name = httpx.get(f"{service.url}/calls", headers={"Host": "partyline"}, trust_env=False)
    assert by_name.status_code == 200


async def test_why_a_token_is_refused_is_logged(serve):
    service = serve()  # of the many refusals of the other tests only some are logged
    asked = await asyncio.to_thread(get, service, f"/calls?token={FORGED['wrong_secret']()}")
    assert asked.status == 401
    await until(lambda: "signed with another key than ours" in service.text)


def test_what_is_not_there_is_said_so(service):
    nothing = get(service, "/nothing")
    assert (nothing.status, nothing.body[:14]) == (404, b"nothing here. ")
