"""Twilio's REST API as far as a move needs it, and its callbacks."""

import heapq
import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from bench.load.sockets import Connection, Poller, dial, listen
from rehearsal.twilio.signing import sign, signed_part

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)

Form = dict[str, str]
Answer = tuple[int, dict[str, Any]]


class Timer:
    """What is to be done later."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), action))

    def turn(self, now: float) -> float:
        """Do what is due; returns when the next one is."""
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        return self._due[0][0] if self._due else float("inf")


class Api:
    """
    Answers requests, each after a time.

    Attributes:
        most: How many requests waited for their answer at once, at the most.
    """

    def __init__(
        self,
        poller: Poller,
        port: int,
        latency: float,
        timer: Timer,
        handle: Callable[[str, str, Form], Answer],
    ) -> None:
        self.most = 0
        self._poller, self._timer = poller, timer
        self._latency, self._handle = latency, handle
        self._waiting = 0
        self._listener = listen(port)
        poller.add(self._listener.fileno(), self)

    def ready(self, events: int) -> None:
        del events
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            _Asker(self._poller, sock, self)

    def asked(self, method: str, path: str, form: Form, answer: Callable[[bytes], None]) -> None:
        """Answer a request, later."""
        self._waiting += 1
        self.most = max(self.most, self._waiting)

        def respond() -> None:
            self._waiting -= 1
            status, body = self._handle(method, path, form)
            data = json.dumps(body).encode()
            head = (
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
            )
            answer(head.encode() + data)

        self._timer.later(self._latency, respond)


class _Asker(Connection):
    """A connection to the API, with one request at a time."""

    def __init__(self, poller: Poller, sock: socket.socket, api: Api) -> None:
        super().__init__(poller, sock)
        self._api = api
        self._data = b""

    def received(self, data: bytes) -> None:
        self._data += data
        head, ended, rest = self._data.partition(b"\r\n\r\n")
        length = int(found[1]) if (found := LENGTH.search(head)) else 0
        if not ended or len(rest) < length:
            return
        self._data = rest[length:]
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        form = dict(parse_qsl(rest[:length].decode(), keep_blank_values=True))
        self._api.asked(method, path, form, self.write)


class _Post(Connection):
    """A request of Twilio's, whose answer nobody reads."""

    def received(self, data: bytes) -> None:
        del data
        self.drop()


def call_back(poller: Poller, url: str, form: Mapping[str, str], auth_token: str) -> None:
    """Send a signed status callback."""
    parts = urlsplit(url)
    body = urlencode(form)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: close",
        "Content-Type: application/x-www-form-urlencoded",
        f"X-Twilio-Signature: {sign(auth_token, signed_part(url), form.items())}",
        f"Content-Length: {len(body)}",
    ]
    _Post(poller, dial(parts.port or 80)).write("\r\n".join((*lines, "", body)).encode())


def parameters(form: Form) -> dict[str, str]:
    """Return the ``<Parameter>``s of a stream that is asked for."""
    names: Iterable[re.Match[str] | None] = (
        re.fullmatch(r"Parameter(\d+)\.Name", key) for key in form
    )
    numbers = [found[1] for found in names if found]
    return {form[f"Parameter{one}.Name"]: form[f"Parameter{one}.Value"] for one in numbers}
