"""
The connections to Twilio's REST API: one request, one answer, within bounds.

The only file of these that knows the HTTP client, which costs memory and time when it is imported:
``handler/twilio/rest.py`` imports it when the first request is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from broker import words
from handler.errors import TwilioApiError
from handler.http_words import said, system_error
from handler.twilio.pace import IN_FLIGHT

CONNECT_SECONDS = 5.0
# Twilio's answers take 0.1 to 0.3 s.
READ_SECONDS = 10.0
# Unused connections are closed before the other side closes them: a request must not meet that, for
# one that changes something is made once. Servers that keep them keep them for 5 s at the least.
KEEP_SECONDS = 3.0
# A list of 50 numbers has 60 kB.
MAX_ANSWER = 256 * 1024

Credentials = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered; the names of headers are in any letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ApiConnection:
    """Asks one API, over connections that are kept."""

    def __init__(self, api_url: str) -> None:
        # Nothing from the environment, and no redirection: the credentials are for this host.
        self._client = httpx.AsyncClient(
            base_url=api_url,
            trust_env=False,
            # As it is: nothing that grows when it is unpacked.
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=IN_FLIGHT, keepalive_expiry=KEEP_SECONDS),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, body: bytes | None, credentials: Credentials
    ) -> Answer:
        """
        Make a request.

        Raises:
            TwilioApiError: there is no answer; ``retry`` says whether to ask again is safe.
        """
        form = {} if body is None else {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            async with self._client.stream(
                method, path, content=body, headers=form, auth=credentials
            ) as answer:
                return Answer(answer.status_code, answer.headers, await _read(answer))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            # It was not sent: nothing can have come of it.
            raise TwilioApiError(said(exc), retry=not _is_for_good(exc)) from exc
        except (httpx.HTTPError, OSError) as exc:
            raise TwilioApiError(said(exc), retry=method == "GET") from exc


async def _read(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise TwilioApiError("what came is compressed, which was not asked for")
    whole = bytearray()
    async for piece in answer.aiter_raw():
        whole += piece
        if len(whole) > MAX_ANSWER:
            raise TwilioApiError(f"what came is longer than {MAX_ANSWER} bytes")
    return bytes(whole)


def _is_for_good(exc: BaseException) -> bool:
    below = system_error(exc)
    return below is not None and words.is_for_good(below)
