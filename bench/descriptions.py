"""
``docs/openapi.json`` and ``docs/asyncapi.json``: what is said on our wires, for other programs.

``make descriptions`` writes them, from the schemas of the messages (``docs/schemas/``) and from
what the service itself takes; ``tests/system/test_descriptions.py`` holds them against one that
runs. Sources: https://spec.openapis.org/oas/v3.1.0 and
https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

import argparse
import json
from pathlib import Path
from typing import Any

from broker.identifiers import CALL_SID, E164
from handler.errors import EndCode
from handler.subscribers import commands

Json = dict[str, Any]

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "docs" / "schemas"
VERSION = "1"  # of the payloads: ``v``
HOST = {"host": {"default": "calls.example.com", "description": "where the service is"}}
INFO: Json = {
    "title": "Partyline",
    "version": VERSION,
    "description": "Live transcripts of Twilio phone calls. docs/protocol.md is the contract.",
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}
KEPT = ("CallStarted", "CallResumed", "Gap", "Recogniser", "CallEnded", "Results")
PASSING = ("Results", "UtteranceEnd", "SpeechStarted")
# What a socket that speaks JSON is told besides.
OF_SOCKET = ("Subscribed", "CaughtUp", "Over", "Waiting", "Expired", "Error", "Token", "Calls")
TEXT = "text/plain"
STREAM = "text/event-stream"


def main() -> None:
    """Write both."""
    argparse.ArgumentParser(prog="python -m bench.descriptions", description=__doc__).parse_args()
    for name, description in (("openapi", openapi()), ("asyncapi", asyncapi())):
        (ROOT / "docs" / f"{name}.json").write_text(written(description))


def written(description: Json) -> str:
    """Return a description as its file has it."""
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"


def schemas() -> Json:
    """Return the schema of each message, by its type."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("*.json"))}
    for schema in found.values():
        del schema["$schema"]
    return found


# Plain requests


def openapi() -> Json:
    """Describe the plain requests."""
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "https://{host}", "variables": HOST}],
        "security": [{"bearer": []}, {"query": []}],
        "paths": {
            "/calls": {"get": _list()},
            "/calls/events": {"get": _list_events()},
            "/calls/{callSid}/events": {"get": _call_events()},
            "/calls/{callSid}/transcript.{form}": {"get": _transcript()},
            "/healthz": {"get": _probe("healthz", "the event loop answers")},
            "/readyz": {"get": _probe("readyz", "new sockets are welcome", refused=True)},
            "/twilio/voice": {"post": _webhook("voice", "What to do with a call.")},
            "/twilio/status": {"post": _webhook("status", "What became of a call.")},
        },
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "query": {"type": "apiKey", "in": "query", "name": commands.BEARER},
            },
        },
    }


def _list() -> Json:
    return {
        "operationId": "listCalls",
        "summary": "The live calls that the token may see, as they are known now.",
        "responses": {"200": _answer("the list", "application/json", _ref("Calls"))}
        | _refusals(400, 401, 403),
    }


def _list_events() -> Json:
    return {
        "operationId": "followList",
        "summary": "The list as server-sent events: whole, now and at each change.",
        "responses": {"200": _answer("each event's data is a list", STREAM, _ref("Calls"))}
        | _refusals(400, 401, 403, 429, 503),
    }


def _call_events() -> Json:
    query: dict[str, tuple[str, Json]] = {
        "since": ("the last seq that is known; live: the past is skipped", _since()),
        "interim": ("whether interims are wanted", {"type": "boolean", "default": True}),
        "lastEventId": ("as the header, for those who cannot set one", _since()),
    }
    header = {**_parameter("header", commands.LAST_ID, "the last id; wins over since", _since())}
    return {
        "operationId": "followCall",
        "summary": "A call as server-sent events: records with their seq as id, and interims.",
        "parameters": [_call_sid(), *_query(commands.OF_EVENTS, query), header],
        "responses": {
            "200": _answer("each event's data is a message", STREAM, _any_of(*KEPT, *PASSING[1:])),
            "204": {"description": "the call is over, and all of it is known"},
        }
        | _refusals(400, 401, 403, 404, 429, 503),
    }


def _transcript() -> Json:
    forms = {
        "application/json": {"schema": _ref("Transcript")},
        TEXT: {"schema": {"type": "string"}},
        "application/x-subrip": {"schema": {"type": "string"}},
        "text/vtt": {"schema": {"type": "string"}},
    }
    query: dict[str, tuple[str, Json]] = {
        "follow": ("txt and vtt: grow with the call", {"type": "boolean", "default": False}),
        "inbound": ("the name of that side", {"type": "string"}),
        "outbound": ("the name of that side", {"type": "string"}),
    }
    form = {"type": "string", "enum": ["json", "txt", "srt", "vtt"]}
    return {
        "operationId": "readTranscript",
        "summary": "A call so far.",
        "parameters": [
            _call_sid(),
            {**_parameter("path", "form", "what is wanted", form), "required": True},
            *_query(commands.OF_TRANSCRIPT, query),
        ],
        "responses": {"200": {"description": "the call", "content": forms}}
        | _refusals(400, 401, 403, 404, 429, 503),
    }


def _probe(name: str, meaning: str, *, refused: bool = False) -> Json:
    said = {"200": _answer(meaning, TEXT, {"type": "string"})}
    return {
        "operationId": name,
        "summary": f"Whether {meaning}.",
        "security": [],
        "responses": said | (_refusals(503) if refused else {}),
    }


def _webhook(name: str, summary: str) -> Json:
    answers: dict[str, Json] = {
        "voice": {"200": _answer("TwiML", "text/xml", {"type": "string"})},
        "status": {"204": {"description": "it was taken"}},
    }[name]
    header = _parameter("header", "X-Twilio-Signature", "Twilio's", {"type": "string"})
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    return {
        "operationId": name,
        "summary": f"{summary} Asked by Twilio alone.",
        "security": [],
        "parameters": [{**header, "required": True}],
        "requestBody": {"required": True, "content": form},
        "responses": answers | _refusals(400, 403, *((410,) if name == "voice" else ()), 413, 503),
    }


def _query(names: tuple[str, ...], known: dict[str, tuple[str, Json]]) -> list[Json]:
    return [_parameter("query", name, *known[name]) for name in names]


def _parameter(where: str, name: str, meaning: str, schema: Json) -> Json:
    return {"name": name, "in": where, "description": meaning, "schema": schema}


def _call_sid() -> Json:
    schema = {"type": "string", "pattern": f"^{CALL_SID.pattern}$"}
    return {**_parameter("path", "callSid", "Twilio's name of the call", schema), "required": True}


def _since() -> Json:
    number = {"type": "integer", "minimum": 0, "maximum": commands.MAX_SINCE}
    return {"oneOf": [number, {"const": commands.LIVE}]}


def _answer(meaning: str, media_type: str, schema: Json) -> Json:
    return {"description": meaning, "content": {media_type: {"schema": schema}}}


REFUSALS = {
    400: "what is asked for is malformed; the answer says what",
    401: "the token opens nothing",
    403: "the token, or the page that asks, can never see this",
    404: "nothing is known of the call",
    410: "the call is over",
    413: "the body is too large",
    429: "too many of them with this token; Retry-After says when to come back",
    503: "no room, draining, or NATS is away: come back, perhaps to another container",
}


def _refusals(*statuses: int) -> Json:
    return {str(status): _answer(REFUSALS[status], TEXT, {"type": "string"}) for status in statuses}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _any_of(*names: str) -> Json:
    return {"oneOf": [_ref(name) for name in names]}


# Sockets and subjects


def asyncapi() -> Json:
    """Describe what subscribers are told by websocket, and what NATS has."""
    messages = {name: {"name": name, "payload": schema} for name, schema in schemas().items()}
    messages = {name: messages[name] for name in (*KEPT, *PASSING[1:], *OF_SOCKET)}
    said = {name: {"name": name, "payload": schema} for name, schema in _commands().items()}
    subjects = {
        "records": ("final.{track}", "Finals of one side, as they were stored.", ("Results",)),
        "events": ("event.call", "What befell a call, as it was stored.", KEPT[:-1]),
        "interims": ("interim.{track}", "What may still change; it is not kept.", PASSING),
    }
    return {
        "asyncapi": "3.0.0",
        "info": INFO,
        "defaultContentType": "application/json",
        "servers": {
            "service": {"host": "{host}", "protocol": "wss", "variables": HOST},
            "nats": {"host": "nats.example.com:4222", "protocol": "nats"},
        },
        "channels": {"subscriber": _socket()}
        | {
            name: _subject(subject, summary, told)
            for name, (subject, summary, told) in subjects.items()
        },
        "operations": {
            "tell": _operation("send", "subscriber"),
            "hear": _operation("receive", "subscriber", *said),
        }
        | {f"publish_{name}": _operation("send", name) for name in subjects},
        "components": {
            "messages": messages | said,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _socket() -> Json:
    query = {
        "call": {"type": "string", "pattern": f"^{CALL_SID.pattern}$"},
        "number": {"type": "string", "pattern": f"^{E164.pattern}$"},
        "since": _since(),
        "interim": {"type": "boolean", "default": True},
        commands.BEARER: {"type": "string"},
    }
    names = (*commands.OF_SOCKET, commands.BEARER)
    properties = {name: query[name] for name in names}
    codes = ", ".join(f"{code:d} {code.name.lower().replace('_', ' ')}" for code in EndCode)
    return {
        "address": "/client",
        "summary": "A subscriber reads calls live.",
        "description": f"It is closed with: {codes}.",
        "servers": [{"$ref": "#/servers/service"}],
        "messages": {
            name: _message(name) for name in (*KEPT, *PASSING[1:], *OF_SOCKET, *_commands())
        },
        "bindings": {
            "ws": {"method": "GET", "query": {"type": "object", "properties": properties}}
        },
    }


def _subject(subject: str, summary: str, told: tuple[str, ...]) -> Json:
    parameters = {
        "accountSid": {"description": "Twilio's name of the account"},
        "callSid": {"description": "Twilio's name of the call"},
        "track": {"enum": ["inbound", "outbound"]},
    }
    address = f"transcripts.{{accountSid}}.{{callSid}}.{subject}"
    return {
        "address": address,
        "summary": summary,
        "servers": [{"$ref": "#/servers/nats"}],
        "parameters": {name: each for name, each in parameters.items() if f"{{{name}}}" in address},
        "messages": {name: _message(name) for name in told},
    }


def _message(name: str) -> Json:
    return {"$ref": f"#/components/messages/{name}"}


def _operation(action: str, channel: str, *names: str) -> Json:
    """Describe what the service does on a channel, with all of its messages or some."""
    operation: Json = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}
    if channel == "subscriber":
        names = names or (*KEPT, *PASSING[1:], *OF_SOCKET)
        messages = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
        operation["messages"] = messages
    return operation


def _commands() -> Json:
    """Return the schema of what a subscriber may say, by a name of ours."""
    call = {"type": "string", "pattern": f"^{CALL_SID.pattern}$"}
    number = {"type": "string", "pattern": f"^{E164.pattern}$"}
    interim = {"type": "boolean", "default": True}
    either = {"oneOf": [call, number]}
    token = {"type": "string", "minLength": 1}
    return {
        "bareCall": {**call, "description": "A callSid by itself: a plain socket, of that call."},
        "subscribe": _command(subscribe=call, since=_since(), interim=interim),
        "subscribeNumber": _command(subscribe=number, interim=interim),
        "unsubscribe": _command(unsubscribe=either),
        "list": _command(list={"const": True}),
        "token": _command(token=token),
    }


def _command(**properties: Json) -> Json:
    needed = [next(iter(properties))]
    return {
        "type": "object",
        "required": needed,
        "properties": properties,
        "additionalProperties": False,
    }


if __name__ == "__main__":
    main()
