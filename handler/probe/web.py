"""Plain requests to a service, as the world makes them: bounded in time and size."""

import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from handler.http_words import said
from handler.probe import dates
from handler.probe.dates import Reading

ANSWER_SECONDS = 8.0
# Of an answer; TwiML is 64 kB at the most, and what comes beyond it is no answer of ours.
MAX_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a plain request."""

    status: int
    text: str
    kind: str = ""
    reading: Reading | None = None


class Unanswered(Exception):
    """No answer came, or none that can be read; says why."""


class Web:
    """Asks one service; made by :func:`opened`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for something; raises :exc:`Unanswered`."""
        return await self._ask("GET", url, headers or {}, None)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a form; raises :exc:`Unanswered`."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self._ask("POST", url, {**form, **headers}, body)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        sent = time.time()
        try:
            async with self._client.stream(method, url, headers=headers, content=body) as response:
                received = time.time()
                text = await _text(response)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            raise Unanswered(said(exc)) from exc
        return Answer(
            response.status_code,
            text,
            response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            dates.read(response.headers.get("date"), sent, received),
        )


@asynccontextmanager
async def opened() -> AsyncIterator[Web]:
    """Open what asks; nothing of it comes from the environment but certificates' authorities."""
    async with httpx.AsyncClient(
        trust_env=False,
        verify=ssl.create_default_context(),
        timeout=ANSWER_SECONDS,
        headers={"User-Agent": "partyline"},
    ) as client:
        yield Web(client)


async def _text(response: httpx.Response) -> str:
    whole = bytearray()
    async for piece in response.aiter_bytes():
        whole += piece
        if len(whole) > MAX_ANSWER:
            break
    return bytes(whole[:MAX_ANSWER]).decode(errors="replace")
