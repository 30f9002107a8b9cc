"""handler/deepgram/connection.py: one connection is one group of tasks, and what is asked of it."""

import asyncio
import ssl
import subprocess
from functools import partial

import pytest
from support.sids import call_sid
from support.timing import PATIENCE, UNIT, patience
from websockets.asyncio.server import ServerConnection, serve

from handler.audio.mixer import Chunk
from handler.config import Settings
from handler.deepgram import connection
from handler.deepgram.connection import Dialer
from handler.deepgram.recogniser import Output, Recogniser
from handler.deepgram.retry import Breaker
from handler.deepgram.sender import Demand, Stage
from handler.deepgram.timing import Timing

SID = call_sid(1)


# One buffer holds one chunk: what is sent meanwhile falls out, and the sender tells of it.
def settings(url: str) -> Settings:
    return Settings(deepgram_api_key="key", replay_seconds=0.1, deepgram_url=url)


class DefectError(Exception):
    """A defect of ours, planted where the recogniser hands on what it has."""


@pytest.fixture
async def silent():
    """A peer that takes all and neither answers nor closes."""
    taken = asyncio.Event()

    async def take(socket: ServerConnection) -> None:
        async for _ in socket:
            taken.set()

    async with serve(take, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        yield f"ws://{host}:{port}", taken


def overflow(recogniser: Recogniser, first: int) -> None:
    """Send more than the buffer holds, so that the sender has a loss to tell."""
    recogniser.flush()  # the sender is asked for something first: nothing is sent past it
    for number in range(first, first + 4):
        recogniser.send(Chunk(800 * number, bytes(1600)))


async def test_a_defect_in_sending_ends_the_connection_at_once_and_leaves_as_itself(silent):
    url, taken = silent

    def emit(output: Output) -> None:
        raise DefectError(output)

    recogniser = Recogniser(settings(url), emit, SID, timing=Timing(stall=1000 * UNIT))
    recogniser.send(Chunk(0, bytes(1600)))
    running = asyncio.create_task(recogniser.run())
    await taken.wait()
    overflow(recogniser, 1)
    async with patience():
        with pytest.raises(ExceptionGroup) as raised:
            await running
    assert raised.group_contains(DefectError)


class DefectiveBreaker(Breaker):
    """One that fails when it is told that nothing is known of a connection."""

    def gave_up(self) -> None:
        raise DefectError


async def test_a_defect_in_watching_ends_the_connection_at_once_and_leaves_as_itself(silent):
    url, _ = silent
    # One chunk is no flow of audio: the watcher finds no stall, and lets the others try.
    recogniser = Recogniser(
        settings(url),
        lambda _: None,
        SID,
        breaker=DefectiveBreaker(),
        timing=Timing(stall=0.2 * UNIT),
    )
    recogniser.send(Chunk(0, bytes(1600)))
    async with patience():
        with pytest.raises(ExceptionGroup) as raised:
            await recogniser.run()
    assert raised.group_contains(DefectError)


@pytest.fixture
async def closing():
    """A peer that closes at the first audio."""
    taken = asyncio.Event()

    async def close(socket: ServerConnection) -> None:
        await socket.recv()
        taken.set()
        await socket.close(1011)

    async with serve(close, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        yield f"ws://{host}:{port}", taken


async def test_a_cancellation_is_never_swallowed_whenever_it_comes_in_a_close(closing):
    url, taken = closing
    for turns in range(40):  # of the loop, between the first audio and the cancellation
        taken.clear()
        recogniser = Recogniser(
            settings(url), lambda _: None, SID, timing=Timing(stall=1000 * UNIT)
        )
        recogniser.send(Chunk(0, bytes(1600)))
        running = asyncio.create_task(recogniser.run())
        await taken.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        # Not by a timeout: it would cancel once more, and hide that the first was swallowed.
        ended, _ = await asyncio.wait({running}, timeout=PATIENCE)
        assert ended, f"swallowed after {turns} turns"
        assert running.cancelled()


@pytest.mark.parametrize(
    ("asked", "stage", "finished"),
    [
        ([], Stage.STREAMING, False),
        ([Stage.FLUSHING], Stage.FLUSHING, False),
        ([Stage.FLUSHING, Stage.STREAMING], Stage.STREAMING, False),
        ([Stage.FINISHED], Stage.FINISHED, True),
        ([Stage.FINISHED, Stage.STREAMING], Stage.FINISHED, True),
        ([Stage.FINISHED, Stage.FLUSHING], Stage.FINISHED, True),
    ],
)
async def test_nothing_follows_the_end_of_a_call(asked, stage, finished):
    demand = Demand()
    for wanted in asked:
        demand.set(wanted)
    assert (demand.stage, demand.finished.is_set()) == (stage, finished)
    assert demand.changed.is_set() is bool(asked)


@pytest.fixture
def certificate(tmp_path):
    """A certificate of this machine, and its key; nobody trusts it before or after the test."""
    connection._tls.cache_clear()
    paths = (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-out", paths[0], "-keyout", paths[1]),
        ],
        check=True,
        capture_output=True,
    )
    yield paths
    connection._tls.cache_clear()


async def test_the_certificates_of_authorities_are_read_once_for_all_calls(
    certificate, monkeypatch
):
    """Each reading takes 25 ms of every call's time, and what is read 0.8 MB."""
    made = []
    make = partial(ssl.create_default_context, cafile=certificate[0])

    def counted() -> ssl.SSLContext:
        made.append(make())
        return made[-1]

    monkeypatch.setattr(ssl, "create_default_context", counted)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(*certificate)

    async def answer(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with serve(answer, "localhost", 0, ssl=theirs) as server, patience():
        port = next(iter(server.sockets)).getsockname()[1]
        here = settings(f"wss://localhost:{port}")
        for _ in range(2):  # each call has its own
            socket, _ = await Dialer(here, Breaker(), Timing()).open(lambda _: None)
            await socket.close()
    assert len(made) == 1
