"""The public keys at TOKEN_JWKS_URL, fetched when they are needed and never trusted for long."""

import asyncio
import time
import zlib
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec
import structlog

from broker import durations
from handler import addresses
from handler.errors import KeysUnavailable
from handler.http_words import said
from handler.tokens import tokens
from handler.tokens.grants import VerificationKey

# For the whole of a fetch; subscribers' handshakes wait for it.
FETCH_SECONDS = 5.0
MAX_DOCUMENT = 256 * 1024
MAX_REDIRECTS = 3
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
    try:
        # Nothing from the environment; no redirection that is not looked at.
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(trust_env=False, headers={"Accept-Encoding": "gzip"}) as client,
        ):
            return tokens.key_set(msgspec.json.decode(await _ask(client, url)))
    except TimeoutError as exc:
        raise KeysUnavailable(f"nothing whole within {durations.shown(timeout)}") from exc
    except (httpx.HTTPError, httpx.InvalidURL, OSError, zlib.error) as exc:
        raise KeysUnavailable(said(exc)) from exc
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as exc:
        raise KeysUnavailable("what came is no JSON: is it the address of a JWKS?") from exc
    except ValueError as exc:  # our own
        raise KeysUnavailable(str(exc)) from exc


async def _ask(client: httpx.AsyncClient, url: str) -> bytes:
    """Ask a host, or the one that it names instead, by a way on which nobody changes the keys."""
    near = addresses.is_loopback(addresses.read(url).hostname or "")
    for _ in range(MAX_REDIRECTS + 1):
        async with client.stream("GET", url) as answer:
            if not answer.has_redirect_location:
                return await _document(answer)
            url = str(answer.url.join(answer.headers["location"]))
            # Nobody elsewhere sends us to a host in here.
            if not addresses.is_safe(url, near=near):
                raise KeysUnavailable(f"redirected to {urlsplit(url).hostname}, not by https")
    raise KeysUnavailable(f"redirected more than {MAX_REDIRECTS} times")


async def _document(answer: httpx.Response) -> bytes:
    """Read an answer to its end, unpacked; neither form of it may be longer than a document."""
    if answer.status_code != 200:
        raise KeysUnavailable(f"HTTP {answer.status_code}")
    unpacker = _unpacker(answer.headers.get("content-encoding", "identity"))
    document, came = bytearray(), 0
    async for piece in answer.aiter_raw():
        came += len(piece)
        # Of what grows when it is unpacked no more is made than may be.
        left = MAX_DOCUMENT + 1 - len(document)
        document += piece if unpacker is None else unpacker.decompress(piece, left)
        if max(came, len(document)) > MAX_DOCUMENT:
            raise KeysUnavailable(f"longer than {MAX_DOCUMENT} bytes")
    if unpacker is not None and not unpacker.eof:
        raise KeysUnavailable("compressed, and cut off")
    return bytes(document)


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    """Return what unpacks an answer, if it is packed; some hosts pack whatever they are asked."""
    match encoding.strip().lower():
        case "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # both, by their first bytes
        case _:
            raise KeysUnavailable(f"compressed as {encoding[:40]!r}: only gzip is read")
