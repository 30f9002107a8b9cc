"""Whole processes: a service as a plain process, and what its tests ask of it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from handler import tokens

AUTH_TOKEN = "twilio-auth-token-of-the-tests"
TOKEN_SECRET = "subscriber-token-secret-of-the-tests"
# Slow machines scale every deadline of the tests at once.
UNIT = float(os.environ.get("PARTYLINE_TEST_UNIT", "1"))


@dataclass
class Process:
    """A program of ours that writes JSON log lines to standard error."""

    popen: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list)
    output: list[str] = field(default_factory=list)
    news: threading.Condition = field(default_factory=threading.Condition)

    def read(self) -> None:
        assert self.popen.stderr is not None
        for text in self.popen.stderr:
            with self.news:
                self.output.append(text)
                with contextlib.suppress(json.JSONDecodeError):
                    self.lines.append(json.loads(text))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def wait_for(self, event: str, timeout: float = 20.0) -> dict[str, Any]:
        """Return the first log line with this event, waiting for it."""
        deadline = time.monotonic() + timeout * UNIT
        with self.news:
            while True:
                for entry in self.lines:
                    if entry.get("event") == event:
                        return entry
                left = deadline - time.monotonic()
                if left <= 0 or self.popen.poll() is not None:
                    raise AssertionError(f"no {event!r} in:\n{''.join(self.output)}")
                self.news.wait(min(left, 0.5))

    def stop(self, timeout: float = 20.0) -> int:
        """Send SIGTERM and return the exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout * UNIT)

    @property
    def text(self) -> str:
        with self.news:
            return "".join(self.output)


@dataclass
class Service(Process):
    """A running ``partyline serve``."""

    @property
    def url(self) -> str:
        return self.wait_for("ready")["url"]

    @property
    def ws(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def nats_url(self) -> str:
        return self.wait_for("ready")["nats_url"]


Serve = Callable[..., Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start services; whatever still runs at the end of the test is stopped."""
    started: list[Service] = []

    def start(*flags: str, wait: bool = True, **environ: str) -> Service:
        settings = {
            "PORT": "0",
            "HOST": "127.0.0.1",
            "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
            "TOKEN_SECRET": TOKEN_SECRET,
            "DEEPGRAM_API_KEY": "a-key-of-the-tests",
            "DEEPGRAM_URL": "ws://127.0.0.1:1",
            **environ,
        }
        if "NATS_URL" not in settings:
            flags = ("--embedded-nats", *flags)
        popen = subprocess.Popen(
            [sys.executable, "-m", "handler.cli", "serve", *flags],
            env={"PATH": os.environ["PATH"], **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        service = Service(popen)
        threading.Thread(target=service.read, daemon=True).start()
        started.append(service)
        if wait:
            service.wait_for("ready")
        return service

    yield start
    for service in started:
        if service.popen.poll() is None:
            service.popen.terminate()
    for service in started:
        try:
            service.popen.wait(20 * UNIT)
        finally:
            service.popen.kill()
            for stream in (service.popen.stdin, service.popen.stdout):
                if stream is not None:
                    stream.close()


@pytest.fixture
def token() -> str:
    """Return a token that opens every call."""
    return mint(calls=["*"])


def mint(*, ttl: float = 600, **grants: Any) -> str:
    return tokens.mint(TOKEN_SECRET, expires=time.time() + ttl, **grants)
