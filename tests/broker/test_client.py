"""broker/client.py: what the client of NATS lets pass, and ours does not."""

import asyncio
import gc
from contextlib import asynccontextmanager

import pytest
from support.cable import Cable
from support.processes import partyline
from support.timing import PATIENCE, patience, until

from broker.broker import Broker
from broker.client import Client
from broker.settings import BrokerSettings

INFO = b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"headers":true}\r\n'


@asynccontextmanager
async def server_without_tls():
    """Listen as a server does that asks for no TLS; yields its port, and what it is told."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        while data := await reader.read(65536):
            heard.append(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, patience():
        yield server.sockets[0].getsockname()[1], heard


@pytest.mark.parametrize("greeting", [b"", b"INFO {\r\n"])
async def test_an_attempt_to_come_back_that_ends_half_way_leaves_no_socket_open(
    server, greeting, monkeypatch
):
    """What is open when nobody holds it any more is told to this hook."""
    told: list[str] = []
    async with Cable(int(server.url.rpartition(":")[2])) as cable, patience():
        settings = BrokerSettings(servers=(f"nats://127.0.0.1:{cable.port}",), instance="one")
        async with Broker(settings) as broker:
            await broker.wait_ready()
            monkeypatch.setattr("sys.unraisablehook", lambda what: told.append(str(what.exc_value)))
            cable.lead_to_stranger(greeting)
            await until(lambda: cable.answered > 2)
            cable.mend()
            await until(lambda: broker.connected)
    gc.collect()
    assert told == []


async def test_no_password_is_said_in_clear_to_a_server_that_was_to_be_reached_by_tls(capfd):
    async with server_without_tls() as (port, heard):
        settings = BrokerSettings(
            servers=(f"tls://handler:the-password@127.0.0.1:{port}",), instance="one"
        )
        async with Broker(settings) as broker:
            await until(lambda: "the server asks for no TLS" in "".join(capfd.readouterr()))
            assert not broker.connected
        assert heard == []


@pytest.mark.parametrize("command", [("provision",), ("tap",), ("purge", f"CA{0:032}")])
async def test_nor_does_a_command(command):
    async with server_without_tls() as (port, heard):
        url = f"tls://admin:the-password@127.0.0.1:{port}"
        ended = await asyncio.to_thread(partyline, *command, "--url", url)
        assert ended.returncode == 1
        assert "the server asks for no TLS" in ended.stderr
        assert "the-password" not in ended.stderr
        assert heard == []


async def test_who_is_cancelled_as_the_answer_comes_is_cancelled(server):
    """In the same turn of the loop, as many are whose process leaves while they ask."""
    may_answer = asyncio.Event()

    async def answer(message):
        await may_answer.wait()
        await message.respond(b"yes")

    client = Client()
    async with patience():
        await client.connect(server.url)
        await client.subscribe("asked", cb=answer)
        asking = asyncio.create_task(client.request("asked", timeout=PATIENCE))
        await until(lambda: client._resp_map)
        [awaited] = client._resp_map.values()
        awaited.add_done_callback(lambda _: asking.cancel())
        may_answer.set()
        await asyncio.wait({asking})
        await client.close()
    assert awaited.result().data == b"yes"
    assert asking.cancelled()
