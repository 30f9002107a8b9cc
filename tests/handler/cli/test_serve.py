"""handler/cli/serve.py: how the service refuses to start, and how it ends."""

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from support.credentials import NEEDED
from support.processes import ENVIRON, partyline
from support.timing import PATIENCE

from bench.processes import free_port

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


@pytest.mark.parametrize("url", ["nats://h:42x2", "nats://", ",", "h:4222"])
def test_a_malformed_url_of_nats_is_refused_at_the_start(url):
    ended = partyline("serve", **{**SETTINGS, "NATS_URL": url})
    assert ended.returncode == 2
    assert ended.stderr.startswith("partyline serve: NATS_URL: ")
    assert ended.stderr.count("\n") == 1


def test_with_an_input_that_is_at_its_end_the_service_stops_at_once_and_in_order():
    ended = subprocess.run(
        [sys.executable, "-m", "handler.cli", "serve", "--stop-at-eof"],
        env=ENVIRON | SETTINGS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert '"event": "stopped"' in ended.stderr.splitlines()[-1]


def test_metrics_are_served_while_nats_is_away(serve):
    port = free_port()
    service = serve(wait=False, METRICS_PORT=str(port), NATS_URL="nats://127.0.0.1:1")
    service.wait_for("nats")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        assert b"\npartyline_nats_connected 0.0\n" in answer.read()
    assert service.stop() == 0
