"""docs/openapi.json, docs/asyncapi.json: written by the code, and true of a service that runs."""

import json
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from starlette.routing import Route, WebSocketRoute
from support.credentials import NEEDED
from support.timing import patience
from websockets.asyncio.client import connect

from bench import descriptions
from bench.descriptions import ROOT, asyncapi, openapi, written
from handler.app import create_app
from handler.config import Settings
from handler.errors import SubscriberError
from handler.subscribers import commands

OPENAPI, ASYNCAPI = openapi(), asyncapi()
MINE, OTHER = "+15551230001", "+15551230002"
UNKNOWN = "CA" + "0" * 32
# What is no plain request for other programs: sockets, which asyncapi.json has, and the page.
ELSEWHERE = {"/twilio", "/client", "/{path:path}"}


@pytest.fixture(scope="module")
def service(serve_many):
    return serve_many(AWAIT_CALL_SECONDS="1")


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_the_file_is_what_the_code_writes(name):
    """Else: make descriptions."""
    committed = (ROOT / "docs" / f"{name}.json").read_text()
    assert committed == written(getattr(descriptions, name)())


def test_the_description_of_requests_is_one():
    validate(OPENAPI)
    with pytest.raises(OpenAPIValidationError):
        validate({**OPENAPI, "info": {}})


def references(part: object):
    if isinstance(part, dict):
        if isinstance(found := part.get("$ref"), str):
            yield found
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


@pytest.mark.parametrize("description", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_each_reference_leads_somewhere(description):
    found = set(references(description))
    assert found
    for reference in found:
        at: Any = description
        for name in reference.removeprefix("#/").split("/"):
            at = at[name]


def test_each_route_is_described_and_no_other():
    routes = create_app(Settings.from_environ(NEEDED)).routes
    paths = {route.path for route in routes if isinstance(route, Route | WebSocketRoute)}
    described = {path.replace("{callSid}", "{call_sid}") for path in OPENAPI["paths"]}
    # Of an account by name they are the same.
    paths = {path for path in paths if not path.startswith("/twilio/{account_sid")}
    assert paths - ELSEWHERE == described
    assert ASYNCAPI["channels"]["subscriber"]["address"] in ELSEWHERE


def operation(path: str) -> dict[str, Any]:
    return OPENAPI["paths"][path]["get"]


def fits(body: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": OPENAPI["components"]}
    Draft202012Validator(whole).validate(body)


def answered(path: str, answer: httpx.Response) -> None:
    """Hold an answer against what is described."""
    said = operation(path)["responses"][str(answer.status_code)]
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if "content" not in said:
        assert answer.content == b""
        return
    schema = said["content"][media_type]["schema"]
    fits(answer.json() if media_type == "application/json" else answer.text, schema)


async def test_requests_are_answered_as_it_is_written(service, tell, token, mint):
    live, over = await tell(service, from_=MINE), await tell(service, from_=MINE, caller_name="Ana")
    for call in (live, over):
        call.say("good morning", 0.0)
        call.put(type="Gap", start=2.0, end=3.0, track=None, reason="media-lost")
        await call.stored()
    await over.end()
    transcript = "/calls/{callSid}/transcript.{form}"
    events = "/calls/{callSid}/events"
    other = mint(calls=[UNKNOWN])
    whole = {"json", "txt", "srt", "vtt"}
    asks = [
        ("/calls", "/calls", token, 200),
        ("/calls", "/calls", "nonsense", 401),
        ("/calls", "/calls?sinse=1", token, 400),
        ("/healthz", "/healthz", None, 200),
        ("/readyz", "/readyz", None, 200),
        *((transcript, f"/calls/{live.sid}/transcript.{form}", token, 200) for form in whole),
        *((transcript, f"/calls/{over.sid}/transcript.{form}", token, 200) for form in whole),
        (transcript, f"/calls/{over.sid}/transcript.txt?inbound=A&outbound=B", token, 200),
        (transcript, f"/calls/{UNKNOWN}/transcript.json", token, 404),
        (transcript, f"/calls/{live.sid}/transcript.json", other, 403),
        (events, f"/calls/{live.sid}/events", other, 403),
        (events, f"/calls/{live.sid}/events?since=-1", token, 400),
    ]
    async with httpx.AsyncClient(base_url=service.url, trust_env=False) as client:
        for path, url, shown, status in asks:
            headers = {} if shown is None else {"Authorization": f"Bearer {shown}"}
            answer = await client.get(url, headers=headers)
            assert (url, answer.status_code) == (url, status)
            answered(path, answer)


async def test_events_are_what_is_written_of_them(service, tell, token):
    call = await tell(service, from_=MINE)
    call.say("good morning", 0.0)
    await call.end()
    path = "/calls/{callSid}/events"
    said = operation(path)["responses"]["200"]["content"]["text/event-stream"]["schema"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=service.url, trust_env=False, headers=headers) as client,
        patience(),
    ):
        answer = await client.get(f"/calls/{call.sid}/events?interim=true")
        assert answer.headers["content-type"] == "text/event-stream"
        lines = answer.text.splitlines()
        told = [json.loads(line.removeprefix("data: ")) for line in lines if line[:5] == "data:"]
        assert [message["type"] for message in told] == ["CallStarted", "Results", "CallEnded"]
        for message in told:
            fits(message, said)
        again = await client.get(f"/calls/{call.sid}/events?lastEventId={len(told)}")
        assert again.status_code == 204
        answered(path, again)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/calls", commands.OF_LIST),
        ("/calls/events", commands.OF_LIST),
        ("/calls/{callSid}/events", commands.OF_EVENTS),
        ("/calls/{callSid}/transcript.{form}", commands.OF_TRANSCRIPT),
    ],
)
def test_a_query_has_the_names_that_the_service_takes(path, names):
    parameters = operation(path).get("parameters", [])
    assert {each["name"] for each in parameters if each["in"] == "query"} == set(names)


SAID = [
    UNKNOWN,
    {"subscribe": UNKNOWN},
    {"subscribe": UNKNOWN, "since": 3, "interim": False},
    {"subscribe": UNKNOWN, "since": "live"},
    {"subscribe": MINE},
    {"subscribe": MINE, "interim": False},
    {"unsubscribe": UNKNOWN},
    {"unsubscribe": MINE},
    {"list": True},
    {"token": "eyJ"},
]
NEVER_SAID = [
    "CA1",
    {},
    {"subscribe": "CA1"},
    {"subscribe": UNKNOWN, "since": -1},
    {"subscribe": UNKNOWN, "since": "soon"},
    {"subscribe": UNKNOWN, "interim": 1},
    {"list": False},
    {"list": True, "token": "eyJ"},
    {"subscribe": UNKNOWN, "more": 1},
]


def is_described(said: object) -> bool:
    messages = ASYNCAPI["components"]["messages"]
    heard = ASYNCAPI["operations"]["hear"]["messages"]
    schemas = [messages[each["$ref"].rpartition("/")[2]]["payload"] for each in heard]
    return any(Draft202012Validator(schema).is_valid(said) for schema in schemas)


@pytest.mark.parametrize("said", SAID, ids=json.dumps)
def test_what_may_be_said_is_taken(said):
    assert is_described(said)
    commands.parse(said if isinstance(said, str) else json.dumps(said))


@pytest.mark.parametrize("said", NEVER_SAID, ids=json.dumps)
def test_what_may_not_be_said_is_refused(said):
    assert not is_described(said)
    with pytest.raises(SubscriberError):
        commands.parse(said if isinstance(said, str) else json.dumps(said))


async def test_a_socket_is_told_what_is_written_of_it_and_each_kind_is(service, tell, mint):
    rights = {"calls": [UNKNOWN], "numbers": [MINE]}
    call = await tell(service, from_=MINE, to=OTHER)
    call.say("good morning", 0.0)
    await call.stored()
    messages = {
        name: each["payload"]
        for name, each in ASYNCAPI["components"]["messages"].items()
        if name in descriptions.OF_SOCKET or name in descriptions.KEPT
    }
    told: list[dict[str, Any]] = []
    wanted = {"Subscribed", "CallStarted", "Results", "CallEnded", "Over"}
    wanted |= {"Calls", "Token", "Waiting", "Error"}
    async with (
        connect(f"{service.ws}/client?token={mint(**rights)}", proxy=None) as socket,
        patience(),
    ):
        assert call.sid in json.loads(await socket.recv())
        for said in ({"list": True}, {"subscribe": MINE}, {"subscribe": UNKNOWN}):
            await socket.send(json.dumps(said))
        await socket.send(json.dumps({"token": mint(**rights)}))

        async def hear(*kinds: str) -> None:
            while {message["type"] for message in told}.isdisjoint(kinds):
                told.append(json.loads(await socket.recv()))

        await hear("CaughtUp")
        await call.end()
        while missing := wanted - {message["type"] for message in told}:
            await hear(*missing)
    for message in told:
        Draft202012Validator(messages[message["type"]]).validate(message)
