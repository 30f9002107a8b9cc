"""A receiver that is reached by HTTP: one request for each record, one answer, within bounds."""

import asyncio
import sys
import time

import httpx

from handler.errors import SettingsError
from handler.forward import signing
from handler.forward.answers import Outcome, Verdict, judge
from handler.forward.parcels import Parcel
from handler.forward.settings import ForwardSettings
from handler.http_words import said

CONNECT_SECONDS = 5.0
# Servers that keep connections keep them for 5 s at the least.
KEEP_SECONDS = 3.0
# Of an answer nothing is wanted but its status; what is read of it lets the connection be kept.
MAX_ANSWER = 4096
# The client asks for it ten times a request, and where it is not installed each of these looks
# through all directories: a quarter of what forwarding costs. None says that it is not there.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


class Webhook:
    """Sends to one address, over connections that are kept."""

    def __init__(self, settings: ForwardSettings) -> None:
        """
        Begin without a connection.

        Raises:
            SettingsError: the client of HTTP takes no such address.
        """
        try:
            self._url = httpx.URL(settings.url)
        except httpx.InvalidURL as exc:
            raise SettingsError("FORWARD_URL", f"is no address: {exc}") from exc
        self._keys = settings.keys
        self._timeout = settings.timeout
        # Nothing from the environment, and no redirection: what was said is for this address.
        self._client = httpx.AsyncClient(
            trust_env=False,
            headers={
                "Content-Type": "application/json",
                "User-Agent": "partyline",
                "Accept-Encoding": "identity",
            },
            timeout=httpx.Timeout(settings.timeout, connect=min(CONNECT_SECONDS, settings.timeout)),
            limits=httpx.Limits(
                max_connections=settings.connections, keepalive_expiry=KEEP_SECONDS
            ),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def deliver(self, parcel: Parcel) -> Outcome:
        """Send it, signed as of now; whatever goes wrong is told by what this returns."""
        signed = signing.headers(self._keys, parcel.name, time.time(), parcel.body)
        outcome: Outcome | None = None
        try:
            # Each read may take that long; all of them together may not take longer.
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("POST", self._url, content=parcel.body, headers=signed) as came,
            ):
                outcome = judge(came.status_code, came.headers.get("retry-after"), time.time())
                await _read(came)
        except (httpx.HTTPError, OSError) as exc:  # TimeoutError is one
            # The status has said it all, whatever becomes of the rest.
            return outcome or Outcome(Verdict.FAILED, said(exc))
        return outcome


async def _read(answer: httpx.Response) -> None:
    """Read a short answer to its end; a longer one costs its connection."""
    size = 0
    async for piece in answer.aiter_raw():
        size += len(piece)
        if size > MAX_ANSWER:
            return
