"""handler/cli/forward.py: a process of its own, its settings, its signals, its metrics."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.brokers import ENDED
from support.forwarders import environ, write
from support.monitoring import scrape
from support.processes import ENVIRON, partyline
from support.receivers import Receiver
from support.sids import account_sid, call_sid, stream_sid
from support.timing import LOOK, PATIENCE, patience, until

from bench.processes import free_port
from broker.broker import Broker
from broker.records import CallFacts
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from handler.cli.forward import main

CALL = CallFacts(
    call_sid=call_sid(1), account_sid=account_sid(0), stream_sid=stream_sid(1), started_at=1
)
REFUSED = 'partyline_forward_given_up_total{reason="refused"} 2.0'


@contextmanager
def running(**settings: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "handler.cli", "forward"],
        env=ENVIRON | settings,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def test_it_forwards_until_sigterm_and_tells_what_it_did():
    port = free_port()
    async with (
        EmbeddedServer() as server,
        Receiver() as receiver,
        Broker(BrokerSettings(servers=(server.url,), instance="i1")) as broker,
    ):
        async with patience():
            await broker.wait_ready()
        await write(broker, CALL, ENDED)
        receiver.answer = lambda one: 422 if one.name.endswith(":2") else 200
        settings = environ(server.url, f"{receiver.url}/secret?key=secret", METRICS_PORT=str(port))
        with running(**settings, HOST="127.0.0.1") as process:
            await until(lambda: len(receiver.came) == 2)
            again = await asyncio.to_thread(partyline, "forward", "--since", "1h", **settings)
            assert again.stdout == "main: TRANSCRIPTS again from what follows 0\n"
            await until(lambda: len(receiver.came) == 4)
            # An answer is counted after it was given.
            told = ""
            async with patience():
                while REFUSED not in told:
                    await asyncio.sleep(LOOK)
                    told = await scrape(port)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, PATIENCE) == 0
            log = await asyncio.to_thread(process.stderr.read)
    assert "partyline_forward_sent_total 2.0" in told
    assert REFUSED in told
    assert "partyline_forward_working 1.0" in told
    lines = [json.loads(line) for line in log.splitlines()]
    (ready,) = (line for line in lines if line["event"] == "ready")
    assert (ready["to"], ready["kinds"]) == (
        receiver.url.removesuffix("/calls"),
        ["event", "final"],
    )
    (stopped,) = (line for line in lines if line["event"] == "stopped")
    assert (stopped["sent"], stopped["given_up"]["refused"]) == (2, 2)
    assert "secret" not in log


async def test_it_ends_when_it_is_told_to_though_nats_is_away():
    settings = environ("nats://127.0.0.1:1", "http://127.0.0.1:1")
    with running(**settings) as process:
        await asyncio.to_thread(process.stderr.readline)  # it has begun
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, PATIENCE) == 0


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"FORWARD_URL": "http://127.0.0.1/\x01"}, 2, "FORWARD_URL: is no address"),
        ({"METRICS_PORT": "1", "HOST": "192.0.2.1"}, 1, "METRICS_PORT: cannot listen on"),
    ],
)
def test_what_is_wrong_ends_it_in_one_line(changes, code, words):
    settings = environ("nats://127.0.0.1:1", "http://127.0.0.1:1", **changes)
    ended = partyline("forward", **settings)
    assert (ended.returncode, ended.stderr.count("\n")) == (code, 1)
    assert words in ended.stderr


def test_a_time_that_is_none_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["--since", "yesterday"])
    assert "'yesterday' is not a time such as" in capsys.readouterr().err
