"""The public keys at TOKEN_JWKS_URL, fetched when they are needed and never trusted for long."""

import asyncio
import time
from collections.abc import Callable

import httpx
import msgspec
import structlog

from handler.errors import KeysUnavailable
from handler.tokens import tokens
from handler.tokens.tokens import VerificationKey

# For the whole of a fetch; subscribers' handshakes wait for it.
FETCH_SECONDS = 5.0
MAX_DOCUMENT = 256 * 1024
# Keys this old are fetched again, and keys that could not be renewed for so long are dropped: a key
# that was withdrawn must not open doors for ever.
REFRESH_SECONDS = 3600.0
KEEP_SECONDS = 24 * 3600.0
# Between two fetches, whatever names of keys tokens make up.
PAUSE_SECONDS = 15.0

_log = structlog.get_logger()


class KeySet:
    """
    The keys of a JWKS, by the names that tokens give them.

    Concurrent users share one fetch. A host that is down, slow or talks too much costs each of
    them a bounded time, and the keys that are known go on to be used.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = FETCH_SECONDS,
    ) -> None:
        self._url = url
        self._timeout = timeout
        self._clock = clock
        self._keys: tuple[VerificationKey, ...] = ()
        self._fetched = float("-inf")
        self._tried = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def keys(self, key_id: str | None) -> tuple[VerificationKey, ...]:
        """Return the keys; a name that is not among them is a reason to fetch them again."""
        now = self._clock()
        if now - self._fetched > KEEP_SECONDS:
            self._keys = ()
        known = any(key_id is None or key.key_id == key_id for key in self._keys)
        due = not known or now - self._fetched > REFRESH_SECONDS
        if self._fetching is None and due and now - self._tried >= PAUSE_SECONDS:
            self._tried = now
            self._fetching = asyncio.create_task(self._fetch())
        if self._fetching is not None and not known:
            await asyncio.shield(self._fetching)
        return self._keys

    async def close(self) -> None:
        """End a fetch that still goes on."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _fetch(self) -> None:
        try:
            self._keys = await _download(self._url, self._timeout)
            self._fetched = self._clock()
        except KeysUnavailable as exc:
            _log.warning("no keys from TOKEN_JWKS_URL", problem=str(exc), kept=len(self._keys))
        finally:
            self._fetching = None


async def _download(url: str, timeout: float) -> tuple[VerificationKey, ...]:
    """
    Fetch a JWKS.

    Raises:
        KeysUnavailable: it is not there in time, too large, or none.
    """
    document = bytearray()
    try:
        # Nothing from the environment, no redirection to elsewhere, no compressed surprise.
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(trust_env=False, headers={"Accept-Encoding": "identity"}) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                raise KeysUnavailable(f"HTTP {answer.status_code}")
            async for piece in answer.aiter_raw():
                document += piece
                if len(document) > MAX_DOCUMENT:
                    raise KeysUnavailable(f"longer than {MAX_DOCUMENT} bytes")
        return tokens.key_set(msgspec.json.decode(document))
    except TimeoutError as exc:
        raise KeysUnavailable(f"nothing whole within {timeout:g} s") from exc
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
        raise KeysUnavailable(f"{type(exc).__name__}: {exc}") from exc
    except (ValueError, msgspec.MsgspecError, RecursionError) as exc:
        raise KeysUnavailable(str(exc)) from exc
