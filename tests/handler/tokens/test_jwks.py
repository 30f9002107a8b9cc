"""handler/tokens/jwks.py: keys from a host that may be down, slow, or talk too much."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from contextlib import suppress
from typing import Any, Self

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from structlog.testing import capture_logs
from support.timing import PATIENCE

from handler.errors import InvalidToken
from handler.tokens import tokens
from handler.tokens.jwks import (
    KEEP_SECONDS,
    MAX_DOCUMENT,
    MAX_REDIRECTS,
    PAUSE_SECONDS,
    REFRESH_SECONDS,
    KeySet,
)

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
SHORT = 0.5  # seconds: the time of a fetch that is to fail


def entry(private, kid: str, **changes: object) -> dict:
    algorithm: Any = {RSA: RSAAlgorithm, EC: ECAlgorithm, ED: OKPAlgorithm}[private]
    return {**algorithm.to_jwk(private.public_key(), as_dict=True), "kid": kid, **changes}


class Host:
    """A host of keys; ``answer`` is what it says, ``delay`` how long it takes to."""

    def __init__(self) -> None:
        self.requests = 0
        self.delay = 0.0
        self.whole = 0  # answers that were taken to their end
        self.status = "200 OK"
        self.answer = b'{"keys":[]}'
        self.headers = b""

    async def __aenter__(self) -> Self:
        self._serving: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/jwks"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            await task

    def say(self, *keys: dict) -> None:
        self.answer = json.dumps({"keys": keys}).encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with suppress(OSError, asyncio.IncompleteReadError):
            if await reader.readexactly(1) != b"G":  # no GET: whoever speaks TLS is told at once
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                writer.close()
                return
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(f"HTTP/1.1 {self.status}\r\nConnection: close\r\n".encode())
            writer.write(self.headers + b"\r\n")
            for at in range(0, len(self.answer), 65536):
                await asyncio.sleep(self.delay)
                writer.write(self.answer[at : at + 65536])
                await writer.drain()
            self.whole += 1
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def host():
    async with Host() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(host, clock) -> KeySet:
    return KeySet(host.url, clock=clock, timeout=PATIENCE)


async def test_tokens_are_checked_with_the_key_that_they_name(host, keys):
    host.say(entry(RSA, "a"), entry(EC, "b"), entry(ED, "c"))
    for private, algorithm, kid in ((RSA, "RS256", "a"), (EC, "ES256", "b"), (ED, "EdDSA", "c")):
        claims = {"exp": time.time() + 60, "calls": ["*"]}
        known = await keys.keys(kid)
        good = jwt.encode(claims, private, algorithm=algorithm, headers={"kid": kid})
        assert tokens.verify(good, known, time.time()).calls == {"*"}
        other = jwt.encode(claims, private, algorithm=algorithm, headers={"kid": "other"})
        with pytest.raises(InvalidToken):
            tokens.verify(other, known, time.time())
    assert host.requests == 1


async def test_a_new_name_is_a_reason_to_fetch_but_not_again_and_again(host, keys, clock):
    host.say(entry(EC, "old"))
    assert len(await keys.keys("old")) == 1
    host.say(entry(EC, "old"), entry(ED, "new"))
    assert len(await keys.keys("new")) == 1  # just asked
    clock.now += PAUSE_SECONDS
    assert len(await keys.keys("new")) == 2
    clock.now += PAUSE_SECONDS
    for number in range(100):
        await keys.keys(f"made up {number}")
    assert host.requests == 3


async def test_many_who_wait_share_one_fetch(host, keys):
    host.say(entry(EC, "a"))
    host.delay = 0.1
    assert [len(found) for found in await asyncio.gather(*(keys.keys("a") for _ in range(50)))] == [
        1
    ] * 50
    assert host.requests == 1


async def test_keys_are_renewed_in_the_background_and_dropped_in_the_end(host, keys, clock):
    host.say(entry(EC, "a"))
    assert len(await keys.keys("a")) == 1
    clock.now += REFRESH_SECONDS + 1
    host.status = "500 No"
    assert len(await keys.keys("a")) == 1  # at once: nobody waits for a host that is down
    clock.now += KEEP_SECONDS
    assert await keys.keys("a") == ()
    host.status = "200 OK"
    clock.now += PAUSE_SECONDS
    assert len(await keys.keys("a")) == 1


async def test_a_host_that_cannot_be_reached(clock):
    keys = KeySet("http://127.0.0.1:1/jwks", clock=clock)
    assert await keys.keys("a") == ()


async def test_a_host_that_drips(host, clock):
    """Each piece comes within the time; the whole does not."""
    host.say(entry(EC, "a"))
    host.answer = host.answer.ljust(65536 * 4)
    within = 2.0  # seconds: the host is asked in time
    host.delay = 0.6 * within
    keys = KeySet(host.url, clock=clock, timeout=within)
    assert await keys.keys("a") == ()
    assert (host.requests, host.whole) == (1, 0)
    host.delay = 0.0
    clock.now += PAUSE_SECONDS
    keys = KeySet(host.url, clock=clock, timeout=PATIENCE)
    assert len(await keys.keys("a")) == 1  # nothing else was wrong with it


async def test_a_host_that_talks_without_end(host, keys):
    host.answer = b'{"keys":[' + b" " * (MAX_DOCUMENT + 1)
    assert await keys.keys("a") == ()


@pytest.mark.parametrize(
    ("status", "headers", "answer"),
    [
        ("404 Not Found", b"", b"{}"),
        ("302 Found", b"Location: http://127.0.0.1:1/\r\n", b""),
        ("200 OK", b"", b"<html>"),
        ("200 OK", b"", b"[" * 100_000),
        ("200 OK", b"", b'{"keys":{}}'),
        ("200 OK", b"", b'{"keys":[1,null,{"kty":"EC"},{"kty":"RSA","n":"x","e":"y"}]}'),
        ("200 OK", b"", b'{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"a"}]}'),
        ("200 OK", b"Content-Encoding: gzip\r\n", b"\x1f\x8b"),
        ("200 OK", b"Content-Encoding: gzip\r\n", b'{"keys":[]}'),
        ("200 OK", b"Content-Encoding: br\r\n", b"{}"),
    ],
)
async def test_an_answer_that_is_no_set_of_keys(host, keys, status, headers, answer):
    host.status, host.headers, host.answer = status, headers, answer
    assert await keys.keys("a") == ()
    await keys.close()


async def test_keys_that_are_of_no_use_are_left_out():
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  it is to be left out
    weak_entry = {**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "weak"}
    private = {**ECAlgorithm.to_jwk(EC, as_dict=True), "kid": "private"}
    document = {
        "keys": [
            weak_entry,
            private,
            entry(EC, "enc", use="enc"),
            entry(RSA, "wrong", alg="RS512"),
            entry(ED, "x" * 300),
            entry(ED, "good", use="sig", alg="EdDSA"),
        ]
    }
    assert [key.key_id for key in tokens.key_set(document)] == ["good"]


async def test_a_set_of_keys_may_come_compressed(host, keys):
    host.say(entry(EC, "a"))
    host.answer, host.headers = gzip.compress(host.answer), b"Content-Encoding: gzip\r\n"
    assert [key.key_id for key in await keys.keys("a")] == ["a"]


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"deflate"])
async def test_what_grows_without_end_when_it_is_unpacked_is_not_unpacked(host, keys, encoding):
    pack = zlib.compressobj(wbits=15 if encoding == b"deflate" else 31)
    packed = b"".join(pack.compress(b" " * 2**20) for _ in range(64)) + pack.flush()
    host.answer, host.headers = packed, b"Content-Encoding: %b\r\n" % encoding
    tracemalloc.start()
    try:
        assert await keys.keys("a") == ()
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [-10, -1])
async def test_a_compressed_answer_that_is_cut_off_is_none(host, keys, cut):
    host.say(entry(EC, "a"))
    host.answer = gzip.compress(host.answer)[:cut]
    host.headers = b"Content-Encoding: gzip\r\n"
    assert await keys.keys("a") == ()


async def test_a_host_that_has_moved_is_followed_but_not_in_circles(host, keys, clock):
    async with Host() as new:
        new.say(entry(EC, "a"))
        host.status, host.headers = "301 Moved", f"Location: {new.url}\r\n".encode()
        assert len(await keys.keys("a")) == 1
        new.status, new.headers = "302 Found", f"Location: {host.url}\r\n".encode()
        again = KeySet(host.url, clock=clock, timeout=PATIENCE)
        assert await again.keys("a") == ()
    assert host.requests + new.requests == 2 + MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "location",
    [
        "http://id.example.com/jwks",
        "ftp://127.0.0.1/jwks",
        "file:///etc/passwd",
        "//id.example.com/jwks",
        "http://[::1",
    ],
)
async def test_a_redirection_to_where_keys_may_not_come_from_is_not_followed(host, keys, location):
    """What comes from there could be changed on the way, as what comes from TOKEN_JWKS_URL."""
    host.status, host.headers = "302 Found", f"Location: {location}\r\n".encode()
    assert await keys.keys("a") == ()
    assert host.requests == 1


NO_HTTP = "what answers there speaks no HTTP, or broke off: is the port right?"
ELSEWHERE = "redirected to 127.0.0.1, not by https"
NO_ADDRESS = "redirected to what is no address"
NO_JSON = "what came is no JSON: is it the address of a JWKS?"


@pytest.mark.parametrize(
    ("status", "headers", "answer", "problem"),
    [
        ("200 OK", b"", b"<html>", NO_JSON),
        ("200 OK", b"", b"", NO_JSON),
        ("200 OK", b"", b"\xff", NO_JSON),
        ("200 OK", b"", b"[" * 100_000, NO_JSON),
        ("200 OK", b"", b"[]", "not a JWKS: an object with a list of keys"),
        ("200 OK", b"", b'{"keys":[]}', "no key in it is for EdDSA, ES256 or RS256"),
        ("404 Not Found", b"", b"", "HTTP 404"),
        ("200 OK", b"Content-Length: 9\r\n", b"{}", NO_HTTP),
        ("nonsense", b"", b"", NO_HTTP),
        ("200 OK", b"Content-Encoding: gzip\r\n", b"{}", "compressed, and damaged"),
        ("302 Found", b"Location: http://127.0.0.1:port/\r\n", b"", NO_ADDRESS),
        (
            "302 Found",
            b"Location: ftp://127.0.0.1/\r\n",
            b"",
            "redirected to 127.0.0.1, not by https",
        ),
    ],
)
async def test_why_there_are_no_keys_is_said_in_words_of_ours(
    host, keys, status, headers, answer, problem
):
    host.status, host.headers, host.answer = status, headers, answer
    with capture_logs() as lines:
        assert await keys.keys(None) == ()
    assert [line["problem"] for line in lines] == [problem]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:1/jwks", "connection refused: is a server running there?"),
        ("http://nobody.invalid/jwks", "no such host: is the name right?"),
    ],
)
async def test_a_host_that_is_not_there_is_said_in_words_of_ours(url, problem):
    with capture_logs() as lines:
        assert await KeySet(url, timeout=PATIENCE).keys(None) == ()
    assert [line["problem"] for line in lines] == [problem]


async def test_a_host_without_tls_or_that_is_slow_is_said_in_words_of_ours(host):
    for url, timeout, beginning in (
        (host.url.replace("http:", "https:"), PATIENCE, "TLS failed ("),
        (host.url, SHORT, "nothing whole within 0.5 seconds"),
    ):
        host.delay = 2 * SHORT
        with capture_logs() as lines:
            assert await KeySet(url, timeout=timeout).keys(None) == ()
        assert lines[0]["problem"].startswith(beginning)
