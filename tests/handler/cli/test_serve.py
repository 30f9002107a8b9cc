"""handler/cli/serve.py: the process around the application."""

import asyncio
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import nats
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from structlog.testing import capture_logs
from support.credentials import DEEPGRAM_KEY, NEEDED
from support.processes import ENVIRON, partyline
from support.served import port_of, running, say
from support.timing import PATIENCE, until
from websockets.asyncio.client import connect

from bench.processes import free_port
from broker.server.embedded import EmbeddedServer
from handler.cli import serve as serve_module
from handler.cli.serve import Server, _fit
from handler.config import Settings
from rehearsal.deepgram import DeepgramStandIn, Faults
from rehearsal.errors import Refusal

SETTINGS = {**NEEDED, "HOST": "127.0.0.1", "PORT": "0", "NATS_URL": "nats://127.0.0.1:1"}


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("name", ["PORT", "METRICS_PORT"])
def test_a_port_that_is_taken_is_refused_with_the_name_of_its_setting(taken, name):
    ended = partyline("serve", **{**SETTINGS, name: str(taken)})
    assert ended.returncode == 1
    assert f"partyline serve: {name}: cannot listen on 127.0.0.1 port {taken}: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_metrics_port_that_is_taken_is_found_out_before_other_parts_begin(taken):
    ended = partyline("serve", "--embedded-nats", **{**SETTINGS, "METRICS_PORT": str(taken)})
    assert ended.returncode == 1
    assert ended.stderr.startswith("partyline serve: METRICS_PORT: ")
    assert "nats" not in ended.stderr  # no server was started, and none has to be closed


def test_a_directory_that_the_embedded_server_cannot_use_is_named_by_its_setting(tmp_path):
    (tmp_path / "file").touch()
    store = str(tmp_path / "file" / "store")
    environ = {key: value for key, value in SETTINGS.items() if key != "NATS_URL"}
    ended = partyline("serve", "--embedded-nats", **environ, NATS_STORE=store)
    assert ended.returncode == 1
    assert f"partyline serve: NATS_STORE: cannot write to {store}: Not a directory" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_nats_that_is_away_is_said_in_one_line_with_its_address_and_what_to_do(serve):
    url = "nats://party:secret@127.0.0.1:1"
    service = serve(wait=False, NATS_URL=url)
    line = service.wait_for("nats")
    assert line["servers"] == "nats://127.0.0.1:1"
    assert line["problem"] == "connection refused: is a server running there?"
    assert service.stop() == 0
    assert service.text.count('"event": "nats"') == 1
    assert "secret" not in service.text


async def test_an_address_of_nats_that_was_reached_is_said_without_its_secrets(serve):
    async with EmbeddedServer() as server:
        url = server.url.replace("//", "//party:secret@")
        service = await asyncio.to_thread(serve, wait=False, NATS_URL=url)
        line = await asyncio.to_thread(service.wait_for, "ready")
    assert line["nats_url"] == server.url
    assert service.stop() == 0
    assert "secret" not in service.text


def test_what_may_be_wrong_of_the_settings_is_said_at_the_start(serve):
    service = serve(
        wait=False, PUBLIC_URL="http://calls.example.com", NATS_URL="nats://127.0.0.1:1"
    )
    service.wait_for("nats")
    assert service.stop() == 0
    doubted = [line["setting"] for line in service.lines if line["event"].endswith("right?")]
    assert doubted == ["PUBLIC_URL", "TWILIO_AUTH_TOKEN"]  # the key is for a stand-in, or none


@pytest.mark.parametrize(
    ("flags", "without", "said"),
    [
        ((), (), ["PUBLIC_URL is not set"]),
        (("--insecure",), ("TOKEN_SECRET",), ["read calls", "PUBLIC_URL is not set"]),
        (("--insecure",), ("TWILIO_AUTH_TOKEN", "TOKEN_SECRET"), ["send audio, read calls"]),
    ],
)
def test_what_anybody_may_is_said_and_nothing_else(serve, flags, without, said):
    empty = dict.fromkeys(without, "")
    service = serve(*flags, wait=False, NATS_URL="nats://127.0.0.1:1", **empty)
    service.wait_for("nats")
    assert service.stop() == 0
    warnings = [line for line in service.lines if line["event"].startswith(("insecure", "PUBLIC"))]
    heard = [", ".join(line.get("anybody_may", [line["event"]])) for line in warnings]
    assert [one.partition(":")[0] for one in heard] == said


def test_metrics_are_served_while_nats_is_away(serve):
    port = free_port()
    service = serve(wait=False, METRICS_PORT=str(port), NATS_URL="nats://127.0.0.1:1")
    service.wait_for("nats")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        assert b"\npartyline_nats_connected 0.0\n" in answer.read()
    assert service.stop() == 0


def test_what_is_missing_is_said_at_once_a_line_for_each():
    ended = partyline("serve", PORT="http")
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    names = {line.removeprefix("partyline serve: ").partition(":")[0] for line in lines}
    assert names == {*NEEDED, "PORT"}
    assert len(lines) == len(names)


@pytest.mark.parametrize("token", [",", " , "])
def test_a_list_of_no_tokens_does_not_open_the_service_to_everybody(token):
    ended = partyline("serve", **{**SETTINGS, "TWILIO_AUTH_TOKEN": token})
    assert ended.returncode == 2
    assert ended.stderr == "partyline serve: TWILIO_AUTH_TOKEN: holds no token\n"


@pytest.mark.parametrize("kind", ["nothing", "a file", "closed"])
def test_standard_input_of_any_kind_ends_the_service_when_it_ends(kind, tmp_path):
    """A supervisor may hand on what the loop cannot wait for."""
    (tmp_path / "file").write_text("a line\n")
    path = tmp_path / "file" if kind == "a file" else "/dev/null"
    command = [sys.executable, "-m", "handler.cli", "serve", "--embedded-nats", "--stop-at-eof"]
    if kind == "closed":
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    with open(path) as stdin:  # noqa: PTH123  either of them
        ended = subprocess.run(
            command,
            env={**ENVIRON, **NEEDED, "HOST": "127.0.0.1", "PORT": "0"},
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  our own
        body: bytes = answer.read()
    return body


async def test_a_key_that_deepgram_refuses_is_said_at_the_start_and_the_service_goes_on(serve):
    port = free_port()
    async with DeepgramStandIn(faults=Faults(refuse=Refusal(401))) as deepgram:
        service = await asyncio.to_thread(serve, DEEPGRAM_URL=deepgram.url, METRICS_PORT=str(port))
        event = "deepgram refuses: no call is heard"
        line = await asyncio.to_thread(service.wait_for, event)  # before the stand-in leaves
    assert line["advice"].startswith("check DEEPGRAM_API_KEY")
    assert DEEPGRAM_KEY not in service.text
    metrics = await asyncio.to_thread(fetched, f"http://127.0.0.1:{port}/metrics")
    assert b"\npartyline_deepgram_accepts 0.0\n" in metrics
    assert await asyncio.to_thread(fetched, f"{service.url}/readyz") == b"ready\n"
    assert (service.stop(), deepgram.handshakes) == (0, 1)


async def test_a_stream_that_is_not_ours_keeps_the_service_unready_and_is_said_with_what_to_do(
    serve, tmp_path
):
    port = free_port()
    async with EmbeddedServer(str(tmp_path)) as server:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name="TRANSCRIPTS", subjects=["transcripts.>"])
        service = serve(wait=False, NATS_URL=server.url, PORT=str(port))
        line = service.wait_for("nats is not as we need it")
        assert 'subjects is ["transcripts.>"], must be ["ingest.transcripts.>"]' in line["problem"]
        assert "`partyline provision` brings it up to date" in line["problem"]
        with pytest.raises(HTTPError) as refused:
            await asyncio.to_thread(fetched, f"http://127.0.0.1:{port}/readyz")
        with refused.value as answer:
            assert (answer.code, answer.read()) == (
                503,
                b"NATS is not as it must be: the log says why\n",
            )
        mended = await asyncio.to_thread(partyline, "provision", NATS_URL=server.url)
        assert mended.returncode == 0
        service.wait_for("ready")
        await client.close()


def test_too_few_open_files_lower_what_is_taken_and_the_log_says_what_to_change():
    """A service that takes more than there are descriptors for would drop calls instead."""
    settings = Settings(max_calls=100, max_subscribers=5000)
    with capture_logs() as lines:
        fitted, places = _fit(settings, 20_000)
        assert (fitted, lines) == (settings, [])
        fitted, places = _fit(settings, 1024)
    assert (fitted.max_calls, fitted.max_subscribers) == (100, 320)
    assert places.lobby == 240
    assert lines[0]["needed"] == 5964
    assert "ulimit -n" in lines[0]["advice"]


async def test_a_server_sleeps_until_somebody_comes_and_says_the_date_of_that_moment(monkeypatch):
    """What looks or counts ten times a second costs more than all else of an idle process."""
    looks = []
    monkeypatch.setattr(Server, "on_tick", lambda _, counter: looks.append(counter))
    async with running(PlainTextResponse("here")) as server:
        dates = iter(["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 02 Jan 1970 00:00:00 GMT"])
        monkeypatch.setattr(serve_module, "formatdate", lambda usegmt: usegmt and next(dates))
        request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        first, second = [await say(port_of(server), request) for _ in range(2)]
    assert b"\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in first
    assert b"\r\ndate: Fri, 02 Jan 1970 00:00:00 GMT\r\n" in second
    assert looks == []


async def test_a_server_knows_who_is_connected_and_takes_nobody_once_its_port_is_closed():
    """What an idle process looks at before it leaves."""
    accepted = WebSocketRoute("/socket", until_closed)
    async with running(Starlette(routes=[accepted])) as server:
        port = port_of(server)
        assert (server.websockets, server.quiet) == (0, True)
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        assert not server.quiet  # it waits in the kernel, and then for its request
        await until(lambda: len(server.server_state.connections) == 1)
        assert (server.websockets, server.quiet) == (0, False)
        silent.close()
        await until(lambda: server.quiet)
        async with connect(f"ws://127.0.0.1:{port}/socket", proxy=None):
            assert (server.websockets, server.quiet) == (1, True)
        await until(lambda: not server.websockets)
        server.close_port()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def until_closed(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()
