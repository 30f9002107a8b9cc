"""``partyline probe``: a canary call, stage by stage; each stage is broken in turn."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs
from support.credentials import AUTH_TOKEN, TOKEN_SECRET
from support.inside import Inside, inside
from support.meddling import meddling, without
from support.processes import partyline
from support.served import serving
from support.timing import patience, until

from broker.server.embedded import EmbeddedServer
from handler.findings import Finding
from handler.probe.doors import Doors
from handler.probe.probe import Plan, Probe
from handler.probe.speech import Speech, recorded
from rehearsal.compare import error_rate
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal
from rehearsal.recognise import recognise, transcript
from rehearsal.recogniser import Moonshine
from rehearsal.scripted import Scripted, names


def sound(seed: int) -> bytes:
    """A second of sound in bursts, whose words are known without a recogniser."""
    source = random.Random(seed)
    burst = bytes(source.randrange(1, 127) for _ in range(1200))
    return b"".join(burst[:length] + b"\xff" * 800 for length in (700, 1200, 900, 1100))


SPEECH = Speech(
    {"inbound": b"\xff" * 160 + sound(1), "outbound": b"\xff" * 160 + sound(2)},
    {"inbound": " ".join(names(sound(1))), "outbound": " ".join(names(sound(2)))},
)


@pytest.fixture
async def deepgram() -> AsyncIterator[DeepgramStandIn]:
    async with DeepgramStandIn(Scripted()) as standin:
        yield standin


@pytest.fixture
async def service(nats: EmbeddedServer, deepgram: DeepgramStandIn) -> AsyncIterator[Inside]:
    async with inside(NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url) as running, patience():
        yield running


def plan_of(url: str, token: str, **changes: object) -> Plan:
    plan = Plan(doors=Doors(url, AUTH_TOKEN), token=token, speech=SPEECH)
    return replace(plan, **changes)  # type: ignore[arg-type]


async def probed(plan: Plan) -> dict[str, Finding]:
    return {finding.name: finding for finding in await Probe(plan).run()}


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {name: str(finding.verdict) for name, finding in found.items()}


def failed(found: dict[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict == "failed"]


@pytest.mark.parametrize(("by_webhook", "asked"), [(True, "ok"), (False, "skipped")])
async def test_a_call_gets_through_and_each_stage_says_so(
    by_webhook, asked, service: Inside, token: str
):
    with capture_logs() as logs:
        found = await probed(plan_of(service.url, token, by_webhook=by_webhook))
    answered = [line for line in logs if line["event"] == "call answered"]
    assert [line["probe"] for line in answered] == [True] * by_webhook
    assert verdicts(found) == {
        "reach": "ok",
        "webhook": asked,
        "ticket": asked,
        "viewer": "ok",
        "handshake": "ok",
        "frames": "ok",
        "started": "ok",
        "first-words": "ok",
        "all-words": "ok",
        "ended": "ok",
        "transcript": "ok",
        "delay": "ok",
    }
    assert found["all-words"].facts == {"share": 1.0}
    assert (
        found["transcript"].said
        == f"{sum(len(text.split()) for text in SPEECH.texts.values())} words"
    )
    delay = found["delay"].facts
    assert 0 <= delay["p50"] <= delay["p95"]
    assert found["delay"].said.startswith("speech to viewer p50 ")


def broken(url: str, token: str) -> dict[str, tuple[Plan, dict[str, tuple[str, str]]]]:
    """Return plans that the service cannot follow: what fails then, in which words."""
    plan = plan_of(url, token, end_seconds=0.5)
    return {
        "nobody is there": (
            plan_of("http://127.0.0.1:1", token),
            {"reach": ("connection refused", "let the address be reached from outside")},
        ),
        "another auth token": (
            replace(plan, doors=Doors(url, "0" * 32)),
            {"webhook": ("HTTP 403", "let TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID be the same")},
        ),
        "another auth token, for a stream alone": (
            replace(plan, doors=Doors(url, "0" * 32), by_webhook=False),
            {"handshake": ("HTTP 403", "let TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID be the same")},
        ),
        "a token of another secret": (
            replace(plan, token="eyJhbGciOiJIUzI1NiJ9.e30.x"),
            {"viewer": ("HTTP 401", "let TOKEN_SECRET be the same here and for the service")},
        ),
    }


@pytest.mark.parametrize("case", broken("", ""))
async def test_what_differs_from_the_service_is_told_where_it_stops_the_call(
    case, service: Inside, token: str
):
    plan, expected = broken(service.url, token)[case]
    found = await probed(plan)
    assert failed(found) == list(expected)
    for name, (words, advice) in expected.items():
        assert words in found[name].said
        assert advice in found[name].advice


async def test_a_proxy_that_takes_upgrade_away_lets_no_viewer_and_no_stream_in(
    service: Inside, token: str
):
    async with meddling(service.port, without(b"upgrade")) as port:
        plan = plan_of(f"http://127.0.0.1:{port}", token, by_webhook=False)
        found = await probed(plan)
    assert failed(found) == ["viewer", "handshake"]
    for name in ("viewer", "handshake"):
        assert "HTTP 426" in found[name].said
        assert found[name].advice.startswith("a proxy before the service takes Upgrade away")


async def test_a_service_that_leaves_is_told_and_asked_nothing_more(service: Inside, token: str):
    service.service.calls.draining = True
    found = await probed(plan_of(service.url, token))
    assert failed(found) == ["reach"]
    assert found["reach"].advice.startswith("the container that answered is leaving")
    assert set(verdicts(found).values()) == {"failed", "skipped"}


async def test_a_full_service_is_told(nats: EmbeddedServer, token: str):
    async with inside(NATS_URL=nats.url, MAX_CALLS="1") as service, patience():
        plan = plan_of(service.url, token, by_webhook=False)
        one = Probe(replace(plan, end_seconds=0.5))
        calling = asyncio.create_task(one.run())
        await until(lambda: service.service.calls.full)
        found = await probed(plan)
        await calling
    assert failed(found) == ["reach"]
    assert found["reach"].advice.startswith("raise MAX_CALLS, or start another container")


async def test_a_deepgram_that_refuses_is_told_by_the_words_that_do_not_come(
    nats: EmbeddedServer, token: str
):
    async with (
        DeepgramStandIn(faults=Faults(refuse=Refusal(401))) as deepgram,
        inside(NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url) as service,
        patience(),
    ):
        found = await probed(plan_of(service.url, token, by_webhook=False))
    assert failed(found) == ["first-words"]
    assert found["first-words"].said.startswith("none came")
    assert "run `partyline doctor`" in found["first-words"].advice
    assert found["ended"].verdict == "ok"
    assert found["transcript"].verdict == "skipped"


async def test_a_stream_without_a_ticket_is_told_where_tickets_are_given(
    nats: EmbeddedServer, token: str
):
    async with inside(NATS_URL=nats.url, REQUIRE_TICKET="1") as service, patience():
        found = await probed(plan_of(service.url, token, by_webhook=False, end_seconds=0.5))
    assert failed(found) == ["frames"]
    assert "leave --stream out" in found["frames"].advice
    assert "REQUIRE_TICKET=0" in found["frames"].advice


async def test_a_recogniser_that_hears_something_else_is_told(service: Inside, token: str):
    texts = {"inbound": "one two three four", "outbound": "five six seven eight"}
    plan = plan_of(service.url, token, by_webhook=False, speech=replace(SPEECH, texts=texts))
    found = await probed(plan)
    assert failed(found) == ["all-words"]
    assert found["all-words"].said == "0% (inbound 0 of 4, outbound 0 of 4)"
    assert "ask for English" in found["all-words"].advice


async def test_a_nats_that_went_away_is_told_by_the_record_that_does_not_come(
    deepgram: DeepgramStandIn, token: str
):
    async with (
        EmbeddedServer() as nats,
        inside(NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url) as service,
        patience(),
    ):
        await nats.__aexit__()
        plan = plan_of(service.url, token, by_webhook=False, end_seconds=0.5)
        found = await probed(plan)
    assert failed(found) == ["started"]
    assert "run `partyline doctor`" in found["started"].advice


@asynccontextmanager
async def with_webhook(answer: Response) -> AsyncIterator[str]:
    """Serve a voice webhook that says what a test has written down."""

    async def voice(_: object) -> Response:
        return answer

    app = Starlette(
        routes=[
            Route("/twilio/voice", voice, methods=["POST"]),
            Route("/readyz", lambda _: PlainTextResponse("ready\n")),
        ]
    )
    async with serving(app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response("<Response/>", media_type="text/xml"), "it has no <Start><Stream url=…>"),
        (Response("hello"), "it is no TwiML"),
        (Response("no room\n", 503), "HTTP 503 (service unavailable): no room"),
    ],
)
async def test_a_webhook_that_is_no_use_to_twilio_is_told(answer, said, token: str):
    async with with_webhook(answer) as url:
        found = await probed(plan_of(url, token))
    assert failed(found) == ["webhook"]
    assert said in found["webhook"].said


async def test_a_stream_that_leads_elsewhere_than_to_a_service_is_told(token: str):
    twiml = '<Response><Start><Stream url="ws://127.0.0.1:1/twilio"/></Start></Response>'
    async with with_webhook(Response(twiml, media_type="text/xml")) as url:
        found = await probed(plan_of(url, token))
    assert found["webhook"].verdict == found["ticket"].verdict == "warning"
    assert found["webhook"].said == "track='inbound_track'"
    assert "cannot connect: connection refused" in found["handshake"].said


async def test_the_command_tells_programs_and_no_secret(service: Inside):
    environ = {"TWILIO_AUTH_TOKEN": "0" * 32, "TOKEN_SECRET": TOKEN_SECRET}
    done = await asyncio.to_thread(partyline, "probe", "--json", service.url, **environ)
    report = json.loads(done.stdout)
    assert (done.returncode, done.stderr, report["ok"]) == (1, "", False)
    assert [stage["name"] for stage in report["checks"]][:2] == ["reach", "webhook"]
    assert TOKEN_SECRET not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environ", "words"),
    [
        (["calls.example.com"], {}, "'calls.example.com' is not like https://calls.example.com"),
        (["https://h?a=b"], {}, "is not like https://calls.example.com"),
        (["https://h", "--to", "5"], {}, "'5' is not a number such as +15551230000"),
        (["https://h", "--account", "AC"], {}, "'AC' is not AC and 32 lower-case hex digits"),
        (["https://h"], {"TOKEN_SECRET": TOKEN_SECRET}, "TWILIO_AUTH_TOKEN: missing: set the"),
        (["https://h"], {"TWILIO_AUTH_TOKEN": AUTH_TOKEN}, "by --token or PARTYLINE_TOKEN"),
        (["https://h"], {"TOKEN_SECRET": "short"}, "TOKEN_SECRET: a secret needs at least 32"),
    ],
)
def test_what_cannot_be_called_is_refused_in_a_line(arguments, environ, words):
    done = partyline("probe", *arguments, **environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert os.linesep not in done.stderr.strip()


async def test_a_service_that_asks_for_nothing_is_called_with_nothing():
    done = await asyncio.to_thread(partyline, "probe", "--insecure", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert "failed   reach" in done.stdout


@pytest.mark.proof
async def test_what_is_shipped_is_understood_by_a_real_recogniser(
    rounds: Callable[..., range], nats: EmbeddedServer, token: str
):
    """The sample is of the words alone: all of a call takes eleven seconds."""
    heard = Moonshine()
    for track, audio in recorded().tracks.items():
        alone = transcript(await asyncio.to_thread(recognise, audio, heard))
        assert error_rate(recorded().texts[track], alone) < 0.2
    for _ in rounds(sample=0, full=2):
        async with (
            DeepgramStandIn(heard) as deepgram,
            inside(NATS_URL=nats.url, DEEPGRAM_URL=deepgram.url) as service,
            patience(),
        ):
            found = await probed(plan_of(service.url, token, speech=recorded()))
        assert set(verdicts(found).values()) == {"ok"}
        print("\n".join(finding.said for finding in found.values()))
