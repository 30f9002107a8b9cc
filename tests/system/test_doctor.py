"""``partyline doctor``: each thing that can be wrong is broken in turn, and its words read."""

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support import schemas
from support.credentials import AUTH_TOKEN, TOKEN_SECRET
from support.inside import Inside, inside
from support.meddling import meddling, without
from support.processes import partyline
from support.servers import nats_server
from support.sids import account_sid
from support.timing import patience
from support.twilio_api import Api, said, serving

from broker.rights import NOBODY
from broker.server.embedded import EmbeddedServer
from handler.doctor.doctor import Question, examine
from handler.findings import Finding
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal

AC = account_sid(1)
NUMBER = "+15551230000"
SECRET_OF_ANOTHER = "another-secret-of-the-tests-of-32-bytes"


@dataclass(frozen=True)
class World:
    """A service with all that it needs, and the environment that the doctor is given."""

    service: Inside
    deepgram: DeepgramStandIn
    api: Api

    @property
    def environ(self) -> dict[str, str]:
        return self.service.environ | {"PUBLIC_URL": self.service.url}


@contextlib.asynccontextmanager
async def started(nats: EmbeddedServer, api: Api, **environ: str) -> AsyncIterator[World]:
    async with (
        DeepgramStandIn() as deepgram,
        serving(api) as api.url,
        inside(
            ready=True,
            NATS_URL=nats.url,
            DEEPGRAM_URL=deepgram.url,
            TWILIO_API_URL=api.url,
            **environ,
        ) as service,
        patience(),
    ):
        yield World(service, deepgram, api)


@pytest.fixture
async def world(nats: EmbeddedServer) -> AsyncIterator[World]:
    async with started(nats, Api(), TWILIO_ACCOUNT_SID=AC) as world:
        yield world


async def examined(
    environ: dict[str, str], *numbers: str, account: str | None = None, **more: Any
) -> dict[str, Finding]:
    found = await examine(Question(environ=environ, numbers=numbers, account=account), **more)
    return {finding.name: finding for finding in found}


def failed(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict == "failed"]


def check(finding: Finding, verdict: str, words: str, advice: str = "") -> None:
    assert (finding.verdict, finding.said) == (verdict, finding.said), finding
    assert words in finding.said
    assert advice in finding.advice


async def test_all_in_order_is_told_line_by_line_and_nothing_is_left_behind(world: World):
    listed = {
        "sid": "PN0",
        "phone_number": NUMBER,
        "voice_url": f"{world.service.url}/twilio/voice#rc=3&rp=all",
        "status_callback": f"{world.service.url}/twilio/status#rc=3&rp=all",
    }
    world.api.answer = lambda asked: (
        said(200, {"incoming_phone_numbers": [listed]})
        if "IncomingPhoneNumbers" in asked.path
        else said(404, {"code": 20404})
    )
    found = await examined(world.environ | {"FORWARD_TO": "+15551230009"}, NUMBER)
    assert {name: finding.verdict for name, finding in found.items()} == {
        "settings": "warning",  # the secrets of the tests are not like Twilio's
        "twilio.accounts": "skipped",
        "twilio.auth-token": "ok",
        "twilio.api-key": "skipped",
        f"number {NUMBER}": "ok",
        "public.address": "ok",
        "public.tls": "warning",  # on loopback
        "public.ready": "ok",
        "public.service": "ok",
        "signature.webhook": "ok",
        "signature.stream": "ok",
        "tokens": "ok",
        "nats.server": "ok",
        "nats.stream": "ok",
        "nats.bucket": "ok",
        "nats.rights": "ok",
        "deepgram": "ok",
        "clock": "ok",
        "open-files": "ok",
    }
    assert found["signature.webhook"].said.startswith("answered with a ticket of this very service")
    assert len(world.service.service.calls) == 0
    assert [connection.seconds for connection in world.deepgram.connections] == [0, 0]
    broker = world.service.service.broker
    info = await broker.connection.js.stream_info(broker.subjects.streams[0])
    assert info.state.messages == 0


async def test_the_command_prints_it_and_its_exit_code_says_whether_something_failed(world: World):
    done = await asyncio.to_thread(partyline, "doctor", "--json", **world.environ)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["ok"]) == (0, "", True)
    broken = world.environ | {"NATS_URL": "nats://u:secret@127.0.0.1:1", "MAX_CALLS": "many"}
    done = await asyncio.to_thread(partyline, "doctor", NUMBER, **broken)
    assert done.returncode == 1
    assert "failed   settings" in done.stdout
    assert "MAX_CALLS: 'many' is not a whole number" in done.stdout
    assert "failed   nats.server" in done.stdout
    for secret in ("secret", AUTH_TOKEN, TOKEN_SECRET):
        assert secret not in done.stdout + done.stderr


# Settings that differ from the service's, or that others refuse: what fails, in which words.
SETTINGS = {
    "the auth token differs": (
        {"TWILIO_AUTH_TOKEN": "0" * 32},
        {
            "signature.webhook": (
                "HTTP 403",
                "let TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID be the same",
            ),
            "signature.stream": (
                "HTTP 403",
                "let TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID be the same",
            ),
        },
    ),
    "the secret of tokens differs": (
        {"TOKEN_SECRET": SECRET_OF_ANOTHER},
        {"tokens": ("HTTP 401", "let TOKEN_SECRET be the same here and for the service")},
    ),
    "nothing listens at the public address": (
        {"PUBLIC_URL": "http://127.0.0.1:1"},
        {"public.address": ("connection refused", "let the name lead to the proxy or the machine")},
    ),
    "the public name is none": (
        {"PUBLIC_URL": "https://calls.invalid"},
        {"public.address": ("no such host: is the name right?", "let the name lead to")},
    ),
    "nats is down": (
        {"NATS_URL": "nats://127.0.0.1:1"},
        {
            "nats.server": (
                "cannot reach NATS at nats://127.0.0.1:1: connection refused",
                "--embedded-nats",
            )
        },
    ),
    "another prefix, which nobody has provisioned": (
        {"SUBJECT_PREFIX": "other"},
        {
            "nats.stream": ("OTHER is missing", "run `partyline provision` once"),
            "nats.bucket": ("KV_OTHER_CALLS is missing", "run `partyline provision` once"),
        },
    ),
    "deepgram is away": (
        {"DEEPGRAM_URL": "ws://127.0.0.1:1"},
        {"deepgram": ("cannot connect", "check DEEPGRAM_URL, and that this machine reaches it")},
    ),
    "settings cannot be read": (
        {"TOKEN_SECRET": "short", "TWILIO_AUTH_TOKEN": "<token>"},
        {
            "settings": (
                "TOKEN_SECRET: a secret needs at least 32 bytes: openssl rand -hex 32 makes one",
                "TOKEN_SECRET as it says there",
            )
        },
    ),
}


@pytest.mark.parametrize("case", SETTINGS)
async def test_a_setting_that_is_wrong_fails_what_it_breaks_alone_with_what_to_do(
    case, world: World
):
    changed, expected = SETTINGS[case]
    found = await examined(world.environ | changed)
    assert failed(found) == list(expected)
    for name, (words, advice) in expected.items():
        check(found[name], "failed", words, advice)


async def test_what_cannot_be_looked_at_without_a_setting_is_skipped_and_says_which(world: World):
    found = await examined(world.environ | {"DEEPGRAM_API_KEY": "", "NATS_URL": "http://h"})
    assert failed(found) == ["settings"]
    assert found["settings"].facts["names"] == ["DEEPGRAM_API_KEY", "NATS_URL"]
    check(found["deepgram"], "skipped", "DEEPGRAM_API_KEY must be set right first")
    check(found["nats.rights"], "skipped", "NATS_URL must be set right first")
    check(found["tokens"], "ok", "opens the list of calls")


async def test_a_token_is_shown_to_no_service_that_does_not_sign_as_this_one(world: World):
    found = await examined(world.environ | {"TWILIO_AUTH_TOKEN": "0" * 32})
    check(found["tokens"], "skipped", "signature.webhook failed")


async def test_another_name_than_the_service_knows_itself_by_is_told_with_both():
    async with inside(ready=False, PUBLIC_URL="https://calls.example.com") as service, patience():
        found = await examined(service.environ | {"PUBLIC_URL": service.url})
    words = "Partyline answers, whose own address is wss://calls.example.com/twilio"
    check(found["public.service"], "failed", words, "let PUBLIC_URL be the same here and for")
    check(found["public.ready"], "failed", "takes no calls: waiting for NATS", "let NATS be")
    check(found["signature.stream"], "skipped", "an earlier check failed")


async def test_a_service_that_leaves_is_told(world: World):
    world.service.service.calls.draining = True
    found = await examined(world.environ)
    check(found["public.ready"], "failed", "draining", "ask again once the deploy is over")
    check(found["signature.stream"], "failed", "HTTP 503", "the service is full or draining")


# What a proxy before the service does to it.
PROXIES = {
    "cuts the signature off": (
        without(b"x-twilio-signature"),
        {
            "signature.webhook": ("no X-Twilio-Signature came", "let the proxy before the service"),
            "signature.stream": ("HTTP 403", "let the proxy before the service pass the header"),
        },
    ),
    "takes Upgrade away": (
        without(b"upgrade"),
        {"signature.stream": ("HTTP 426", "a proxy before the service takes Upgrade away")},
    ),
    "leads elsewhere": (
        lambda head: head.replace(b" /twilio", b" /elsewhere"),
        {"public.service": ("something else than this service answers: HTTP 404", "let PUBLIC")},
    ),
}


@pytest.mark.parametrize("case", PROXIES)
async def test_what_a_proxy_does_wrong_is_told_from_a_wrong_setting(case, world: World):
    meddle, expected = PROXIES[case]
    async with meddling(world.service.port, meddle) as port:
        found = await examined(world.environ | {"PUBLIC_URL": f"http://127.0.0.1:{port}"})
    assert failed(found) == list(expected)
    for name, (words, advice) in expected.items():
        check(found[name], "failed", words, advice)


async def test_something_that_is_not_the_service_is_told_from_it(world: World):
    world.api.answer = lambda _: said(200, "hello")
    found = await examined(world.environ | {"PUBLIC_URL": world.api.url})
    check(found["public.ready"], "failed", 'not as the service does: "hello"', "let PUBLIC_URL")
    check(found["public.service"], "failed", "something else than this service answers", "let")


@pytest.mark.parametrize(
    ("status", "words", "advice"),
    [
        (401, "HTTP 401", "check DEEPGRAM_API_KEY"),
        (400, "HTTP 400", "check DEEPGRAM_OPTIONS"),
        (402, "HTTP 402", "add credit"),
    ],
)
async def test_what_deepgram_refuses_is_told(status, words, advice, world: World):
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(status))) as deepgram:
        found = await examined(world.environ | {"DEEPGRAM_URL": deepgram.url})
    assert failed(found) == ["deepgram"]
    check(found["deepgram"], "failed", words, advice)


async def test_what_twilio_refuses_is_told_of_each_credential(world: World):
    world.api.answer = lambda _: said(401, {"code": 20003, "message": "Authenticate"})
    key = "SK" + "0" * 32 + ":secret"
    found = await examined(world.environ | {"TWILIO_API_KEY": key}, NUMBER)
    assert failed(found) == ["twilio.auth-token", "twilio.api-key"]
    check(found[f"number {NUMBER}"], "skipped", "twilio.api-key must be set right first")
    found = await examined(world.environ, NUMBER)
    check(found[f"number {NUMBER}"], "skipped", "twilio.auth-token must be set right first")
    found = await examined(world.environ | {"TWILIO_API_KEY": key}, NUMBER)
    check(found["twilio.auth-token"], "failed", "HTTP 401, error 20003", "copy the Auth Token")
    check(found["twilio.api-key"], "failed", "HTTP 401, error 20003", "make another in the Console")


@pytest.mark.parametrize(
    ("url", "advice"),
    [("http://127.0.0.1:1", "the network, and TWILIO_API_URL"), ("", "ask again later")],
)
async def test_an_api_that_judges_nothing_is_no_reason_to_change_a_credential(
    url, advice, world: World
):
    world.api.answer = lambda _: said(503, {"message": "away"})
    found = await examined(world.environ | ({"TWILIO_API_URL": url} if url else {}), NUMBER)
    assert failed(found) == ["twilio.auth-token"]
    check(found["twilio.auth-token"], "failed", "", advice)


async def test_an_account_of_the_file_is_tried_by_its_own_doors_with_its_own_secrets(
    nats: EmbeddedServer, tmp_path
):
    file = tmp_path / "accounts.json"
    entries = {sid: {"auth_tokens": [f"hush-{sid}"]} for sid in (AC, account_sid(2))}
    file.write_text(json.dumps(entries))
    api = Api(answer=lambda _: said(404, {"code": 20404}))
    accounts = {"TWILIO_AUTH_TOKEN": "", "TWILIO_ACCOUNTS": str(file)}
    async with started(nats, api, **accounts) as world:
        for account in (None, account_sid(2)):
            found = await examined(world.environ, account=account)
            assert failed(found) == []
            check(found["twilio.accounts"], "ok", f"2 can be read; tried with {account or AC}")
            for name in ("twilio.auth-token", "signature.webhook", "signature.stream", "tokens"):
                assert found[name].verdict == "ok", found[name]
        file.unlink()
        found = await examined(world.environ)
        assert failed(found) == ["twilio.accounts"]
        check(found["twilio.accounts"], "failed", "TWILIO_ACCOUNTS: No such file", "Several Twilio")
        check(found["signature.webhook"], "skipped", "TWILIO_ACCOUNTS must be set right first")


async def test_a_number_that_leads_elsewhere_is_told(world: World):
    listed = {"sid": "PN0", "phone_number": NUMBER, "voice_url": "https://demo.twilio.com/voice"}
    world.api.answer = lambda asked: (
        said(200, {"incoming_phone_numbers": [listed]})
        if "IncomingPhoneNumbers" in asked.path
        else said(404, {"code": 20404})
    )
    name = f"number {NUMBER}"
    found = await examined(world.environ, NUMBER)
    check(found[name], "failed", "its calls go to https://demo.twilio.com/voice", "partyline setup")
    without_account = {**world.environ, "TWILIO_ACCOUNT_SID": ""}
    found = await examined(without_account, NUMBER)
    check(found[name], "failed", "TWILIO_ACCOUNT_SID is not set", "set TWILIO_ACCOUNT_SID")


async def test_a_clock_that_is_off_is_told(world: World):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = formatdate(0, usegmt=True).encode()
        writer.write(b"HTTP/1.1 404 Not Found\r\nDate: " + date + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await examined(world.environ | {"TWILIO_API_URL": url})
    assert failed(found) == ["clock"]
    check(found["clock"], "failed", "ahead of that of Twilio: tokens and tickets expire", "by NTP")


async def test_a_server_of_nats_without_jetstream_is_told(world: World, tmp_path):
    with nats_server(tmp_path, "--addr=127.0.0.1", "--port=-1") as port:
        found = await examined(world.environ | {"NATS_URL": f"nats://127.0.0.1:{port}"})
    assert failed(found) == ["nats.stream"]
    check(found["nats.stream"], "failed", "the server has no JetStream", "nats-server with -js")
    check(found["nats.rights"], "skipped", "an earlier check failed")


async def test_a_server_of_nats_that_is_too_old_is_told(world: World):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"version":"2.10.4","max_payload":1000,"headers":true}\r\n')
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "nats://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        found = await examined(world.environ | {"NATS_URL": url})
    assert failed(found) == ["nats.server"]
    check(found["nats.server"], "failed", "nats-server 2.10.4 is too old: 2.11.11 or newer")


RIGHTS = {
    "publish: { deny: 'ingest.>' }": 'publish to "ingest.transcripts.',
    "publish: { deny: '$KV.>' }": 'publish to "$KV.TRANSCRIPTS_CALLS.call.',
    "publish: { deny: '$KV.*.pod.*' }": 'publish to "$KV.TRANSCRIPTS_CALLS.pod.',
    "publish: { deny: '$KV.*.twilio.status.>' }": 'publish to "$KV.TRANSCRIPTS_CALLS.twilio.stat',
    f"publish: {{ deny: '$KV.*.twilio.leg.{NOBODY}.>' }}": 'publish to "$KV.TRANSCRIPTS_CALLS.twil',
    "publish: { deny: '$KV.*.twilio.ticket.>' }": 'publish to "$KV.TRANSCRIPTS_CALLS.twilio.tick',
    "publish: { deny: '$KV.*.tickets.>' }": 'publish to "$KV.TRANSCRIPTS_CALLS.tickets.req',
    "publish: { deny: '*.*.*.interim.*' }": 'publish to "transcripts.',
    "publish: { deny: '$JS.API.DIRECT.GET.>' }": 'publish to "$JS.API.DIRECT.GET.TRANSCRIPTS"',
    "subscribe: { deny: 'registry.>' }": 'subscribe to "registry.transcripts.>"',
}


@pytest.mark.parametrize("right", RIGHTS)
async def test_a_right_that_is_missing_on_nats_is_told(right, world: World, tmp_path):
    users = (
        f"[ {{ user: a, password: pw, permissions: {{ {right} }} }}, {{ user: b, password: pw }} ]"
    )
    (tmp_path / "conf").write_text(
        f"listen: '127.0.0.1:-1'\njetstream {{ store_dir: '{tmp_path}' }}\n"
        f"authorization {{ users: {users} }}\n".replace("'", '"')
    )
    with nats_server(tmp_path, f"--config={tmp_path / 'conf'}") as port:
        everything = f"nats://b:pw@127.0.0.1:{port}"
        done = await asyncio.to_thread(
            partyline, "provision", "--url", everything, "--megabytes", "64"
        )
        assert done.returncode == 0, done.stderr
        found = await examined(world.environ | {"NATS_URL": f"nats://a:pw@127.0.0.1:{port}"})
    assert failed(found) == ["nats.rights"]
    check(found["nats.rights"], "failed", f"this user may not {RIGHTS[right]}", "use one who may")


async def test_whoever_taps_all_sees_nothing_that_no_schema_has(world: World):
    broker = world.service.service.broker
    tapped = await broker.connection.client.subscribe(broker.subjects.live)
    found = await examined(world.environ)
    check(found["nats.rights"], "ok", "all that the service needs")
    message = json.loads((await tapped.next_msg()).data)
    schemas.check(message)
    assert (message["type"], message["last_word_end"]) == ("UtteranceEnd", -1)


async def test_a_stream_that_is_not_as_it_must_be_is_told(world: World):
    js = world.service.service.broker.connection.js
    config = (await js.stream_info("TRANSCRIPTS")).config
    config.allow_direct = False
    await js.update_stream(config)
    found = await examined(world.environ)
    assert failed(found) == ["nats.stream"]
    check(found["nats.stream"], "failed", "allow_direct is", "`partyline provision` brings it up")


def certificate(tmp_path, name: str, days: float) -> tuple[ssl.SSLContext, str]:
    """Make a certificate that signs itself; returns what serves it, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=90))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path, key_path = tmp_path / "cert.pem", tmp_path / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path, key_path)
    return context, str(path)


@pytest.mark.parametrize(
    ("name", "days", "trusted", "verdict", "words"),
    [
        ("localhost", 60, False, "failed", "its certificate is not trusted"),
        ("localhost", -1, True, "failed", "certificate has expired"),
        ("calls.example.com", 60, True, "failed", "mismatch"),
        ("localhost", 3, True, "warning", "good for 3 days"),
        ("localhost", 60, True, "ok", "good for 60 days"),
    ],
)
async def test_a_certificate_is_judged_as_twilio_judges_it(
    name, days, trusted, verdict, words, tmp_path, monkeypatch, world: World
):
    context, path = certificate(tmp_path, name, days + 0.01)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", path)

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            writer.close()

    async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        found = await examined(world.environ | {"PUBLIC_URL": url})
    check(found["public.tls"], verdict, words)


async def test_an_address_beyond_this_machine_needs_tls(world: World):
    found = await examined(world.environ | {"PUBLIC_URL": f"http://0.0.0.0:{world.service.port}"})
    check(found["public.tls"], "failed", "PUBLIC_URL is without TLS", "a proxy with a certificate")


async def test_a_peer_that_never_answers_costs_a_bounded_time(world: World):
    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(wait, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        # Long enough for what that part looks at before, on a busy machine too.
        found = await examined(world.environ | {"PUBLIC_URL": url}, part_seconds=5)
    check(found["public.ready"], "failed", "not answered within 5 s", "whether it is overloaded")
    check(found["tokens"], "skipped", "an earlier check failed")
