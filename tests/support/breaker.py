"""A network that breaks by itself, again and again."""

import asyncio
import random
import socket

from support.cable import Cable


class Breaker(Cable):
    """
    A way to a service on which each connection is reset once it has carried so many bytes.

    It breaks anywhere: in a handshake, within a frame, between two; on the way there or back. What
    it does not do is to lose or change bytes within a connection: TCP does neither.
    """

    def __init__(self, port: int, *, longest: int = 3_000) -> None:
        super().__init__(port)
        self._random = random.Random(port)
        self._longest = longest
        self._passing_back = asyncio.Event()
        self._passing_back.set()
        self.breaking = False
        self.breaks = 0
        self.connections = 0

    def break_often(self) -> None:
        """Break what is open, and from now on whatever comes."""
        self.breaking = True
        self.cut()
        self.mend()

    def break_no_more(self) -> None:
        """Break what is open once more, and then nothing."""
        self.breaking = False
        self.cut()
        self.mend()

    def lead_to(self, port: int) -> None:
        """Let those who come from now on reach another service; who is there stays."""
        self._target = port

    def hold_back(self) -> None:
        """Pass on nothing of what the service says; it hears what is said to it."""
        self._passing_back.clear()

    def pass_on(self) -> None:
        """Pass on again."""
        self._passing_back.set()

    async def _take(self, reader, writer) -> None:
        self.connections += 1
        if not self._whole:
            writer.transport.abort()
            return
        here = socket.socket()
        here.setblocking(False)
        # What is held back lies with the service, which is to notice it, and not in between.
        here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            await asyncio.get_running_loop().sock_connect(here, ("127.0.0.1", self._target))
        except OSError:  # nobody is there
            here.close()
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection(sock=here, limit=4096)
        self._open |= {writer, back}
        always = asyncio.Event()
        always.set()
        there_and_back = (
            self._carry(reader, back, always),
            self._carry(there, writer, self._passing_back),
        )
        await asyncio.gather(*there_and_back)
        self._open -= {writer, back}

    async def _carry(self, reader, writer, gate: asyncio.Event) -> None:
        left = self._random.randrange(1, self._longest) if self.breaking else None
        try:
            while data := await reader.read(65_536):
                await gate.wait()
                writer.write(data[:left])
                await writer.drain()
                if left is not None and (left := left - len(data)) <= 0:
                    self.breaks += 1
                    break
        except OSError:
            pass
        finally:
            writer.transport.abort()
