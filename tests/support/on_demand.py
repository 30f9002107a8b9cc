"""A platform's proxy, which starts a service when somebody comes and none is running."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from support.processes import Serve, Service
from support.timing import LOOK

from bench.processes import free_port

# A connection of plain requests is kept for so long after the last one.
SILENCE = 0.5


class OnDemand:
    """
    Leads each connection to a service, and starts one if need be: whoever came waits meanwhile.

    Attributes:
        started: The services, in order; of one place all but the last have ended.
        seconds: How long each took until it said that it is ready.
    """

    def __init__(self, serve: Serve, environ: dict[str, str]) -> None:
        self.port = 0
        self.started: list[Service] = []
        self.seconds: list[float] = []
        self.environ = environ
        self._serve = serve
        self._backend = free_port()
        self._starting = asyncio.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            theirs, ours = await self._connected()
            ours.write(head)
            silence = None if b"\r\nupgrade:" in head.lower() else SILENCE
            await asyncio.gather(_copy(reader, ours, silence), _copy(theirs, writer, silence))

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with self._starting:
            try:
                return await asyncio.open_connection("127.0.0.1", self._backend)
            except ConnectionRefusedError:
                if self.started:  # it leaves: its end is waited for, as by a platform
                    await asyncio.to_thread(self.started[-1].ended_with)
                begun = time.monotonic()
                service = await asyncio.to_thread(
                    self._serve, wait=False, PORT=str(self._backend), **self.environ
                )
                # As soon as its port is open: from then on it does not leave as one that is idle.
                connected = await self._taken_in_by(service)
                await asyncio.to_thread(service.wait_for, "ready")
                self.seconds.append(time.monotonic() - begun)
                self.started.append(service)
                return connected

    async def _taken_in_by(
        self, service: Service
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while not service.ended:
            with contextlib.suppress(ConnectionRefusedError):
                return await asyncio.open_connection("127.0.0.1", self._backend)
            await asyncio.sleep(LOOK)
        raise AssertionError(service.text)


class OneEach(OnDemand):
    """Leads each connection to a service of its own, which it starts for that."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            begun = time.monotonic()
            service = await asyncio.to_thread(self._serve, **self.environ)
            self.seconds.append(time.monotonic() - begun)
            self.started.append(service)
            theirs, ours = await asyncio.open_connection("127.0.0.1", service.port)
            ours.write(head)
            await asyncio.gather(_copy(reader, ours, None), _copy(theirs, writer, None))


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence: float | None
) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        while data := await asyncio.wait_for(reader.read(65536), silence):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(ConnectionError, RuntimeError):
        writer.close()


@contextlib.asynccontextmanager
async def on_demand(
    serve: Serve, kind: type[OnDemand] = OnDemand, **environ: str
) -> AsyncIterator[OnDemand]:
    """Run such a proxy."""
    proxy = kind(serve, environ)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
