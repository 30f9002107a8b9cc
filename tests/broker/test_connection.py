"""broker/connection.py: a connection that cannot be made is said in words, and ends nothing."""

import asyncio
from types import SimpleNamespace

import pytest
from nats.aio.client import Client
from support.cable import Cable
from support.timing import LOOK, patience, until

from broker import connection as module
from broker.broker import Broker
from broker.connection import Connection, identity
from broker.provision import find_stream, provision
from broker.server.embedded import EmbeddedServer
from broker.settings import BrokerSettings
from broker.subjects import Subjects


@pytest.mark.parametrize("address", ["nats://127.0.0.1:42x2", "nats://[::1"])
async def test_whatever_opening_a_client_raises_is_said_and_the_process_can_leave(address):
    async with Broker(BrokerSettings(servers=(address,), instance="i1")) as broker:
        await until(lambda: broker.problem is not None)
        assert not broker.ready


@pytest.mark.parametrize(
    ("url", "credentials", "options"),
    [
        ("nats://h", None, {}),
        ("nats://u:p%40%2F@h", None, {"user": "u", "password": "p@/"}),
        ("nats://s%2Ft@h", None, {"token": "s/t"}),
    ],
)
def test_a_client_says_who_it_is_as_the_address_does(url, credentials, options):
    assert identity([url], credentials, None) == options


class Listening:
    """Keeps what a connection says."""

    def __init__(self):
        self.words: list[str] = []

    def on_ready(self):
        self.words.append("ready")

    def on_lost(self):
        self.words.append("lost")

    def on_back(self):
        self.words.append("back")


async def in_order(*_):
    """Find nothing wrong with the server."""


@pytest.mark.parametrize("answer", [b"INFO\r\n", b"INFO []\r\n"])
async def test_a_client_that_ceases_to_reconnect_is_replaced(server, answer):
    """An answer that it cannot read ends its attempts; it says neither that, nor that it closed."""
    listening = Listening()
    async with Cable(int(server.url.rpartition(":")[2])) as cable:
        settings = BrokerSettings(servers=(f"nats://127.0.0.1:{cable.port}",), instance="i1")
        async with Connection(settings, listening, in_order, longest_silence=1.0) as connection:
            async with patience():
                await connection.wait_ready()
            first = connection.client
            cable.lead_to_stranger(answer)
            await until(lambda: cable.answered > 0)
            cable.mend()
            await until(lambda: connection.connected)
            assert connection.client is not first
        assert [listening.words[0], listening.words[-2]] == ["ready", "back"]


async def test_a_client_that_goes_on_trying_is_kept_however_long_nats_is_away(
    tmp_path, monkeypatch
):
    """Only an attempt that is reported lets time pass, and more than is borne of silence."""
    now = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    async with EmbeddedServer(str(tmp_path)) as server:
        port = int(server.url.rpartition(":")[2])
        settings = BrokerSettings(servers=(server.url,), instance="i1")
        connection = Connection(settings, Listening(), in_order, longest_silence=0.1)
        report = connection._on_error

        def pass_time(error: Exception) -> None:
            nonlocal now
            now += 1
            report(error)

        monkeypatch.setattr(connection, "_on_error", pass_time)
        await connection.__aenter__()
        async with patience():
            await connection.wait_ready()
    first = connection.client
    await until(lambda: not connection.connected)
    begun = now
    await until(lambda: now >= begun + 6)
    async with EmbeddedServer(str(tmp_path), port=port):
        await until(lambda: connection.connected)
        assert connection.client is first
        await connection.__aexit__()


async def test_a_stream_that_is_deleted_while_it_is_used_is_found_missing_and_made_anew(server):
    settings = BrokerSettings(servers=(server.url,), instance="i1")

    async def check(client: Client) -> None:
        await provision(client, Subjects(), settings)

    async with Connection(settings, Listening(), check, longest_silence=0.1) as connection:
        async with patience():
            await connection.wait_ready()
            before = await connection.js.stream_info("TRANSCRIPTS")
            await connection.js.delete_stream("TRANSCRIPTS")
            while await find_stream(connection.client, "TRANSCRIPTS") is None:  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
            after = await connection.js.stream_info("TRANSCRIPTS")
        assert after.created != before.created
