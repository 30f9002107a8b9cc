"""A network that breaks when it is told to."""

import asyncio


class Cable:
    """A way to a server that can be cut: a plain TCP proxy."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._whole = True
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.answered = 0  # connections that got a stranger's answer
        self._stranger: bytes | None = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.cut()
        self._server.close()
        for serving in self._serving:
            serving.cancel()
        if self._serving:  # no socket is left to be found open
            await asyncio.wait(self._serving)

    def cut(self) -> None:
        self._whole = False
        for writer in self._open:
            writer.transport.abort()

    def swallow(self) -> None:
        """Keep all connections, and pass on nothing: what a network does that has gone away."""
        self._flowing.clear()

    def lead_to_stranger(self, answer: bytes) -> None:
        """Break what is open; whoever comes then reaches something else, which says this."""
        self.cut()
        self._stranger = answer

    def mend(self) -> None:
        self._whole = True
        self._stranger = None
        self._flowing.set()

    async def _take(self, reader, writer) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:  # the end
            writer.transport.abort()
        finally:
            self._serving.discard(serving)

    async def _serve(self, reader, writer) -> None:
        if self._stranger is not None:
            self.answered += 1
            writer.write(self._stranger)
            await writer.drain()
            writer.close()
            return
        if not self._whole:
            writer.transport.abort()
            return
        await self._flowing.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, back}
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        self._open -= {writer, back}

    async def _pass(self, reader, writer) -> None:
        try:
            while data := await reader.read(65_536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()
