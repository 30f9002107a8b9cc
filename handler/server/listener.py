"""
A port, and who is taken in from it.

uvicorn leaves this to the loop, and uvloop's closes the port for good, without a word, when there
is no descriptor for whoever comes next. Here that is logged, and the port stays.
"""

import asyncio
import errno
import select
import socket
from collections.abc import Callable

import structlog

from handler.server.lobby import Lobby
from handler.server.vitals import Vitals

# In one turn of the loop; then those who came have theirs, before others need their places.
ACCEPTS_A_TURN = 32
# Until the next try, when there were no descriptors.
PAUSE_SECONDS = 0.1
# Between two log lines of it.
PERIOD_SECONDS = 60.0
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# Who came has left again, or the network had an error: accept(2) says to go on.
PASSING = {
    errno.ECONNABORTED,
    errno.EINTR,
    errno.EPROTO,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EPERM,
    errno.ETIMEDOUT,
}
ADVICE = (
    "raise the limit of open files (ulimit -n, LimitNOFILE=, docker --ulimit nofile=), or lower "
    "MAX_SUBSCRIBERS"
)

_log = structlog.get_logger()


class Listener:
    """
    Takes connections in from a listening socket, and gives each a protocol.

    It is to uvicorn what the loop's own servers are: something that is closed, and waited for.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        lobby: Lobby,
        vitals: Vitals | None = None,
    ) -> None:
        self.sockets = (listener,)
        self._socket = listener
        self._make = make
        self._lobby = lobby
        self._vitals = Vitals() if vitals is None else vitals
        self._at_once = max(1, min(ACCEPTS_A_TURN, lobby.places // 4))
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._logged = float("-inf")
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take nobody any more."""
        if self._pause is not None:
            self._pause.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    @property
    def quiet(self) -> bool:
        """Whether nobody waits to be taken in."""
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return not self._entering and not waiting.poll(0)

    async def wait_closed(self) -> None:
        """Wait for those who came last."""
        if self._entering:
            await asyncio.wait(self._entering)

    def _listen(self) -> None:
        self._pause = None
        self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for _ in range(self._at_once):
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                if exc.errno in PASSING:
                    continue
                self._wait(exc)
                return
            task = self._loop.create_task(self._enter(connection))
            self._entering.add(task)
            task.add_done_callback(self._entering.discard)

    def _wait(self, exc: OSError) -> None:
        """Try again soon: who came waits in the kernel's queue."""
        self._loop.remove_reader(self._socket)
        self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)
        if exc.errno in EXHAUSTED:  # for those who wait, and for our own connections meanwhile
            self._vitals.accept_pauses += 1
            for _ in range(self._at_once):
                self._lobby.make_room()
        if self._loop.time() - self._logged >= PERIOD_SECONDS:
            self._logged = self._loop.time()
            _log.error("cannot accept connections", error=exc.strerror, advice=ADVICE)

    async def _enter(self, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make, connection)
        except OSError:  # who came has left again
            connection.close()
